"""The demo's spans as recordings: what its company sent in some seconds, as a file has it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from span2metrics.demo.encode import encode
from span2metrics.demo.incident import CYCLE
from span2metrics.demo.traffic import Traffic, arrival_s

START_NS = 1_790_000_000_000_000_000
RATE = 20.0
_IDS = ("traceId", "spanId", "parentSpanId")


def requests(traces: int, seed: int = 1) -> list[bytes]:
    """OTLP requests, one a trace."""
    traffic = Traffic(seed, CYCLE)
    began = [arrival_s(number, RATE) for number in range(traces)]
    return [encode(traffic.trace(n, START_NS + int(at * 1e9), at)) for n, at in enumerate(began)]


def as_json(request: bytes) -> str:
    """The request in OTLP/JSON, in one line."""
    found = MessageToDict(ExportTraceServiceRequest.FromString(request), use_integers_for_enums=True)
    return json.dumps(_with_hex_ids(found), separators=(",", ":"), ensure_ascii=False)


def _with_hex_ids(value: Any) -> Any:
    if isinstance(value, dict):
        return dict(_member(key, inner) for key, inner in value.items())
    return [_with_hex_ids(inner) for inner in value] if isinstance(value, list) else value


def _member(key: str, value: Any) -> tuple[str, Any]:
    return key, base64.b64decode(value).hex() if key in _IDS else _with_hex_ids(value)


def delimited(bodies: list[bytes]) -> Iterator[bytes]:
    """With the length before each, as the Collector's file exporter has it."""
    for body in bodies:
        yield len(body).to_bytes(4, "big")
        yield body
