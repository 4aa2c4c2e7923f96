"""Native histograms on a protobuf page, read by protobuf's own parser, against the definition."""

from __future__ import annotations

import dataclasses
import gc
import random
import tracemalloc
from collections.abc import Iterable, Sequence
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import example, given, settings

from span2metrics.engine.core import Engine
from span2metrics.engine.exponential import ZERO_THRESHOLD, bounds_of
from span2metrics.engine.plan import Dialect, Dimension, Format, Histograms, Now, Plan, Unit
from tests.metrics_proto import read_messages
from tests.oracle import TEXTS, Labels, Oracle
from tests.oracle_native import Native, native, of_message, told_buckets
from tests.payloads import NOW, START, Placed, request

SECOND, MS = 10**9, 10**6
LONGEST = 2**64 - 1
NATIVE = Plan(histograms=Histograms.NATIVE, errors_zero=False)
BOTH = dataclasses.replace(NATIVE, histograms=Histograms.BOTH)
#: Each durations' family of these plans, and its unit.
UNITS = {
    "traces_span_metrics_duration_seconds": SECOND,
    "traces_span_metrics_duration_milliseconds": MS,
    "traces_spanmetrics_latency": SECOND,
}


def placed(took: int, **more: Any) -> Placed:
    """A span of any duration that there can be."""
    return Placed(start=1 if took > START else START, took=min(took, LONGEST - 1), **more)


def fed(plan: Plan, *bodies: bytes) -> tuple[Engine, Oracle]:
    engine, model = Engine(plan), Oracle(plan)
    for body in bodies:
        engine.consume(body, NOW)
        model.consume(body)
    return engine, model


def page(engine: Engine, now: Now = NOW) -> bytes:
    return b"".join(engine.render(Format.PROTOBUF, now))


def histograms(raw: bytes) -> dict[tuple[str, Labels], Any]:
    """By family and labels, those of the service under the name that it has with `otel`."""
    renamed = {"service": "service_name"}
    return {
        (family.name, frozenset((renamed.get(pair.name, pair.name), pair.value) for pair in metric.label)): (
            metric.histogram
        )
        for family in read_messages(raw)
        for metric in family.metric
        if family.name in UNITS
    }


def expected(model: Oracle, plan: Plan, families: Iterable[str]) -> dict[tuple[str, Labels], Native]:
    return {
        (name, labels): native(spans, plan, UNITS[name])
        for name in families
        for labels, spans in model.observed().items()
    }


def only(engine: Engine) -> Any:
    (histogram,) = histograms(page(engine)).values()
    return histogram


def observed(plan: Plan, took: Sequence[int]) -> Any:
    """The one histogram that these durations make, which is as the definition has it."""
    engine, model = fed(plan, request(map(placed, took)))
    histogram = only(engine)
    assert [of_message(histogram)] == list(expected(model, plan, [next(iter(histograms(page(engine))))[0]]).values())
    return histogram


def of_unit(plan: Plan, unit: int) -> Plan:
    return dataclasses.replace(plan, unit={SECOND: Unit.SECONDS, MS: Unit.MILLISECONDS}[unit])


