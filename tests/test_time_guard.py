"""Spans that come too late or from the future: which are dropped, what is counted, and how late all are."""

from __future__ import annotations

import dataclasses
import random

import pytest

from span2metrics.engine.core import Engine
from span2metrics.engine.plan import MS, Dimension, Format, Graph, Now, Plan
from span2metrics.engine.stats import LATENESS_BOUNDS_NS, Outcome
from span2metrics.engine.where import Filters, Where
from span2metrics.errors import DecodeError
from tests import wire
from tests.cases import BARE, SPAN, plan
from tests.cases_edges import CALL, SERVED
from tests.cases_filters import equal
from tests.oracle import TEXTS, Oracle
from tests.oracle_filters import BOUNDS
from tests.payloads import BAD, FEEDS, NOW, Placed, request
from tests.twins import BrokenError

SECOND = 10**9
HOUR = 3600 * SECOND
GUARDED = dataclasses.replace(BARE, slack_ns=HOUR)
GREATEST = 2**64 - 1
#: Of a clock: in 2262.
LAST = 2**63 - 1


def ended(*lateness: int) -> list[Placed]:
    """Spans that ended so many nanoseconds before now."""
    return [SPAN.but(start=max(1, NOW.wall_ns - late - MS), end=NOW.wall_ns - late) for late in lateness]


def fed(plan: Plan, *bodies: bytes, now: Now = NOW) -> Engine:
    engine = Engine(plan)
    for body in bodies:
        engine.consume(body, now)
    return engine


def page(engine: Engine, format: Format = Format.OPENMETRICS) -> bytes:
    return b"".join(engine.render(format, NOW))


def assert_equal(engine: Engine, model: Oracle) -> None:
    for format in TEXTS:
        assert page(engine, format) == model.page(format)
    stats = engine.stats()
    assert stats.lateness == model.lateness
    assert stats.dropped["outside_time_slack"] == model.dropped.total()
    assert (stats.received, stats.aggregated) == (model.received, model.received - model.dropped.total())
    assert {reason: n for reason, n in stats.anomalies.items() if n} == model.anomalies


# --- slack ------------------------------------------------------------------------------------------------------------

#: How late, and what becomes of it: counted, too old, too new.
SLACK = {
    "now": (0, "counted"),
    "just now": (1, "counted"),
    "at the slack": (HOUR, "counted"),
    "beyond it": (HOUR + 1, "too old"),
    "long ago": (NOW.wall_ns - 1, "too old"),
    "in a while": (-1, "counted"),
    "at the slack in the future": (-HOUR, "counted"),
    "beyond it in the future": (-HOUR - 1, "too new"),
    "as late as can be": (NOW.wall_ns - GREATEST, "too new"),
}


@pytest.mark.parametrize("beside", [False, True])
@pytest.mark.parametrize("case", SLACK)
def test_a_span_counts_if_it_ended_within_the_slack(case: str, beside: bool) -> None:
    late, fate = SLACK[case]
    others = ended(MS, 2 * MS) if beside else []
    outcome = Engine(GUARDED).consume(request([*others[:1], *ended(late), *others[1:]]), NOW)
    old, new = fate == "too old", fate == "too new"
    dropped = {"outside_time_slack": 1} if old or new else {}
    assert outcome == Outcome(len(others) + 1, len(others) + 1 - old - new, dropped, too_old=old, too_new=new)


@pytest.mark.parametrize("way", FEEDS)
def test_what_is_dropped_leaves_no_trace_however_it_is_fed(way: str) -> None:
    late = [late for late, _ in SLACK.values()]
    spans = [
        span.but(name=f"{n}", service=f"s{n % 3}", trace_id=bytes([n + 1]) * 16) for n, span in enumerate(ended(*late))
    ]
    engine, model = fed(GUARDED, *FEEDS[way](spans)), Oracle(GUARDED)
    model.consume(request(spans))
    assert model.dropped == {"outside_time_slack": 4}
    assert_equal(engine, model)


