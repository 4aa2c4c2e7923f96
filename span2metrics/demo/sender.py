"""Delivery of spans to an OTLP/gRPC endpoint, as the pods' SDKs would do it.

Each pod has a bounded queue of ended spans and sends them on its own, once a second or when a batch is full; the spans
of one trace therefore arrive in several requests.  What the endpoint refuses for now is sent again with growing pauses
(the OTLP specification's retryable codes), anything else is dropped and counted; a full queue drops what comes next.
No error of an RPC ends the sender.  It tells of trouble through `say`, at most one line in `QUIET_S` seconds.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import grpc

from span2metrics.demo.encode import encode
from span2metrics.demo.span import Span

METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
#: The batch span processor's defaults; it would wait 5 s, but the demo should show itself sooner.
QUEUE_LIMIT = 2048
BATCH_LIMIT = 512
INTERVAL_S = 1.0
DEADLINE_S = 5.0
BACKOFF_S = (0.5, 5.0)  # first, longest
QUIET_S = 5.0
RETRYABLE = frozenset(
    {
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)
_CHANNEL_OPTIONS = (
    ("grpc.enable_http_proxy", 0),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2000),
)


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast: seconds between a pod's sends, and the first and the longest pause after a refusal."""

    interval_s: float = INTERVAL_S
    backoff_s: tuple[float, float] = BACKOFF_S


@dataclass(slots=True)
class _Outbox:
    """A pod's queue; `wake` is set when there is a reason not to wait for the interval's end."""

    spans: deque[Span] = field(default_factory=deque)
    wake: asyncio.Event = field(default_factory=asyncio.Event)


class Sender:
    """Queues spans by pod and delivers them.  `offered` = `sent` + `dropped` + what still waits."""

    def __init__(self, endpoint: str, say: Callable[[str], None], pace: Pace | None = None) -> None:
        self.offered = 0
        self.sent = 0
        self.dropped = 0
        self._endpoint = endpoint
        self._notices = _Notices(say)
        self._pace = pace or Pace()
        self._outboxes: dict[str, _Outbox] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._channel: grpc.aio.Channel | None = None

    def start(self) -> None:
        """Opens the channel; it connects when there is something to send.  Needs a running loop."""
        self._channel = grpc.aio.insecure_channel(self._endpoint, options=_CHANNEL_OPTIONS)

    def offer(self, spans: Iterable[Span]) -> None:
        """Takes ended spans for delivery; where a pod's queue is full, they are dropped."""
        for span in spans:
            self.offered += 1
            outbox = self._outbox(span.pod.name)
            if len(outbox.spans) >= QUEUE_LIMIT:
                self.dropped += 1
                continue
            outbox.spans.append(span)
            if len(outbox.spans) >= BATCH_LIMIT:
                outbox.wake.set()

    async def stop(self, grace: float) -> None:
        """Sends what waits, each batch once, for at most `grace` seconds; the rest is dropped."""
        self._stopping.set()
        for outbox in self._outboxes.values():
            outbox.wake.set()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        self.dropped = self.offered - self.sent
        if self._channel is not None:
            await self._channel.close()
            self._channel = None

    def _outbox(self, pod_name: str) -> _Outbox:
        outbox = self._outboxes.get(pod_name)
        if outbox is None:
            outbox = self._outboxes[pod_name] = _Outbox()
            task = asyncio.create_task(self._serve(outbox), name=f"outbox {pod_name}")
            self._tasks.add(task)
        return outbox

    async def _serve(self, outbox: _Outbox) -> None:
        """A pod's exporter: waits, sends all that is there, again; ends after a last round when stopping."""
        while outbox.spans or not self._stopping.is_set():
            if not self._stopping.is_set():
                await wait(outbox.wake, self._pace.interval_s)
                outbox.wake.clear()
            while outbox.spans:
                batch = [outbox.spans.popleft() for _ in range(min(BATCH_LIMIT, len(outbox.spans)))]
                await self._deliver(encode(batch), len(batch))

    async def _deliver(self, body: bytes, count: int) -> None:
        pause, longest = self._pace.backoff_s
        while (code := await self._export(body)) is not grpc.StatusCode.OK:
            last = code not in RETRYABLE or self._stopping.is_set()
            self.dropped += count if last else 0
            self._notices.trouble(f"span2metrics demo: {self._endpoint} answers {code.name}; {self._tally()}")
            if last:
                return
            await wait(self._stopping, pause * random.uniform(0.7, 1.3))
            pause = min(pause * 2, longest)
        self.sent += count
        self._notices.fine(f"span2metrics demo: {self._endpoint} takes spans again")

    async def _export(self, body: bytes) -> grpc.StatusCode:
        """One attempt."""
        assert self._channel is not None, "not started"
        try:
            await self._channel.unary_unary(METHOD)(body, timeout=DEADLINE_S)
        except grpc.aio.AioRpcError as error:
            return error.code()
        return grpc.StatusCode.OK

    def _tally(self) -> str:
        return f"{self.offered - self.sent - self.dropped} spans wait, {self.dropped} were dropped"


async def wait(event: asyncio.Event, seconds: float) -> None:
    """Until the event is set, but no longer than `seconds`."""
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return


class _Notices:
    """Lines about trouble and its end, rate-limited."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._next = time.monotonic()
        self._troubled = False

    def trouble(self, line: str) -> None:
        self._troubled = self._line(line) or self._troubled

    def fine(self, line: str) -> None:
        """Said once after trouble that was told of."""
        if self._troubled and self._line(line):
            self._troubled = False

    def _line(self, line: str) -> bool:
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + QUIET_S
        self._say(line)
        return True
