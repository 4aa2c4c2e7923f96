"""OTLP/JSON to OTLP: what `application/json` bodies say, as the bytes of an `ExportTraceServiceRequest`.

OTLP/JSON is protobuf's JSON mapping with three differences: ids are hexadecimal, enums are numbers, and names are
lowerCamelCase only.  https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding

Carried over is what the engine can read: attributes of resource, scope, span, event and link, names, ids, trace states,
times, kind, status and flags, as the tables at the end say.  Anything else is ignored, whatever its type; null is
absent.  More is taken than the specification asks: 64-bit numbers as strings or numbers, enums by name, base64 in
either alphabet.

The outer objects and lists are walked, each span is parsed, encoded and dropped.  An encoder makes the bytes of one
field, its key included, from a parsed value; a walker makes those of a message's content from the text that comes.
Both know the depth of their message.  Faults carry their JSON path, put together while the exception climbs, and never
a value.  Strings that cannot be UTF-8 (lone surrogates, bad bytes in the body) get the byte 0xFF for each such unit:
the engine replaces and counts it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from span2metrics import names
from span2metrics.errors import DecodeError
from span2metrics.formats import json_scalars as scalars
from span2metrics.formats.json_reader import NotJsonError, Reader
from span2metrics.formats.json_scalars import FieldError
from span2metrics.protobuf import (
    FIXED32,
    FIXED64,
    LENGTH,
    VARINT,
    delimited,
    pack_double,
    pack_fixed32,
    pack_fixed64,
    tag,
    varint,
)

Encoder = Callable[[Any, int], bytes]
Walker = Callable[[Reader, int], bytes]
Fields = Mapping[str, Encoder]

#: Nested messages, the request itself included: as many as protobuf's own parser takes.
MAX_DEPTH: Final = 100
#: Attributes of these kinds are remembered, as most come again and again, if key and string have at most so many
#: characters, which bounds that memory to a few MiB.
_SMALL: Final = frozenset({"stringValue", "intValue", "boolValue"})
_SHORT: Final = 64

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


def to_request(body: bytes) -> bytes:
    """`body` is UTF-8 text of an `ExportTraceServiceRequest` in OTLP/JSON.  Raises `DecodeError`."""
    reader = Reader(body.removeprefix(_BYTE_ORDER_MARK).decode("utf-8", "surrogateescape"))
    try:
        request = _REQUEST(reader, 1)
        reader.end()
    except NotJsonError as error:
        raise DecodeError(str(error)) from None
    except FieldError as fault:
        raise DecodeError(f"{fault.path or 'the request'} {fault}") from None
    return request


# --- walkers ---


def _object(fields: Fields, **walked: Walker) -> Walker:
    """A message; the fields in `walked` make their bytes from the text, `fields` from parsed values."""

    def walk(reader: Reader, depth: int) -> bytes:
        if not reader.at_object():
            reader.value()  # is it JSON at all?
            raise FieldError("must be an object")
        parts = []
        name = ""
        try:
            for name in reader.members():
                below = walked.get(name)
                parts.append(below(reader, depth) if below else _field(name, reader.value(), fields, depth))
        except FieldError as fault:
            raise fault.within(name) from None
        return b"".join(parts)

    return walk


def _list(field: int, element: Walker) -> Walker:
    """A list of messages whose content `element` makes."""
    key = tag(field, LENGTH)

    def walk(reader: Reader, depth: int) -> bytes:
        if reader.skip_null():
            return b""
        if not reader.at_list():
            reader.value()
            raise FieldError("must be a list")
        parts: list[bytes] = []
        try:
            for _ in reader.elements():
                parts.append(b"" if reader.skip_null() else delimited(key, element(reader, depth + 1)))
        except FieldError as fault:
            raise fault.within(f"[{len(parts)}]") from None
        return b"".join(parts)

    return walk


def _parsed(fields: Fields) -> Walker:
    return lambda reader, depth: _message(reader.value(), fields, depth)


# --- encoders ---


def _message(value: Any, fields: Fields, depth: int) -> bytes:
    """The content of a message, its fields in the order in which the text has them."""
    if type(value) is not dict:
        raise FieldError("must be an object")
    if depth > MAX_DEPTH:
        raise FieldError("is nested too deeply")
    parts = []
    name = ""
    try:
        for name, item in value.items():
            encode = fields.get(name)
            if encode is not None and item is not None:
                parts.append(encode(item, depth))
    except FieldError as fault:
        raise fault.within(name) from None
    return b"".join(parts)


def _field(name: str, value: Any, fields: Fields, depth: int) -> bytes:
    encode = fields.get(name)
    return b"" if encode is None or value is None else encode(value, depth)


def _one(field: int, fields: Fields) -> Encoder:
    key = tag(field, LENGTH)
    return lambda value, depth: delimited(key, _message(value, fields, depth + 1))


def _many(field: int, content: Encoder, *, null: bytes = b"") -> Encoder:
    """A list of messages whose content `content` makes, and what null stands for in it."""
    key = tag(field, LENGTH)

    def encode(items: Any, depth: int) -> bytes:
        if type(items) is not list:
            raise FieldError("must be a list")
        parts: list[bytes] = []
        try:
            for item in items:
                parts.append(null if item is None else delimited(key, content(item, depth + 1)))
        except FieldError as fault:
            raise fault.within(f"[{len(parts)}]") from None
        return b"".join(parts)

    return encode


def _of(fields: Fields) -> Encoder:
    return lambda value, depth: _message(value, fields, depth)


def _key_value(item: Any, depth: int) -> bytes:
    """A KeyValue.  Most of a request is those with a small value, so they take a short cut."""
    try:
        key = item["key"]
        ((kind, content),) = item["value"].items()
        if kind in _SMALL and len(key) <= _SHORT and (type(content) is not str or len(content) <= _SHORT):
            return _small_attribute(key, kind, content)
    except (AttributeError, KeyError, TypeError, ValueError, FieldError):
        pass  # the long way says what is wrong, if anything is
    return _message(item, _KEY_VALUE, depth)


@lru_cache(4096, typed=True)
def _small_attribute(key: str, kind: str, content: str | int) -> bytes:
    return delimited(tag(1, LENGTH), scalars.text(key)) + delimited(tag(2, LENGTH), _ANY_VALUE[kind](content, 0))


def _scalar(field: int, wire_type: int, content: Callable[[Any], bytes]) -> Encoder:
    key = tag(field, wire_type)
    return lambda value, _: key + content(value)


def _bytes(field: int, content: Callable[[Any], bytes]) -> Encoder:
    key = tag(field, LENGTH)
    return lambda value, _: delimited(key, content(value))


def _enum(field: int, labels: tuple[str, ...]) -> Encoder:
    numbers = {label: number for number, label in enumerate(labels)}
    return _scalar(field, VARINT, lambda value: varint(scalars.enum(value, numbers)))


def _time(field: int) -> Encoder:
    return _scalar(field, FIXED64, lambda value: pack_fixed64(scalars.unsigned64(value)))


def _flags(field: int) -> Encoder:
    return _scalar(field, FIXED32, lambda value: pack_fixed32(scalars.unsigned32(value)))


# --- what the protocol has, and the engine reads: opentelemetry/proto/{collector/trace,trace,resource,common}/v1 ---

_ANY_VALUE: Final[dict[str, Encoder]] = {
    "stringValue": _bytes(1, scalars.text),
    "boolValue": _scalar(2, VARINT, lambda value: varint(scalars.boolean(value))),
    "intValue": _scalar(3, VARINT, lambda value: varint(scalars.signed64(value))),
    "doubleValue": _scalar(4, FIXED64, lambda value: pack_double(scalars.double(value))),
    "bytesValue": _bytes(7, scalars.base64_bytes),
}
_KEY_VALUE: Final = {"key": _bytes(1, scalars.text), "value": _one(2, _ANY_VALUE)}
_ANY_VALUE["arrayValue"] = _one(5, {"values": _many(1, _of(_ANY_VALUE), null=delimited(tag(1, LENGTH), b""))})
_ANY_VALUE["kvlistValue"] = _one(6, {"values": _many(1, _key_value)})

_EVENT: Final = {"timeUnixNano": _time(1), "name": _bytes(2, scalars.text), "attributes": _many(3, _key_value)}
_LINK: Final = {
    "traceId": _bytes(1, scalars.hexadecimal),
    "spanId": _bytes(2, scalars.hexadecimal),
    "traceState": _bytes(3, scalars.text),
    "attributes": _many(4, _key_value),
    "flags": _flags(6),
}
_STATUS: Final = {"message": _bytes(2, scalars.text), "code": _enum(3, names.STATUS_CODES)}
_SPAN: Final = {
    "traceId": _bytes(1, scalars.hexadecimal),
    "spanId": _bytes(2, scalars.hexadecimal),
    "traceState": _bytes(3, scalars.text),
    "parentSpanId": _bytes(4, scalars.hexadecimal),
    "name": _bytes(5, scalars.text),
    "kind": _enum(6, names.SPAN_KINDS),
    "startTimeUnixNano": _time(7),
    "endTimeUnixNano": _time(8),
    "attributes": _many(9, _key_value),
    "events": _many(11, _of(_EVENT)),
    "links": _many(13, _of(_LINK)),
    "status": _one(15, _STATUS),
    "flags": _flags(16),
}
_RESOURCE: Final = {"attributes": _many(1, _key_value)}
_SCOPE: Final = {
    "name": _bytes(1, scalars.text),
    "version": _bytes(2, scalars.text),
    "attributes": _many(3, _key_value),
}

_SCOPE_SPANS: Final = _object({"scope": _one(1, _SCOPE)}, spans=_list(2, _parsed(_SPAN)))
_RESOURCE_SPANS: Final = _object({"resource": _one(1, _RESOURCE)}, scopeSpans=_list(2, _SCOPE_SPANS))
_REQUEST: Final = _object({}, resourceSpans=_list(1, _RESOURCE_SPANS))
