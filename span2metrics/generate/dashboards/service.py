"""One service: how it is, which of its operations and dependencies make it so, and how it was before."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from span2metrics import names
from span2metrics.config import Config
from span2metrics.config.labels import label_of
from span2metrics.generate.alerting import SERVICES, SLOS
from span2metrics.generate.dashboards import service_edges, slos
from span2metrics.generate.dashboards.alerts import firing_number, firing_table
from span2metrics.generate.dashboards.board import Board, Choice, LabelValues, Row, Variable, histograms
from span2metrics.generate.dashboards.link import Link, of_series
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
    Heatmap,
    Panel,
    Query,
    Stat,
    Table,
    TimeSeries,
)
from span2metrics.generate.dashboards.queries import Spans, present
from span2metrics.generate.red import NAMED, OWN, QUANTILES
from span2metrics.generate.slo_series import REMAINING
from span2metrics.generate.thresholds import ERROR_RATIO
from span2metrics.generate.thresholds import LATENCY as SLOW

_HERE = 'service_name="$service"'
_BEFORE = {"a day ago": " offset 1d", "a week ago": " offset 1w"}
#: What a series may be told apart by without any dimension.
_BUILTIN = (names.SPAN_NAME, names.SPAN_KIND, names.STATUS_CODE)


def board(config: Config) -> Board:
    """For configurations for which there is `red`."""
    spans = Spans.of(config)
    own = f'{OWN},{spans.families.service}="$service"'
    rows = [
        Row("Now", tuple(_now(config, spans, own))),
        Row("Rate, errors, durations", tuple(_red(spans, own))),
    ]
    if names.SPAN_NAME not in config.metrics.exclude:
        rows.append(Row("Which requests", (_operations(spans, own),)))
    if config.apdex:
        rows.append(Row("Apdex", (slos.apdex(_HERE),), folded=True))
    if config.service_graph.enabled:
        rows += service_edges.rows(spans, own)
    rows += [
        Row("By $by", tuple(_parts(spans, own)), folded=True),
        Row("Now, a day ago and a week ago", tuple(_before(spans, own)), folded=True),
    ]
    return Board(
        SERVICES,
        "service",
        "span2metrics / Service",
        "One service: what it answers, what of it fails, how long it takes, and whom it waits for.",
        (histograms(config), *_variables(config, spans)),
        tuple(rows),
    )


def _variables(config: Config, spans: Spans) -> Iterator[Variable]:
    yield LabelValues("service", "Service", spans.families.calls, spans.families.service)
    metrics = config.metrics
    labels = [label for label in _BUILTIN if label not in metrics.exclude]
    labels += [*map(label_of, metrics.resource_labels), *map(label_of, metrics.dimensions)]
    yield Choice("by", "Told apart by", tuple((label, label) for label in labels))


def _now(config: Config, spans: Spans, own: str) -> Iterator[Panel]:
    width = 5 if config.slos else 6
    yield Stat(
        title="Share of failures now", description="Of what it answers; red from the alerts' 5 % on.",
        queries=(Query(spans.ratio((), own)),), unit=RATIO, steps=FAILURES, sparkline=True, decimals=2,
        width=width, height=4,
    )  # fmt: skip
    yield Stat(
        title="Requests now", description="Its SERVER and CONSUMER spans, a second.",
        queries=(Query(spans.rate((), own)),), unit=PER_SECOND, sparkline=True, width=width, height=4,
    )  # fmt: skip
    yield Stat(
        title="95th percentile now", description="Of its SERVER and CONSUMER spans; red from the alerts' second on.",
        queries=(Query(spans.durations.quantile(0.95, (), own)),), unit=SECONDS, steps=LATENCY, sparkline=True,
        width=width, height=4,
    )  # fmt: skip
    if config.slos:
        yield Stat(
            title="Error budget left",
            description="Of each of its objectives; below 0 more calls were bad than promised.",
            queries=(Query(f"{REMAINING}{{{_HERE}}}", "{{slo}}"),), unit=RATIO, steps=BUDGET, decimals=0,
            no_value="No objective", links=(Link("Open the objective", SLOS, (("slo", of_series("slo")),)),),
            width=width, height=4,
        )  # fmt: skip
    yield Stat(
        title="Alerts that fire", description="On this service; those that Alertmanager mutes, too.",
        queries=(Query(firing_number(_HERE)),), steps=ANY_IS_BAD,
        width=24 - width * (4 if config.slos else 3), height=4,
    )  # fmt: skip
    if config.service_graph.enabled:
        yield service_edges.causes()
    yield firing_table("Active alerts on it", _HERE, width=18 if config.service_graph.enabled else 24, height=6)


def _red(spans: Spans, own: str) -> Iterator[Panel]:
    yield TimeSeries(
        title="Failures", description="The share of its requests that fails, and from where on that is told.",
        queries=(
            Query(spans.ratio((), own), "failures", color="red"),
            Query(f"{ERROR_RATIO.of_service}{{{_HERE}}}", "threshold", dashed=True),
        ),
        unit=RATIO, least=0, width=8,
    )  # fmt: skip
    yield TimeSeries(
        title="Requests", description="What it answers, and what of it fails, a second.",
        queries=(Query(spans.rate((), own), "requests"), Query(spans.failed((), own), "failed", color="red")),
        unit=PER_SECOND, least=0, width=8,
    )  # fmt: skip
    quantiles = (
        Query(spans.durations.quantile(q, (), own), name, exemplars=name == "p95") for name, q in QUANTILES.items()
    )
    threshold = Query(f"{SLOW.of_service}{{{_HERE}}}", "threshold of p95", dashed=True)
    yield TimeSeries(
        title="Durations", description="How long it takes. Dots are single traces: a click opens one.",
        queries=(*quantiles, threshold), unit=SECONDS, least=0, width=8,
    )  # fmt: skip
    yield Heatmap(
        title="Durations, how many of each",
        description="A second band above the first one is a second kind of request: slow, or timing out. Dots are "
        "single traces: a click opens one.",
        queries=(Query(spans.durations.buckets(own), exemplars=True),),
        unit=spans.unit, width=24, height=9,
    )  # fmt: skip


def _operations(spans: Spans, own: str) -> Panel:
    by, named = (names.SPAN_NAME,), f"{own},{NAMED}"
    return Table(
        title="Operations",
        description="By the share of requests that fail. Impact: seconds spent a second, rate times latency: what is "
        "worth being made faster.",
        queries=(
            Query(spans.ratio(by, named), ref="errors"),
            Query(spans.failed(by, named), ref="failed"),
            Query(spans.rate(by, named), ref="rate"),
            Query(spans.durations.quantile(0.5, by, named), ref="p50"),
            Query(spans.durations.quantile(0.95, by, named), ref="p95"),
            Query(spans.durations.time(by, named), ref="impact"),
            Query(spans.durations.quantile(0.95, by, named), ref="trend"),
        ),
        columns=(
            Column(names.SPAN_NAME, "Operation"),
            Column("errors", "Errors", RATIO, FAILURES, width=100, decimals=2, filled=True),
            Column("failed", "Failed", PER_SECOND, width=110),
            Column("rate", "Rate", PER_SECOND, width=110),
            Column("p50", "P50", SECONDS, LATENCY, width=100),
            Column("p95", "P95", SECONDS, LATENCY, width=100),
            Column("trend", "P95 over time", SECONDS, trend=True, width=220),
            Column("impact", "Impact", BUSY, width=200, decimals=2, bar=True),
        ),
        sort=("Errors", True), width=24, height=8,
    )  # fmt: skip


def _parts(spans: Spans, own: str) -> Iterator[Panel]:
    by, legend = ("$by",), "{{$by}}"

    def part(expr: str) -> tuple[Query]:
        """Not all series have each label: those of an overflow have none of them."""
        return (Query(present(expr, "$by"), legend),)

    yield TimeSeries(
        title="Requests by $by", description="Told apart by what is chosen above.",
        queries=part(spans.rate(by, own)), unit=PER_SECOND, least=0, stacked=True, width=8,
    )  # fmt: skip
    yield TimeSeries(
        title="Failures by $by", description="The share of each part that fails.",
        queries=part(spans.ratio(by, own)), unit=RATIO, least=0, width=8,
    )  # fmt: skip
    yield TimeSeries(
        title="95th percentile by $by", description="How long each part takes.",
        queries=part(spans.durations.quantile(0.95, by, own)), unit=SECONDS, least=0, width=8,
    )  # fmt: skip


def _before(spans: Spans, own: str) -> Iterator[Panel]:
    yield TimeSeries(
        title="Requests, and before", description="A rate that is unlike yesterday's and last week's is unusual.",
        queries=_compared(lambda offset: spans.rate((), own, offset)), unit=PER_SECOND, least=0, width=8,
    )  # fmt: skip
    yield TimeSeries(
        title="Failures, and before", description="The share that fails, now and then.",
        queries=_compared(lambda offset: spans.ratio((), own, offset)), unit=RATIO, least=0, width=8,
    )  # fmt: skip
    yield TimeSeries(
        title="95th percentile, and before", description="How long it takes, now and then.",
        queries=_compared(lambda offset: spans.durations.quantile(0.95, (), own, offset)), unit=SECONDS, least=0,
        width=8,
    )  # fmt: skip


def _compared(expr: Callable[[str], str]) -> tuple[Query, ...]:
    before = (Query(expr(offset), name, dashed=True) for name, offset in _BEFORE.items())
    return (Query(expr(""), "now"), *before)
