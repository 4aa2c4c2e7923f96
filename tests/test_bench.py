"""The bench can be run: a measurement that nobody can repeat says nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from span2metrics import names
from tests.bench import overload, steady
from tests.bench.calls import Kind, Stream
from tests.bench.samples import total


def test_the_bench_finds_everything_it_needs() -> None:
    command = [sys.executable, "-m", "tests.bench", "--only", "no such section"]
    assert subprocess.run(command, check=True, capture_output=True).stdout == b""


@pytest.mark.parametrize("transport", ["grpc", "http"])
def test_every_span_under_overload_is_counted_or_refused(transport: str) -> None:
    fate = overload.flooded(transport, 0.5, [])
    assert fate.requests.keys() <= {"acknowledged", "refused"}
    assert fate.calls == overload.acknowledged(fate) > 0


def test_a_steady_call_is_an_edge_and_nothing_else() -> None:
    fate = steady.called(1, 2000)
    assert fate.requests.keys() == {"acknowledged"}
    assert fate.spans == 2 * fate.calls >= 4000
    assert fate.outcomes == dict.fromkeys(names.EDGE_OUTCOMES, 0) | {names.EDGE_PAIRED: fate.calls}
    assert fate.dropped == 0


@pytest.mark.parametrize(
    ("kind", "calls"),
    [(Kind.TOGETHER, 40 * 512), (Kind.IN_TWO, 15 * 1024), (Kind.CLIENTS, 0), (Kind.SERVERS, 0), (Kind.DATABASES, 0)],
)
def test_spans_of_the_bench_are_new_each_time_and_meet_where_both_halves_came(kind: Kind, calls: int) -> None:
    clients, servers = keys(kind, 40, 1024)
    assert len(clients) + len(servers) == 40 * 1024
    assert len(clients & servers) == calls


def keys(kind: Kind, requests: int, each: int) -> tuple[set[tuple[bytes, bytes]], set[tuple[bytes, bytes]]]:
    """What clients and what servers of so many requests are met by: the trace id, and the id of the client's span."""
    bodies = [body for body, _ in Stream(1000, kind, spans=each).requests(requests * each)]
    groups = [group for body in bodies for group in ExportTraceServiceRequest.FromString(body).resource_spans]
    spans = [span for group in groups for scope in group.scope_spans for span in scope.spans]
    assert {span.kind for span in spans} <= {Span.SPAN_KIND_CLIENT, Span.SPAN_KIND_SERVER}
    clients = {(span.trace_id, span.span_id) for span in spans if span.kind == Span.SPAN_KIND_CLIENT}
    servers = {(span.trace_id, span.parent_span_id) for span in spans if span.kind == Span.SPAN_KIND_SERVER}
    return clients, servers


@pytest.mark.parametrize(
    ("name", "labels", "expected"),
    [
        ("a_total", {}, 7),
        ("a_total", {"x": "1"}, 3),
        ("a_total", {"x": "1", "y": "2"}, 2),
        ("a", {}, 9),
        ("b_total", {}, 0),
    ],
)
def test_samples_are_summed_by_name_and_labels(name: str, labels: dict[str, str], expected: float) -> None:
    page = '# HELP a_total a_total 5\na_total{x="1",y="1"} 1\na_total{x="1",y="2"} 2\na_total{x="2"} 4\na 9\n'
    assert total(page, name, **labels) == expected
