"""Senders are told which of their spans were too old or too new, in their own protocol, and of nothing else."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence

import grpc
import pytest
import uvloop
from google.protobuf import json_format
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

from span2metrics import names
from span2metrics.engine.core import Engine
from span2metrics.engine.plan import Plan
from span2metrics.engine.stats import Outcome
from span2metrics.engine.where import Filters, Where
from span2metrics.receivers import reply
from span2metrics.receivers.partial_success import answer
from tests.cases_filters import equal
from tests.conftest import Run
from tests.edges import JSON, PROTOBUF, http, on_loop, over_grpc
from tests.payloads import Placed, request
from tests.processes import FREE_PORTS, Running, running
from tests.test_otlp_json import as_json

HOUR = 3600 * 10**9
TOO_OLD, TOO_NEW = "ended too long ago", "end too far in the future"


def told(body: bytes, media_type: str = reply.PROTOBUF) -> tuple[int, str]:
    """How many spans were rejected, and why, by OTLP's own message."""
    response = ExportTraceServiceResponse()
    if media_type == reply.JSON:
        json_format.Parse(body, response)
    else:
        response.ParseFromString(body)
    return response.partial_success.rejected_spans, response.partial_success.error_message


# --- the message ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("media_type", [reply.PROTOBUF, reply.JSON])
@pytest.mark.parametrize(("old", "new"), [(1, 0), (0, 1), (2, 3), (300, 0), (2**40, 2**40)])
def test_a_rejection_says_how_many_and_why(media_type: str, old: int, new: int) -> None:
    outcome = Outcome(old + new + 5, 5, {names.OUTSIDE_TIME_SLACK: old + new}, too_old=old, too_new=new)
    rejected, message = told(answer(outcome, media_type), media_type)
    assert rejected == old + new
    assert (f"{old} {TOO_OLD}" in message, f"{new} {TOO_NEW}" in message) == (old > 0, new > 0)
    assert "time.slack" in message


@pytest.mark.parametrize(("media_type", "body"), [(reply.PROTOBUF, b""), (reply.JSON, b"{}")])
@pytest.mark.parametrize("dropped", [{}, {names.FILTERED: 5}])
def test_success_and_filters_are_answered_with_nothing(media_type: str, body: bytes, dropped: dict[str, int]) -> None:
    assert answer(Outcome(9, 9 - sum(dropped.values()), dropped), media_type) == body


def test_json_has_the_number_as_a_string() -> None:
    outcome = Outcome(1, 0, {names.OUTSIDE_TIME_SLACK: 1}, too_old=1)
    assert json.loads(answer(outcome, reply.JSON))["partialSuccess"]["rejectedSpans"] == "1"


# --- over the wire ----------------------------------------------------------------------------------------------------


@pytest.fixture
def run() -> Run:
    return on_loop(uvloop.new_event_loop)


def guarded() -> Engine:
    return Engine(Plan(slack_ns=HOUR, filters=Filters(exclude=(Where(name=equal("no")),))))


def late(*seconds: int, name: str = "pay") -> bytes:
    """Spans that ended so long ago."""
    now = time.time_ns()
    return request([Placed(name=name, start=now - s * 10**9 - 1, end=now - s * 10**9) for s in seconds])


BODIES = {
    "in time": ((0, 5), "pay", 0, 0),
    "too old and too new": ((0, 7200, 7200, -7200), "pay", 2, 1),
    "too old alone": ((7200,), "pay", 1, 0),
    "filtered": ((0, 5), "no", 0, 0),
    "filtered or too old": ((0, 7200), "no", 1, 0),
}


@pytest.mark.parametrize("case", BODIES)
def test_grpc_and_http_say_so_in_protobuf_and_json(run: Run, case: str) -> None:
    seconds, name, old, new = BODIES[case]
    body = late(*seconds, name=name)

    async def scenario() -> None:
        async with over_grpc(engine=guarded()) as edge, http(engine=guarded()) as web, http(engine=guarded()) as other:
            answers = [(await edge.export(body), reply.PROTOBUF)]
            posted = await web.post(body, PROTOBUF)
            as_text = json.dumps(as_json(ExportTraceServiceRequest.FromString(body))).encode()
            posted_json = await other.post(as_text, JSON)
            assert (posted.status, posted_json.status) == (200, 200)
            answers += [(posted.body, reply.PROTOBUF), (posted_json.body, reply.JSON)]
            for each, media_type in answers:
                assert isinstance(each, bytes)
                rejected, message = told(each, media_type)
                assert (rejected, TOO_OLD in message, TOO_NEW in message) == (old + new, old > 0, new > 0)
            for receiver in (edge, web, other):
                assert (receiver.received, receiver.outcomes) == (len(seconds), {names.ACCEPTED: 1})

    run(scenario())


