"""A span as plain data: what the company records, before any encoding.

Tests read these to know the true counts and the true graph; `encode` turns them into OTLP.  Nothing here knows the
company, protobuf or a clock.  Times are nanoseconds since the epoch; ids are bytes, `b""` for "no parent".
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

Value = str | bool | int | float
Attributes = Mapping[str, Value]


class Kind(enum.IntEnum):
    """Numbers of opentelemetry.proto.trace.v1.Span.SpanKind."""

    INTERNAL = 1
    SERVER = 2
    CLIENT = 3
    PRODUCER = 4
    CONSUMER = 5


class Status(enum.IntEnum):
    """Numbers of opentelemetry.proto.trace.v1.Status.StatusCode."""

    UNSET = 0
    OK = 1
    ERROR = 2


@dataclass(frozen=True, slots=True)
class Scope:
    """The instrumentation library that made a span."""

    name: str
    version: str


@dataclass(frozen=True, slots=True)
class Pod:
    """One running instance of a service; `name` is unique, `attributes` are the resource's."""

    service: str
    name: str
    language: str
    attributes: Attributes = field(hash=False)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened within a span, at `at_ns`."""

    name: str
    at_ns: int
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class Link:
    """Another span that this one follows from, perhaps of another trace."""

    trace_id: bytes
    span_id: bytes


@dataclass(frozen=True, slots=True)
class Span:
    """One span, ended.  `remote` says that its parent lives in another process."""

    pod: Pod
    scope: Scope
    trace_id: bytes
    span_id: bytes
    parent_id: bytes
    remote: bool
    name: str
    kind: Kind
    start_ns: int
    end_ns: int
    attributes: Attributes
    status: Status = Status.UNSET
    message: str = ""
    events: tuple[Event, ...] = ()
    links: tuple[Link, ...] = ()

    @property
    def service(self) -> str:
        """The `service.name` of the resource."""
        return self.pod.service
