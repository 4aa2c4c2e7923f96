"""Who asks whom: the edge that fails first, the map itself, and dependencies that cost too much."""

from __future__ import annotations

from collections.abc import Iterator

from span2metrics import names
from span2metrics.config import Config
from span2metrics.generate import red
from span2metrics.generate.alerting import GRAPH
from span2metrics.generate.dashboards import map_costs, map_gaps
from span2metrics.generate.dashboards.board import Board, LabelValues, Row, histograms
from span2metrics.generate.dashboards.link import Link, cell, to_service
from span2metrics.generate.dashboards.panel import (
    BUSY,
    FAILURES,
    GREEN,
    LATENCY,
    PER_SECOND,
    RATIO,
    RED,
    SECONDS,
    Column,
    NodeGraph,
    Panel,
    Query,
    Table,
)
from span2metrics.generate.dashboards.queries import Edges, present
from span2metrics.generate.graph import BY
from span2metrics.generate.graph_causes import FAILURE, SLOWNESS
from span2metrics.generate.promql import renamed

#: Texts behind the map's numbers, and the colour of its arrows that fail.
_REQUESTS, _SECONDS, _PERCENT_FAIL = "req/s", "s", "% fail"
_COLOR, _FAILING = "color", "#f2495c"


def board(config: Config) -> Board:
    """For configurations with a service graph."""
    rows = (
        Row("Edges, the one that fails most first", (_edges(),)),
        Row("The map", (_map(), *_blame(config))),
        Row("Dependencies that cost too much", tuple(map_costs.panels(config))),
        Row("What the map cannot see", tuple(map_gaps.panels()), folded=True),
    )
    family = f"{names.REQUEST.name}_total"
    return Board(
        GRAPH,
        "service-map",
        "span2metrics / Service map",
        "Who asks whom, how often, how often in vain, and how long it takes; which dependency is to blame.",
        (
            histograms(config),
            LabelValues(names.CLIENT, "Client", family, names.CLIENT, several=True),
            LabelValues(names.SERVER, "Server", f'{family}{{{names.CLIENT}=~"$client"}}', names.SERVER, several=True),
        ),
        rows,
    )


def _edges() -> Panel:
    by = (*BY, names.CONNECTION_TYPE)
    return Table(
        title="Edges",
        description="By how many requests fail a second: a share of few says little. Durations are the client's, "
        "waiting included. Kind virtual_node: that end sends no spans; user is whoever is not known.",
        queries=(
            Query(Edges.kinds(Edges.failed(by, Edges.chosen)), ref="failed"),
            Query(Edges.kinds(Edges.ratio(by, Edges.chosen)), ref="errors"),
            Query(Edges.kinds(Edges.rate(by, Edges.chosen)), ref="rate"),
            Query(Edges.kinds(Edges.waited.quantile(0.5, by, Edges.chosen)), ref="p50"),
            Query(Edges.kinds(Edges.waited.quantile(0.95, by, Edges.chosen)), ref="p95"),
            Query(Edges.kinds(Edges.ratio(by, Edges.chosen)), ref="trend"),
        ),
        columns=(
            Column(names.CLIENT, "Client", links=(to_service(cell("Client")), _only("client", "Client"))),
            Column(names.SERVER, "Server", links=(to_service(cell("Server")), _only("server", "Server"))),
            Column(names.CONNECTION_TYPE, "Kind", width=150),
            Column("failed", "Failed", PER_SECOND, width=120, decimals=2),
            Column("errors", "Errors", RATIO, FAILURES, width=100, decimals=2, filled=True),
            Column("trend", "Errors over time", RATIO, trend=True, width=220),
            Column("rate", "Rate", PER_SECOND, width=110),
            Column("p50", "P50", SECONDS, LATENCY, width=100),
            Column("p95", "P95", SECONDS, LATENCY, width=100),
        ),
        sort=("Failed", True),
        width=24,
        height=11,
    )


def _only(variable: str, title: str) -> Link:
    return Link(f"Only this {variable}", GRAPH, ((variable, cell(title)),))


