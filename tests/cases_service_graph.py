"""What Grafana, and others who read Tempo's edges, ask a Prometheus about the service graph, and what must come back.

The query strings are facts of these places; Grafana's variables stand in them as there.

- the node graph and the links of its nodes and edges: grafana/grafana-tempo-datasource, `src/datasource.ts` at
  03938fdcf6 (`makePromServiceMapRequest`, `getFieldConfig`, `makeHistogramLink`, `getNativeHistograms`); the metrics'
  names in grafana/grafana, `public/app/plugins/datasource/tempo/graphTransform.ts` at 6dfd3d5679;
- the queries that Tempo's manual recommends: grafana/tempo,
  `docs/sources/tempo/metrics-from-traces/service_graphs/metrics-queries.md` at 04d845c6b3;
- a service's callers and callees: grafana/gcx, `buildServiceMapEdgeQuery` and `buildServiceMapLatencyQuery`;
- our README.

The table beneath the graph asks for span metrics: `cases_tempo`, and over the demo in `test_service_graph_view`.
Answers are computed from what the demo's script says of its requests, and from the durations of its spans.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from span2metrics.demo.company import NAMESPACE, SERVICES
from span2metrics.demo.graph import Edge
from span2metrics.engine.plan import Graph
from tests import buckets
from tests.cases_edges import edge
from tests.cases_tempo import substituted
from tests.oracle_edges import Settings
from tests.oracle_families import SECOND, Record
from tests.sent_graph import INCIDENT, modelled

BOUNDS_NS = Graph().bounds_ns
#: No count over it, in hundredths, is half a one, so that what is rounded to two decimals is rounded alike by all.
RANGE_S = 700
INTERVAL_S, MINUTES_S, WEEK_S = 240, 300, 7 * 86400
SENT = INCIDENT
NODES = {service.name for service in SERVICES}

#: A node and an edge that somebody has clicked at, as Grafana's variables.
NODE, SOURCE, TARGET = "payments", "gateway", "payments"
VARIABLES = {
    "$__range": f"{RANGE_S}s",
    "$__rate_interval": f"{INTERVAL_S}s",
    "${__data.fields.id}": NODE,
    "${__data.fields.source}": SOURCE,
    "${__data.fields.target}": TARGET,
    "${__data.fields.sourceName}": SOURCE,
    "${__data.fields.sourceNamespace}": NAMESPACE,
    "${__data.fields.targetName}": TARGET,
    "${__data.fields.targetNamespace}": NAMESPACE,
}

Answer = dict[tuple[str, ...], float]
Wanted = Callable[[Edge], bool]
Value = Callable[[Edge], float | None]


class Query(NamedTuple):
    """`labels` tell the elements of the answer apart; there are no others."""

    promql: str
    labels: tuple[str, ...]
    answer: Answer

    @property
    def sent(self) -> str:
        return filled(self.promql)


def filled(promql: str) -> str:
    return substituted(promql, VARIABLES)


# --- the truth --------------------------------------------------------------------------------------------------------


def _records() -> dict[Edge, Record]:
    model = modelled(SENT.spans, Settings(messaging_latency=True))
    return {along: model.edges[edge(*along)] for along in SENT.graph}


RECORDS = _records()


def total(along: Edge) -> float:
    return SENT.graph[along].requests


def failed(along: Edge) -> float:
    return SENT.graph[along].failed


def seconds(along: Edge) -> float | None:
    """What the server's spans took; None where no server sends spans."""
    served = RECORDS[along].server
    return sum(observed.value for observed in served) / SECOND if served else None


def served(along: Edge) -> float | None:
    return len(RECORDS[along].server) or None


def _bucket(along: Edge) -> float | None:
    took = [observed.value for observed in RECORDS[along].server]
    return sum(buckets.cumulated(took, BOUNDS_NS)) if took else None


def _namespace(node: str) -> str:
    return NAMESPACE if node in NODES else ""


#: Values of the labels of an edge.
LABELS: dict[str, Callable[[Edge], str]] = {
    "client": lambda along: along.client,
    "server": lambda along: along.server,
    "connection_type": lambda along: along.connection_type,
    "client_service_namespace": lambda along: _namespace(along.client),
    "server_service_namespace": lambda along: _namespace(along.server),
}
BOTH = ("client", "server")
KINDS = ("client", "connection_type", "server")
NAMESPACES = ("client_service_namespace", "server_service_namespace")


