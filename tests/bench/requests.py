"""Requests to measure with: seeded OTLP bodies like those that a fleet of instrumented services sends.

About 455 bytes and 10 attributes a span; names, routes and services repeat, ids and threads do not.  `unseen` is
the share of spans whose name nobody has seen before; with `ids` each name has an id, fresh in every span, and templates
to names which repeat; `resources` how many pods (distinct resource bytes) a service has; `trace_state` is every span's.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

EPOCH_NS = 1_700_000_000_000_000_000
METHODS = ("GET", "POST", "GET", "PUT", "GET", "DELETE")
KINDS = (Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CLIENT, Span.SPAN_KIND_INTERNAL)


@dataclass(frozen=True)
class Shape:
    """What the requests look like: `spans` a request over `width` services of `services`, each with `names` names."""

    spans: int = 512
    services: int = 50
    names: int = 40
    width: int = 8
    resources: int = 1
    unseen: float = 0.0
    ids: bool = False
    errors: float = 0.01
    trace_state: str = ""


class Builder:
    def __init__(self, shape: Shape, seed: int = 1) -> None:
        self.shape = shape
        self.rng = random.Random(seed)
        self.number = 0

    def requests(self, count: int) -> list[bytes]:
        return [self.request() for _ in range(count)]

    def every_label_set(self, pods: int = 1) -> Iterator[bytes]:
        """Requests that send each (service, name) once from each of `pods` pods."""
        for pod in range(pods):
            for service in range(self.shape.services):
                spans = [self.span(service, name) for name in range(self.shape.names)]
                yield self.encoded([self.resource_spans(service, pod, spans)])

    def request(self) -> bytes:
        shape = self.shape
        per_service = shape.spans // shape.width
        groups = []
        for _ in range(shape.width):
            service = self.rng.randrange(shape.services)
            spans = [self.span(service, self.rng.randrange(shape.names)) for _ in range(per_service)]
            groups.append(self.resource_spans(service, self.rng.randrange(shape.resources), spans))
        return self.encoded(groups)

    def encoded(self, groups: list[ResourceSpans]) -> bytes:
        return ExportTraceServiceRequest(resource_spans=groups).SerializeToString()

    def resource_spans(self, service: int, pod: int, spans: list[Span]) -> ResourceSpans:
        attributes = {
            "service.name": f"svc-{service:04d}",
            "service.namespace": f"team-{service % 10}",
            "service.version": "1.42.0",
            "service.instance.id": f"svc-{service:04d}-6d5f8b7c9-{pod:05d}.app",
            "deployment.environment.name": "production",
            "k8s.pod.name": f"svc-{service:04d}-6d5f8b7c9-{pod:05d}",
            "telemetry.sdk.language": "java",
        }
        scope = ScopeSpans(spans=spans)
        scope.scope.name = "io.opentelemetry.tomcat-10.0"
        scope.scope.version = "2.6.0-alpha"
        return ResourceSpans(resource=Resource(attributes=pairs(attributes)), scope_spans=[scope])

    def span(self, service: int, name: int) -> Span:
        rng = self.rng
        self.number += 1
        method = METHODS[name % len(METHODS)]
        route = f"/api/v1/orders/{{id}}/r{name:03d}"
        if rng.random() < self.shape.unseen:
            route = f"{route}/n{self.number}"
        thread = rng.randrange(20, 220)
        attributes = {
            "http.request.method": method,
            "http.route": route,
            "http.response.status_code": 200,
            "url.path": f"/api/v1/orders/{rng.randrange(10**8):08d}/r{name:03d}",
            "url.scheme": "https",
            "server.address": f"svc-{service:04d}.prod",
            "network.protocol.version": "1.1",
            "user_agent.original": "Mozilla/5.0 (X11; Linux x86_64) Firefox/139.0",
            "client.address": f"10.1.{name}.{thread}",
            "thread.name": f"http-nio-8080-exec-{thread}",
        }
        start = EPOCH_NS + rng.randrange(10**9)
        return Span(
            trace_id=rng.randbytes(16),
            span_id=rng.randbytes(8),
            parent_span_id=rng.randbytes(8),
            trace_state=self.shape.trace_state,
            name=f"{method} {route.replace('{id}', str(8273645 + self.number)) if self.shape.ids else route}",
            kind=KINDS[name % len(KINDS)],
            start_time_unix_nano=start,
            end_time_unix_nano=start + int(rng.lognormvariate(17, 0.8)),
            attributes=pairs(attributes),
            status=Status(code=Status.STATUS_CODE_ERROR) if rng.random() < self.shape.errors else None,
        )


def pairs(attributes: dict[str, str | int]) -> list[KeyValue]:
    return [KeyValue(key=key, value=any_value(value)) for key, value in attributes.items()]


def any_value(value: str | int) -> AnyValue:
    return AnyValue(int_value=value) if isinstance(value, int) else AnyValue(string_value=value)
