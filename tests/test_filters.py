"""Filters: which spans count, case by case however they are fed; what is dropped is counted, and nothing else is."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from span2metrics.engine.core import Engine
from span2metrics.engine.plan import MS, Dimension, Format, Graph, Plan
from span2metrics.engine.policy import Policy
from span2metrics.engine.rewriting import Rewrite
from span2metrics.engine.stats import Outcome
from span2metrics.engine.where import Filters, Where
from span2metrics.errors import DecodeError
from tests import wire
from tests.cases import BARE, SPAN, plan
from tests.cases_edges import CALL, SERVED
from tests.cases_filters import CASES, FILTERS, Case, Kept, equal, having, named, of_resource, of_span, pattern
from tests.oracle import TEXTS, Oracle
from tests.oracle_weights import WeightedOracle
from tests.payloads import BAD, ERROR, FEEDS, NOW, Placed, request
from tests.weights import WEIGHED, assert_right

NAMED = [SPAN.but(name=name) for name in "abc"]
#: Whatever is called `no`.
NO = Filters(exclude=(Where(name=equal("no")),))


def fed(plan: Plan, *bodies: bytes) -> Engine:
    engine = Engine(plan)
    for body in bodies:
        engine.consume(body, NOW)
    return engine


def filtered(filters: Filters, plan: Plan = BARE) -> Plan:
    return dataclasses.replace(plan, filters=filters)


def page(engine: Engine, format: Format = Format.OPENMETRICS) -> bytes:
    return b"".join(engine.render(format, NOW))


def assert_equal(engine: Engine, model: Oracle) -> None:
    for format in TEXTS:
        assert page(engine, format) == model.page(format)
    stats = engine.stats()
    assert (stats.received, stats.aggregated) == (model.received, model.received - model.dropped.total())
    for told, expected in ((stats.dropped, model.dropped), (stats.anomalies, model.anomalies)):
        assert {reason: n for reason, n in told.items() if n} == {reason: n for reason, n in expected.items() if n}


# --- case by case -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", FEEDS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.promise)
def test_an_exclusion_drops_what_it_means_and_nothing_else(case: Case, way: str) -> None:
    spans = [*case.meant, *case.others]
    plan = filtered(Filters(exclude=(case.where,)), case.plan)
    engine, model = fed(plan, *FEEDS[way](spans)), Oracle(plan)
    model.consume(request(spans))
    assert model.dropped == ({"filtered": len(case.meant)} if case.meant else {})
    assert_equal(engine, model)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.promise)
def test_an_inclusion_keeps_what_it_means_and_nothing_else(case: Case) -> None:
    spans = [*case.meant, *case.others]
    plan = dataclasses.replace(case.plan, graph=None)
    engine = fed(filtered(Filters(include=(case.where,)), plan), request(spans))
    assert page(engine) == page(fed(plan, request(case.meant)))
    assert engine.stats().dropped["filtered"] == len(case.others)


@pytest.mark.parametrize("case", FILTERS, ids=lambda case: case.promise)
def test_filters_keep(case: Kept) -> None:
    plan = dataclasses.replace(BARE, graph=None)
    outcome = Engine(filtered(case.filters, plan)).consume(request(NAMED), NOW)
    assert page(fed(filtered(case.filters, plan), request(NAMED))) == page(
        fed(plan, request([span for span in NAMED if span.name in case.names]))
    )
    dropped = 3 - len(case.names)
    assert outcome == Outcome(3, len(case.names), {"filtered": dropped} if dropped else {})


# --- what is read for it ----------------------------------------------------------------------------------------------

HIDDEN: dict[str, tuple[Where, Sequence[Placed], Sequence[Placed]]] = {
    "span_name": (Where(name=equal("a")), named("a"), named("b", "")),
    "span_kind": (Where(kinds=(2,)), [SPAN], [SPAN.but(kind=3), SPAN.but(kind=0)]),
    "status_code": (Where(statuses=(2,)), [SPAN.but(status=ERROR)], [SPAN, SPAN.but(status=1)]),
    "service_name": (Where(service=equal("shop")), [SPAN], [SPAN.but(service="x")]),
}


@pytest.mark.parametrize("zero", [True, False])
@pytest.mark.parametrize("label", HIDDEN)
def test_a_label_that_is_left_out_can_be_filtered_by(label: str, zero: bool) -> None:
    where, meant, others = HIDDEN[label]
    plan = Plan(exclude=frozenset({label}), errors_zero=zero, filters=Filters(exclude=(where,)))
    engine, model = fed(plan, request([*meant, *others])), Oracle(plan)
    model.consume(request([*meant, *others]))
    assert model.dropped.total() == len(meant)
    assert_equal(engine, model)


def test_series_of_a_label_that_is_left_out_add_up_although_a_filter_reads_it() -> None:
    plan = Plan(exclude=frozenset({"status_code"}), filters=Filters(exclude=(Where(statuses=(1,)),)), graph=None)
    engine = fed(plan, request([SPAN, SPAN.but(status=1), SPAN.but(status=ERROR)]))
    calls = [
        line for line in page(engine, Format.TEXT).splitlines() if line.startswith(b"traces_span_metrics_calls_total{")
    ]
    assert [line.rsplit(b" ", 1)[1] for line in calls] == [b"2"]


def test_an_attribute_that_only_a_filter_reads_makes_no_series_of_its_own() -> None:
    plan = filtered(Filters(exclude=(of_span("k", equal("v")), of_resource("zone", equal("b")))))
    spans = [*having("k", "u", "v", "w"), *(SPAN.but(resource={"zone": zone}) for zone in "abc")]
    engine = fed(plan, request(spans))
    assert engine.stats().series["calls"] == 1
    assert engine.stats().dropped["filtered"] == 2
    assert page(engine) == page(fed(BARE, request([SPAN] * 4)))


def test_filters_see_a_value_before_a_dimension_rewrites_it() -> None:
    status = Dimension("status", ("status",), rewrites=(Rewrite("5..", "5xx"),))
    shown = filtered(Filters(exclude=(of_span("status", equal("503")),)), plan(status))
    engine = fed(shown, request(having("status", 500, 503, 503)))
    assert engine.stats().dropped["filtered"] == 2
    assert b'status="5xx"} 1' in page(engine)


# --- what is counted of a span that is dropped ------------------------------------------------------------------------

ODD = [
    Placed(name="no", service=None),
    Placed(name="no", trace_id=b""),
    Placed(name="no", start=0),
    Placed(name="no", end=1),
    Placed(name="no", kind=9),
    Placed(name="no", trace_state="ot=th:8"),
    Placed(name="no", trace_state="ot=th:ffffffffffffff", service=None, kind=9, start=0, trace_id=b""),
    Placed(name="no", attributes={"k": "x" * 999}),
    Placed(name="no", attributes={"k": f"x{BAD}"}),
]


@pytest.mark.parametrize("graph", [None, Graph()])
def test_of_a_dropped_span_nothing_else_is_counted(graph: Graph | None) -> None:
    shown = filtered(NO, plan(Dimension("k", ("k",)), graph=graph))
    engine = fed(shown, request(ODD), request(ODD), *(request([span]) for span in ODD))
    stats = engine.stats()
    assert (stats.received, stats.aggregated, stats.dropped["filtered"]) == (3 * len(ODD), 0, 3 * len(ODD))
    assert set(stats.anomalies.values()) == set(stats.truncated.values()) == {0}
    assert (stats.weighted, stats.capped_weights, stats.births, stats.series["calls"]) == (0, 0, 0, 0)
    kept = [span.but(name="yes") for span in ODD]
    beside, alone = fed(shown, request([*ODD, *kept, *ODD])), fed(shown, request(kept))
    assert beside.stats().anomalies == alone.stats().anomalies
    assert beside.stats().truncated == alone.stats().truncated
    assert beside.stats().weighted == alone.stats().weighted == 2


def test_spans_that_count_keep_their_weights() -> None:
    plan = filtered(NO, WEIGHED)
    spans = [SPAN.but(name=name, trace_state=state) for name in ("no", "yes") for state in ("ot=th:8", "", "ot=th:c")]
    model = WeightedOracle(plan)
    model.consume(request(spans))
    assert model.weighted == 2
    assert_right(fed(plan, request(spans)), model)


def test_a_dropped_span_is_no_exemplar_and_gives_no_series_its_birth() -> None:
    shown = filtered(Filters(exclude=(of_span("k", equal("v")),)), plan(created=True, graph=None))
    kept = SPAN.but(took=MS)
    last = SPAN.but(trace_id=rb"\9" * 16, took=MS, start=SPAN.start + 1, attributes={"k": "v"})
    assert page(fed(shown, request([kept, last]))) == page(fed(shown, request([kept])))


# --- keys -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What filters were asked about."""
    seen: list[Any] = []
    keeps = Policy.keeps

    def noted(self: Policy, *key: Any) -> bool:
        seen.append(key)
        return keeps(self, *key)

    monkeypatch.setattr(Policy, "keeps", noted)
    return seen


