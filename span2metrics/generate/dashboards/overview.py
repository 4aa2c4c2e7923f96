"""The first dashboard: which service fails, why, and what it costs; everything leads on from here."""

from __future__ import annotations

from collections.abc import Iterator

from span2metrics.config import Config
from span2metrics.generate.alerting import MEASURES, SLOS
from span2metrics.generate.dashboards.alerts import firing_number, firing_table
from span2metrics.generate.dashboards.amounts import units
from span2metrics.generate.dashboards.board import Board, Row, histograms
from span2metrics.generate.dashboards.link import OVERVIEW, Link, cell, of_series, to_service
from span2metrics.generate.dashboards.panel import (
    ANY_IS_BAD,
    BUDGET,
    BUSY,
    FAILURES,
    LATENCY,
    PER_SECOND,
    RATIO,
    SECONDS,
    Column,
    Panel,
    Query,
    Stat,
    Table,
    TimeSeries,
)
from span2metrics.generate.dashboards.queries import Spans, legend_of
from span2metrics.generate.graph_causes import FAILURE
from span2metrics.generate.measure import FAILED, has_rules
from span2metrics.generate.promql import SERVICE
from span2metrics.generate.red import OWN, QUANTILES
from span2metrics.generate.slo_series import REMAINING

_BY = (SERVICE,)
#: Of the first two numbers and of the next two, by whether there are amounts and objectives beside them.
_WIDTHS = {(True, True): (3, 4), (True, False): (5, 4), (False, True): (5, 5), (False, False): (6, 6)}


def board(config: Config) -> Board:
    spans = Spans.of(config)
    rows = (
        Row("Now", tuple(_now(config, spans))),
        Row("Services, the one that fails most first", (_services(config, spans),)),
        Row("What is told", (firing_table("Active alerts", ""),)),
        Row("Over time", tuple(_over_time(spans))),
    )
    return Board(
        OVERVIEW,
        "overview",
        "span2metrics / Overview",
        "Which service fails, why, and what it costs. A click on a service leads to its own dashboard.",
        (histograms(config),),
        rows,
    )


def _now(config: Config, spans: Spans) -> Iterator[Panel]:
    with_costs, by = has_rules(config), units(config)
    few, more = _WIDTHS[with_costs, bool(config.slos)]
    yield Stat(
        title="Services that fail",
        description="Services that fail more than 5 % of what they are asked. The table below has them first.",
        queries=(Query(f"count({spans.ratio(_BY)} > 0.05) or vector(0)"),),
        steps=ANY_IS_BAD, width=few, height=4,
    )  # fmt: skip
    yield Stat(
        title="Alerts that fire",
        description="Pages and tickets that Prometheus has firing; those that Alertmanager mutes, too.",
        queries=(Query(firing_number()),),
        steps=ANY_IS_BAD, width=few, height=4,
    )  # fmt: skip
    yield Stat(
        title="Requests",
        description="What all services answer: SERVER and CONSUMER spans. A call through three services counts thrice.",
        queries=(Query(spans.rate(())),),
        unit=PER_SECOND, width=more, height=4, sparkline=True,
    )  # fmt: skip
    yield Stat(
        title="Share of failures",
        description="Of all that services answer, how much failed.",
        queries=(Query(spans.ratio(())),),
        unit=RATIO, width=more, height=4, steps=FAILURES, sparkline=True, decimals=2,
    )  # fmt: skip
    if with_costs:
        shown = by[1:] if len(config.measures) == 1 and by[1:] else by
        yield Stat(
            title="Amounts that fail, a minute",
            description="What failed spans carry: what the failures cost, before retries that succeed. The three "
            "greatest of each measure and currency, which cannot be added up.",
            queries=(Query(f"topk(3, sum by ({', '.join(by)}) ({FAILED}))", legend_of(shown)),),
            steps=ANY_IS_BAD, width=6, height=4, decimals=0,
            links=(Link("Open the measure", MEASURES, (("measure", of_series("measure")),)),),
        )  # fmt: skip
    if config.slos:
        yield Stat(
            title="Error budget left, at worst",
            description="Of the objective that has least. Below 0 it is overdrawn: more calls were bad than promised.",
            queries=(Query(f"bottomk(1, {REMAINING})", "{{slo}}"),),
            unit=RATIO, steps=BUDGET, width=4, height=4, decimals=0,
            links=(Link("Open the objective", SLOS, (("slo", of_series("slo")),)),),
        )  # fmt: skip


def _services(config: Config, spans: Spans) -> Panel:
    quantiles = {name: spans.durations.quantile(q, _BY, OWN) for name, q in QUANTILES.items()}
    queries = [
        Query(spans.ratio(_BY), ref="errors"),
        Query(spans.rate(_BY), ref="rate"),
        *(Query(expr, ref=name) for name, expr in quantiles.items()),
        Query(spans.durations.time(_BY, OWN), ref="impact"),
        Query(spans.ratio(_BY), ref="trend"),
    ]
    columns = [
        Column(SERVICE, "Service", links=(to_service(cell("Service")),), width=220),
        Column("errors", "Errors", RATIO, FAILURES, width=100, decimals=2, filled=True),
        Column("trend", "Errors over time", RATIO, trend=True),
        Column("rate", "Rate", PER_SECOND, width=110),
        *(Column(name, name.upper(), SECONDS, LATENCY, width=100) for name in quantiles),
        Column("impact", "Impact", BUSY, width=160, decimals=2, bar=True),
    ]
    if config.service_graph.enabled:
        queries.insert(2, Query(f"max by (service_name, cause) ({FAILURE.cause})", ref="blamed"))
        columns.insert(2, Column("cause", "Because of", width=180))
    if config.slos:
        queries.append(Query(f"min by (service_name) ({REMAINING})", ref="budget"))
        columns.append(Column("budget", "Budget left", RATIO, BUDGET, width=110, decimals=0))
    return Table(
        title="Services",
        description="By the share of requests that fail. Because of: the dependency at the end of the chain, if it "
        "explains most of the failures. Impact: seconds spent a second, which is rate times latency.",
        queries=tuple(queries),
        columns=tuple(columns),
        sort=("Errors", True),
        width=24,
        height=10,
    )


def _over_time(spans: Spans) -> Iterator[Panel]:
    links = (to_service(of_series(SERVICE)),)
    legend = legend_of(_BY)
    yield TimeSeries(
        title="Failures",
        description="The share of its requests that each service fails; red from 5 % on.",
        queries=(Query(spans.ratio(_BY), legend),),
        unit=RATIO, steps=FAILURES, lines_at_steps=True, least=0, width=8, links=links,
    )  # fmt: skip
    yield TimeSeries(
        title="Requests by service",
        description="What each service answers, a second.",
        queries=(Query(spans.rate(_BY), legend),),
        unit=PER_SECOND, least=0, width=8, links=links,
    )  # fmt: skip
    yield TimeSeries(
        title="95th percentile",
        description="How long a service takes to answer at most, but for one request in twenty.",
        queries=(Query(spans.durations.quantile(0.95, _BY, OWN), legend),),
        unit=SECONDS, steps=LATENCY, lines_at_steps=True, least=0, width=8, links=links,
    )  # fmt: skip
