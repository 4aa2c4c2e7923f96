"""Sampled spans count for what they stand for: case by case, in every format, and nothing else is touched."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

import pytest

from span2metrics.engine.core import Engine
from span2metrics.engine.plan import MS, Dialect, Dimension, Format, Graph, Histograms, Now
from span2metrics.errors import DecodeError
from span2metrics.formats.otlp_json import to_request
from tests import wire
from tests.cases_weights import CASES, Case, P
from tests.metrics_proto import read_messages
from tests.payloads import FEEDS, NOW, Placed, request
from tests.twins import BrokenError
from tests.weights import BOTH_DIALECTS, FORMATS, HALF, QUARTER, WEIGHED, assert_right, fed, modelled, page
from tests.weights_page import SECOND, assert_near, natives, near, numbers, wanted

# --- case by case -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.promise)
def test_a_span_counts_for_its_weight_however_it_is_fed(case: Case) -> None:
    plan = dataclasses.replace(case.plan, dialects=BOTH_DIALECTS, histograms=Histograms.BOTH)
    spans = [case.span, case.span.but(took=40 * MS)]
    model = modelled(dataclasses.replace(plan, graph=None), request(spans))
    assert list(model.weighted_calls().values()) == [2 * case.weight]
    assert [set(case.labels.items()) <= labels for labels in model.weighted_calls()] == [True]
    assert (model.weighted, model.capped_weights) == (2 * (case.weight != 1), 2 * case.capped)
    for feed in FEEDS.values():
        assert_right(fed(model.plan, *feed(spans)), model)
    with_graph = fed(plan, request(spans))
    assert page(with_graph).startswith(page(fed(model.plan, request(spans))))


def test_the_last_tracestate_of_a_span_counts() -> None:
    assert calls_of(wire.field(3, HALF.encode()), wire.field(3, QUARTER.encode())) == 4
    assert calls_of(wire.field(3, HALF.encode()), wire.field(3)) == 1


def test_a_tracestate_of_another_wire_type_is_none() -> None:
    assert calls_of(wire.integer(3, 8)) == calls_of(wire.fixed64(3, 8)) == calls_of(wire.group(3)) == 1


def test_a_span_of_json_has_its_weight_too() -> None:
    span = {"name": "GET /", "traceState": HALF, "startTimeUnixNano": "1", "endTimeUnixNano": "2"}
    body = to_request(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode())
    engine, model = fed(WEIGHED, body), modelled(WEIGHED, body)
    assert_right(engine, model)
    assert model.weighted == engine.stats().weighted == 1


def test_a_links_tracestate_is_not_its_spans() -> None:
    assert calls_of(wire.field(13, wire.field(1, b"\1" * 16), wire.field(2, b"\1" * 8), wire.field(3, b"ot=th:8"))) == 1


def calls_of(*fields: bytes) -> float:
    """Of a span with these fields besides those that any has."""
    span = Placed().span().SerializeToString() + b"".join(fields)
    body = wire.field(1, wire.field(2, wire.field(2, span)))
    engine, model = fed(WEIGHED, body), modelled(WEIGHED, body)
    assert_right(engine, model)
    return float(max(model.weighted_calls().values()))


@pytest.mark.parametrize("spans", [1, 20_000])
@pytest.mark.parametrize("trace_state", ["", HALF])
def test_a_fault_inside_the_attribute_refuses_the_request(trace_state: str, spans: int) -> None:
    broken = wire.field(9, wire.field(1, P.encode()), wire.field(2, wire.field(5, wire.field(1, b"\x0a\x7f"))))
    whole = wire.field(2, Placed(trace_state=trace_state).span().SerializeToString())
    body = wire.field(1, wire.field(2, whole * (spans - 1), wire.field(2, wire.field(3, trace_state.encode()), broken)))
    engine = Engine(WEIGHED)
    with pytest.raises(DecodeError):
        engine.consume(body, NOW)
    assert (engine.stats().received, engine.stats().weighted) == (0, 0)
    if spans == 1:
        with pytest.raises(BrokenError):
            modelled(WEIGHED, body)
    fed(dataclasses.replace(WEIGHED, weight_attribute=""), body)


@pytest.mark.parametrize("graph", [None, Graph()])
def test_spans_that_differ_in_their_weight_alone_have_one_key(graph: Graph | None) -> None:
    spans = [Placed(attributes={P: n / 100}, trace_state=f"ot=rv:{n:014x}") for n in range(1, 100)]
    stats = fed(dataclasses.replace(WEIGHED, graph=graph), request(spans), request(spans)).stats()
    assert (stats.births, stats.raw_keys, stats.weighted) == (1, 1, 2 * len(spans))


# --- what weights do not touch ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("histograms", Histograms)
def test_spans_of_weight_1_show_nothing_of_it(format: Format, histograms: Histograms) -> None:
    plan = dataclasses.replace(WEIGHED, histograms=histograms, created=True)
    spans = [Placed(took=took, name=name) for took in (0, 3 * MS, SECOND) for name in "ab"]
    ones = [span.but(attributes={P: 1.0}) if n % 2 else span.but(attributes={P: 7}) for n, span in enumerate(spans)]
    plain = [span.but(attributes={"sampling.probabilitY": span.attributes[P]}) for span in ones]
    assert page(fed(plan, request(ones)), format) == page(fed(plan, request(plain)), format)


@pytest.mark.parametrize("format", [Format.TEXT, Format.OPENMETRICS])
def test_a_series_beside_weighted_ones_is_the_same_to_the_byte(format: Format) -> None:
    plain = [Placed(name="plain", took=took) for took in (0, 3 * MS, SECOND)]
    weighted = [span.but(name="weighted", trace_state=HALF) for span in plain]
    alone, beside = page(fed(WEIGHED, request(plain)), format), page(fed(WEIGHED, request(plain + weighted)), format)
    lines = [line for line in beside.splitlines() if b'span_name="weighted"' not in line]
    assert lines == alone.splitlines()


def test_siblings_at_0_stay_at_0() -> None:
    found = numbers(page(fed(WEIGHED, request([Placed(trace_state=HALF)]))), Format.TEXT)
    assert [
        number.value for (name, labels), number in found.items() if ("status_code", "STATUS_CODE_ERROR") in labels
    ] == [0, 0]


@pytest.mark.parametrize("format", [Format.OPENMETRICS, Format.PROTOBUF])
def test_exemplars_and_births_are_those_of_the_spans(format: Format) -> None:
    spans = [Placed(took=took, trace_id=bytes([n]) * 16) for n, took in enumerate([3 * MS, 4 * MS, SECOND], 1)]
    weighted = [span.but(trace_state=QUARTER) for span in spans]
    plan = dataclasses.replace(WEIGHED, created=True)
    plain, sampled = (told(fed(plan, request(of)), format) for of in (spans, weighted))
    assert plain == sampled
    assert [told for told in plain if "trace_id" in str(told)]


def told(engine: Engine, format: Format) -> list[Any]:
    """What a page says besides counts."""
    if format is not Format.PROTOBUF:
        lines = page(engine, format).decode().splitlines()
        return [line.partition(" # ")[2] or line for line in lines if " # " in line or "_created" in line]
    metrics = [metric for family in read_messages(page(engine, format)) for metric in family.metric]
    return [
        *([m.counter.exemplar, m.counter.created_timestamp] for m in metrics if m.HasField("counter")),
        *([b.exemplar for b in m.histogram.bucket] for m in metrics),
        *([list(m.histogram.exemplars), m.histogram.created_timestamp] for m in metrics),
    ]


@pytest.mark.parametrize("histograms", Histograms)
@pytest.mark.parametrize("format", FORMATS)
def test_a_new_series_is_shown_at_0_first(format: Format, histograms: Histograms) -> None:
    plan = dataclasses.replace(WEIGHED, zero_first_ns=SECOND, histograms=histograms)
    body = request([Placed(trace_state="ot=th:5", took=took) for took in (0, MS, SECOND)])
    engine = fed(plan, body)
    assert {number.value for number in numbers(page(engine, format), format).values()} == {0}
    if format is Format.PROTOBUF and histograms.native:
        assert {(told.zero.value, *told.buckets) for told in natives(page(engine, format)).values()} == {(0,)}
    found = numbers(page(engine, format, Now(NOW.wall_ns + SECOND, 0)), format)
    assert_near(found, wanted(modelled(plan, body)))


# --- once weighted ----------------------------------------------------------------------------------------------------


def test_a_series_stays_fractional_once_it_was() -> None:
    first, others = request([Placed(trace_state=HALF)]), request([Placed(), Placed(took=0)] * 10)
    engine = fed(WEIGHED, first, others)
    assert_right(engine, modelled(WEIGHED, first, others))
    (metric,) = read_messages(page(engine, Format.PROTOBUF))[1].metric
    assert (metric.histogram.sample_count_float, metric.histogram.zero_count_float) == (22, 10)


def test_a_series_becomes_fractional_when_the_first_weight_comes() -> None:
    many, one = request([Placed(took=took) for took in range(0, SECOND, SECOND // 50)]), [Placed(trace_state="ot=th:3")]
    engine = fed(WEIGHED, many)
    (metric,) = read_messages(page(engine, Format.PROTOBUF))[1].metric
    assert (metric.histogram.sample_count, metric.histogram.HasField("sample_count_float")) == (50, False)
    engine.consume(request(one), NOW)
    assert_right(engine, modelled(WEIGHED, many, request(one)))


def test_a_span_without_times_weighs_on_calls_alone() -> None:
    spans = request([Placed(), Placed(start=0, trace_state=HALF)])
    engine, model = fed(WEIGHED, spans), modelled(WEIGHED, spans)
    assert_right(engine, model)
    assert (len(model.fractional("calls")), len(model.fractional("duration"))) == (1, 0)


def test_calls_and_durations_with_labels_of_their_own_are_weighed_apart() -> None:
    own = {"calls_dimensions": (Dimension("c", ("c",)),), "duration_dimensions": (Dimension("d", ("d",)),)}
    plan = dataclasses.replace(WEIGHED, **own)
    spans = [
        Placed(attributes={"c": c, "d": d}, trace_state=t) for c, d, t in zip("112", "122", ["", HALF, ""], strict=True)
    ]
    assert_right(fed(plan, request(spans)), modelled(plan, request(spans)))


def widening(count: int, first: int = MS) -> list[int]:
    """Durations in so many neighbouring buckets at schema 3, from the middle outwards."""
    places = sorted(range(count), key=lambda place: abs(place - count // 2))
    return [round(first * 2 ** ((place + 0.5) / 8)) for place in places]


@pytest.mark.parametrize("weighed", [[0], [5], [0, 1, 2, 3, 4], [60], range(0, 61, 7), range(61)], ids=str)
def test_native_buckets_keep_their_weights_as_they_multiply_and_merge(weighed: Sequence[int]) -> None:
    """A block grows four times here and is then lowered three times; whichever of its spans are weighted."""
    plan = dataclasses.replace(WEIGHED, native_max_buckets=8)
    for most in (8, 20, 160):
        plan = dataclasses.replace(WEIGHED, native_max_buckets=most)
        spans = [
            Placed(took=took, trace_state=f"ot=th:{n % 13 + 1:x}" if n in weighed else "")
            for n, took in enumerate([0, *widening(60)])
        ]
        bodies = [request([span]) for span in spans]
        assert_right(fed(plan, *bodies), modelled(plan, *bodies))


def test_units_are_weighed_apart() -> None:
    plan = dataclasses.replace(WEIGHED, dialects=(*BOTH_DIALECTS, Dialect.JAEGER), native_max_buckets=8)
    body = request([Placed(took=took, trace_state="ot=th:3") for took in (0, *widening(20))])
    found = natives(page(fed(plan, body), Format.PROTOBUF))
    model = modelled(plan, body)
    (ours,) = model.weighted_natives(MS).values()
    (told,) = (native for (name, _), native in found.items() if name.endswith("_milliseconds"))
    assert (told.schema, told.buckets.keys()) == (ours.schema, ours.buckets.keys())
    assert all(near(told.buckets[i], ours.buckets[i]) for i in ours.buckets)
