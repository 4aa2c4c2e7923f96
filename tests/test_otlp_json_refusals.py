"""OTLP/JSON that is refused, and how deep it may be."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from google.protobuf.message import DecodeError as ProtobufError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from span2metrics.errors import DecodeError
from span2metrics.formats.otlp_json import MAX_DEPTH, to_request
from tests.edges import SECRET


def parsed(body: Any) -> ExportTraceServiceRequest:
    """What the translation is, as protobuf reads it; `body` JSON text, or a value to be written."""
    text = body if isinstance(body, str | bytes) else json.dumps(body)
    return ExportTraceServiceRequest.FromString(to_request(text.encode() if isinstance(text, str) else text))


def of_span(span: dict[str, Any]) -> dict[str, Any]:
    return {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}


def of_value(value: Any) -> dict[str, Any]:
    return of_span({"attributes": [{"key": "k", "value": value}]})


# --- what does not ----------------------------------------------------------------------------------------------------

SPAN_PATH = "resourceSpans[0].scopeSpans[0].spans[0]"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ([], "the request must be an object"),
        (None, "the request must be an object"),
        (5, "the request must be an object"),
        ({"resourceSpans": {}}, "resourceSpans must be a list"),
        ({"resourceSpans": [{}, [SECRET]]}, "resourceSpans[1] must be an object"),
        ({"resourceSpans": [{"resource": []}]}, "resourceSpans[0].resource must be an object"),
        ({"resourceSpans": [{"scopeSpans": "x"}]}, "resourceSpans[0].scopeSpans must be a list"),
        ({"resourceSpans": [{"scopeSpans": [{"scope": 1}]}]}, "resourceSpans[0].scopeSpans[0].scope must be an object"),
        (of_span({"name": 5}), f"{SPAN_PATH}.name must be a string"),
        (of_span({"kind": SECRET}), f"{SPAN_PATH}.kind must be an integer"),
        (of_span({"kind": True}), f"{SPAN_PATH}.kind must be an integer"),
        (of_span({"kind": 2**31}), f"{SPAN_PATH}.kind is out of range"),
        (of_span({"status": {"code": 1.5}}), f"{SPAN_PATH}.status.code must be an integer"),
        (of_span({"status": 2}), f"{SPAN_PATH}.status must be an object"),
        (of_span({"traceId": SECRET}), f"{SPAN_PATH}.traceId must be a string of hexadecimal digits"),
        (of_span({"spanId": "abc"}), f"{SPAN_PATH}.spanId must be a string of hexadecimal digits"),
        (of_span({"spanId": 12}), f"{SPAN_PATH}.spanId must be a string of hexadecimal digits"),
        (of_span({"spanId": "é0"}), f"{SPAN_PATH}.spanId must be a string of hexadecimal digits"),
        (of_span({"startTimeUnixNano": -1}), f"{SPAN_PATH}.startTimeUnixNano is out of range"),
        (of_span({"startTimeUnixNano": "18446744073709551616"}), f"{SPAN_PATH}.startTimeUnixNano is out of range"),
        (of_span({"startTimeUnixNano": "1_0"}), f"{SPAN_PATH}.startTimeUnixNano must be an integer"),
        (of_span({"startTimeUnixNano": "١"}), f"{SPAN_PATH}.startTimeUnixNano must be an integer"),
        (of_span({"startTimeUnixNano": "9" * 5000}), f"{SPAN_PATH}.startTimeUnixNano must be an integer"),
        (of_span({"endTimeUnixNano": 0.5}), f"{SPAN_PATH}.endTimeUnixNano must be an integer"),
        (of_span({"flags": 2**32}), f"{SPAN_PATH}.flags is out of range"),
        (of_span({"attributes": {}}), f"{SPAN_PATH}.attributes must be a list"),
        (of_span({"attributes": [{}, 5]}), f"{SPAN_PATH}.attributes[1] must be an object"),
        (of_span({"attributes": [{"key": 5}]}), f"{SPAN_PATH}.attributes[0].key must be a string"),
        (
            of_span({"attributes": [{"key": 5, "value": {"intValue": 1}}]}),
            f"{SPAN_PATH}.attributes[0].key must be a string",
        ),
        (of_span({"events": [{"timeUnixNano": "x"}]}), f"{SPAN_PATH}.events[0].timeUnixNano must be an integer"),
        (
            of_span({"links": [{"traceId": "0"}]}),
            f"{SPAN_PATH}.links[0].traceId must be a string of hexadecimal digits",
        ),
        (of_value(SECRET), f"{SPAN_PATH}.attributes[0].value must be an object"),
        (of_value({"stringValue": [SECRET]}), f"{SPAN_PATH}.attributes[0].value.stringValue must be a string"),
        (of_value({"intValue": 2**63}), f"{SPAN_PATH}.attributes[0].value.intValue is out of range"),
        (of_value({"intValue": SECRET}), f"{SPAN_PATH}.attributes[0].value.intValue must be an integer"),
        (of_value({"boolValue": "true"}), f"{SPAN_PATH}.attributes[0].value.boolValue must be true or false"),
        (of_value({"doubleValue": SECRET}), f"{SPAN_PATH}.attributes[0].value.doubleValue must be a number"),
        (of_value({"doubleValue": True}), f"{SPAN_PATH}.attributes[0].value.doubleValue must be a number"),
        (of_value({"doubleValue": 10**400}), f"{SPAN_PATH}.attributes[0].value.doubleValue is out of range"),
        (of_value({"bytesValue": "é"}), f"{SPAN_PATH}.attributes[0].value.bytesValue must be a base64 string"),
        (of_value({"bytesValue": 5}), f"{SPAN_PATH}.attributes[0].value.bytesValue must be a base64 string"),
        (
            of_value({"arrayValue": {"values": [{}, {"kvlistValue": {"values": [{"value": {"intValue": []}}]}}]}}),
            f"{SPAN_PATH}.attributes[0].value.arrayValue.values[1].kvlistValue.values[0].value.intValue"
            " must be an integer",
        ),
    ],
)
def test_a_fault_is_told_by_its_path_and_not_by_its_value(body: Any, message: str) -> None:
    with pytest.raises(DecodeError) as caught:
        to_request(json.dumps(body).encode())
    assert str(caught.value) == message
    assert SECRET not in message


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b"}",
        b"nul",
        b"{]",
        b'{"resourceSpans": [}',
        b'{"resourceSpans": [{},]}',
        b'{"a" 1}',
        b'{"a": 1,}',
    ]
    + [b'{"resourceSpans": [{} {}]}', b"{} {}", b"{}x", b"{1: 2}", b'{"a": tru}', b'{"resourceSpans": nope}', b"{,}"]
    + [b'{"a": "\\x"}', b'{"a": "\n"}', b'{"a": 01}', b"\xff", '{"a": 1}'.encode("utf-16")]
    + [b'{"a": ' + b"9" * 5000 + b"}", b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"name": "a"'],
)
def test_what_is_no_json_is_malformed(body: bytes) -> None:
    with pytest.raises(DecodeError, match="not JSON"):
        to_request(body)


def nested(levels: int) -> tuple[str, ExportTraceServiceRequest]:
    """An attribute of lists in lists, in JSON and in protobuf; protobuf's depth is 4 + 2 to its value, 2 a list."""
    value, message = "{}", AnyValue()
    for _ in range(levels):
        value = '{"arrayValue":{"values":[' + value + "]}}"
        outer = AnyValue()
        outer.array_value.values.append(message)
        message = outer
    request = ExportTraceServiceRequest()
    attribute = request.resource_spans.add().scope_spans.add().spans.add().attributes.add(key="k")
    attribute.value.CopyFrom(message)
    return json.dumps(of_value("%")).replace('"%"', value), request


def test_values_nest_as_deeply_as_protobuf_takes_them() -> None:
    deepest = 0
    for levels in range(MAX_DEPTH // 2 - 5, MAX_DEPTH // 2 + 2):
        body, message = nested(levels)
        try:
            ExportTraceServiceRequest.FromString(message.SerializeToString())
        except ProtobufError:
            with pytest.raises(DecodeError, match="nested too deeply"):
                to_request(body.encode())
        else:
            assert parsed(body) == message
            deepest = levels
    assert MAX_DEPTH // 2 - 5 < deepest < MAX_DEPTH // 2 + 1


@pytest.mark.parametrize("opening", ["[", '{"a":', '{"arrayValue":{"values":['])
@pytest.mark.parametrize("place", [of_value("%"), {"unknown": "%"}, "%"], ids=["value", "unknown", "root"])
def test_nesting_without_end_is_malformed(opening: str, place: Any) -> None:
    body = json.dumps(place).replace('"%"', opening * 200_000).encode()
    with pytest.raises(DecodeError):
        to_request(body)
    caught: list[BaseException] = []
    thread = threading.Thread(target=lambda: caught.append(pytest.raises(DecodeError, to_request, body).value))
    thread.start()
    thread.join()
    assert len(caught) == 1
