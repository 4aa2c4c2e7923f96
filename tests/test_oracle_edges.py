"""The graph's oracle comes to what was written by hand, however a case arrives; and no order of arrival shows."""

from __future__ import annotations

import dataclasses
import random
from collections import Counter
from collections.abc import Iterable, Sequence

import hypothesis.strategies as st
import pytest
from hypothesis import given

from span2metrics.engine.plan import MS, Format, Now
from tests import (
    cases_edges_exemplars,
    cases_edges_labels,
    cases_edges_pairs,
    cases_edges_peers,
    cases_edges_time,
    graph_page,
    wire,
)
from tests.cases_edges import (
    CALL,
    SECOND,
    SERVED,
    SHOP_MAIL,
    SHOP_STOCK,
    TAKEN,
    Call,
    Case,
    at,
    feedings,
    id_of,
    record,
    trace_of,
)
from tests.oracle_edges import Edges
from tests.oracle_families import FAILED, REQUESTS, SERVER_SECONDS, families
from tests.oracle_halves import Settings
from tests.oracle_page import Exemplar
from tests.payloads import Placed, request
from tests.payloads_edges import graph_settings, meeting_spans
from tests.twins import BrokenError

CASES = [
    *cases_edges_pairs.CASES,
    *cases_edges_peers.CASES,
    *cases_edges_labels.CASES,
    *cases_edges_time.CASES,
    *cases_edges_exemplars.CASES,
]


def feed(model: Edges, calls: Iterable[Call]) -> Edges:
    for call in calls:
        if call.request is None:
            model.expire(call.now)
        else:
            model.consume(call.request, call.now)
    return model


def shape(model: Edges) -> tuple[object, ...]:
    """Everything that a page shows."""
    return model.families(), model.exemplars()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.promise)
def test_a_case_comes_to_its_edges_however_it_arrives(case: Case) -> None:
    for feeding in feedings(case):
        model = feed(Edges(case.settings), feeding.calls)
        if case.early is not None:
            assert {labels: edge.requests for labels, edge in model.edges.items()} == case.early, feeding.way
        feed(model, [feeding.last])
        assert model.families() == case.families(), feeding.way
        if case.exemplars is not None:
            assert model.exemplars() == case.exemplars, feeding.way
        assert model.pending == 0


def test_each_promise_is_made_once() -> None:
    assert [promise for promise, n in Counter(case.promise for case in CASES).items() if n > 1] == []


def test_a_case_is_fed_in_every_order_in_one_request_and_in_many() -> None:
    fed = [feeding.calls for feeding in feedings(Case("", [CALL, SERVED, TAKEN]))]
    orders = {tuple(call.request for call in calls if call.request) for calls in fed}
    assert len(orders) == 12
    assert {len(order) for order in orders} == {1, 3}
    assert any(call.request is None for calls in fed for call in calls)


BOUNDS = (5 * MS, SECOND)
ALL = Settings(bounds_ns=BOUNDS, messaging_latency=True, connection_info=True)


@pytest.mark.parametrize("settings", [ALL, Settings(bounds_ns=BOUNDS)])
def test_numbers_are_shown_by_family_and_labels(settings: Settings) -> None:
    told = SHOP_MAIL, record(3, 1, [5 * MS, 5 * MS + 1, 2 * SECOND], [0], [7])
    shown = families(
        dict([told, (SHOP_STOCK, record())]), {("a", "client", "expired"): 2}, {("b", "max_items"): 3}, ["c"], settings
    )
    prefix = "traces_service_graph_"
    options = {
        f"{prefix}request_messaging_system_seconds": {SHOP_MAIL: ({"0.005": 1, "1.0": 1, "+Inf": 1}, 7, 1)},
        f"{prefix}connection_info": {SHOP_MAIL: 1, SHOP_STOCK: 1},
    }
    seconds = {"0.005": 1, "1.0": 2, "+Inf": 3}, 2 * SECOND + 10 * MS + 1, 3
    assert shown == (options if settings is ALL else {}) | {
        f"{prefix}request_total": {SHOP_MAIL: 3, SHOP_STOCK: 1},
        f"{prefix}request_failed_total": {SHOP_MAIL: 1, SHOP_STOCK: 0},
        f"{prefix}request_server_seconds": {SHOP_MAIL: seconds},
        f"{prefix}request_client_seconds": {SHOP_MAIL: ({"0.005": 1, "1.0": 1, "+Inf": 1}, 0, 1)},
        f"{prefix}service_info": {frozenset({("service", "c")}): 1},
        f"{prefix}unpaired_spans_total": {frozenset({("service", "a"), ("side", "client"), ("reason", "expired")}): 2},
        f"{prefix}dropped_spans_total": {frozenset({("service", "b"), ("reason", "max_items")}): 3},
    }


@given(meeting_spans(unique=True), graph_settings, st.randoms(use_true_random=False), st.data())
def test_no_order_of_arrival_within_the_wait_shows(
    spans: list[Placed], settings: Settings, dice: random.Random, data: st.DataObject
) -> None:
    settings = dataclasses.replace(settings, max_items=100_000, wait_ns=10 * SECOND)
    straight = feed(Edges(settings), [Call(at(0), request(spans)), Call(at(30 * SECOND), None)])
    nows = sorted(data.draw(st.lists(st.integers(0, 10 * SECOND - 1), min_size=len(spans), max_size=len(spans))))
    shuffled = feed(Edges(settings), _spread(dice.sample(spans, len(spans)), nows))
    feed(shuffled, [Call(at(30 * SECOND), None)])
    assert shuffled.families() == straight.families()


