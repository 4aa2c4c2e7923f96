"""OTLP/JSON against protobuf: what protobuf's own library writes as JSON comes back as the same message."""

from __future__ import annotations

import base64
import json
import math
from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from hypothesis import given
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from span2metrics.engine.core import Engine
from span2metrics.engine.plan import Plan
from span2metrics.errors import DecodeError
from span2metrics.formats.otlp_json import to_request
from tests.payloads import BAD, BAD_BYTES, NOW, Placed, key_values, placed_spans, request

#: What no number depends on, and so is not carried over.
LEFT_OUT = {"schema_url", "entity_refs", "string_value_strindex", "key_strindex"}
LEFT_OUT |= {f"dropped_{what}_count" for what in ("attributes", "events", "links")}
IDS = {"traceId", "spanId", "parentSpanId"}


def carried(message: Message) -> None:
    """Leaves of a message what is carried over; JSON has one NaN."""
    for field, value in message.ListFields():
        if field.name in LEFT_OUT:
            message.ClearField(field.name)
        elif field.name == "double_value" and math.isnan(value):
            message.double_value = math.nan
        elif field.type == FieldDescriptor.TYPE_MESSAGE:
            for inner in value if field.is_repeated else [value]:
                carried(inner)


def as_json(message: Message) -> Any:
    """The message in OTLP/JSON: protobuf's mapping, with numbers for enums and hexadecimal ids."""
    return with_hex_ids(MessageToDict(message, use_integers_for_enums=True))


