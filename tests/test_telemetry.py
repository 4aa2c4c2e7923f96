"""The daemon's own metrics: complete from the start, exact, and conserved."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import replace
from itertools import product

import pytest
from prometheus_client import parser
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics import parser as openmetrics_parser

from span2metrics import names
from span2metrics.engine.core import Engine
from span2metrics.engine.families import write_families
from span2metrics.engine.plan import Format, Graph, Plan
from span2metrics.engine.stats import Stats
from span2metrics.telemetry import INGEST_BOUNDS, Telemetry
from tests.cases_edges import CALL, ROOT, SERVED, at, id_of, trace_of
from tests.metrics_proto import read_messages
from tests.oracle import TEXTS
from tests.payloads import INTERNAL, NOW, Placed, request

EVERY_METRIC = [value for value in vars(names).values() if isinstance(value, names.SelfMetric)]
GRPC, HTTP = names.RECEIVERS


class CountingEngine:
    """An engine of given stats that knows how often it was asked."""

    def __init__(self, **changes: object) -> None:
        self.answer = replace(Engine(Plan()).stats(), **changes)
        self.asked = 0

    def stats(self) -> Stats:
        self.asked += 1
        return self.answer


@pytest.fixture
def engine() -> Engine:
    return Engine(Plan())


@pytest.fixture
def telemetry(engine: Engine) -> Telemetry:
    return Telemetry(engine, version="1.2.3")


def samples(telemetry: Telemetry, name: str) -> Mapping[tuple[str, ...], float]:
    """Label values → value, of the samples of that very name."""
    found = [sample for family in telemetry.collect() for sample in family.samples if sample.name == name]
    return {tuple(sample.labels.values()): sample.value for sample in found}


def value(telemetry: Telemetry, name: str, *labels: str) -> float:
    return samples(telemetry, name)[labels]


def by_name(telemetry: Telemetry) -> dict[str, Metric]:
    return {family.name: family for family in telemetry.collect()}


@pytest.mark.parametrize("spec", EVERY_METRIC, ids=lambda spec: spec.name)
def test_every_metric_that_has_a_name_is_there(telemetry: Telemetry, spec: names.SelfMetric) -> None:
    family = by_name(telemetry)[spec.name]
    assert (family.type, family.documentation) == (spec.kind, spec.help)
    assert {tuple(label for label in s.labels if label != "le") for s in family.samples} <= {spec.labels}


def test_nothing_has_a_name_that_is_not_in_the_list(telemetry: Telemetry) -> None:
    ours = {name for name in by_name(telemetry) if not name.startswith("process_")}
    assert ours == {spec.name for spec in EVERY_METRIC}


def test_the_process_is_measured(telemetry: Telemetry) -> None:
    assert value(telemetry, "process_resident_memory_bytes") > 0


FORMATS = ("text", "openmetrics", "protobuf")
EVERY_SERIES = {
    "span2metrics_received_requests_total": list(product(names.RECEIVERS, names.OUTCOMES)),
    "span2metrics_received_spans_total": [(receiver,) for receiver in names.RECEIVERS],
    "span2metrics_received_bytes_total": [(receiver,) for receiver in names.RECEIVERS],
    "span2metrics_last_received_span_timestamp_seconds": [(receiver,) for receiver in names.RECEIVERS],
    "span2metrics_span_anomalies_total": [(reason,) for reason in names.ANOMALIES],
    "span2metrics_dropped_spans_total": [(reason,) for reason in names.DROP_REASONS],
    "span2metrics_span_lateness_seconds_count": [()],
    "span2metrics_scrapes_total": list(
        product(("text", "openmetrics", "protobuf"), ("complete", "aborted", "error", "rejected"))
    ),
    "span2metrics_render_seconds_count": [("text",), ("openmetrics",), ("protobuf",)],
    "span2metrics_ingest_seconds_count": [()],
    "span2metrics_aggregated_spans_total": [()],
    "span2metrics_templated_names_total": [(rule,) for rule in ("date", "email", "hex", "number", "user", "uuid")],
    "span2metrics_weighted_spans_total": [()],
    "span2metrics_capped_weights_total": [()],
    "span2metrics_intake_bytes": [()],
    "span2metrics_pending_edges": [()],
    "span2metrics_edges_total": [(outcome,) for outcome in names.EDGE_OUTCOMES],
    "span2metrics_config_last_reload_successful": [()],
}


@pytest.mark.parametrize(("name", "labels"), EVERY_SERIES.items(), ids=EVERY_SERIES)
def test_series_are_there_at_0_before_anything_happened(
    telemetry: Telemetry, name: str, labels: list[tuple[str, ...]]
) -> None:
    assert samples(telemetry, name) == dict.fromkeys(labels, 0)


def test_the_build_is_told(telemetry: Telemetry) -> None:
    assert samples(telemetry, "span2metrics_build_info") == {("1.2.3", platform.python_version()): 1}


def test_families_and_series_are_in_order(telemetry: Telemetry) -> None:
    families = telemetry.collect()
    assert [f.name for f in families] == sorted(f.name for f in families)
    outcomes = list(samples(telemetry, "span2metrics_received_requests_total"))
    assert outcomes == sorted(outcomes)


@pytest.mark.parametrize("format", TEXTS)
def test_both_parsers_read_every_family_and_find_no_created(telemetry: Telemetry, format: Format) -> None:
    telemetry.applied(GRPC, 3, 100, NOW.wall_ns)
    telemetry.ingested(0.01)
    telemetry.scraped(format, names.SCRAPE_COMPLETE, 0.2)
    page = write_families(telemetry.collect(), format) + format.trailer
    reader = openmetrics_parser if format is Format.OPENMETRICS else parser
    found = {family.name: family for family in reader.text_string_to_metric_families(page.decode())}
    assert found.keys() == by_name(telemetry).keys()
    assert not any(s.name.endswith("_created") for family in found.values() for s in family.samples)


def test_protobuf_has_every_family_under_the_name_of_its_samples(telemetry: Telemetry) -> None:
    found = {
        family.name: len(family.metric)
        for family in read_messages(write_families(telemetry.collect(), Format.PROTOBUF))
    }
    families = by_name(telemetry).items()
    assert found.keys() == {f"{name}_total" if family.type == "counter" else name for name, family in families}
    assert found["span2metrics_received_spans_total"] == len(names.RECEIVERS)
    assert found["span2metrics_ingest_seconds"] == 1


def test_units_are_those_that_names_end_in(telemetry: Telemetry) -> None:
    units = {name: family.unit for name, family in by_name(telemetry).items() if family.unit}
    assert units["span2metrics_ingest_seconds"] == "seconds"
    assert units["span2metrics_received_bytes"] == "bytes"
    assert all(name.endswith(f"_{unit}") for name, unit in units.items())


def test_an_applied_request_is_counted_once_and_for_its_receiver_alone(telemetry: Telemetry) -> None:
    telemetry.applied(HTTP, 3, 500, 7_250_000_000)
    telemetry.applied(HTTP, 2, 100, 8_500_000_000)
    assert samples(telemetry, "span2metrics_received_spans_total") == {(GRPC,): 0, (HTTP,): 5}
    assert samples(telemetry, "span2metrics_received_bytes_total") == {(GRPC,): 0, (HTTP,): 600}
    assert samples(telemetry, "span2metrics_last_received_span_timestamp_seconds") == {(GRPC,): 0, (HTTP,): 8.5}
    assert value(telemetry, "span2metrics_received_requests_total", HTTP, names.ACCEPTED) == 2
    assert sum(samples(telemetry, "span2metrics_received_requests_total").values()) == 2


def test_a_request_without_spans_is_accepted_but_no_sign_of_life(telemetry: Telemetry) -> None:
    telemetry.applied(GRPC, 0, 10, NOW.wall_ns)
    assert value(telemetry, "span2metrics_received_requests_total", GRPC, names.ACCEPTED) == 1
    assert value(telemetry, "span2metrics_last_received_span_timestamp_seconds", GRPC) == 0


@pytest.mark.parametrize("outcome", names.OUTCOMES)
def test_a_request_is_counted_by_its_outcome(telemetry: Telemetry, outcome: str) -> None:
    telemetry.request(GRPC, outcome)
    counted = {labels: n for labels, n in samples(telemetry, "span2metrics_received_requests_total").items() if n}
    assert counted == {(GRPC, outcome): 1}


def test_what_has_no_name_is_a_bug_and_told_so(telemetry: Telemetry) -> None:
    with pytest.raises(KeyError):
        telemetry.request("carrier_pigeon", names.ACCEPTED)
    with pytest.raises(KeyError):
        telemetry.request(GRPC, "lost")
    with pytest.raises(KeyError):
        telemetry.scraped(Format.TEXT, "lost", 1.0)


@pytest.mark.parametrize(
    ("format", "label"),
    [
        (Format.TEXT, "text"),
        (Format.TEXT_1, "text"),
        (Format.OPENMETRICS, "openmetrics"),
        (Format.OPENMETRICS_0, "openmetrics"),
        (Format.PROTOBUF, "protobuf"),
    ],
)
def test_a_scrape_is_counted_by_format_and_outcome(telemetry: Telemetry, format: Format, label: str) -> None:
    telemetry.scraped(format, names.SCRAPE_ABORTED, 0.25)
    counted = {labels: n for labels, n in samples(telemetry, "span2metrics_scrapes_total").items() if n}
    assert counted == {(label, "aborted"): 1}
    took = {
        labels: seconds for labels, seconds in samples(telemetry, "span2metrics_render_seconds_sum").items() if seconds
    }
    assert took == {(label,): 0.25}


def test_a_rejected_scrape_is_counted_and_its_time_is_not(telemetry: Telemetry) -> None:
    telemetry.scraped(Format.TEXT, names.SCRAPE_REJECTED, 0.25)
    assert samples(telemetry, "span2metrics_scrapes_total")[("text", "rejected")] == 1
    assert samples(telemetry, "span2metrics_render_seconds_count") == {
        ("openmetrics",): 0,
        ("text",): 0,
        ("protobuf",): 0,
    }


def test_a_duration_on_a_bound_is_within_it(telemetry: Telemetry) -> None:
    for seconds in (INGEST_BOUNDS[0], 0.0006, INGEST_BOUNDS[-1], 11.0):
        telemetry.ingested(seconds)
    buckets = samples(telemetry, "span2metrics_ingest_seconds_bucket")
    assert buckets[("0.0005",)] == 1
    assert buckets[("0.001",)] == 2
    assert buckets[("5.0",)] == 2
    assert buckets[("10.0",)] == 3
    assert buckets[("+Inf",)] == value(telemetry, "span2metrics_ingest_seconds_count") == 4


def test_the_intake_is_asked_at_each_collection(telemetry: Telemetry) -> None:
    waiting = [10]
    telemetry.watch_intake(lambda: waiting[0], 500)
    assert value(telemetry, "span2metrics_intake_bytes") == 10
    waiting[0] = 20
    assert value(telemetry, "span2metrics_intake_bytes") == 20
    assert value(telemetry, "span2metrics_intake_bytes_limit") == 500


def test_a_loaded_configuration_is_told(telemetry: Telemetry) -> None:
    telemetry.loaded(1_760_000_000_500_000_000)
    assert value(telemetry, "span2metrics_config_last_reload_successful") == 1
    assert value(telemetry, "span2metrics_config_last_reload_success_timestamp_seconds") == 1_760_000_000.5


def test_the_engines_numbers_are_shown() -> None:
    engine = CountingEngine(
        births=1,
        policy_errors=2,
        raw_keys=3,
        raw_key_bytes=4,
        contexts=5,
        series={"calls": 6, "edges": 8},
        truncated={"span_name": 7},
        redacted={"http_route": 12},
        pending_edges=9,
        edges={"paired": 10, "dropped": 11},
        weighted=6,
        capped_weights=4,
    )
    telemetry = Telemetry(engine, version="1")
    shown = {
        "span2metrics_births_total": {(): 1},
        "span2metrics_policy_errors_total": {(): 2},
        "span2metrics_raw_keys": {(): 3},
        "span2metrics_raw_key_bytes": {(): 4},
        "span2metrics_contexts": {(): 5},
        "span2metrics_series": {("calls",): 6, ("edges",): 8},
        "span2metrics_truncated_values_total": {("span_name",): 7},
        "span2metrics_redacted_values_total": {("http_route",): 12},
        "span2metrics_pending_edges": {(): 9},
        "span2metrics_edges_total": {("paired",): 10, ("dropped",): 11},
        "span2metrics_weighted_spans_total": {(): 6},
        "span2metrics_capped_weights_total": {(): 4},
    }
    assert {name: samples(telemetry, name) for name in shown} == shown


def test_the_engine_is_read_once_a_collection() -> None:
    engine = CountingEngine()
    Telemetry(engine, version="1").collect()
    assert engine.asked == 1


def test_every_received_span_is_aggregated_or_dropped_for_a_reason() -> None:
    engine = CountingEngine(received=9, aggregated=6, dropped={"no_duration": 1, "filtered": 2})
    telemetry = Telemetry(engine, version="1")
    telemetry.applied(GRPC, 5, 1, 1)
    telemetry.applied(HTTP, 4, 1, 1)
    received = sum(samples(telemetry, "span2metrics_received_spans_total").values())
    dropped = samples(telemetry, "span2metrics_dropped_spans_total")
    assert dropped == {("no_duration",): 1, ("filtered",): 2}
    assert received == value(telemetry, "span2metrics_aggregated_spans_total") + sum(dropped.values())


def test_spans_are_conserved_through_the_real_engine(engine: Engine, telemetry: Telemetry) -> None:
    body = request([Placed(name=f"operation {i % 3}", service=None if i % 2 else "shop") for i in range(10)])
    outcome = engine.consume(body, NOW)
    telemetry.applied(GRPC, outcome.received, len(body), NOW.wall_ns)
    assert value(telemetry, "span2metrics_received_spans_total", GRPC) == 10
    assert value(telemetry, "span2metrics_aggregated_spans_total") == 10
    assert value(telemetry, "span2metrics_span_anomalies_total", "unknown_service") == 5


# --- the service graph ------------------------------------------------------------------------------------------------


def test_without_a_service_graph_its_numbers_are_there_and_its_outcomes_are_not() -> None:
    telemetry = Telemetry(Engine(Plan(graph=None)), version="1")
    assert value(telemetry, "span2metrics_pending_edges") == 0
    assert samples(telemetry, "span2metrics_edges_total") == {}
    assert ("edges",) not in samples(telemetry, "span2metrics_series")


PEER = CALL.but(trace_id=trace_of(2), attributes={"peer.service": "bank"})
DATABASE = CALL.but(trace_id=trace_of(3), attributes={"db.system": "redis"})
ORPHAN = SERVED.but(trace_id=trace_of(4))
#: What arrives one after the other where three may wait: how many wait then, and what was counted for it.
ARRIVALS = [
    (CALL, 1, None),
    (SERVED, 1, names.EDGE_PAIRED),  # the client stays for others
    (SERVED.but(span_id=id_of(3)), 1, names.EDGE_PAIRED),
    (DATABASE, 1, names.EDGE_DATABASE),
    (ROOT, 2, None),
    (ORPHAN, 3, None),
    (PEER, 3, None),  # the client that has met somebody goes
    (ORPHAN.but(trace_id=trace_of(5)), 3, names.EDGE_DROPPED),
    (CALL.but(kind=INTERNAL, trace_id=trace_of(6)), 3, None),
]


def test_each_outcome_of_the_service_graph_is_counted_when_it_is_known_and_once() -> None:
    engine = Engine(Plan(graph=Graph(max_items=3)))
    telemetry = Telemetry(engine, version="1")
    expected = dict.fromkeys(((outcome,) for outcome in names.EDGE_OUTCOMES), 0)
    for placed, pending, outcome in ARRIVALS:
        engine.consume(request([placed]), NOW)
        if outcome:
            expected[(outcome,)] += 1
        assert value(telemetry, "span2metrics_pending_edges") == pending
        assert samples(telemetry, "span2metrics_edges_total") == expected
    assert not engine.expire(at(10 * 10**9 - 1))
    assert samples(telemetry, "span2metrics_edges_total") == expected
    assert not engine.expire(at(10 * 10**9))
    expected |= {(names.EDGE_VIRTUAL,): 1, (names.EDGE_UNPAIRED,): 2}
    assert value(telemetry, "span2metrics_pending_edges") == 0
    assert samples(telemetry, "span2metrics_edges_total") == expected


def test_edges_are_series_of_their_own(engine: Engine, telemetry: Telemetry) -> None:
    assert value(telemetry, "span2metrics_series", "edges") == 0
    engine.consume(request([CALL, SERVED, SERVED, DATABASE]), NOW)
    assert value(telemetry, "span2metrics_series", "edges") == 2
