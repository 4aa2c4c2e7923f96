"""The demo's company: its traces are well-formed, repeatable, and come to the wire as they are."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from span2metrics.demo import banner, run
from span2metrics.demo.address import reachable
from span2metrics.demo.company import SERVICES
from span2metrics.demo.encode import encode
from span2metrics.demo.incident import CYCLE, NONE
from span2metrics.demo.room import Room, Settings
from span2metrics.demo.script import SERVER_FAULTS
from span2metrics.demo.span import Kind, Span, Status
from span2metrics.demo.traffic import Traffic, arrival_s

AT = 1_700_000_000_000_000_000
CALM, CARDS_DOWN, ALL_DOWN = 10.0, 190.0, 250.0
SECOND = 1_000_000_000


def traces(elapsed_s: float, count: int = 300, seed: int = 7) -> list[list[Span]]:
    traffic = Traffic(seed, CYCLE)
    return [traffic.trace(number, AT + number * SECOND, elapsed_s) for number in range(count)]


def spans(elapsed_s: float, count: int = 300) -> list[Span]:
    return [span for trace in traces(elapsed_s, count) for span in trace]


def error_share(elapsed_s: float, service: str) -> float:
    served = [s for s in spans(elapsed_s, 600) if s.service == service and s.kind is Kind.SERVER]
    return sum(s.status is Status.ERROR for s in served) / len(served)


# --- the traces -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("elapsed", [CALM, CARDS_DOWN, ALL_DOWN])
def test_ids_are_unique_and_of_the_right_length(elapsed: float) -> None:
    made = spans(elapsed)
    assert {(len(s.trace_id), len(s.span_id)) for s in made} == {(16, 8)}
    assert len({s.span_id for s in made}) == len(made)


@pytest.mark.parametrize("elapsed", [CALM, CARDS_DOWN, ALL_DOWN])
def test_every_span_is_a_root_or_lies_where_its_parent_allows(elapsed: float) -> None:
    for trace in traces(elapsed):
        by_id = {(s.trace_id, s.span_id): s for s in trace}
        assert not trace[0].parent_id
        for span in trace:
            assert span.start_ns < span.end_ns
            if not span.parent_id:
                assert span is trace[0] or (span.kind is Kind.CONSUMER and span.links)
                continue
            parent = by_id[span.trace_id, span.parent_id]
            if span.kind is Kind.CONSUMER:
                assert parent.end_ns < span.start_ns
            else:
                assert parent.start_ns <= span.start_ns < span.end_ns <= parent.end_ns


@pytest.mark.parametrize("elapsed", [CALM, ALL_DOWN])
def test_a_parent_in_another_process_is_the_other_half_of_a_call_or_a_message(elapsed: float) -> None:
    halves = {Kind.SERVER: Kind.CLIENT, Kind.CONSUMER: Kind.PRODUCER}
    for trace in traces(elapsed):
        by_id = {(s.trace_id, s.span_id): s for s in trace}
        for span in trace:
            parent = by_id.get((span.trace_id, span.parent_id))
            if parent is not None:
                assert span.remote is (parent.pod is not span.pod)
                assert parent.kind is halves[span.kind] if span.remote else span.kind not in halves
            assert {by_id[link.trace_id, link.span_id].kind for link in span.links} <= {Kind.PRODUCER}


def test_the_same_seed_and_clock_give_the_same_traces() -> None:
    assert traces(CALM, 50) == traces(CALM, 50)
    assert traces(CALM, 50) != traces(CALM, 50, seed=8)


def test_a_later_clock_moves_a_trace_and_changes_nothing_else() -> None:
    early, late = (Traffic(7, NONE).trace(3, at, CALM) for at in (AT, AT + SECOND))
    moved = [replace(s, start_ns=s.start_ns + SECOND, end_ns=s.end_ns + SECOND, events=()) for s in early]
    assert [replace(s, events=()) for s in late] == moved


def test_all_seven_services_are_called_within_a_hundred_traces() -> None:
    assert {s.service for s in spans(CALM, 100)} == {service.name for service in SERVICES}
    assert len(SERVICES) == 7


def test_traces_arrive_in_order_and_at_the_rate() -> None:
    arrivals = [arrival_s(number, 20.0) for number in range(2000)]
    assert arrivals == sorted(arrivals)
    assert sum(50.0 <= arrival < 60.0 for arrival in arrivals) == pytest.approx(200, abs=1)


def test_a_server_counts_only_its_own_faults_as_errors() -> None:
    for span in spans(ALL_DOWN):
        if span.kind is Kind.SERVER:
            status = int(span.attributes.get("http.response.status_code", 0))
            code = span.attributes.get("rpc.response.status_code")
            assert (span.status is Status.ERROR) == (status >= 500 or code in SERVER_FAULTS)
            assert (span.status is Status.ERROR) == ("error.type" in span.attributes)


@pytest.mark.parametrize(
    ("elapsed", "low", "high"),
    [(0.0, 0.0, 0.02), (179.9, 0.0, 0.02), (180.0, 0.2, 0.6), (299.9, 0.2, 0.6), (300.0, 0.0, 0.02), (490.0, 0.2, 0.6)],
)
def test_the_incident_makes_payments_fail_and_passes(elapsed: float, low: float, high: float) -> None:
    assert low <= error_share(elapsed, "payments") <= high
    assert low / 2 <= error_share(elapsed, "gateway") <= high


def test_the_ledgers_database_is_slow_in_the_second_part_of_the_incident() -> None:
    def median_ns(elapsed: float) -> int:
        queries = [s for s in spans(elapsed) if s.attributes.get("db.namespace") == "ledger"]
        return sorted(s.end_ns - s.start_ns for s in queries)[len(queries) // 2]

    assert median_ns(ALL_DOWN) > 10 * median_ns(CARDS_DOWN)


def test_attempts_at_the_card_network_are_spans_of_their_own_and_counted() -> None:
    calls: dict[bytes, list[Span]] = {}
    for span in spans(CARDS_DOWN):
        if span.attributes.get("peer.service") == "card-network":
            calls.setdefault(span.parent_id, []).append(span)
    assert {len(attempts) for attempts in calls.values()} == {1, 2, 3}
    for attempts in calls.values():
        assert [s.attributes.get("http.request.resend_count", 0) for s in attempts] == list(range(len(attempts)))
        assert all(s.status is Status.ERROR and s.events[0].name == "exception" for s in attempts[:-1])


def test_some_calls_have_two_servers_and_the_card_network_has_none() -> None:
    made = spans(CALM)
    servers = Counter(s.parent_id for s in made if s.kind is Kind.SERVER and s.parent_id)
    assert set(servers.values()) == {1, 2}
    assert not [s for s in made if "peer.service" in s.attributes and s.span_id in servers]


def test_amounts_have_two_decimals_refunds_are_negative_and_a_decline_is_no_error() -> None:
    paid = [s for s in spans(CALM, 600) if "payment.amount" in s.attributes and s.kind is Kind.SERVER]
    assert {s.service for s in paid} == {"payments"}
    assert {s.attributes["payment.type"] for s in paid} == {"payment", "refund", "payout"}
    for span in paid:
        amount = float(span.attributes["payment.amount"])
        assert re.fullmatch(r"-?\d+\.\d{1,2}", repr(amount))
        assert (amount < 0) == (span.attributes["payment.type"] == "refund")
    declined = [s for s in paid if s.attributes["payment.outcome"] == "declined"]
    assert {s.status for s in declined} == {Status.UNSET}
    assert {e.name for s in declined for e in s.events} == {"payment.declined"}


def test_no_text_holds_a_run_of_digits_that_could_be_a_card_number() -> None:
    alone = re.compile(r"(?<![0-9A-Za-z])\d([ -]?\d){12,18}(?![0-9A-Za-z])")
    for span in spans(CALM):
        values = [*span.attributes.values(), *span.pod.attributes.values(), span.name]
        assert not [value for value in values if alone.search(str(value))]


# --- encoding ---------------------------------------------------------------------------------------------------------


def plain(attributes: object) -> dict[str, object]:
    return {kv.key: getattr(kv.value, kv.value.WhichOneof("value")) for kv in attributes}


def decoded(body: bytes) -> list[dict[str, object]]:
    """Every span of a request as a dictionary, resource and scope included."""
    return [
        {
            "resource": plain(resource_spans.resource.attributes),
            "scope": (scope_spans.scope.name, scope_spans.scope.version),
            "ids": (span.trace_id, span.span_id, span.parent_span_id),
            "what": (
                span.name,
                span.kind,
                span.start_time_unix_nano,
                span.end_time_unix_nano,
                bool(span.flags & 0x200),
            ),
            "attributes": plain(span.attributes),
            "status": (span.status.code, span.status.message),
            "events": [(e.name, e.time_unix_nano, plain(e.attributes)) for e in span.events],
            "links": [(link.trace_id, link.span_id) for link in span.links],
        }
        for resource_spans in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
    ]


def expected(span: Span) -> dict[str, object]:
    return {
        "resource": span.pod.attributes,
        "scope": (span.scope.name, span.scope.version),
        "ids": (span.trace_id, span.span_id, span.parent_id),
        "what": (span.name, span.kind, span.start_ns, span.end_ns, span.remote),
        "attributes": span.attributes,
        "status": (span.status, span.message),
        "events": [(e.name, e.at_ns, e.attributes) for e in span.events],
        "links": [(link.trace_id, link.span_id) for link in span.links],
    }


def test_an_encoded_request_says_what_the_spans_say() -> None:
    made = spans(ALL_DOWN, 100)
    by_id = {ids: span for span in decoded(encode(made)) for ids in [span["ids"]]}
    assert by_id == {(s.trace_id, s.span_id, s.parent_id): expected(s) for s in made}


def test_a_request_has_one_resource_for_each_pod() -> None:
    made = spans(CALM, 20)
    names = [
        plain(r.resource.attributes)["k8s.pod.name"]
        for r in ExportTraceServiceRequest.FromString(encode(made)).resource_spans
    ]
    assert sorted(names) == sorted({s.pod.name for s in made})


# --- the room ---------------------------------------------------------------------------------------------------------


class Offered(list[Span]):
    """Stands for the sender."""

    offer = list.extend


def test_spans_are_handed_over_when_they_have_ended_and_with_a_duration_in_whole_traces() -> None:
    offered, traffic = Offered(), Traffic(7, NONE)
    room = Room(traffic, offered, Settings(rate=20.0, duration=5.0, base_ns=AT))
    for tick in range(100):
        assert room.advance(tick * 0.05)
        assert all(s.end_ns <= AT + tick * SECOND // 20 for s in offered)
    assert not room.advance(5.01)
    whole = [traffic.trace(n, AT + int(arrival_s(n, 20.0) * SECOND), arrival_s(n, 20.0)) for n in range(100)]
    whole = [trace for trace in whole if max(s.end_ns for s in trace) <= AT + 5 * SECOND]
    assert len(whole) > 80
    assert sorted(s.span_id for s in offered) == sorted(s.span_id for trace in whole for s in trace)


def test_after_a_long_pause_the_traces_in_between_are_left_out() -> None:
    offered = Offered()
    room = Room(Traffic(7, NONE), offered, Settings(rate=20.0, duration=None, base_ns=AT))
    room.advance(0.0)
    room.advance(3600.0)
    assert 0 < len({s.trace_id for s in offered}) < 200


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), float("inf")])
def test_a_rate_that_is_no_positive_number_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="rate"):
        run("127.0.0.1:1", rate=rate)


# --- what it says -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bound", "expected"),
    [
        ("127.0.0.1:4317", "127.0.0.1:4317"),
        ("[::1]:4317", "[::1]:4317"),
        (":4317", "localhost:4317"),
        ("*:4317", "localhost:4317"),
        ("0.0.0.0:4317", "localhost:4317"),
        ("[::]:4317", "localhost:4317"),
    ],
)
def test_an_address_of_all_interfaces_is_dialled_as_localhost(bound: str, expected: str) -> None:
    assert reachable(bound) == expected


def test_the_banner_says_where_to_look_and_what_will_happen() -> None:
    text = banner("127.0.0.1:10464", {"otlp_grpc": "127.0.0.1:4317"})
    for words in (
        "http://127.0.0.1:10464/metrics",
        "127.0.0.1:4317",
        "traces_span_metrics_calls_total",
        "traces_span_metrics_duration_seconds_bucket",
        "from 3:00 on the card network times out",
    ):
        assert words in text
    assert "No incident" in banner(":10464", {}, incident="none")