def with_hex_ids(value: Any) -> Any:
    if isinstance(value, list):
        return [with_hex_ids(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {k: base64.b64decode(v).hex() if k in IDS else with_hex_ids(v) for k, v in value.items()}


def parsed(body: Any) -> ExportTraceServiceRequest:
    """What the translation is, as protobuf reads it; `body` JSON text, or a value to be written."""
    text = body if isinstance(body, str | bytes) else json.dumps(body)
    return ExportTraceServiceRequest.FromString(to_request(text.encode() if isinstance(text, str) else text))


def of_span(span: dict[str, Any]) -> dict[str, Any]:
    return {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}


def span_of(message: ExportTraceServiceRequest) -> Span:
    return message.resource_spans[0].scope_spans[0].spans[0]


def of_value(value: Any) -> dict[str, Any]:
    return of_span({"attributes": [{"key": "k", "value": value}]})


def value_of(body: Any) -> AnyValue:
    return span_of(parsed(body)).attributes[0].value


ATTRIBUTES = {
    "string": "s",
    "": "",
    "long": "ü" * 1000,
    "true": True,
    "false": False,
    "zero": 0,
    "negative": -1,
    "greatest": 2**63 - 1,
    "least": -(2**63),
    "double": 0.5,
    "whole": 200.0,
    "inf": math.inf,
    "-inf": -math.inf,
    "-0": -0.0,
    "bytes": b"\xff\0?>",
    "no bytes": b"",
    "none": None,
    "list": [1, None, "a", [True]],
    "map": {"a": {"b": 1.5}, "c": None},
    "empty": [],
    "no map": {},
}

EVERYTHING = ExportTraceServiceRequest(
    resource_spans=[
        ResourceSpans(
            resource=Resource(
                attributes=key_values({"service.name": "shop", **ATTRIBUTES}), dropped_attributes_count=1
            ),
            scope_spans=[
                ScopeSpans(
                    scope=InstrumentationScope(name="lib", version="1", attributes=key_values(ATTRIBUTES)),
                    spans=[
                        Span(
                            trace_id=bytes(range(16)),
                            span_id=bytes(range(8)),
                            parent_span_id=b"\xff" * 8,
                            trace_state="ot=th:8",
                            name="GET /",
                            kind=Span.SPAN_KIND_CONSUMER,
                            start_time_unix_nano=1,
                            end_time_unix_nano=2**64 - 1,
                            attributes=key_values(ATTRIBUTES),
                            events=[
                                Span.Event(time_unix_nano=5, name="e", attributes=key_values(ATTRIBUTES)),
                                Span.Event(),
                            ],
                            links=[
                                Span.Link(
                                    trace_id=b"\1" * 16,
                                    span_id=b"\2" * 8,
                                    trace_state="a=b",
                                    attributes=key_values(ATTRIBUTES),
                                    flags=2**32 - 1,
                                )
                            ],
                            status=Status(code=Status.STATUS_CODE_ERROR, message="no"),
                            flags=0x301,
                            dropped_links_count=3,
                        ),
                        Span(),
                    ],
                    schema_url="https://example.com",
                ),
                ScopeSpans(),
            ],
        ),
        ResourceSpans(),
    ]
)


# --- what comes through -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("indent", [None, 1, "\t\r\n "], ids=["compact", "indented", "spread"])
def test_all_that_the_engine_reads_comes_through(indent: int | str | None) -> None:
    expected = ExportTraceServiceRequest()
    expected.CopyFrom(EVERYTHING)
    carried(expected)
    assert parsed(json.dumps(as_json(EVERYTHING), indent=indent)) == expected


@given(placed_spans())
def test_any_request_is_the_same_in_json(spans: list[Placed]) -> None:
    message = ExportTraceServiceRequest.FromString(request(spans).replace(BAD_BYTES, BAD.encode()))
    body = json.dumps(as_json(message), ensure_ascii=False)
    carried(message)
    assert parsed(body).SerializeToString(deterministic=True) == message.SerializeToString(deterministic=True)


def test_not_a_number_comes_through() -> None:
    for text in ('{"doubleValue": "NaN"}', '{"doubleValue": NaN}'):
        body = json.dumps(of_value("%")).replace('"%"', text)
        assert math.isnan(value_of(body).double_value)


@pytest.mark.parametrize("body", ["{}", " {} ", '{"resourceSpans": []}', '{"resourceSpans": null}', "\ufeff{}"])
def test_an_empty_request_is_one(body: str) -> None:
    assert parsed(body) == ExportTraceServiceRequest()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"intValue": 200}, AnyValue(int_value=200)),
        ({"intValue": "200"}, AnyValue(int_value=200)),
        ({"intValue": "-9223372036854775808"}, AnyValue(int_value=-(2**63))),
        ({"intValue": 2e3}, AnyValue(int_value=2000)),
        ({"doubleValue": 1}, AnyValue(double_value=1)),
        ({"doubleValue": "1.5"}, AnyValue(double_value=1.5)),
        ({"doubleValue": "-Infinity"}, AnyValue(double_value=-math.inf)),
        ({"bytesValue": "_-8="}, AnyValue(bytes_value=b"\xff\xef")),
        ({"bytesValue": "/+8"}, AnyValue(bytes_value=b"\xff\xef")),
        ({"stringValue": "a", "new": {"x": []}}, AnyValue(string_value="a")),
        ({"stringValue": None, "intValue": 1}, AnyValue(int_value=1)),
        ({"boolValue": False, "intValue": 1}, AnyValue(int_value=1)),
        ({"stringValue": None}, AnyValue()),
        ({"new": 1}, AnyValue()),
        ({}, AnyValue()),
    ],
)
def test_values_are_taken_in_every_spelling(value: Any, expected: AnyValue) -> None:
    assert value_of(of_value(value)) == expected


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        ({"kind": 2}, Span(kind=Span.SPAN_KIND_SERVER)),
        ({"kind": "SPAN_KIND_SERVER"}, Span(kind=Span.SPAN_KIND_SERVER)),
        ({"kind": 77}, Span(kind=77)),  # type: ignore[arg-type]
        ({"kind": -1}, Span(kind=-1)),  # type: ignore[arg-type]
        ({"status": {"code": "STATUS_CODE_ERROR"}}, Span(status=Status(code=Status.STATUS_CODE_ERROR))),
        ({"startTimeUnixNano": 18446744073709551615}, Span(start_time_unix_nano=2**64 - 1)),
        ({"startTimeUnixNano": "18446744073709551615"}, Span(start_time_unix_nano=2**64 - 1)),
        ({"startTimeUnixNano": 1.7e18}, Span(start_time_unix_nano=1_700_000_000_000_000_000)),
        ({"startTimeUnixNano": "0"}, Span()),
        ({"traceId": "ABCDEF0123456789abcdef0123456789"}, Span(trace_id=bytes.fromhex("abcdef0123456789" * 2))),
        ({"traceId": ""}, Span()),
        ({"traceId": "ff"}, Span(trace_id=b"\xff")),
        ({"flags": "257"}, Span(flags=257)),
        ({"name": "a\ud83d\ude00b"}, Span(name="a😀b")),
        ({"name": None, "kind": None, "status": None, "attributes": None, "events": None, "flags": None}, Span()),
        ({"start_time_unix_nano": 5, "unknown": {"deep": [1, {"x": None}]}, "Name": 7}, Span()),
        ({"attributes": [None, {"key": "k", "value": None}, {}]}, Span(attributes=[KeyValue(key="k"), KeyValue()])),
    ],
)
def test_spans_are_taken_in_every_spelling(span: Any, expected: Span) -> None:
    assert span_of(parsed(of_span(span))) == expected


