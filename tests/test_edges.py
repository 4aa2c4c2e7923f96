"""The engine's service graph: the cases that were written by hand, however they arrive, and the oracle's numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import hypothesis.strategies as st
import pytest
from hypothesis import given

from span2metrics.engine.core import Engine
from span2metrics.engine.plan import Format, Graph, Plan
from tests.cases_edges import Call, Case, at, feedings
from tests.graph_page import parsed, parsed_exemplars, read, read_exemplars
from tests.oracle_edges import Edges
from tests.oracle_families import REQUESTS
from tests.oracle_halves import Settings
from tests.payloads import Placed, request
from tests.payloads_edges import graph_settings, meeting_spans
from tests.test_oracle_edges import CASES


def engine_of(settings: Settings) -> Engine:
    graph = Graph(
        wait_ns=settings.wait_ns,
        max_items=settings.max_items,
        bounds_ns=settings.bounds_ns,
        dimensions=settings.dimensions,
        through_internal=settings.through_internal,
        database_attributes=settings.database_attributes,
        peer_attributes=settings.peer_attributes,
        virtual_node_label=settings.virtual_node_label,
        connection_info=settings.connection_info,
        messaging_latency=settings.messaging_latency,
    )
    return Engine(Plan(graph=graph, exemplars=settings.exemplars, label_value_length=settings.label_value_length))


def feed(engine: Engine, calls: Iterable[Call]) -> None:
    for call in calls:
        if call.request is None:
            engine.expire(call.now)
        else:
            engine.consume(call.request, call.now)


def page(engine: Engine, format: Format, call: Call) -> bytes:
    return b"".join(engine.render(format, call.now))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.promise)
def test_a_case_comes_to_its_edges_however_it_arrives(case: Case) -> None:
    for feeding in feedings(case):
        engine = engine_of(case.settings)
        feed(engine, feeding.calls)
        if case.early is not None:
            early = read(page(engine, Format.TEXT, feeding.calls[-1]), Format.TEXT)
            assert early.get(REQUESTS, {}) == case.early, feeding.way
        feed(engine, [feeding.last])
        for format in (Format.TEXT, Format.OPENMETRICS):
            shown = read(page(engine, format, feeding.last), format)
            assert shown == parsed(case.families()), feeding.way
        if case.exemplars is not None:
            shown_exemplars = read_exemplars(page(engine, Format.OPENMETRICS, feeding.last))
            assert shown_exemplars == parsed_exemplars(case.exemplars), feeding.way


arrivals = st.lists(st.tuples(meeting_spans(), st.sampled_from([0, 0, 1, 5, 10]), st.booleans()), max_size=4)


@given(arrivals=arrivals, settings=graph_settings)
def test_whatever_arrives_the_page_has_the_oracles_numbers(
    arrivals: Sequence[tuple[list[Placed], int, bool]], settings: Settings
) -> None:
    engine, oracle = engine_of(settings), Edges(settings)
    after = 0
    for spans, seconds, ticks in arrivals:
        after += seconds * 10**9
        engine.consume(request(spans), at(after))
        oracle.consume(request(spans), at(after))
        if ticks:
            engine.expire(at(after))
            oracle.expire(at(after))
    for wait in (0, settings.wait_ns):
        last = Call(at(after + wait), None)
        feed(engine, [last])
        oracle.expire(last.now)
        assert read(page(engine, Format.TEXT, last), Format.TEXT) == parsed(oracle.families())
        assert read_exemplars(page(engine, Format.OPENMETRICS, last)) == parsed_exemplars(oracle.exemplars())