# --- the daemon and clients that nobody here wrote --------------------------------------------------------------------


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    file = tmp_path_factory.mktemp("guard") / "config.yaml"
    file.write_text("time: {slack: 1h}\nfilters: {exclude: [{name: 'no'}, {span.skip: true}]}")
    with running("serve", *FREE_PORTS, f"--config.file={file}") as serving:
        yield serving.ready()


def numbers(daemon: Running) -> dict[str, float]:
    lines = daemon.get("/metrics")[1].splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line[:1] not in ("#", ""))}


def summed(shown: dict[str, float], name: str) -> float:
    return sum(value for sample, value in shown.items() if sample.partition("{")[0] == name)


def test_a_generated_client_reads_what_was_rejected(daemon: Running) -> None:
    before = numbers(daemon)
    with grpc.insecure_channel(daemon.otlp_grpc) as channel:
        export = TraceServiceStub(channel).Export
        response = export(ExportTraceServiceRequest.FromString(late(0, 7200, -7200)))
        filtered = export(ExportTraceServiceRequest.FromString(late(0, 1, name="no")))
    assert response.partial_success.rejected_spans == 2
    assert response.partial_success.error_message.startswith("spans that were not counted: 1 ended too long ago and 1")
    assert filtered == ExportTraceServiceResponse()
    after = numbers(daemon)
    for reason, count in (("outside_time_slack", 2), ("filtered", 2)):
        sample = f'span2metrics_dropped_spans_total{{reason="{reason}"}}'
        assert after[sample] - before[sample] == count
    count = "span2metrics_span_lateness_seconds_count"
    assert after[count] - before[count] == 5
    future = 'span2metrics_span_lateness_seconds_bucket{le="0.0"}'
    assert after[future] - before[future] == 1


class Noting(SpanExporter):
    """Another exporter, and what it answered."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self.results: list[SpanExportResult] = []

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.results.append(self._exporter.export(spans))
        return self.results[-1]

    def shutdown(self) -> None:
        self._exporter.shutdown()


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_the_sdks_exporters_take_the_answer_for_success(daemon: Running, protocol: str) -> None:
    before = numbers(daemon)
    exporter = (
        GrpcExporter(endpoint=f"http://{daemon.otlp_grpc}", insecure=True)
        if protocol == "grpc"
        else HttpExporter(endpoint=f"http://{daemon.otlp_http}/v1/traces")
    )
    noting = Noting(exporter)
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(noting))
    tracer = provider.get_tracer("test")
    now = time.time_ns()
    for ends in (now, now - 2 * HOUR):
        tracer.start_span("pay", start_time=ends - 1).end(ends)
    tracer.start_span("pay", attributes={"skip": True}).end()
    provider.shutdown()
    assert [getattr(result, "name", "") for result in noting.results] == ["SUCCESS"] * 3
    after = numbers(daemon)
    received, aggregated, dropped = (
        summed(after, name) - summed(before, name)
        for name in (
            "span2metrics_received_spans_total",
            "span2metrics_aggregated_spans_total",
            "span2metrics_dropped_spans_total",
        )
    )
    assert (received, aggregated, dropped) == (3, 1, 2)


def test_what_is_received_is_aggregated_or_dropped(daemon: Running) -> None:
    for body in (late(0, 1, 7200), late(3, name="no"), b""):
        assert daemon.send(body) == 200
        shown = numbers(daemon)
        dropped = summed(shown, "span2metrics_dropped_spans_total")
        assert dropped > 0
        assert summed(shown, "span2metrics_received_spans_total") == (
            summed(shown, "span2metrics_aggregated_spans_total") + dropped
        )
        assert summed(shown, "traces_span_metrics_calls_total") == shown["span2metrics_aggregated_spans_total"]