def test_a_resource_may_follow_its_spans_and_unknown_fields_may_stand_anywhere() -> None:
    body = """{"extra": [{"a": 1}], "resourceSpans": [null, {"new": {"spans": 5}, "scopeSpans": [
        {"spans": [{"name": "a", "new": 1}], "scope": {"name": "s", "new": 2}}], "resource":
        {"new": null, "attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}}], "z": "\\u0041"}"""
    first = parsed(body).resource_spans[-1]
    assert first.resource.attributes[0].value.string_value == "shop"
    assert (first.scope_spans[0].scope.name, first.scope_spans[0].spans[0].name) == ("s", "a")


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (r'"a\ud800b"', b"a\xffb"),
        (r'"\udfff"', b"\xff"),
        (r'"\ud800\ud800"', b"\xff\xff"),
        (r'"\ude00\ud83d"', b"\xff\xff"),
        (b'"a\xffb"', b"a\xffb"),
        (b'"\xed\xa0\x80"', b"\xff\xff\xff"),
        ('"é\\ud800"', b"\xc3\xa9\xff"),
    ],
)
def test_what_cannot_be_utf_8_is_one_bad_byte_that_the_engine_counts(body: str | bytes, name: bytes) -> None:
    raw = body if isinstance(body, bytes) else body.encode()
    prefix, suffix = json.dumps(of_span({"name": "%"})).encode().split(b'"%"')
    translated = to_request(prefix + raw + suffix)
    assert b"\x2a" + bytes([len(name)]) + name in translated
    engine = Engine(Plan())
    assert engine.consume(translated, NOW).aggregated == 1
    assert engine.stats().anomalies["invalid_utf8"] == 1


def test_attributes_that_are_remembered_do_not_mix() -> None:
    values: list[Any] = [
        {"intValue": 1},
        {"boolValue": True},
        {"intValue": 0},
        {"boolValue": False},
        {"stringValue": "1"},
        {"intValue": "1"},
        {"doubleValue": 0.0},
        {"doubleValue": -0.0},
        {"stringValue": "x" * 64},
        {"stringValue": "x" * 65},
    ]
    for _ in range(2):
        texts = [str(value_of(of_value(value))).strip() for value in values]
        assert texts[:5] == [
            "int_value: 1",
            "bool_value: true",
            "int_value: 0",
            "bool_value: false",
            'string_value: "1"',
        ]
        assert texts[5:8] == ["int_value: 1", "double_value: 0", "double_value: -0"]
        for wrong in ({"intValue": True}, {"boolValue": 1}, {"stringValue": 1}):
            with pytest.raises(DecodeError):
                to_request(json.dumps(of_value(wrong)).encode())
