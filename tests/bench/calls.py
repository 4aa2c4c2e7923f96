"""Calls between services to measure with: bodies whose spans are halves of edges, sent again as new calls.

A span here is one that `requests` makes; the client's and the server's of a call differ in who sends them.  Bodies are
encoded once, and what is sent is a copy with trace ids and times of its own, for the graph knows a span that comes
again.  Making one costs a small part of what it costs to encode it.
"""

from __future__ import annotations

import enum
import os
import struct
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle, islice

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from span2metrics.engine.plan import Now
from tests.bench.requests import EPOCH_NS, Builder, Shape, pairs

CALLERS = Shape(services=8, names=40)
#: Spans that are sent between the halves of a call that come in two requests: half a second at 20,000 a second.
APART = 10_240
#: What comes is over by then: spans end up to a second after EPOCH_NS, save very few.
AGO_NS = 2 * 10**9
#: Spans of each kind that differ in more than ids and times; enough for every name of every service to occur.
DIFFERENT = 8192

_TRACE_ID = 16
_HEAD = struct.Struct("<2s16s2s8s")  # trace_id and span_id with their tags, where a span begins
_TIMES = struct.Struct("<cQcQ")  # start_time_unix_nano and end_time_unix_nano


class Kind(enum.Enum):
    """Which halves of calls come, and whether both in one request or each in one of its own."""

    TOGETHER = "in one request"
    IN_TWO = "in two requests"
    CLIENTS = "lonely clients"
    SERVERS = "lonely servers"
    DATABASES = "database calls"

    @property
    def halves(self) -> int:
        """Spans that a call has."""
        return 2 if self in (Kind.TOGETHER, Kind.IN_TWO) else 1


class Body:
    """An encoded request of halves: spans by the number of their call and the service that sends them."""

    def __init__(self, builder: Builder, halves: Sequence[tuple[int, int, Span]]) -> None:
        senders = sorted({service for _, service, _ in halves})
        groups = [builder.resource_spans(sender, 0, [s for _, by, s in halves if by == sender]) for sender in senders]
        self._bytes = bytearray(builder.encoded(groups))
        self._places = [self._place(call, span) for call, _, span in halves]
        self.spans = len(halves)

    def _place(self, call: int, span: Span) -> tuple[int, int, int, int, int]:
        """Where a span's trace id and times are; which of the new ids it gets, and its times since EPOCH_NS."""
        head = self._bytes.index(_HEAD.pack(b"\x0a\x10", span.trace_id, b"\x12\x08", span.span_id))
        start, end = span.start_time_unix_nano, span.end_time_unix_nano
        times = self._bytes.index(_TIMES.pack(b"\x39", start, b"\x41", end), head)
        return head + 2, times, call * _TRACE_ID, start - EPOCH_NS, end - EPOCH_NS

    def copy(self, ids: bytes, epoch_ns: int) -> bytes:
        """The same spans as halves of other calls: `ids` are one behind the other by call."""
        body, pack = self._bytes, _TIMES.pack_into
        for head, times, at, start, end in self._places:
            body[head : head + _TRACE_ID] = ids[at : at + _TRACE_ID]
            pack(body, times, b"\x39", epoch_ns + start, b"\x41", epoch_ns + end)
        return bytes(body)


class Calls:
    """So many calls, in the one or two requests of `spans` spans in which their halves come."""

    def __init__(self, builder: Builder, kind: Kind, spans: int) -> None:
        self.count = spans if kind is Kind.IN_TWO else spans // kind.halves
        bodies: list[list[tuple[int, int, Span]]] = [[], []]
        for call in range(self.count):
            for number, half in enumerate(call_of(builder, kind)):
                bodies[(call + number) % 2 if kind is Kind.IN_TWO else 0].append((call, *half))
        self._bodies = [Body(builder, halves) for halves in bodies if halves]

    def anew(self, wall_ns: int) -> list[bytes]:
        """The bodies, as calls that ended a second or two ago.  No other process has their ids, whatever its seed."""
        ids = os.urandom(self.count * _TRACE_ID)
        return [body.copy(ids, wall_ns - AGO_NS) for body in self._bodies]


def call_of(builder: Builder, kind: Kind) -> Iterator[tuple[int, Span]]:
    """A call's halves that come: who sends the span, and the span."""
    caller, called = builder.rng.sample(range(builder.shape.services), 2)
    name = builder.rng.randrange(builder.shape.names)
    client, server = builder.span(called, name), builder.span(called, name)
    client.kind, server.kind = Span.SPAN_KIND_CLIENT, Span.SPAN_KIND_SERVER
    server.trace_id, server.parent_span_id = client.trace_id, client.span_id
    if kind is Kind.DATABASES:
        client.attributes.extend(pairs({"db.system.name": "postgresql", "db.namespace": "orders"}))
    if kind is not Kind.SERVERS:
        yield caller, client
    if kind not in (Kind.CLIENTS, Kind.DATABASES):
        yield called, server


def rotation(spans: int, *kinds: Kind, seed: int = 1) -> Iterator[Calls]:
    """Calls without end; kinds take turns."""
    builder = Builder(CALLERS, seed)
    return cycle([Calls(builder, kind, spans) for _ in range(max(1, DIFFERENT // spans)) for kind in kinds])


def bodies(wall_ns: Callable[[], int], spans: int, *kinds: Kind) -> Iterator[bytes]:
    """Requests without end, as of the time that the clock says then."""
    later: deque[bytes] = deque()
    for calls in rotation(spans, *kinds):
        first, *partners = calls.anew(wall_ns())
        yield first
        later.extend(partners)
        while len(later) > APART // spans:
            yield later.popleft()


class Stream:
    """Requests without end, and when the engine gets each: `rate` spans a second come, evenly."""

    def __init__(self, rate: int, *kinds: Kind, spans: int = 512) -> None:
        self.sent = 0
        self.now = Now(EPOCH_NS + 3600 * 10**9, 0)
        self._spans = spans
        self._step_ns = spans * 10**9 // rate
        self._bodies = bodies(lambda: self.now.wall_ns, spans, *kinds)

    def requests(self, spans: int) -> list[tuple[bytes, Now]]:
        """So many spans, in whole requests."""
        count = -(-spans // self._spans)
        self.sent += count * self._spans
        return [(body, self._tick()) for body in islice(self._bodies, count)]

    def _tick(self) -> Now:
        self.now = Now(self.now.wall_ns + self._step_ns, self.now.mono_ns + self._step_ns)
        return self.now