def summed(value: Value, by: tuple[str, ...], wanted: Wanted = lambda _: True, per: float = 1) -> Answer:
    """Over the edges that have such a value, by their labels."""
    found: Answer = {}
    for along in filter(wanted, SENT.graph):
        if (has := value(along)) is not None:
            key = tuple(LABELS[label](along) for label in by)
            found[key] = found.get(key, 0) + has / per
    return found


def _quantiles(q: float, family: str, by: tuple[str, ...], wanted: Wanted = lambda _: True) -> Answer:
    took: dict[tuple[str, ...], list[int]] = {}
    for along in filter(wanted, SENT.graph):
        if observed := getattr(RECORDS[along], family):
            took.setdefault(tuple(LABELS[label](along) for label in by), []).extend(o.value for o in observed)
    return {key: buckets.quantile(q, values, BOUNDS_NS) for key, values in took.items()}


def _of_client(name: str) -> Wanted:
    return lambda along: along.client == name


def _of_server(name: str) -> Wanted:
    return lambda along: along.server == name


def _touches(name: str) -> Wanted:
    return lambda along: name in (along.client, along.server)


def _clicked(along: Edge) -> bool:
    return (along.client, along.server) == (SOURCE, TARGET)


# --- the node graph ---------------------------------------------------------------------------------------------------

TOTAL, FAILED = "traces_service_graph_request_total", "traces_service_graph_request_failed_total"
SECONDS = "traces_service_graph_request_server_seconds_sum"
BUCKET = "traces_service_graph_request_server_seconds_bucket"
#: What the data source asks for with native histograms, and by which it finds out whether there are any.
NATIVE = "traces_service_graph_request_server_seconds"
VALUES: dict[str, Value] = {SECONDS: seconds, TOTAL: total, FAILED: failed, BUCKET: _bucket}


def rates(metric: str, selector: str = "", namespaces: bool = False) -> str:
    by = "client, server, client_service_namespace, server_service_namespace" if namespaces else "client, server"
    return f"sum by ({by}) (rate({metric}{selector}[$__range]))"


def kinds(metric: str, selector: str = "", namespaces: bool = False) -> str:
    by = "client, connection_type, server" + (", client_service_namespace, server_service_namespace" * namespaces)
    return f"group by ({by}) ({metric}{selector})"


def _one(value: Value) -> Value:
    return lambda along: None if value(along) is None else 1


def _group(answer: Answer) -> Answer:
    return dict.fromkeys(answer, 1)


def _node_graph(name: str, selectors: tuple[str, ...], wanted: Wanted, namespaces: bool = False) -> dict[str, Query]:
    """Both queries of each metric, under filters that are joined by OR as the data source does."""
    found = {}
    more = NAMESPACES if namespaces else ()
    for metric, value in VALUES.items():
        asked = " OR ".join(rates(metric, selector, namespaces) for selector in selectors)
        found[f"{name}: {metric}"] = Query(asked, BOTH + more, summed(value, BOTH + more, wanted, RANGE_S))
        asked = " OR ".join(kinds(metric, selector, namespaces) for selector in selectors)
        found[f"{name}: {metric}_labels"] = Query(
            asked, KINDS + more, _group(summed(_one(value), KINDS + more, wanted))
        )
    return found


NODE_GRAPH = {
    **_node_graph("all", ("",), lambda _: True),
    **_node_graph("a client's", ('{client="payments"}',), _of_client(NODE)),
    **_node_graph("a server's", ('{server="payments"}',), _of_server(NODE)),
    **_node_graph("a node's", ('{client="payments"}', '{server="payments"}'), _touches(NODE)),
    **_node_graph("one kind", ('{connection_type="database"}',), lambda along: along.connection_type == "database"),
    **_node_graph("with namespaces", ("",), lambda _: True, namespaces=True),
}

# --- its links --------------------------------------------------------------------------------------------------------

_EDGE = 'client="${__data.fields.source}",server="${__data.fields.target}"'
_NAMESPACED = (
    'client="${__data.fields.sourceName}",client_service_namespace="${__data.fields.sourceNamespace}",'
    'server="${__data.fields.targetName}",server_service_namespace="${__data.fields.targetNamespace}"'
)
_BY_NAMESPACED = (*BOTH, "server_service_namespace", "client_service_namespace")