def _spread(spans: Sequence[Placed], nows: Sequence[int]) -> list[Call]:
    return [Call(at(now), request([span])) for span, now in zip(spans, nows, strict=True)]


@given(meeting_spans(unique=True), graph_settings, st.randoms(use_true_random=False))
def test_nor_does_it_in_exemplars_at_one_instant(spans: list[Placed], settings: Settings, dice: random.Random) -> None:
    settings = dataclasses.replace(settings, max_items=100_000)
    last = Call(at(settings.wait_ns), None)
    straight = feed(Edges(settings), [Call(at(0), request(spans)), last])
    shuffled = feed(Edges(settings), [*_spread(dice.sample(spans, len(spans)), [0] * len(spans)), last])
    assert shape(shuffled) == shape(straight)


@given(meeting_spans(unique=True), graph_settings, st.lists(st.integers(0, SECOND), min_size=12, max_size=12))
def test_every_half_but_a_client_that_was_met_ends_as_an_edge_as_unpaired_or_as_dropped(
    spans: list[Placed], settings: Settings, pauses: list[int]
) -> None:
    model, now = Edges(settings), 0
    for span, pause in zip(spans, pauses, strict=False):
        now += pause
        model.consume(request([span]), at(now))
        assert model.pending <= settings.max_items
    model.expire(at(now + settings.wait_ns))
    assert model.pending == 0
    served, calling = sum(map(_served, spans)), sum(span.kind in (3, 4) for span in spans)
    edges = sum(model.families().get(REQUESTS, {}).values())
    assert served <= edges + model.unpaired.total() + model.dropped.total() <= served + calling


def _served(span: Placed) -> int:
    """Server halves of a span."""
    links = sum(any(trace_id) and any(span_id) for trace_id, span_id in span.links) if span.kind == 5 else 0
    return links or int(span.kind in (2, 5))


@given(meeting_spans(), graph_settings, st.lists(st.integers(0, 3 * SECOND), min_size=12, max_size=12))
def test_ticks_do_not_show(spans: list[Placed], settings: Settings, pauses: list[int]) -> None:
    """What is overdue leaves before anything else happens, whether a tick came in between or not."""
    settings = dataclasses.replace(settings, exemplars=False)  # they may be told by when an edge is made
    ticked, alone, now = Edges(settings), Edges(settings), 0
    for span, pause in zip(spans, pauses, strict=False):
        for part in range(1, 4):
            ticked.expire(at(now + pause * part // 3))
        now += pause
        for model in (ticked, alone):
            model.consume(request([span]), at(now))
    for model in (ticked, alone):
        model.expire(at(now + settings.wait_ns))
    assert ticked.families() == alone.families()


def test_the_wall_clock_does_not_age_a_half() -> None:
    model = Edges()
    model.consume(request([CALL]), Now(0, 5))
    model.consume(request([SERVED]), Now(10**18, 5))
    assert [edge.requests for edge in model.edges.values()] == [1]


def test_a_broken_request_changes_nothing() -> None:
    model = Edges()
    broken = request([TAKEN]) + wire.field(
        1, wire.field(2, wire.field(2, TAKEN.span().SerializeToString() + wire.field(13, b"\x0a\x7f")))
    )
    with pytest.raises(BrokenError):
        model.consume(broken, at(0))
    assert (model.pending, model.services) == (0, set())


PAGE = """\
# TYPE traces_service_graph_request{total} counter
traces_service_graph_request_total{{client="shop",server="stock"}} 2{told}
# TYPE traces_service_graph_request_server_seconds histogram
traces_service_graph_request_server_seconds_bucket{{client="shop",server="stock",le="0.1"}} 1{told}
traces_service_graph_request_server_seconds_bucket{{client="shop",server="stock",le="+Inf"}} 2
traces_service_graph_request_server_seconds_sum{{client="shop",server="stock"}} 0.203
traces_service_graph_request_server_seconds_count{{client="shop",server="stock"}} 2
# TYPE traces_service_graph_service_info gauge
traces_service_graph_service_info{{service="shop"}} 1
# TYPE traces_span_metrics_calls{total} counter
traces_span_metrics_calls_total{{service_name="shop"}} 7
"""
TOLD = f' # {{trace_id="{"01" * 16}",span_id="{"0002" * 4}"}} 0.003 1750000000.003'


@pytest.mark.parametrize(("format", "total", "told"), [(Format.TEXT, "_total", ""), (Format.OPENMETRICS, "", TOLD)])
def test_a_page_is_read_in_the_shape_of_the_numbers(format: Format, total: str, told: str) -> None:
    case = Case(
        "",
        [CALL],
        {SHOP_STOCK: record(2, 0, [3 * MS, 200 * MS])},
        Settings(bounds_ns=(100 * MS,)),
    )
    expected = graph_page.parsed(case.families())
    assert expected.pop(FAILED) == {SHOP_STOCK: 0}
    page = PAGE.format(total=total, told=told).encode()
    assert graph_page.read(page, format) == expected
    if told:
        exemplar = Exemplar(1_750_000_000 * SECOND + 3 * MS, trace_of(1), id_of(2), 3 * MS)
        assert graph_page.read_exemplars(page) == graph_page.parsed_exemplars(
            {(REQUESTS, SHOP_STOCK, ""): exemplar, (SERVER_SECONDS, SHOP_STOCK, "0.1"): exemplar}
        )
