"""Recorded spans one by one, and when the daemon would have seen them: as each ended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from google.protobuf.message import DecodeError as NotProtobufError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from span2metrics.engine.plan import Now
from span2metrics.errors import DecodeError
from span2metrics.formats.recording import requests


class Recorded(NamedTuple):
    """A span with what it was sent with."""

    resource: Resource
    scope: InstrumentationScope
    span: Span

    def request(self) -> bytes:
        """The span alone, as it would be sent."""
        message = ExportTraceServiceRequest()
        group = message.resource_spans.add(resource=self.resource)
        group.scope_spans.add(scope=self.scope).spans.append(self.span)
        return bytes(message.SerializeToString())


def read(files: Iterable[Path]) -> Iterator[Recorded]:
    """The spans of files, in order.  Raises `DecodeError`, naming the file, where one holds no spans that can be read,
    and `OSError` where it cannot be read at all."""
    for file in files:
        yield from parse(file.read_bytes(), str(file))


def parse(data: bytes, name: str) -> Iterator[Recorded]:
    """The spans of a recording; `name` is what it is called in an error."""
    try:
        for body in requests(data):
            for group in ExportTraceServiceRequest.FromString(body).resource_spans:
                for scope_spans in group.scope_spans:
                    for span in scope_spans.spans:
                        yield Recorded(group.resource, scope_spans.scope, span)
    except DecodeError as error:
        raise DecodeError(f"{name}: {error}") from None
    except NotProtobufError:
        raise DecodeError(f"{name}: is no OTLP request, neither in JSON nor in protobuf") from None


class Clock:
    """The time as the recording has it: that of the latest end so far."""

    def __init__(self) -> None:
        self._ns = 0

    def at(self, spans: Iterable[Recorded]) -> Now:
        self._ns = max([self._ns, *(recorded.span.end_time_unix_nano for recorded in spans)])
        return Now(self._ns, self._ns)
