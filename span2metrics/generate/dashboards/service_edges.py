"""Who asks a service, and whom it asks, by the service graph: rows of its dashboard."""

from __future__ import annotations

from collections.abc import Iterator

from span2metrics import names
from span2metrics.generate.alerting import GRAPH
from span2metrics.generate.dashboards.board import Row
from span2metrics.generate.dashboards.link import Link, cell, to_service
from span2metrics.generate.dashboards.panel import (
    BUSY,
    FAILURES,
    LATENCY,
    PER_SECOND,
    RATIO,
    SECONDS,
    TIME,
    Column,
    Panel,
    Query,
    Table,
    TimeSeries,
)
from span2metrics.generate.dashboards.queries import Edges, Spans, legend_of
from span2metrics.generate.graph_causes import FAILURE

_ASKED, _ASKING = f'{names.SERVER}="$service"', f'{names.CLIENT}="$service"'
_STORES = f'{names.CONNECTION_TYPE}=~"{names.CONNECTION_DATABASE}|{names.CONNECTION_MESSAGING}"'
_WAITED = f'{names.CONNECTION_TYPE}!="{names.CONNECTION_MESSAGING}"'


def rows(spans: Spans, own: str) -> Iterator[Row]:
    """`own` are the matchers of the spans with which the service answers."""
    yield Row("Who asks it, and whom it asks", (_callers(), _callees(), *_waiting(spans, own)))
    yield Row("Databases and queues", (_stores(spans, own),))


def causes() -> Panel:
    """Which dependency explains that it fails."""
    return Table(
        title="Fails because of",
        description="The node at the end of the chain of calls that explains most of the service's failures.",
        queries=(Query(f'max by (cause, hops) ({FAILURE.cause}{{service_name="$service"}})'),),
        columns=(
            Column("cause", "Cause", links=(Link("Open the map", GRAPH, (("server", cell("Cause")),)),)),
            Column("hops", "Calls away", width=90),
        ),
        no_value="Nobody else",
        width=6,
        height=6,
    )


def _callers() -> Panel:
    return Table(
        title="Callers",
        description="Who asks this service. Kind virtual_node sends no spans itself; user is whoever is not known.",
        queries=tuple(_of_edges(names.CLIENT, _ASKED)),
        columns=(*_ends(names.CLIENT, "Caller"), *_numbers()),
        sort=("Errors", True),
        no_value="Nobody",
    )


def _callees() -> Panel:
    return Table(
        title="Dependencies",
        description="Whom this service asks, and how long it waits, by its own clock.",
        queries=tuple(_of_edges(names.SERVER, _ASKING)),
        columns=(*_ends(names.SERVER, "Dependency"), *_numbers()),
        sort=("Errors", True),
        no_value="Nobody",
    )


def _of_edges(end: str, matchers: str) -> Iterator[Query]:
    by = (end, names.CONNECTION_TYPE)
    yield Query(Edges.kinds(Edges.ratio(by, matchers)), ref="errors")
    yield Query(Edges.kinds(Edges.rate(by, matchers)), ref="rate")
    yield Query(Edges.kinds(Edges.waited.quantile(0.95, by, matchers)), ref="p95")


def _ends(end: str, title: str) -> Iterator[Column]:
    map_ = Link("Open the map", GRAPH, ((end, cell(title)),))
    yield Column(end, title, links=(to_service(cell(title)), map_))
    yield Column(names.CONNECTION_TYPE, "Kind", width=140)


def _numbers() -> Iterator[Column]:
    yield Column("errors", "Errors", RATIO, FAILURES, width=90, decimals=2, filled=True)
    yield Column("rate", "Rate", PER_SECOND, width=100)
    yield Column("p95", "P95", SECONDS, LATENCY, width=90)


def _waiting(spans: Spans, own: str) -> Iterator[Panel]:
    waited = Edges.waited.time((names.SERVER,), f"{_ASKING},{_WAITED}")
    yield TimeSeries(
        title="What its time is spent on",
        description="Seconds spent a second: by dependency what it waits for, beside all that it takes to answer. "
        "Calls at the same time are counted each, so that they may come to more than all.",
        queries=(
            Query(waited, legend_of((names.SERVER,))),
            Query(spans.durations.time((), own), "all", dashed=True),
        ),
        unit=BUSY,
        least=0,
    )
    yield TimeSeries(
        title="Dependencies' failures",
        description="The share of its requests to each that fails.",
        queries=(Query(Edges.ratio((names.SERVER,), _ASKING), legend_of((names.SERVER,))),),
        unit=RATIO,
        least=0,
    )


def _stores(spans: Spans, own: str) -> Panel:
    matchers = f"{_ASKING},{_STORES}"
    waited = Edges.waited.time((names.SERVER, names.CONNECTION_TYPE), matchers)
    share = f"{waited} / on () group_left () ({spans.durations.time((), own)})"
    return Table(
        title="Databases and queues",
        description="Databases that it asks and services that take its messages. Share of time: of all that it takes "
        "to answer, how much it spends on them; for messages that is their sending.",
        queries=(*_of_edges(names.SERVER, matchers), Query(share, ref="share")),
        columns=(
            *_ends(names.SERVER, "Node"),
            *_numbers(),
            Column("share", "Share of time", RATIO, TIME, width=130, decimals=1),
        ),
        sort=("Share of time", True),
        no_value="None",
        width=24,
        height=6,
    )
