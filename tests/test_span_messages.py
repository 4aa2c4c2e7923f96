"""The span families as protobuf say what the OpenMetrics page says: the oracle's page, read by others' parsers."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.utils import floatToGoString

from span2metrics.engine.core import Engine
from span2metrics.engine.plan import Dialect, Escaping, Format, Plan
from tests.metrics_proto import read_messages, type_name
from tests.oracle import Oracle
from tests.payloads import MS, NOW, Placed, placed_spans, plans, request

#: A sample's name and labels; its value, and its exemplar's labels, value and time.
Key = tuple[str, frozenset[tuple[str, str]]]
Value = tuple[float, Any]


def of_text(page: bytes) -> Iterator[tuple[Key, Value]]:
    for family in parse_openmetrics(page.decode() + "# EOF\n"):
        for sample in family.samples:
            told = sample.exemplar
            exemplar = told and (dict(told.labels), told.value, float(told.timestamp))
            yield (sample.name, frozenset(sample.labels.items())), (sample.value, exemplar)


def of_messages(page: bytes) -> Iterator[tuple[Key, Value]]:
    for family in read_messages(page):
        for metric in family.metric:
            labels = {pair.name: pair.value for pair in metric.label}
            for name, more, value, exemplar in PARTS[type_name(family)](family.name, metric):
                yield (name, frozenset({**labels, **more}.items())), (value, exemplar)


def of_counter(name: str, metric: Any) -> Iterator[tuple[str, dict[str, str], float, Any]]:
    counter = metric.counter
    yield name, {}, counter.value, told(counter)
    yield f"{name.removesuffix('_total')}_created", {}, seconds(counter.created_timestamp), None


def of_histogram(name: str, metric: Any) -> Iterator[tuple[str, dict[str, str], float, Any]]:
    histogram = metric.histogram
    for bucket in histogram.bucket:
        yield f"{name}_bucket", {"le": floatToGoString(bucket.upper_bound)}, bucket.cumulative_count, told(bucket)
    if not histogram.bucket:  # a native one, which text shows as the bucket of all
        last = [told_by(exemplar) for exemplar in histogram.exemplars[-1:]]
        yield f"{name}_bucket", {"le": "+Inf"}, histogram.sample_count, last[0] if last else None
    yield f"{name}_sum", {}, histogram.sample_sum, None
    yield f"{name}_count", {}, histogram.sample_count, None
    yield f"{name}_created", {}, seconds(histogram.created_timestamp), None


def of_gauge(name: str, metric: Any) -> Iterator[tuple[str, dict[str, str], float, Any]]:
    yield name, {}, metric.gauge.value, None


def of_summary(name: str, metric: Any) -> Iterator[tuple[str, dict[str, str], float, Any]]:
    yield f"{name}_sum", {}, metric.summary.sample_sum, None
    yield f"{name}_count", {}, metric.summary.sample_count, None
    yield f"{name}_created", {}, seconds(metric.summary.created_timestamp), None


PARTS = {"COUNTER": of_counter, "HISTOGRAM": of_histogram, "GAUGE": of_gauge, "SUMMARY": of_summary}


def told(message: Any) -> Any:
    return told_by(message.exemplar) if message.HasField("exemplar") else None


def told_by(exemplar: Any) -> Any:
    return {pair.name: pair.value for pair in exemplar.label}, exemplar.value, seconds(exemplar.timestamp)


def seconds(timestamp: Any) -> float:
    return float(timestamp.seconds + timestamp.nanos / 1e9)


def page(engine: Engine, escaping: Escaping = Escaping.UNDERSCORES) -> bytes:
    return b"".join(engine.render(Format.PROTOBUF, NOW, escaping))


def same(one: dict[Key, Value], other: dict[Key, Value]) -> None:
    assert one.keys() == other.keys()
    for key, (value, exemplar) in one.items():
        number, theirs = other[key]
        assert value == (pytest.approx(number, rel=1e-15) if key[0].endswith("_created") else number)
        assert (exemplar is None) == (theirs is None)
        if exemplar:
            assert exemplar[:2] == theirs[:2]
            assert exemplar[2] == pytest.approx(theirs[2], rel=1e-15)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(plans, placed_spans())
def test_every_sample_is_that_of_the_text(plan: Plan, spans: list[Placed]) -> None:
    plan = dataclasses.replace(plan, created=True)  # protobuf always says when a series began
    engine, model = Engine(plan), Oracle(plan)
    engine.consume(request(spans), NOW)
    model.consume(request(spans))
    for escaping in Escaping:
        text = model.page(Format.OPENMETRICS, NOW, escaping)
        same(dict(of_text(text)), dict(of_messages(page(engine, escaping))))


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=30))
def test_any_label_value_comes_through(name: str) -> None:
    engine = Engine(Plan(graph=None))
    engine.consume(request([Placed(name=name)]), NOW)
    names = {dict(labels)["span_name"] for (_, labels), _ in of_messages(page(engine))}
    assert names == {name}


def test_families_are_named_and_typed_as_prometheus_expects() -> None:
    engine = Engine(Plan(dialects=(Dialect.OTEL, Dialect.TEMPO)))
    engine.consume(request([Placed()]), NOW)
    assert [(family.name, type_name(family), family.unit) for family in read_messages(page(engine))] == [
        ("traces_span_metrics_calls_total", "COUNTER", ""),
        ("traces_span_metrics_duration_seconds", "HISTOGRAM", "seconds"),
        ("traces_spanmetrics_calls_total", "COUNTER", ""),
        ("traces_spanmetrics_latency", "HISTOGRAM", ""),
        ("traces_spanmetrics_size_total", "COUNTER", ""),
        ("traces_service_graph_request_total", "COUNTER", ""),
        ("traces_service_graph_request_failed_total", "COUNTER", ""),
        ("traces_service_graph_request_server_seconds", "HISTOGRAM", "seconds"),
        ("traces_service_graph_request_client_seconds", "HISTOGRAM", "seconds"),
        ("traces_service_graph_service_info", "GAUGE", ""),
        ("traces_service_graph_unpaired_spans_total", "COUNTER", ""),
        ("traces_service_graph_dropped_spans_total", "COUNTER", ""),
    ]


def test_a_sum_is_the_nearest_double_however_large() -> None:
    engine, total = Engine(Plan()), 0
    for took in (2**63 - 1, 2**63 - 2**40 + 1, 3 * MS):
        engine.consume(request([Placed(took=took, start=1)] * 3), NOW)
        total += 3 * took
    sums = [value for (name, _), (value, _) in of_messages(page(engine)) if name.endswith("_sum")]
    assert sums == [total / 10**9]


def test_a_large_family_goes_on_in_further_messages_and_gives_turns_meanwhile() -> None:
    engine = Engine(Plan(errors_zero=False, graph=None, most_series_of_service=0))
    engine.consume(request([Placed(name=f"{n:05}" + "x" * 200) for n in range(8000)]), NOW)
    chunks = list(engine.render(Format.PROTOBUF, NOW))
    families = read_messages(b"".join(chunks))
    names = [family.name for family in families]
    assert names == ["traces_span_metrics_calls_total", *["traces_span_metrics_duration_seconds"] * (len(names) - 1)]
    assert len(names) > 2
    assert [sum(len(family.metric) for family in families if family.name == name) for name in set(names)] == [8000] * 2
    assert max(map(len, chunks)) <= 256 << 10
    assert chunks.count(b"") > 10