def test_a_span_without_an_end_has_no_time_to_judge() -> None:
    spans = [SPAN.but(start=0, end=0), SPAN.but(start=1, end=0), SPAN.but(start=NOW.wall_ns, end=0)]
    engine = fed(GUARDED, request(spans), *(request([span]) for span in spans))
    assert (engine.stats().aggregated, engine.stats().anomalies["no_time"]) == (6, 6)
    assert engine.stats().lateness == ((0,) * (len(BOUNDS) + 1), 0)


def test_one_without_a_start_is_judged_by_its_end() -> None:
    outcome = Engine(GUARDED).consume(request([SPAN.but(start=0, end=end) for end in (1, NOW.wall_ns)]), NOW)
    assert (outcome.aggregated, outcome.too_old) == (1, 1)


def test_without_slack_all_count() -> None:
    engine, model = fed(BARE, request(ended(*(late for late, _ in SLACK.values())))), Oracle(BARE)
    model.consume(request(ended(*(late for late, _ in SLACK.values()))))
    assert engine.stats().dropped["outside_time_slack"] == 0
    assert_equal(engine, model)


@pytest.mark.parametrize("wall_ns", [0, 1, HOUR - 1, HOUR, HOUR + 1, LAST - HOUR, LAST])
@pytest.mark.parametrize("slack_ns", [0, 1, HOUR])
def test_a_clock_that_is_far_off_breaks_nothing(wall_ns: int, slack_ns: int) -> None:
    ends = sorted({1, 2, HOUR, 2 * HOUR, GREATEST - 1, GREATEST, wall_ns} - {0})
    body, now = request([SPAN.but(start=1, end=end) for end in ends]), Now(wall_ns, 0)
    plan = dataclasses.replace(BARE, slack_ns=slack_ns)
    engine, model = Engine(plan), Oracle(plan)
    outcome = engine.consume(body, now)
    model.consume(body, now)
    assert outcome.too_old + outcome.too_new == model.dropped.total()
    assert engine.stats().lateness == model.lateness


def test_of_a_dropped_span_nothing_else_is_counted() -> None:
    old = [
        *(SPAN.but(name="old", service=None, end=1), SPAN.but(name="old", trace_id=b"", kind=9, end=1)),
        *(SPAN.but(name="old", start=0, end=1), SPAN.but(name="old", trace_state="ot=th:8", end=1)),
        *(SPAN.but(name="old", attributes={"k": value}, end=1) for value in ("x" * 999, f"x{BAD}")),
    ]
    stats = fed(plan(Dimension("k", ("k",)), slack_ns=HOUR), request(old)).stats()
    assert (stats.received, stats.aggregated, stats.dropped) == (6, 0, {"filtered": 0, "outside_time_slack": 6})
    assert set(stats.anomalies.values()) == set(stats.truncated.values()) == {0}
    assert (stats.weighted, stats.births, stats.raw_keys, stats.series["calls"]) == (0, 0, 0, 0)


def test_its_time_is_judged_before_a_filter_is_asked() -> None:
    filters = Filters(exclude=(Where(name=equal(SPAN.name)),))
    outcome = Engine(dataclasses.replace(GUARDED, filters=filters)).consume(request(ended(0, 2 * HOUR)), NOW)
    assert outcome == Outcome(2, 0, {"filtered": 1, "outside_time_slack": 1}, too_old=1)


def test_the_service_graph_takes_no_part_of_it() -> None:
    plan = dataclasses.replace(GUARDED, graph=Graph())
    client, server = (span.but(start=NOW.wall_ns - MS, end=NOW.wall_ns) for span in (CALL, SERVED))
    links = [(bytes([n]) * 16, bytes([n]) * 8) for n in range(1, 9)]
    consumer = SPAN.but(kind=5, service="queue", links=links, start=1, end=2)
    for spans in ([client.but(end=1), server], [client, server.but(end=1)], [consumer, client, server], [consumer]):
        engine, model = fed(plan, request(spans)), Oracle(plan)
        model.consume(request(spans))
        assert_equal(engine, model)
        assert b'{service="queue"}' not in page(engine)


def test_an_instance_is_shown_whatever_its_spans_times() -> None:
    engine = fed(plan(target_info=True, slack_ns=HOUR), request(ended(2 * HOUR)))
    assert b'target_info{service_name="shop"} 1' in page(engine)


