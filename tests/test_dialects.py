"""Dialects: the same counts under the names and labels that others' dashboards ask for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families as parse_text

from span2metrics.engine.core import Engine
from span2metrics.engine.plan import Dialect, Format, Plan, Unit
from tests.payloads import ERROR, NOW, SERVER, Placed, request

OTEL, JAEGER, TEMPO = Dialect.OTEL, Dialect.JAEGER, Dialect.TEMPO
SPANS = [
    Placed(service="shop", name="pay", kind=SERVER, took=3_000_000),
    Placed(service="shop", name="pay", kind=SERVER, took=250_000_000, status=ERROR),
]
SIZES = [len(request([span])) for span in SPANS]


def page(plan: Plan, format: Format = Format.TEXT) -> str:
    engine = Engine(plan)
    engine.consume(request(SPANS), NOW)
    return b"".join(engine.render(format, NOW)).decode()


def families(plan: Plan) -> list[str]:
    return [line.split()[2] for line in page(plan).splitlines() if line.startswith("# TYPE ")]


CONNECTOR = ["traces_span_metrics_calls_total", "traces_span_metrics_duration_seconds"]
MONITOR = ["traces_span_metrics_calls_total", "traces_span_metrics_duration_milliseconds"]
#: The service graph is the same in every dialect.
GRAPH = [
    "traces_service_graph_request_total",
    "traces_service_graph_request_failed_total",
    "traces_service_graph_request_server_seconds",
    "traces_service_graph_request_client_seconds",
    "traces_service_graph_service_info",
    "traces_service_graph_unpaired_spans_total",
    "traces_service_graph_dropped_spans_total",
]
GENERATOR = ["traces_spanmetrics_calls_total", "traces_spanmetrics_latency", "traces_spanmetrics_size_total"]

SHOWN = {
    "otel": (Plan(), CONNECTOR),
    "otel of another name": (Plan(namespace="", unit=Unit.MILLISECONDS), ["calls_total", "duration_milliseconds"]),
    "jaeger": (Plan(dialects=(JAEGER,)), MONITOR),
    "jaeger takes no name and no unit": (Plan(dialects=(JAEGER,), namespace="x", unit=Unit.SECONDS), MONITOR),
    "tempo": (Plan(dialects=(TEMPO,), namespace="x", unit=Unit.MILLISECONDS), GENERATOR),
    "common calls once": (Plan(dialects=(OTEL, JAEGER)), [*CONNECTOR, MONITOR[1]]),
    "all the same": (Plan(dialects=(JAEGER, OTEL), unit=Unit.MILLISECONDS), MONITOR),
    "all, in the order asked for": (Plan(dialects=(TEMPO, JAEGER, OTEL)), [*GENERATOR, *MONITOR, CONNECTOR[1]]),
}


@pytest.mark.parametrize(("plan", "names"), SHOWN.values(), ids=SHOWN)
def test_a_page_has_the_families_of_its_dialects_each_once(plan: Plan, names: list[str]) -> None:
    assert families(plan) == [*names, *GRAPH]


def samples(text: str, name: str) -> Iterator[tuple[dict[str, str], float]]:
    for family in parse_text(text):
        yield from ((sample.labels, sample.value) for sample in family.samples if sample.name == name)


LABELS = {"span_name": "pay", "span_kind": "SPAN_KIND_SERVER"}


@pytest.mark.parametrize(
    ("dialect", "service", "calls", "duration", "unit"),
    [
        (OTEL, "service_name", "traces_span_metrics_calls_total", "traces_span_metrics_duration_seconds", 1),
        (JAEGER, "service_name", "traces_span_metrics_calls_total", "traces_span_metrics_duration_milliseconds", 1000),
        (TEMPO, "service", "traces_spanmetrics_calls_total", "traces_spanmetrics_latency", 1),
    ],
    ids=str,
)
def test_each_dialect_has_its_labels_and_unit(
    dialect: Dialect, service: str, calls: str, duration: str, unit: int
) -> None:
    text = page(Plan(dialects=(TEMPO, JAEGER, OTEL)))
    unset, error = (
        {service: "shop", **LABELS, "status_code": f"STATUS_CODE_{status}"} for status in ("UNSET", "ERROR")
    )
    assert list(samples(text, calls)) == [(error, 1), (unset, 1)]
    assert list(samples(text, f"{duration}_sum")) == [(error, 0.25 * unit), (unset, 0.003 * unit)]
    assert ({**unset, "le": str(0.004 * unit)}, 1) in samples(text, f"{duration}_bucket")


def test_tempo_counts_the_bytes_of_spans_and_no_sibling_at_0() -> None:
    plan = Plan(dialects=(TEMPO,))
    engine = Engine(plan)
    engine.consume(request(SPANS[:1]), NOW)
    text = b"".join(engine.render(Format.TEXT, NOW)).decode()
    [(labels, size)] = samples(text, "traces_spanmetrics_size_total")
    assert labels["status_code"] == "STATUS_CODE_UNSET"
    assert 0 < size < SIZES[0]
    engine.consume(request(SPANS[:1]), NOW)
    [(_, twice)] = samples(b"".join(engine.render(Format.TEXT, NOW)).decode(), "traces_spanmetrics_size_total")
    assert twice == 2 * size


@pytest.mark.parametrize(("dialects", "took"), [((OTEL, JAEGER), "0.25"), ((JAEGER, OTEL), "250")], ids=str)
def test_what_dialects_share_is_as_the_first_has_it(dialects: tuple[Dialect, ...], took: str) -> None:
    text = page(Plan(dialects=dialects), Format.OPENMETRICS)
    [exemplar] = [line.partition(" # ")[2] for line in text.splitlines() if "calls_total" in line and "ERROR" in line]
    assert exemplar.split()[1] == took


def test_a_unit_is_told_where_the_name_ends_with_it() -> None:
    text = page(Plan(dialects=(TEMPO, JAEGER, OTEL)), Format.OPENMETRICS)
    assert [line for line in text.splitlines() if line.startswith("# UNIT")] == [
        "# UNIT traces_span_metrics_duration_milliseconds milliseconds",
        "# UNIT traces_span_metrics_duration_seconds seconds",
        "# UNIT traces_service_graph_request_server_seconds seconds",
        "# UNIT traces_service_graph_request_client_seconds seconds",
    ]