def test_filters_are_asked_once_a_key(asked: list[Any]) -> None:
    engine = Engine(filtered(NO))
    for _ in range(3):
        engine.consume(request([*named("no", "yes") * 5, *having("pod", *range(5))]), NOW)
    assert len(asked) == 3
    assert (engine.stats().dropped["filtered"], engine.stats().births, engine.stats().raw_keys) == (15, 2, 3)


@pytest.mark.parametrize("value", ["x" * 1500, BAD + "x"], ids=["too long to be kept", "mended"])
def test_a_key_that_is_not_its_texts_is_filtered_each_time(value: str) -> None:
    engine = Engine(filtered(Filters(exclude=(of_span("k", pattern(".+x…?|.*x{9}.*")),))))
    for _ in range(3):
        engine.consume(request([*having("k", value) * 2, SPAN]), NOW)
    assert (engine.stats().dropped["filtered"], engine.stats().aggregated) == (6, 3)


def test_memory_stays_bounded_however_many_keys_are_dropped() -> None:
    plan = dataclasses.replace(filtered(Filters(include=(of_span("k", pattern("never")),))), raw_key_bytes=1 << 16)
    engine = Engine(plan)
    template = request(having("k", "id-000000") * 100)
    for first in range(0, 20_000, 100):
        pieces = template.split(b"id-000000")
        body = pieces[0] + b"".join(b"id-%06d" % (first + n) + piece for n, piece in enumerate(pieces[1:]))
        engine.consume(body, NOW)
        assert engine.stats().raw_key_bytes <= plan.raw_key_bytes
    stats = engine.stats()
    assert (stats.received, stats.aggregated, stats.dropped["filtered"]) == (20_000, 0, 20_000)
    assert (stats.births, stats.series["calls"]) == (0, 0)


