"""Native histograms of the service graph's edges: in seconds, with exemplars by the graph's own bounds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import hypothesis.strategies as st
from hypothesis import given, settings

from span2metrics.engine.core import Engine
from span2metrics.engine.plan import MS, Dialect, Format, Graph, Histograms, Plan, Unit
from tests.cases_edges import SECOND, id_of
from tests.metrics_proto import read_messages
from tests.oracle import Labels, Oracle
from tests.oracle_families import CLIENT_SECONDS, MESSAGING_SECONDS, SERVER_SECONDS
from tests.oracle_native import Native, native, of_message
from tests.oracle_page import Span
from tests.payloads import CONSUMER, NOW, PRODUCER, START, Placed, request

FAMILIES = {SERVER_SECONDS: "server", CLIENT_SECONDS: "client", MESSAGING_SECONDS: "messaging"}

_took = st.integers(0, 10**12) | st.integers(0, 40).map(lambda power: 1 << power) | st.sampled_from([MS, SECOND])


def _messages(fewest: int) -> st.SearchStrategy[list[tuple[int, int, int]]]:
    """Sending, waiting, taking."""
    return st.lists(st.tuples(_took, _took, _took), min_size=fewest, max_size=25)


_plans = st.builds(
    Plan,
    dialects=st.sampled_from([(Dialect.OTEL,), (Dialect.JAEGER, Dialect.TEMPO)]),
    unit=st.sampled_from(Unit),
    histograms=st.sampled_from([Histograms.NATIVE, Histograms.BOTH]),
    native_schema=st.integers(-4, 5),
    native_max_buckets=st.sampled_from([8, 12, 160]),
    exemplars=st.booleans(),
    graph=st.builds(
        Graph, bounds_ns=st.sampled_from([Graph().bounds_ns, (), (MS, SECOND)]), messaging_latency=st.just(True)
    ),
)


def message(number: int, sending: int, waiting: int, taking: int) -> Iterator[Placed]:
    """A producer and its consumer."""
    sent = START + sending
    yield Placed(kind=PRODUCER, span_id=id_of(2 * number + 1), start=START, end=sent)
    yield Placed(
        kind=CONSUMER,
        service="mail",
        span_id=id_of(2 * number + 2),
        parent_id=id_of(2 * number + 1),
        start=sent + waiting,
        end=sent + waiting + taking,
    )


def shown(engine: Engine) -> dict[tuple[str, Labels], Any]:
    return {
        (family.name, frozenset((pair.name, pair.value) for pair in metric.label)): of_message(metric.histogram)
        for family in read_messages(b"".join(engine.render(Format.PROTOBUF, NOW)))
        for metric in family.metric
        if family.name in FAMILIES
    }


def expected(model: Oracle, plan: Plan) -> dict[tuple[str, Labels], Native]:
    assert model.edges and plan.graph
    by_bounds = replace(plan, bounds_ns=plan.graph.bounds_ns)
    return {
        (family, labels): native([Span(*each) for each in observed], by_bounds, SECOND)
        for labels, record in model.edges.edges.items()
        for family, part in FAMILIES.items()
        if (observed := getattr(record, part))
    }


@settings(max_examples=150)
@given(_plans, _messages(0) | _messages(15))
def test_any_durations_of_edges_are_counted_as_the_definition_has_it(
    plan: Plan, messages: list[tuple[int, int, int]]
) -> None:
    engine, model = Engine(plan), Oracle(plan)
    body = request([span for number, took in enumerate(messages) for span in message(number, *took)])
    engine.consume(body, NOW)
    model.consume(body)
    assert shown(engine) == expected(model, plan)
