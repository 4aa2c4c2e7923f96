"""Plain spans to the bytes of an OTLP `ExportTraceServiceRequest`.

One ResourceSpans for each pod, in it one ScopeSpans for each instrumentation scope, as an SDK groups them.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2

from span2metrics.demo import company
from span2metrics.demo.span import Attributes, Pod, Scope, Span, Value

SCHEMA_URL = "https://opentelemetry.io/schemas/1.44.0"
_SAMPLED = 0x01
_PARENT_IS_KNOWN = trace_pb2.SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK
_PARENT_IS_REMOTE = trace_pb2.SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK

Groups = dict[str, dict[Scope, list[Span]]]


def encode(spans: Iterable[Span]) -> bytes:
    """One request with all of `spans`, in their order within each pod and scope."""
    request = ExportTraceServiceRequest()
    for pod_name, scopes in _groups(spans).items():
        resource_spans = request.resource_spans.add(schema_url=SCHEMA_URL)
        resource_spans.resource.attributes.extend(_resource(pod_name))
        for scope, members in scopes.items():
            scope_spans = resource_spans.scope_spans.add(schema_url=SCHEMA_URL)
            scope_spans.scope.name = scope.name
            scope_spans.scope.version = scope.version
            scope_spans.spans.extend([_span(span) for span in members])
    data: bytes = request.SerializeToString()
    return data


def _groups(spans: Iterable[Span]) -> Groups:
    groups: Groups = {}
    for span in spans:
        groups.setdefault(span.pod.name, {}).setdefault(span.scope, []).append(span)
    return groups


_PODS: dict[str, Pod] = {pod.name: pod for pods in company.PODS.values() for pod in pods}


@cache
def _resource(pod_name: str) -> list[KeyValue]:
    return _attributes(_PODS[pod_name].attributes)


def _span(span: Span) -> trace_pb2.Span:
    return trace_pb2.Span(
        trace_id=span.trace_id,
        span_id=span.span_id,
        parent_span_id=span.parent_id,
        flags=_SAMPLED | _PARENT_IS_KNOWN | (_PARENT_IS_REMOTE if span.remote else 0),
        name=span.name,
        kind=trace_pb2.Span.SpanKind.ValueType(span.kind),
        start_time_unix_nano=span.start_ns,
        end_time_unix_nano=span.end_ns,
        attributes=_attributes(span.attributes),
        events=[
            trace_pb2.Span.Event(name=event.name, time_unix_nano=event.at_ns, attributes=_attributes(event.attributes))
            for event in span.events
        ],
        links=[
            trace_pb2.Span.Link(trace_id=link.trace_id, span_id=link.span_id, flags=_SAMPLED) for link in span.links
        ],
        status=trace_pb2.Status(code=trace_pb2.Status.StatusCode.ValueType(span.status), message=span.message)
        if span.status
        else None,
    )


def _attributes(attributes: Attributes) -> list[KeyValue]:
    return [KeyValue(key=key, value=_value(value)) for key, value in attributes.items()]


def _value(value: Value) -> AnyValue:
    if isinstance(value, str):
        return AnyValue(string_value=value)
    if isinstance(value, bool):  # before int, which it is, too
        return AnyValue(bool_value=value)
    return AnyValue(int_value=value) if isinstance(value, int) else AnyValue(double_value=value)
