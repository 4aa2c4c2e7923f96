"""Twins of OTLP's message types, made at run time from opentelemetry-proto's descriptors.

In a twin, strings are bytes (protobuf refuses invalid UTF-8, we replace it), fields that no rule reads are left out,
and resources, scopes, attributes and values stay bytes until a rule asks for them.  So the twins accept everything
that protobuf's own parser does and, beyond that, only requests whose fault nobody reads.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import message_factory
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError as ProtobufDecodeError
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

#: Fields that some rule reads, by message; messages that are not named here are read whole.  `*`: as raw bytes.
READ = {
    "ResourceSpans": {"resource*", "scope_spans"},
    "Resource": {"attributes*"},
    "ScopeSpans": {"scope*", "spans*"},
    "InstrumentationScope": {"name", "version", "attributes*"},
    "Span": {
        *("trace_id", "span_id", "parent_span_id", "name", "kind", "start_time_unix_nano", "end_time_unix_nano"),
        *("trace_state", "attributes*", "links*", "status"),
    },
    "Link": {"trace_id", "span_id"},
    "Status": {"code"},
    "KeyValue": {"key", "value*"},
    "ArrayValue": {"values*"},
}


class BrokenError(Exception):
    """The request has a fault in a field that the plan reads, or in its framing."""


def _edit(message: DescriptorProto) -> None:
    for nested in message.nested_type:
        _edit(nested)
    read = READ.get(message.name)
    for field in list(message.field):
        raw = f"{field.name}*" in (read or ())
        if read is not None and field.name not in read and not raw:
            message.field.remove(field)
        elif field.type == FieldDescriptorProto.TYPE_STRING or raw:
            field.type = FieldDescriptorProto.TYPE_BYTES
            field.ClearField("type_name")
        if raw:
            field.label = FieldDescriptorProto.LABEL_REPEATED


def _closed(any_value: DescriptorProto, opened: str) -> DescriptorProto:
    """An AnyValue whose arrays and maps stay bytes, but for one: what a later field replaces is never read."""
    closed = DescriptorProto()
    closed.CopyFrom(any_value)
    closed.name = opened or "closed"
    for field in closed.field:
        if field.type == FieldDescriptorProto.TYPE_MESSAGE and field.name != opened:
            field.type = FieldDescriptorProto.TYPE_BYTES
            field.ClearField("type_name")
    return closed


def _twins() -> dict[str, Any]:
    pool, twins = DescriptorPool(), {}
    for module in (common_pb2, resource_pb2, trace_pb2, trace_service_pb2):
        file = FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        for message in list(file.message_type):
            _edit(message)
            if message.name == "AnyValue":
                file.message_type.extend(_closed(message, opened) for opened in ("", "array_value", "kvlist_value"))
        pool.Add(file)
        for message in file.message_type:
            descriptor = pool.FindMessageTypeByName(f"{file.package}.{message.name}")
            twins[message.name] = message_factory.GetMessageClass(descriptor)
            for nested in descriptor.nested_types:
                twins[nested.name] = message_factory.GetMessageClass(nested)
    return twins


TWINS = _twins()


def parse(name: str, *pieces: bytes) -> Any:
    """The twin message `name`, merged from pieces; raises `BrokenError`."""
    message = TWINS[name]()
    try:
        for piece in pieces:
            message.MergeFromString(piece)
    except ProtobufDecodeError as error:
        raise BrokenError(name) from error
    return message


def parse_value(*pieces: bytes) -> Any:
    """An AnyValue's twin, merged from pieces; raises `BrokenError`."""
    closed = parse("closed", *pieces)
    kind = closed.WhichOneof("value")
    return parse(kind, *pieces) if kind in ("array_value", "kvlist_value") else closed
