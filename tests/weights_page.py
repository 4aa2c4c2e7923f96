"""Pages of weighted spans: every number on them by name and labels, and what it must be, in exact fractions.

Such a page is no strict OpenMetrics, whose buckets are whole numbers, so that the older text's parser reads its lines.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any, NamedTuple

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.utils import floatToGoString

from span2metrics.engine.plan import Format
from tests.metrics_proto import read_messages, type_name
from tests.oracle_page import Labels
from tests.oracle_weights import WeightedOracle

SECOND = 10**9
EXEMPLAR = re.compile(rb" # \{.*$", re.MULTILINE)
#: Families of the dialects otel and tempo: name, what it shows, the label of the service.
COUNTERS = (
    ("traces_span_metrics_calls_total", "calls", "service_name"),
    ("traces_spanmetrics_calls_total", "calls", "service"),
    ("traces_spanmetrics_size_total", "size", "service"),
)
HISTOGRAMS = (("traces_span_metrics_duration_seconds", "service_name"), ("traces_spanmetrics_latency", "service"))

Key = tuple[str, Labels]


class Number(NamedTuple):
    """A number on a page; `whole`: it is written as one that cannot have a fraction."""

    value: float
    whole: bool


class Wanted(NamedTuple):
    """What a number must be; `fractional`: its series saw another weight than 1."""

    value: Fraction
    fractional: bool


class Native(NamedTuple):
    """Of a native histogram: as it is told."""

    schema: int
    zero: Number
    buckets: dict[int, float]


# --- what a page says -------------------------------------------------------------------------------------------------


def numbers(page: bytes, format: Format) -> dict[Key, Number]:
    return dict(_of_messages(page) if format is Format.PROTOBUF else _of_lines(page))


def _of_lines(page: bytes) -> Iterator[tuple[Key, Number]]:
    lines = EXEMPLAR.sub(b"", page).decode()
    values = [line.rpartition(" ")[2] for line in lines.splitlines() if line[0] != "#"]
    samples = [sample for family in text_string_to_metric_families(lines) for sample in family.samples]
    for sample, text in zip(samples, values, strict=True):
        assert float(text) == sample.value
        yield (sample.name, frozenset(sample.labels.items())), Number(sample.value, text.isdecimal())


def _of_messages(page: bytes) -> Iterator[tuple[Key, Number]]:
    for family in read_messages(page):
        for metric in family.metric:
            labels = frozenset((pair.name, pair.value) for pair in metric.label)
            if type_name(family) == "COUNTER":
                yield (family.name, labels), Number(metric.counter.value, metric.counter.value.is_integer())
            elif type_name(family) == "GAUGE":
                yield (family.name, labels), Number(metric.gauge.value, metric.gauge.value.is_integer())
            elif type_name(family) == "SUMMARY":
                yield (f"{family.name}_sum", labels), Number(metric.summary.sample_sum, False)
                yield (f"{family.name}_count", labels), Number(metric.summary.sample_count, True)
            else:
                yield from _of_histogram(family.name, labels, metric.histogram)


def _of_histogram(name: str, labels: Labels, told: Any) -> Iterator[tuple[Key, Number]]:
    count = _either(told, "sample_count")
    for bucket in told.bucket:
        bound = ("le", floatToGoString(bucket.upper_bound))
        yield (f"{name}_bucket", labels | {bound}), _either(bucket, "cumulative_count")
    if not told.bucket:
        yield (f"{name}_bucket", labels | {("le", "+Inf")}), count
    yield (f"{name}_sum", labels), Number(told.sample_sum, False)
    yield (f"{name}_count", labels), count


def _either(message: Any, field: str) -> Number:
    """A count that is told as an integer or as a double, which overrides the nearest integer."""
    whole, count = not message.HasField(f"{field}_float"), getattr(message, field)
    if whole:
        assert message.HasField(field)
        return Number(count, whole)
    exact = getattr(message, f"{field}_float")
    assert message.HasField(field) == (field != "zero_count")
    assert count == (math.floor(Fraction(exact) + Fraction(1, 2)) if message.HasField(field) else 0)
    return Number(exact, whole)


def natives(page: bytes) -> dict[Key, Native]:
    return {
        (family.name, frozenset((pair.name, pair.value) for pair in metric.label)): native(metric.histogram)
        for family in read_messages(page)
        for metric in family.metric
        if type_name(family) == "HISTOGRAM"
    }


def native(told: Any) -> Native:
    zero = _either(told, "zero_count")
    assert not (told.positive_delta if not zero.whole else told.positive_count)
    counts = _counts(told.positive_delta) if zero.whole else iter(told.positive_count)
    at, buckets = 0, {}
    for span in told.positive_span:
        at += span.offset
        for _ in range(span.length):
            buckets[at] = next(counts)
            at += 1
    assert list(counts) == []
    return Native(told.schema, zero, {i: count for i, count in buckets.items() if count})


def _counts(deltas: list[int]) -> Iterator[float]:
    count = 0
    for delta in deltas:
        count += delta
        yield count


# --- what it must say -------------------------------------------------------------------------------------------------


def wanted(model: WeightedOracle) -> dict[Key, Wanted]:
    """Of a plan with the dialects otel and tempo, in seconds."""
    return dict(_wanted(model))


def _wanted(model: WeightedOracle) -> Iterator[tuple[Key, Wanted]]:
    of = {"calls": model.weighted_calls(), "size": model.weighted_sizes()}
    weighed, timed = model.fractional("calls"), model.fractional("duration")
    for name, shows, service in COUNTERS:
        for labels, value in of[shows].items():
            yield (name, renamed(labels, service)), Wanted(value, labels in weighed)
    for name, service in HISTOGRAMS:
        for labels, (buckets, total, count) in model.weighted_durations().items():
            shown, fractional = renamed(labels, service), labels in timed
            for bound, value in buckets.items():
                le = "+Inf" if bound is None else floatToGoString(bound / SECOND)
                yield (f"{name}_bucket", shown | {("le", le)}), Wanted(value, fractional)
            yield (f"{name}_sum", shown), Wanted(total / SECOND, fractional)
            yield (f"{name}_count", shown), Wanted(count, fractional)


def renamed(labels: Labels, service: str) -> Labels:
    return frozenset((service if label == "service_name" else label, text) for label, text in labels)


def near(found: float, wanted: Fraction) -> bool:
    """To 1e-12 of it."""
    return abs(Fraction(found) - wanted) * 10**12 <= wanted


def assert_near(found: Mapping[Key, Number], wanted: Mapping[Key, Wanted]) -> None:
    """Whole numbers are equal, and whole where they can be told to be; the others near."""
    assert found.keys() == wanted.keys()
    for key, (value, fractional) in wanted.items():
        assert near(found[key].value, value), key
        if not fractional and not key[0].endswith("_sum"):
            assert (found[key].value, found[key].whole) == (value, True), key
