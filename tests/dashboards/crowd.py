"""A service that does all that is odd, so that panels about that have something to show.

It is called crowd, fails never, and is seen beside the company's services.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterator

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from tests.bench.requests import pairs

CROWD = "crowd"
#: Settings under which it meets limits that the company does not.
SETTINGS = "limits: {series_per_service: 150}\nservice_graph: {wait: 1s, max_items: 2000, messaging_latency: true}\n"
#: Rounds in which more halves of edges come than may wait; afterwards there are none that crowd out others.
_FLOODS = 4


def requests() -> Iterator[bytes]:
    """Without end; each is of now."""
    rng = random.Random(1)
    for number in itertools.count():
        yield _request([*_odd(rng), *(_flood(rng) if number < _FLOODS else ())])


def _request(spans: list[Span]) -> bytes:
    groups = ResourceSpans(scope_spans=[ScopeSpans(spans=spans)])
    groups.resource.attributes.extend(pairs({"service.name": CROWD}))
    return ExportTraceServiceRequest(resource_spans=[groups]).SerializeToString()


def _odd(rng: random.Random) -> Iterator[Span]:
    yield from (_span(rng, f"step {chr(97 + i % 26)}{chr(97 + i // 26)}") for i in range(200))  # an overflow
    secret = pairs({"peer.service": "4111 1111 1111 1111"})
    yield _span(rng, "ask", kind=Span.SPAN_KIND_CLIENT, attributes=secret)  # something to hide
    yield _span(rng, "wide " * 1000)  # something to cut
    yield _span(rng, f"GET /users/{rng.randrange(10**6, 10**7)}")  # an id
    yield _span(rng, "lost", trace_id=b"\1\2")  # an id that is none
    yield _span(rng, "orphan", kind=Span.SPAN_KIND_SERVER, parent_span_id=rng.randbytes(8))  # half an edge


def _flood(rng: random.Random) -> Iterator[Span]:
    return (_span(rng, "call", kind=Span.SPAN_KIND_CLIENT) for _ in range(4000))


def _span(rng: random.Random, name: str, **fields: object) -> Span:
    end = time.time_ns()
    known = {"trace_id": rng.randbytes(16), "span_id": rng.randbytes(8), "kind": Span.SPAN_KIND_INTERNAL}
    times = {"start_time_unix_nano": end - 10**7, "end_time_unix_nano": end}
    return Span(name=name, **(known | times | fields))