def _links(name: str, selector: str, by: tuple[str, ...], wanted: Wanted) -> dict[str, Query]:
    among = ", ".join(by)
    return {
        f"link of {name}: request rate": Query(
            f"sum by ({among})(rate({TOTAL}{{{selector}}}[$__rate_interval]))",
            by,
            summed(total, by, wanted, INTERVAL_S),
        ),
        f"link of {name}: failed request rate": Query(
            f"sum by ({among})(rate({FAILED}{{{selector}}}[$__rate_interval]))",
            by,
            summed(failed, by, wanted, INTERVAL_S),
        ),
        f"link of {name}: histogram": Query(
            f"histogram_quantile(0.9, sum(rate({BUCKET}{{{selector}}}[$__rate_interval])) by (le, {among}))",
            by,
            _quantiles(0.9, "server", by, wanted),
        ),
    }


LINKS = {
    **_links("a node", 'server="${__data.fields.id}"', BOTH, _of_server(NODE)),
    **_links("an edge", _EDGE, BOTH, _clicked),
    **_links("an edge with namespaces", _NAMESPACED, _BY_NAMESPACED, _clicked),
}

# --- others -----------------------------------------------------------------------------------------------------------

_COUNT = "traces_service_graph_request_server_seconds_count"
_CALLER = ("client", "client_service_namespace", "connection_type")
_CALLEE = ("server", "server_service_namespace", "connection_type")
OTHERS = {
    "manual: all calls": Query(f"sum(increase({_COUNT}{{}}[7d])) by (server, client) > 0", BOTH, summed(served, BOTH)),
    "manual: calls of a server": Query(
        f'sum(increase({_COUNT}{{server="payments"}}[7d])) by (client) > 0',
        ("client",),
        summed(served, ("client",), _of_server(NODE)),
    ),
    "manual: calls of a client": Query(
        f'sum(increase({_COUNT}{{client="payments"}}[7d])) by (server) > 0',
        ("server",),
        summed(served, ("server",), _of_client(NODE)),
    ),
    "manual: rates of a client": Query(
        f'sum(rate({_COUNT}{{client="payments"}}[5m])) by (server) > 0',
        ("server",),
        summed(served, ("server",), _of_client(NODE), MINUTES_S),
    ),
    "manual: latency": Query(
        f'histogram_quantile(.9, sum(rate({BUCKET}{{client="payments"}}[5m])) by (server, le))',
        ("server",),
        _quantiles(0.9, "server", ("server",), _of_client(NODE)),
    ),
    "manual: latency of a queue": Query(
        "histogram_quantile(.9, sum(rate(traces_service_graph_request_messaging_system_seconds_bucket{}[5m]))"
        " by (client, server, le))",
        BOTH,
        _quantiles(0.9, "messaging", BOTH),
    ),
    "callers": Query(
        "sum by (client, client_service_namespace, connection_type) "
        f'(rate({TOTAL}{{server="payments",server_service_namespace="paydemo"}}[5m]))',
        _CALLER,
        summed(total, _CALLER, _of_server(NODE), MINUTES_S),
    ),
    "callees that fail": Query(
        "sum by (server, server_service_namespace, connection_type) "
        f'(rate({FAILED}{{client="payments",client_service_namespace="paydemo"}}[5m]))',
        _CALLEE,
        summed(failed, _CALLEE, _of_client(NODE), MINUTES_S),
    ),
    "callees' latency": Query(
        "histogram_quantile(0.95, sum by (le, server, server_service_namespace, connection_type) "
        "(rate(traces_service_graph_request_client_seconds_bucket"
        '{client="payments",client_service_namespace="paydemo"}[5m])))',
        _CALLEE,
        _quantiles(0.95, "client", _CALLEE, _of_client(NODE)),
    ),
    "README: share of failures": Query(
        f"sum by (client, server) (rate({FAILED}[5m])) / sum by (client, server) (rate({TOTAL}[5m]))",
        BOTH,
        {key: lost / summed(total, BOTH)[key] for key, lost in summed(failed, BOTH).items()},
    ),
}

QUERIES = {**NODE_GRAPH, **LINKS, **OTHERS}