#: Durations, in the unit's own nanoseconds → their bucket at schema 0, where bounds are powers of two.
POWERS = {
    "a power of two is in the bucket that it ends": (lambda unit: unit, 0),
    "a nanosecond more is in the next": (lambda unit: unit + 1, 1),
    "a nanosecond less is below": (lambda unit: unit - 1, 0),
    "twice": (lambda unit: 2 * unit, 1),
    "half": (lambda unit: unit // 2, -1),
    "half and a nanosecond": (lambda unit: unit // 2 + 1, 0),
    "the last power that is whole": (lambda unit: unit << 20, 20),
    "and a nanosecond": (lambda unit: (unit << 20) + 1, 21),
}


@pytest.mark.parametrize("unit", [SECOND, MS])
@pytest.mark.parametrize(("took", "bucket"), POWERS.values(), ids=POWERS)
@pytest.mark.parametrize("schema", [-1, 0, 1, 3, 8])
def test_bounds_are_inclusive_to_the_nanosecond(took: Any, bucket: int, unit: int, schema: int) -> None:
    histogram = observed(of_unit(dataclasses.replace(NATIVE, native_schema=schema), unit), [took(unit)])
    if schema == 0:
        assert dict(told_buckets(histogram)) == {bucket: 1}


@pytest.mark.parametrize("unit", [SECOND, MS])
@pytest.mark.parametrize("schema", range(-4, 9))
def test_the_shortest_and_the_longest_have_their_buckets(schema: int, unit: int) -> None:
    plan = of_unit(dataclasses.replace(NATIVE, native_schema=schema, native_max_buckets=1000), unit)
    histogram = observed(plan, [0, 1, 2, 3, LONGEST - 1, 0])
    assert (histogram.schema, histogram.zero_count, histogram.sample_count) == (schema, 2, 6)


@pytest.mark.parametrize("unit", [SECOND, MS])
@pytest.mark.parametrize("schema", [-4, -1, 0, 3, 5])
def test_every_bound_and_what_is_beside_it_are_in_their_buckets(schema: int, unit: int) -> None:
    uppers = bounds_of(schema, unit).uppers_ns
    chosen = random.Random(1).sample(uppers, min(len(uppers), 100))
    took = sorted({ns for upper in chosen for ns in (upper - 1, upper, upper + 1) if 0 < ns < LONGEST})
    observed(of_unit(dataclasses.replace(NATIVE, native_schema=schema, native_max_buckets=1000), unit), took)


def test_0_ns_are_in_the_zero_bucket_and_nothing_else_is() -> None:
    histogram = observed(NATIVE, [0, 0, 1])
    assert (histogram.zero_count, histogram.zero_threshold) == (2, 2.0**-128)
    assert ZERO_THRESHOLD < 1e-9
    assert [count for _, count in told_buckets(histogram)] == [1]


def neighbours(count: int) -> list[int]:
    """A duration for each of so many neighbouring buckets at schema 3."""
    return [round(MS * 2 ** ((i + 0.5) / 8)) for i in range(count)]


@pytest.mark.parametrize(("count", "schema"), [(159, 3), (160, 3), (161, 2), (320, 2), (321, 1)])
def test_the_resolution_is_halved_by_the_first_bucket_too_many(count: int, schema: int) -> None:
    for took in (neighbours(count), neighbours(count)[::-1], random.Random(1).sample(neighbours(count), count)):
        assert observed(NATIVE, took).schema == schema


def test_a_bucket_that_is_there_takes_any_number_and_the_zero_bucket_is_none() -> None:
    assert observed(NATIVE, [*neighbours(160) * 2, 0]).schema == 3


@pytest.mark.parametrize("start", [8, 3, -1])
def test_it_is_lowered_as_far_as_there_is_a_schema(start: int) -> None:
    plan = dataclasses.replace(NATIVE, native_schema=start, native_max_buckets=8)
    histogram = observed(plan, [(1 << n) + (n > 2) for n in range(64)])
    assert histogram.schema == -4
    assert sum(count for _, count in told_buckets(histogram)) == 64


def test_it_is_lowered_at_once_as_far_as_must_be() -> None:
    far = [1 << n for n in range(0, 63, 8)]
    assert observed(dataclasses.replace(NATIVE, native_schema=8, native_max_buckets=8), far).schema == 8
    assert observed(dataclasses.replace(NATIVE, native_schema=8, native_max_buckets=8), [*far, 1 << 60]).schema == -3


def test_each_unit_has_its_own_resolution() -> None:
    """A second is no power of two of milliseconds: buckets of one unit cannot be those of the other."""
    plan = dataclasses.replace(NATIVE, dialects=(Dialect.OTEL, Dialect.JAEGER, Dialect.TEMPO), native_max_buckets=8)
    took = [SECOND * 2**n // 2**12 for n in range(9)] + [3 * SECOND // 2**11]
    engine, model = fed(plan, request(map(placed, took)))
    found = {key: of_message(histogram) for key, histogram in histograms(page(engine)).items()}
    assert found == expected(model, plan, UNITS)
    seconds, milliseconds, latency = found.values()
    assert (seconds.buckets, seconds.schema) == (latency.buckets, latency.schema)
    assert seconds.buckets != milliseconds.buckets


def test_series_have_resolutions_of_their_own() -> None:
    plan = dataclasses.replace(NATIVE, duration_dimensions=(Dimension("k", ("k",)),), native_max_buckets=8)
    spans = [placed(ns, attributes={"k": "wide"}) for ns in neighbours(9)] + [placed(MS, attributes={"k": "narrow"})]
    engine, model = fed(plan, request(spans))
    found = {key: of_message(histogram) for key, histogram in histograms(page(engine)).items()}
    assert found == expected(model, plan, ["traces_span_metrics_duration_seconds"])
    assert sorted(histogram.schema for histogram in found.values()) == [2, 3]


#: Places of the populated buckets at schema 0 → spans (offset, length); counts are 1 each.
SPANS = {
    "neighbours are one span": ([0, 1, 2], [(0, 3)]),
    "so are those with two empty buckets between them": ([0, 3], [(0, 4)]),
    "but not with three": ([0, 4], [(0, 1), (3, 1)]),
    "the first offset is the first index": ([-5, -3, 9, 10], [(-5, 3), (11, 2)]),
}


@pytest.mark.parametrize(("places", "spans"), SPANS.values(), ids=SPANS)
def test_small_gaps_are_filled_and_large_ones_are_not(places: list[int], spans: list[tuple[int, int]]) -> None:
    took = [(SECOND << place) if place >= 0 else SECOND >> -place for place in places]
    histogram = observed(dataclasses.replace(NATIVE, native_schema=0), took)
    assert [(span.offset, span.length) for span in histogram.positive_span] == spans
    assert [place for place, count in told_buckets(histogram) if count] == places


def test_counts_fall_and_rise_between_neighbours() -> None:
    assert dict(told_buckets(observed(NATIVE, [MS] * 300 + [2 * MS] * 2 + [SECOND] * 70_000))).keys() >= {-79, -71, 0}


# --- what is shown besides --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("plan", [NATIVE, BOTH])
def test_classic_buckets_are_there_where_both_are_asked_for(plan: Plan) -> None:
    spans = [placed(took, trace_id=bytes([n]) * 16) for n, took in enumerate([3 * MS, SECOND, 3 * MS], 1)]
    histogram = only(fed(plan, request(spans))[0])
    assert [bucket.cumulative_count for bucket in histogram.bucket] == ([0] + [2] * 9 + [3] * 7) * (plan is BOTH)
    told = [bucket.exemplar for bucket in histogram.bucket if bucket.HasField("exemplar")]
    assert told == list(histogram.exemplars) * (plan is BOTH)
    assert [exemplar.label[0].value[:2] for exemplar in histogram.exemplars] == ["03", "02"]


def test_exemplars_are_the_classic_buckets_ones_by_time() -> None:
    spans = [
        placed(3 * MS, trace_id=b"\1" * 16).but(start=START + 10 * SECOND),
        placed(5 * MS, trace_id=b"\2" * 16).but(start=START + 5 * SECOND),
        placed(5 * MS, trace_id=b"\3" * 16).but(start=START - 5 * SECOND),
        placed(SECOND, trace_id=b"\4" * 16).but(start=START + 9 * SECOND + 3 * MS),
        placed(2 * SECOND, trace_id=b"\5" * 16).but(start=START + 8 * SECOND + 3 * MS),
    ]
    for order in (spans, spans[::-1]):
        exemplars = only(fed(NATIVE, request(order))[0]).exemplars
        assert [int(exemplar.label[0].value[:2]) for exemplar in exemplars] == [2, 1, 4, 5]
        assert exemplars[0].value == 0.005
    assert not only(fed(dataclasses.replace(NATIVE, exemplars=False), request(spans))[0]).exemplars


@pytest.mark.parametrize("plan", [NATIVE, BOTH])
def test_a_new_series_is_shown_empty_and_still_is_native(plan: Plan) -> None:
    engine = fed(dataclasses.replace(plan, zero_first_ns=SECOND), request([placed(0), placed(MS)]))[0]
    histogram = only(engine)
    assert of_message(histogram) == Native(3, 0, {}, 0, 0, [])
    assert histogram.zero_threshold > 0
    assert histogram.created_timestamp.seconds == NOW.wall_ns // SECOND
    ((_, later),) = histograms(page(engine, Now(NOW.wall_ns + SECOND, 0))).items()
    assert (later.sample_count, later.zero_count) == (2, 1)


def test_a_classic_histogram_has_nothing_native() -> None:
    histogram = only(fed(Plan(errors_zero=False), request([placed(0), placed(MS)]))[0])
    assert {field.name for field, _ in histogram.ListFields()} == {
        "sample_count",
        "sample_sum",
        "bucket",
        "created_timestamp",
    }


@pytest.mark.parametrize("format", TEXTS)
def test_text_shows_a_native_histogram_by_its_count_and_sum(format: Format) -> None:
    spans = [placed(SECOND, trace_id=b"\2" * 16), placed(MS, trace_id=b"\1" * 16)]
    engine = fed(dataclasses.replace(NATIVE, created=True), request(spans))[0]
    lines = b"".join(engine.render(format, NOW)).decode().splitlines()
    shown = [line for line in lines if "duration_seconds" in line and line[0] != "#"]
    rich = format is Format.OPENMETRICS
    ends = ['le="+Inf"} 2', "} 1.001", "} 2", "} 1760000000"][: 3 + rich]
    assert [line.partition(" # ")[0].endswith(end) for line, end in zip(shown, ends, strict=True)] == [True] * len(ends)
    assert ('# {trace_id="0202' in shown[0]) == rich  # the latest


@pytest.mark.parametrize("most", [0, 7, 1001])
def test_a_plan_that_could_not_be_kept_is_refused(most: int) -> None:
    with pytest.raises(ValueError, match="8 to 1000 buckets"):
        Engine(dataclasses.replace(NATIVE, native_max_buckets=most))


def test_memory_is_given_back() -> None:
    tracemalloc.start()
    try:
        engine = fed(dataclasses.replace(BOTH, dialects=(Dialect.OTEL, Dialect.JAEGER)), b"")[0]
        body = request([placed(took, name=f"n{n}") for n in range(300) for took in neighbours(40)])
        before = tracemalloc.get_traced_memory()[0]
        engine.consume(body, NOW)
        grown = tracemalloc.get_traced_memory()[0] - before
        del engine
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - before < grown // 10
    finally:
        tracemalloc.stop()


# --- any spans, in any order ------------------------------------------------------------------------------------------


def near(power: int, unit: int, off: int) -> int:
    """A duration beside a bound."""
    return min(max(0, (unit << power) + off), LONGEST - 1)


_durations = (
    st.integers(0, 3)
    | st.integers(0, LONGEST - 1)
    | st.builds(near, st.integers(0, 63), st.just(1), st.integers(-1, 1 << 20))
    | st.builds(near, st.integers(0, 20), st.sampled_from([SECOND, MS]), st.integers(-1, 1))
)
_spans = st.lists(
    st.builds(
        placed,
        _durations,
        name=st.sampled_from("ab"),
        trace_id=st.sampled_from([b"\1" * 16, b"\2" * 16, b""]),
        span_id=st.sampled_from([b"\1" * 8, b"\2" * 8]),
    ),
    max_size=40,
)
_plans = st.builds(
    Plan,
    dialects=st.sampled_from([(Dialect.OTEL,), (Dialect.OTEL, Dialect.JAEGER), (Dialect.JAEGER, Dialect.TEMPO)]),
    histograms=st.sampled_from([Histograms.NATIVE, Histograms.BOTH]),
    native_schema=st.integers(-4, 5),
    native_max_buckets=st.integers(8, 12) | st.just(160),
    bounds_ns=st.sampled_from([Plan().bounds_ns, (), (MS, SECOND)]),
    exemplars=st.booleans(),
)


@settings(max_examples=150)
@given(_plans, _spans)
@example(dataclasses.replace(BOTH, native_schema=8), [placed(ns) for ns in (0, 1, SECOND, LONGEST - 1)])
def test_any_durations_are_counted_as_the_definition_has_it(plan: Plan, spans: list[Placed]) -> None:
    engine, model = fed(plan, request(spans))
    found = histograms(page(engine))
    families = {name for name, _ in found}
    assert len(families) == len(plan.dialects) * bool(spans)
    assert {key: of_message(histogram) for key, histogram in found.items()} == expected(model, plan, families)
    for histogram in found.values():
        assert [bool(span.length) for span in histogram.positive_span] == [True] * len(histogram.positive_span)
        assert [span.offset > 2 for span in histogram.positive_span[1:]] == [True] * len(histogram.positive_span[1:])


@settings(max_examples=100)
@given(_plans, _spans, st.randoms(use_true_random=False), st.integers(1, 7))
def test_neither_order_nor_batching_shows(plan: Plan, spans: list[Placed], order: random.Random, size: int) -> None:
    shuffled = order.sample(spans, len(spans))
    whole = fed(plan, request(spans))[0]
    split = fed(plan, *(request(shuffled[at : at + size]) for at in range(0, len(shuffled), size)))[0]
    assert page(whole) == page(split)