def _map() -> Panel:
    return NodeGraph(
        title="Map",
        description="A circle's red part is what fails of the requests to that node. In it: requests a second, and the "
        "95th percentile as its clients see it. Red arrows fail more than 5 %; pointed at, one tells its rate and "
        "share of failures. A click on a circle leads to the service.",
        queries=(*_nodes(), *_arrows()),
        fields=(
            ("nodes_rate", "mainstat"),
            ("nodes_p95", "secondarystat"),
            ("nodes_failed", "arc__failed"),
            ("nodes_ok", "arc__ok"),
            ("edges_rate", "mainstat"),
            ("edges_errors", "secondarystat"),
        ),
        node_units=(_REQUESTS, _SECONDS),
        edge_units=(_REQUESTS, _PERCENT_FAIL),
        arcs=(("arc__failed", RED), ("arc__ok", GREEN)),
        links=(to_service(cell("title")), _only("client", "title"), _only("server", "title")),
        width=16,
        height=16,
    )


def _nodes() -> Iterator[Query]:
    """Whoever is asked, and whoever asks: who is asked by nobody has no failures and no durations."""
    asks = renamed(f"0 * {Edges.rate((names.CLIENT,), Edges.chosen)}", names.SERVER, names.CLIENT)
    asks = f"sum by ({names.SERVER}) ({asks})"
    rate = f"({Edges.rate((names.SERVER,), Edges.chosen)} or {asks})"
    failed = f"({Edges.ratio((names.SERVER,), Edges.chosen)} or {asks})"
    yield Query(_as_node(rate), ref="nodes_rate")
    yield Query(_as_node(Edges.waited.quantile(0.95, (names.SERVER,), Edges.chosen)), ref="nodes_p95")
    yield Query(_as_node(failed), ref="nodes_failed")
    yield Query(_as_node(f"1 - {failed}"), ref="nodes_ok")


def _as_node(expr: str) -> str:
    named = renamed(renamed(expr, "id", names.SERVER), "title", names.SERVER)
    return f"sum by (id, title) ({named})"


def _arrows() -> Iterator[Query]:
    yield Query(_as_arrow(Edges.rate(BY, Edges.chosen)), ref="edges_rate")
    ratio, beyond = Edges.ratio(BY, Edges.chosen), FAILURES[-1][0]
    failing = present(f"({ratio} > {beyond})", _COLOR, instead=_FAILING)
    yield Query(_as_arrow(f"100 * ({failing} or on (client, server) {ratio})", _COLOR), ref="edges_errors")


def _as_arrow(expr: str, *more: str) -> str:
    """With the labels of an arrow, and with those of `more` that there are."""
    by = ", ".join(("id", "source", "target", *more))
    named = renamed(renamed(expr, "source", names.CLIENT), "target", names.SERVER)
    return f'sum by ({by}) (label_join({named}, "id", " → ", "{names.CLIENT}", "{names.SERVER}"))'


def _blame(config: Config) -> Iterator[Panel]:
    """Chains of blame need the recordings of services, too."""
    if red.rule_file(config) is None:
        return
    yield _causes("Fails because of", FAILURE.cause, "Failures a second", PER_SECOND, "fails")
    yield _causes("Slow because of", SLOWNESS.cause, "Seconds a second", BUSY, "is slow")


def _causes(title: str, recording: str, column: str, unit: str, what: str) -> Panel:
    return Table(
        title=title,
        description=f"Services of which a dependency explains that it {what}, and the node at the end of that chain of "
        "calls, which is where to look. Nobody is named where a service has a fault of its own.",
        queries=(Query(f"max by (service_name, cause, hops) ({recording})"),),
        columns=(
            Column(names.SERVICE_NAME, "Service", links=(to_service(cell("Service")),)),
            Column("cause", "Cause", links=(_only("server", "Cause"),)),
            Column("hops", "Calls away", width=90),
            Column("A", column, unit, width=130),
        ),
        sort=(column, True),
        no_value="Nobody",
        width=8,
        height=8,
    )