@pytest.mark.parametrize("spans", [1, 20_000])
def test_a_fault_inside_a_dropped_span_refuses_the_request(spans: int) -> None:
    plan = dataclasses.replace(GUARDED, dimensions=(Dimension("k", ("k",)),))
    broken = wire.field(9, wire.field(1, b"k"), wire.field(2, wire.field(5, wire.field(1, b"\x0a\x7f"))))
    old = SPAN.but(end=1).span().SerializeToString()
    body = wire.field(1, wire.field(2, wire.field(2, old) * (spans - 1), wire.field(2, old, broken)))
    engine = Engine(plan)
    with pytest.raises(DecodeError):
        engine.consume(body, NOW)
    assert (engine.stats().received, engine.stats().lateness.sum_ns) == (0, 0)
    if spans == 1:
        with pytest.raises(BrokenError):
            Oracle(plan).consume(body)


def test_a_large_request_is_judged_block_by_block() -> None:
    spans = ended(0, 2 * HOUR, -2 * HOUR, MS) * 10_000
    engine = Engine(GUARDED)
    outcome = engine.consume(request(spans), NOW)
    assert outcome == Outcome(40_000, 20_000, {"outside_time_slack": 20_000}, too_old=10_000, too_new=10_000)
    assert sum(engine.stats().lateness.counts) == 40_000
    assert engine.consume(request(ended(0)), NOW) == Outcome(1, 1, {})


# --- lateness ---------------------------------------------------------------------------------------------------------


def test_the_bounds_are_those_that_are_told() -> None:
    assert [bound * SECOND for bound in BOUNDS] == list(LATENESS_BOUNDS_NS)


@pytest.mark.parametrize("number", range(len(LATENESS_BOUNDS_NS)))
def test_a_bound_of_lateness_is_inclusive(number: int) -> None:
    bound = LATENESS_BOUNDS_NS[number]
    counts = fed(BARE, request(ended(bound, bound + 1))).stats().lateness.counts
    assert (counts[number], counts[number + 1], sum(counts)) == (1, 1, 2)


def test_what_ends_in_the_future_is_seen_and_adds_no_time() -> None:
    lateness = fed(BARE, request(ended(-1, -HOUR, NOW.wall_ns - GREATEST, 5))).stats().lateness
    assert (lateness.counts[:2], lateness.sum_ns) == ((3, 1), 5)


@pytest.mark.parametrize("slack_ns", [0, 1, 2 * SECOND, HOUR])
@pytest.mark.parametrize("seed", range(5))
def test_lateness_is_right_in_any_order(seed: int, slack_ns: int) -> None:
    dice = random.Random(seed)
    edges = [bound + more for bound in (*LATENESS_BOUNDS_NS, slack_ns) for more in (-1, 0, 1)]
    late = [*edges, *(-edge for edge in edges), *(dice.randrange(-HOUR, 100_000 * SECOND) for _ in range(200))]
    plan = dataclasses.replace(BARE, slack_ns=slack_ns)
    engine, model = Engine(plan), Oracle(plan)
    for _ in range(3):
        batch = dice.sample(late, dice.randrange(len(late)))
        body = request(ended(*batch))
        now = Now(NOW.wall_ns + dice.randrange(SECOND), NOW.mono_ns)
        engine.consume(body, now)
        model.consume(body, now)
    assert engine.stats().lateness == model.lateness
    assert engine.stats().dropped["outside_time_slack"] == model.dropped.total()


def test_a_sum_of_lateness_has_no_end() -> None:
    engine, now = Engine(BARE), Now(LAST, 0)
    for _ in range(3):
        engine.consume(request([SPAN.but(start=1, end=1)] * 3), now)
    assert engine.stats().lateness.sum_ns == 9 * (LAST - 1) > 2**64


def test_a_refused_request_was_not_late() -> None:
    engine = Engine(BARE)
    with pytest.raises(DecodeError):
        engine.consume(request(ended(SECOND)) + b"\x0a\x7f", NOW)
    assert sum(engine.stats().lateness.counts) == 0
    assert engine.consume(request(ended(SECOND)), NOW) == Outcome(1, 1, {})
    assert engine.stats().lateness.sum_ns == SECOND