def test_keys_of_both_sorts_are_remembered_while_the_tables_forget() -> None:
    plan = dataclasses.replace(filtered(Filters(exclude=(of_span("k", pattern("[0-4].*")),))), raw_key_bytes=4096)
    spans = [SPAN.but(attributes={"k": f"{n % 10}-{n % 97}"}) for n in range(3000)]
    engine, model = Engine(plan), Oracle(plan)
    for first in range(0, len(spans), 37):
        body = request(spans[first : first + 37])
        engine.consume(body, NOW)
        model.consume(body)
    assert_equal(engine, model)


@pytest.mark.parametrize("spans", [1, 20_000])
def test_a_refused_request_drops_nothing(spans: int) -> None:
    whole = wire.field(2, Placed(name="no").span().SerializeToString())
    body = wire.field(1, wire.field(2, whole * spans, wire.field(2, b"\x0a\x7f")))
    engine = Engine(filtered(NO))
    with pytest.raises(DecodeError):
        engine.consume(body, NOW)
    assert (engine.stats().received, engine.stats().dropped["filtered"]) == (0, 0)


def test_a_large_request_is_filtered_block_by_block() -> None:
    engine = Engine(filtered(NO))
    body = request(named("no", "yes") * 10_000)
    assert engine.consume(body, NOW) == Outcome(20_000, 10_000, {"filtered": 10_000})
    assert engine.consume(b"", NOW) == Outcome(0, 0, {})


def test_a_filter_that_fails_by_a_bug_drops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Callable[..., bool]:
        raise RuntimeError

    engine = Engine(filtered(NO))
    monkeypatch.setattr(Policy, "keeps", broken)
    engine.consume(request(named("no", "yes")), NOW)
    assert (engine.stats().aggregated, engine.stats().policy_errors) == (2, 2)
    assert b'otel_metric_overflow="true"} 2' in page(engine)


def test_re2_is_loaded_where_a_pattern_is_asked_for_and_nowhere_else() -> None:
    script = """
import sys
from span2metrics import daemon
from span2metrics.config import compile_plan, load
from span2metrics.engine.core import Engine
from span2metrics.engine.patterns import compiled
Engine(compile_plan(load(None)))
assert "re2" not in sys.modules
compiled("a.*")
assert "re2" in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


# --- what filters do not touch ----------------------------------------------------------------------------------------


def test_the_service_graph_takes_all_spans() -> None:
    spans = [CALL, SERVED, SPAN.but(service="alone")]
    none = filtered(Filters(include=(Where(service=equal("nobody")),)), plan(graph=Graph()))
    everything = fed(plan(graph=Graph()), request(spans))
    nothing = fed(none, request(spans))
    graph = [line for line in page(everything).splitlines() if b"traces_service_graph" in line]
    assert [line for line in page(nothing).splitlines() if b"traces_service_graph" in line] == graph
    assert b'traces_service_graph_service_info{service="alone"} 1' in graph
    assert nothing.stats().series["calls"] == 0
    assert nothing.stats().edges == everything.stats().edges


def test_an_instance_is_shown_whether_its_spans_count_or_not() -> None:
    engine = fed(filtered(Filters(include=(Where(service=equal("nobody")),)), plan(target_info=True)), request([SPAN]))
    assert b'target_info{service_name="shop"} 1' in page(engine)
