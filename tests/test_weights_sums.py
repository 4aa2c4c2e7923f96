"""Weighted sums stay near to the exact fractions: after millions of spans, and of any spans at all."""

from __future__ import annotations

import dataclasses
import gc
import math
import random
import tracemalloc
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, given, settings

from span2metrics.engine.plan import MS, Dialect, Histograms, Plan
from tests import wire
from tests.cases_weights import P
from tests.payloads import NOW, START, Placed, request
from tests.weights import BOTH_DIALECTS, FORMATS, HALF, WEIGHED, assert_right, fed, modelled, page
from tests.weights_page import SECOND, numbers, wanted

#: Of which most are no dyadic fraction.
PARTS = ("", "ot=th:1", "ot=th:333", "ot=th:8", "ot=th:aaa", "ot=th:e6666666666668", "ot=th:ffbe76c8b43958")


def crowd(count: int, dice: random.Random) -> list[Placed]:
    return [
        Placed(
            name=dice.choice("ab"),
            took=dice.choice([0, 1, 3 * MS, dice.randrange(SECOND), 2**62]),
            start=1,
            trace_state=dice.choice(PARTS),
            attributes={P: dice.choice([0.3, "0.07", 1])},
        )
        for _ in range(count)
    ]


def test_sums_are_as_near_after_millions_of_spans_as_after_one() -> None:
    body, times = request(crowd(4000, random.Random(1))), 500
    engine, model = fed(WEIGHED, *[body] * times), modelled(WEIGHED, body)
    assert engine.stats().aggregated == 4000 * times
    for format in FORMATS:
        found = numbers(page(engine, format), format)
        for key, (value, _) in wanted(model).items():
            assert abs(Fraction(found[key].value) - value * times) <= value * times * Fraction(1, 10**14), key


def test_a_request_of_more_than_a_block_is_weighed_once() -> None:
    body = request(crowd(40_000, random.Random(2)))
    assert_right(fed(WEIGHED, body), modelled(WEIGHED, body))


def test_memory_is_taken_for_weighted_series_alone_and_given_back() -> None:
    plain = request([Placed(name=f"n{n}", took=took) for n in range(2000) for took in (0, MS, SECOND)])
    weighted = request([Placed(name=f"n{n}", took=took, trace_state=HALF) for n in range(2000) for took in (0, MS)])
    one = request([Placed(name="n7", took=MS, trace_state=HALF)])
    tracemalloc.start()
    try:
        engine = fed(WEIGHED, plain, plain)
        for body, least, most in ((plain, 0, 1000), (one, 1000, 200_000), (weighted, 400_000, 4_000_000)):
            before = traced()
            engine.consume(body, NOW)
            assert least <= traced() - before <= most
        grown = traced()
        del engine
        assert traced() < grown - 1_000_000
    finally:
        tracemalloc.stop()


def traced() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


# --- any spans --------------------------------------------------------------------------------------------------------

_thresholds = st.integers(0, (1 << 56) - 1).map("{:014x}".format) | st.text("0123456789abcdef", min_size=1, max_size=4)
_trace_states = st.just("") | _thresholds.map("ot=th:{}".format) | _thresholds.map("a=b, ot=rv:0;th:{};x:y ,c=d".format)
_probabilities = st.floats(0, 1) | st.floats(0, 1).map(repr) | st.sampled_from([1, "1e-4", "0.1", 0.1, None, "x"])
_durations = st.sampled_from([0, 1, MS, 2 * MS, 2 * MS + 1, SECOND]) | st.integers(0, 2**63) | st.integers(0, SECOND)
_spans = st.lists(
    st.builds(
        Placed,
        name=st.sampled_from("ab"),
        status=st.integers(0, 2),
        took=_durations,
        start=st.sampled_from([0, 1, START, START]),
        trace_state=_trace_states,
        attributes=st.fixed_dictionaries({}, optional={P: _probabilities}),
    ),
    max_size=30,
).map(lambda spans: [span.but(took=min(span.took, 2**64 - 1 - span.start)) for span in spans])
_plans = st.builds(
    Plan,
    dialects=st.just(BOTH_DIALECTS),
    histograms=st.sampled_from(Histograms),
    native_schema=st.integers(-4, 5),
    native_max_buckets=st.integers(8, 12) | st.just(160),
    bounds_ns=st.sampled_from([Plan().bounds_ns, (), (MS, SECOND)]),
    errors_zero=st.booleans(),
    exemplars=st.booleans(),
    tracestate=st.booleans(),
    weight_attribute=st.sampled_from([P, P, ""]),
    max_weight=st.sampled_from([1, 3, 10_000, 10**9]),
    graph=st.none(),
)
ENGINE = settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])


@ENGINE
@given(_plans, st.lists(_spans, max_size=3))
def test_any_weights_come_to_their_exact_fractions_in_every_format(plan: Plan, batches: list[list[Placed]]) -> None:
    bodies = [request(spans) for spans in batches]
    assert_right(fed(plan, *bodies), modelled(plan, *bodies))


@ENGINE
@given(_plans, _spans, st.randoms(use_true_random=False))
def test_neither_order_nor_batching_shows_but_in_the_last_digits(
    plan: Plan, spans: list[Placed], order: random.Random
) -> None:
    shuffled = order.sample(spans, len(spans))
    assert_right(fed(plan, *(request([span]) for span in shuffled)), modelled(plan, request(spans)))


@given(st.binary(max_size=40) | st.text("ot=h:;, 0123456789abcdefg", max_size=40).map(str.encode))
def test_any_bytes_may_be_a_tracestate(raw: bytes) -> None:
    for text in (raw, b"ot=th:" + raw):
        span = Placed().span().SerializeToString() + wire.field(3, text)
        body = wire.field(1, wire.field(2, wire.field(2, span)))
        assert_right(fed(WEIGHED, body), modelled(WEIGHED, body))


@given(st.text("0123456789.eE+-_ x", max_size=12))
def test_any_text_may_be_a_probability(text: str) -> None:
    body = request([Placed(attributes={P: text})])
    assert_right(fed(WEIGHED, body), modelled(WEIGHED, body))


def test_a_weight_is_the_same_to_the_last_digits_by_any_way_of_saying_it() -> None:
    """A half, a quarter and so on, by threshold, double and text."""
    for n in range(1, 14):
        threshold = f"{((1 << n) - 1) << (56 - n):014x}"
        ways: Iterable[dict[str, Any]] = (
            {"trace_state": f"ot=th:{threshold}"},
            {"attributes": {P: math.ldexp(1, -n)}},
            {"attributes": {P: repr(math.ldexp(1, -n))}},
        )
        plan = dataclasses.replace(WEIGHED, dialects=(Dialect.OTEL,))  # whose page tells nothing of a span's size
        assert len({page(fed(plan, request([Placed(**way)]))) for way in ways}) == 1
