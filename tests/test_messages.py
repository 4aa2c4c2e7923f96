"""The daemon's own metrics as protobuf, read back by protobuf's own parser with Prometheus' schema."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
    StateSetMetricFamily,
    SummaryMetricFamily,
    UnknownMetricFamily,
)
from prometheus_client.samples import Sample

from span2metrics.engine.messages import write_messages
from tests.metrics_proto import read_messages, type_name

INF = math.inf


def written(*families: Metric) -> list[Any]:
    return read_messages(write_messages(families))


def labels(metric: Any) -> dict[str, str]:
    assert len({pair.name for pair in metric.label}) == len(metric.label)
    return {pair.name: pair.value for pair in metric.label}


def heads(*families: Metric) -> list[tuple[str, str, str, str]]:
    return [(f.name, f.help, type_name(f), f.unit) for f in written(*families)]


def histogram(*series: tuple[str, list[tuple[str, float]], float]) -> HistogramMetricFamily:
    family = HistogramMetricFamily("wait_seconds", "Waiting.", labels=("queue",), unit="seconds")
    for queue, buckets, total in series:
        family.add_metric((queue,), buckets, total)
    return family


def summary() -> SummaryMetricFamily:
    family = SummaryMetricFamily("size_bytes", "Sizes.", labels=("of",), unit="bytes")
    family.add_metric(("a",), 3, 7.5)
    for quantile, value in (("0.5", 2.0), ("1", 4.0)):
        family.samples.append(Sample("size_bytes", {"of": "a", "quantile": quantile}, value))
    return family


def misnamed() -> Metric:
    family = GaugeMetricFamily("speed_metres", "Fast.", value=1, unit="metres")
    family.name = "speed"
    return family


HEADS = {
    "a counter has the name of its samples": (CounterMetricFamily("a", "A."), ("a_total", "A.", "COUNTER", "")),
    "a counter's unit": (
        CounterMetricFamily("a_bytes", "A.", unit="bytes"),
        ("a_bytes_total", "A.", "COUNTER", "bytes"),
    ),
    "a gauge": (GaugeMetricFamily("b", ""), ("b", "", "GAUGE", "")),
    "a histogram": (histogram(), ("wait_seconds", "Waiting.", "HISTOGRAM", "seconds")),
    "a summary": (summary(), ("size_bytes", "Sizes.", "SUMMARY", "bytes")),
    "an unknown kind": (UnknownMetricFamily("c", 'a "b"\\\nc 🦀'), ("c", 'a "b"\\\nc 🦀', "UNTYPED", "")),
    "an info is a gauge": (InfoMetricFamily("build", "B."), ("build_info", "B.", "GAUGE", "")),
    "a unit that the name does not say": (misnamed(), ("speed", "Fast.", "GAUGE", "")),
}


@pytest.mark.parametrize(("family", "expected"), HEADS.values(), ids=HEADS)
def test_a_family_says_its_name_help_type_and_unit(family: Metric, expected: tuple[str, str, str, str]) -> None:
    assert heads(family) == [expected]


def test_families_come_in_the_order_given_and_need_no_samples() -> None:
    families = written(GaugeMetricFamily("b", ""), GaugeMetricFamily("a", ""))
    assert [(family.name, len(family.metric)) for family in families] == [("b", 0), ("a", 0)]
    assert written() == []


VALUES = [0, 7, -3.5, 1e-9, 2**53 - 1, 1e300, INF, -INF]


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize(
    ("make", "field"),
    [(CounterMetricFamily, "counter"), (GaugeMetricFamily, "gauge"), (UnknownMetricFamily, "untyped")],
)
def test_a_value_is_in_the_field_of_its_kind(make: Any, field: str, value: float) -> None:
    (family,) = written(make("x", "", value=value))
    (metric,) = family.metric
    assert [used.name for used, _ in metric.ListFields()] == [field]
    assert getattr(metric, field).value == value
    assert getattr(metric, field).HasField("value")


def test_a_value_can_be_no_number() -> None:
    assert math.isnan(written(GaugeMetricFamily("x", "", value=math.nan))[0].metric[0].gauge.value)


def test_an_info_shows_its_labels_at_1() -> None:
    metric = written(InfoMetricFamily("build", "", {"version": "1"}))[0].metric[0]
    assert (labels(metric), metric.gauge.value) == ({"version": "1"}, 1)


def test_a_histogram_is_one_metric_a_label_set() -> None:
    (family,) = written(histogram(("a", [("0.5", 1), ("1", 1), ("+Inf", 300)], 4.25), ("b", [("+Inf", 0)], 0)))
    assert [(labels(m), [(b.upper_bound, b.cumulative_count) for b in m.histogram.bucket]) for m in family.metric] == [
        ({"queue": "a"}, [(0.5, 1), (1.0, 1), (INF, 300)]),
        ({"queue": "b"}, [(INF, 0)]),
    ]
    assert [(m.histogram.sample_count, m.histogram.sample_sum) for m in family.metric] == [(300, 4.25), (0, 0)]
    assert all(m.histogram.HasField("sample_count") and m.histogram.HasField("sample_sum") for m in family.metric)


def test_a_summary_is_one_metric_a_label_set() -> None:
    (metric,) = written(summary())[0].metric
    assert labels(metric) == {"of": "a"}
    assert (metric.summary.sample_count, metric.summary.sample_sum) == (3, 7.5)
    assert [(q.quantile, q.value) for q in metric.summary.quantile] == [(0.5, 2.0), (1.0, 4.0)]


def test_samples_of_one_series_need_not_stand_together() -> None:
    family = histogram(("a", [("1", 1), ("+Inf", 2)], 3), ("b", [("1", 4), ("+Inf", 5)], 6))
    random.Random(1).shuffle(family.samples)
    found = {labels(m)["queue"]: m.histogram for m in written(family)[0].metric}
    assert {queue: (h.sample_count, h.sample_sum, len(h.bucket)) for queue, h in found.items()} == {
        "a": (2, 3, 2),
        "b": (5, 6, 2),
    }


def test_le_is_a_label_like_any_other_where_there_are_no_buckets() -> None:
    family = GaugeMetricFamily("x", "", labels=("le", "quantile"))
    family.add_metric(("1", "2"), 3)
    assert labels(written(family)[0].metric[0]) == {"le": "1", "quantile": "2"}


def test_a_kind_without_a_form_in_all_formats_is_an_error() -> None:
    with pytest.raises(ValueError, match="family state is of a kind that is not written: stateset"):
        write_messages([StateSetMetricFamily("state", "", {"on": True})])


texts = st.text(max_size=300) | st.text(alphabet='\\"\n\0\x7f\x80 {},=🦀é', max_size=8)


@given(help_text=texts, series=st.lists(st.tuples(texts, texts), unique=True, max_size=5))
def test_any_text_comes_back_as_it_was(help_text: str, series: Sequence[tuple[str, str]]) -> None:
    counters = CounterMetricFamily("a", help_text, labels=("one", "other"))
    waits = HistogramMetricFamily("b", help_text, labels=("one", "other"))
    for number, values in enumerate(series):
        counters.add_metric(values, number)
        waits.add_metric(values, [("1", number), ("+Inf", 2**40 + number)], 0.5)
    found = written(counters, waits)
    assert [family.help for family in found] == [help_text] * 2
    expected = [{"one": one, "other": other} for one, other in series]
    assert [[labels(metric) for metric in family.metric] for family in found] == [expected] * 2
    assert [metric.counter.value for metric in found[0].metric] == list(range(len(series)))
    assert [metric.histogram.sample_count - 2**40 for metric in found[1].metric] == list(range(len(series)))
