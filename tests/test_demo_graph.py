"""The company's true graph is the one that the rules find in its spans, edge by edge."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

import pytest

from span2metrics.demo.company import SERVICES
from span2metrics.demo.encode import encode
from span2metrics.demo.graph import DATABASE, DIRECT, MESSAGING, VIRTUAL, Asked, Edge, Totals, graph
from span2metrics.demo.incident import CYCLE
from span2metrics.demo.span import Span
from span2metrics.demo.traffic import Traffic
from span2metrics.engine.plan import Now
from tests import sent
from tests.cases_edges import SECOND, edge
from tests.oracle_edges import Edges

AT = 1_700_000_000 * SECOND
CALM, CARDS_DOWN, ALL_DOWN = 10.0, 190.0, 250.0
TRACES = 400


def trace(elapsed_s: float, number: int) -> tuple[list[Span], list[Asked]]:
    traffic, settings = Traffic(7, CYCLE), (number, AT + number * SECOND // 40, elapsed_s)
    return traffic.trace(*settings), traffic.asked(*settings)


def found(requests: Iterable[Sequence[Span]]) -> Edges:
    """What the oracle makes of requests that arrive at one instant, when all waits are over."""
    model = Edges()
    for spans in requests:
        model.consume(encode(spans), Now(AT, 0))
    model.expire(Now(AT, model.settings.wait_ns))
    return model


def as_labels(edges: dict[Edge, Totals]) -> dict[frozenset[tuple[str, str]], Totals]:
    return {edge(*labels): totals for labels, totals in edges.items()}


def totals(model: Edges) -> dict[frozenset[tuple[str, str]], Totals]:
    return {labels: Totals(record.requests, record.failed) for labels, record in model.edges.items()}


@pytest.mark.parametrize("elapsed", [CALM, CARDS_DOWN, ALL_DOWN])
def test_the_graph_of_the_spans_is_the_true_one(elapsed: float) -> None:
    traces = [trace(elapsed, number) for number in range(TRACES)]
    true = graph(asked for _, all_asked in traces for asked in all_asked)
    model = found(spans for spans, _ in traces)
    assert totals(model) == as_labels(true)
    assert (model.unpaired, model.dropped) == ({}, {})
    assert model.services == {service.name for service in SERVICES}


def test_so_it_is_in_whatever_order_the_pods_send() -> None:
    spans = [span for number in range(50) for span in trace(ALL_DOWN, number)[0]]
    true = graph(asked for number in range(50) for asked in trace(ALL_DOWN, number)[1])
    random.Random(7).shuffle(spans)
    assert totals(found([span] for span in spans)) == as_labels(true)


def test_the_graph_of_what_the_demo_sends_is_known() -> None:
    assert totals(found([sent.SPANS])) == as_labels(sent.GRAPH)


def test_each_trace_has_the_true_graph_of_its_own() -> None:
    for number in range(60):
        spans, asked = trace(ALL_DOWN, number)
        assert totals(found([spans])) == as_labels(graph(asked))


def test_every_kind_of_edge_is_there() -> None:
    """Calls, a user, three names of databases, a queue, its broker, two that send no spans."""
    assert {(client, server): kind for client, server, kind in graph(_asked(CALM))} == {
        ("user", "gateway"): VIRTUAL,
        ("gateway", "auth"): DIRECT,
        ("gateway", "payments"): DIRECT,
        ("gateway", "ledger"): DIRECT,
        ("auth", "10.8.0.17:6379"): DATABASE,
        ("payments", "risk"): DIRECT,
        ("payments", "ledger"): DIRECT,
        ("payments", "card-network"): VIRTUAL,
        ("payments", "postgres"): DATABASE,
        ("payments", "settlement"): MESSAGING,
        ("payments", "notifications"): MESSAGING,
        ("payments", "kafka"): VIRTUAL,
        ("risk", "features"): DATABASE,
        ("ledger", "postgres"): DATABASE,
        ("settlement", "card-network"): VIRTUAL,
        ("settlement", "ledger"): DIRECT,
        ("notifications", "api.mailer.example"): VIRTUAL,
    }


def _asked(elapsed_s: float) -> list[Asked]:
    return [asked for number in range(TRACES) for asked in trace(elapsed_s, number)[1]]


def test_retries_and_fan_out_are_edges_each() -> None:
    edges = graph(_asked(CALM))
    scored, told = edges[Edge("payments", "risk", DIRECT)], edges[Edge("payments", "notifications", MESSAGING)]
    assert 0 < scored.failed < scored.requests
    assert told.requests < edges[Edge("payments", "settlement", MESSAGING)].requests
    assert edges[Edge("payments", "card-network", VIRTUAL)].failed > 0


def test_an_incident_shows_on_its_edges_and_on_no_other() -> None:
    calm, bad = graph(_asked(CALM)), graph(_asked(ALL_DOWN))
    cards, users = Edge("payments", "card-network", VIRTUAL), Edge("user", "gateway", VIRTUAL)
    for incident_edge in (cards, users):
        assert share(bad[incident_edge]) > share(calm[incident_edge]) + 0.1
    assert bad[Edge("auth", "10.8.0.17:6379", DATABASE)].failed == 0


def share(edge_totals: Totals) -> float:
    return edge_totals.failed / edge_totals.requests
