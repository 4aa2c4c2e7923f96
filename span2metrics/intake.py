"""Admission: one queue between the receivers and the engine, bounded in bytes.

The intake owns the byte budget, the order of requests and the clock.  It must not know a transport.  Requests are
applied in the order in which they came, on the loop, for at most about `TURN_NS` at a time; then everything else on the
loop has its turn.  What is never applied (its caller gone, its deadline past) is never counted as received.

The budget covers a request from the first byte that a receiver holds of it: while a body is read or inflated it is in a
`Reservation`, which `submit` takes over.  A request that is alone is always admitted, whatever its size (the
receivers' own limit bounds it): to refuse it as overload would make its sender repeat for ever what can never fit.

Every call of `submit` counts exactly one outcome.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

from span2metrics import names
from span2metrics.engine.core import Engine
from span2metrics.engine.plan import Now
from span2metrics.engine.stats import Outcome
from span2metrics.errors import Abandoned, DecodeError, Overloaded
from span2metrics.faults import FaultLog
from span2metrics.telemetry import Telemetry

#: After this long the loop has its turn: a scrape or a health check waits no longer than this behind a full queue.
TURN_NS: Final = 5_000_000


def read_clock() -> Now:
    """Both clocks, now."""
    return Now(time.time_ns(), time.monotonic_ns())


class Intake:
    """The queue before the engine.  `bytes` are held now, of `limit`; for the loop's thread alone."""

    def __init__(
        self, engine: Engine, telemetry: Telemetry, *, max_bytes: int, clock: Callable[[], Now] = read_clock
    ) -> None:
        self.bytes = 0
        self.limit = max_bytes
        self._engine = engine
        self._telemetry = telemetry
        self._clock = clock
        self._queue: deque[_Entry] = deque()
        self._open = False
        self._turn: asyncio.Handle | None = None
        self._idle: asyncio.Event = asyncio.Event()
        self._faults = FaultLog("a request could not be applied")
        telemetry.watch_intake(lambda: self.bytes, max_bytes)

    def start(self) -> None:
        """From here on requests are taken."""
        self._open = True

    async def stop(self, timeout: float) -> int:
        """Takes no more, applies what waits until `timeout` seconds have passed; returns how many requests were cut."""
        self._open = False
        if self._queue and timeout > 0:
            self._idle.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), timeout)
        return self._cut()

    def reserve(self) -> Reservation:
        """A place in the budget for a body that is on its way, empty at first."""
        return Reservation(self)

    async def submit(
        self, body: bytes, receiver: str, deadline: float | None = None, held: Reservation | None = None
    ) -> Outcome:
        """Applies an OTLP request when its turn comes.

        deadline    `loop.time()` after which the answer is of no use
        held        what the caller has reserved for it; given up here, as the body takes its place in the queue

        Raises `DecodeError`, `Overloaded` (also for a fault of ours, which is logged), `Abandoned`.
        """
        entry = self._admit(body, receiver, deadline, held)
        try:
            return await entry.answer
        except asyncio.CancelledError:
            if entry.body is not None:
                self._leave(entry)
                self._telemetry.request(receiver, names.ABANDONED)
            raise
        finally:
            # An error's traceback holds this frame, and the entry the error: together they would outlive the request.
            del entry

    def charge(self, more: int, own: int) -> None:
        """Takes `more` bytes (less, if negative) for one who holds `own` already; raises `Overloaded`."""
        if more > 0 and self.bytes + more > self.limit and self.bytes > own:
            raise Overloaded("too many requests at once")
        self.bytes += more

    def _admit(self, body: bytes, receiver: str, deadline: float | None, held: Reservation | None) -> _Entry:
        if held is not None:
            held.release()
        try:
            if not self._open:
                raise Overloaded("not taking requests: starting or shutting down")
            self.charge(len(body), 0)
        except Overloaded:
            self._telemetry.request(receiver, names.OVERLOADED)
            raise
        loop = asyncio.get_running_loop()
        entry = _Entry(body, receiver, deadline, self._clock().mono_ns, loop.create_future())
        self._queue.append(entry)
        if self._turn is None:
            self._turn = loop.call_soon(self._take_turn)
        return entry

    def _take_turn(self) -> None:
        """Applies what waits until the queue is empty or the turn is over."""
        loop = asyncio.get_running_loop()
        end = self._clock().mono_ns + TURN_NS
        queue = self._queue
        while queue:
            if self._apply(queue.popleft(), loop) >= end:
                break
        self._turn = loop.call_soon(self._take_turn) if queue else None
        if not queue:
            self._idle.set()

    def _apply(self, entry: _Entry, loop: asyncio.AbstractEventLoop) -> int:
        """Applies one request and answers it; returns the monotonic clock."""
        now = self._clock()
        body = entry.body
        if body is None or entry.answer.done():
            return now.mono_ns
        self._leave(entry)
        if entry.deadline is not None and loop.time() > entry.deadline:
            self._refuse(entry, names.ABANDONED, Abandoned("the caller's deadline has passed"))
            return now.mono_ns
        try:
            outcome = self._engine.consume(body, now)
            self._telemetry.applied(entry.receiver, outcome.received, len(body), now.wall_ns)
        except DecodeError as error:
            self._refuse(entry, names.MALFORMED, error)
        except Exception as error:
            self._faults.report(error)
            self._refuse(entry, names.INTERNAL, Overloaded("internal fault"))
        else:
            entry.answer.set_result(outcome)
        done = self._clock().mono_ns
        self._telemetry.ingested((done - entry.arrived_ns) / 1e9)
        return done

    def _refuse(self, entry: _Entry, outcome: str, error: Exception) -> None:
        self._telemetry.request(entry.receiver, outcome)
        entry.answer.set_exception(error.with_traceback(None))

    def _leave(self, entry: _Entry) -> None:
        if entry.body is not None:
            self.bytes -= len(entry.body)
            entry.body = None

    def _cut(self) -> int:
        waiting = [entry for entry in self._queue if entry.body is not None and not entry.answer.done()]
        for entry in waiting:
            self._leave(entry)
            self._refuse(entry, names.OVERLOADED, Overloaded("shutting down"))
        self._queue.clear()
        return len(waiting)


class Reservation:
    """Bytes held for one body before it is submitted.  Leaving the context gives them back."""

    __slots__ = ("_intake", "size")

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self.size = 0

    def resize(self, size: int) -> None:
        """Holds `size` bytes in all from here on.  Raises `Overloaded`, and holds what it held then."""
        self._intake.charge(size - self.size, self.size)
        self.size = size

    def release(self) -> None:
        """Holds nothing any more."""
        self._intake.charge(-self.size, 0)
        self.size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class _Entry:
    """One request in the queue.  `body` is None once it has left: applied, refused or given up."""

    __slots__ = ("answer", "arrived_ns", "body", "deadline", "receiver")

    def __init__(
        self,
        body: bytes,
        receiver: str,
        deadline: float | None,
        arrived_ns: int,
        answer: asyncio.Future[Outcome],
    ) -> None:
        self.body: bytes | None = body
        self.receiver = receiver
        self.deadline = deadline
        self.arrived_ns = arrived_ns
        self.answer = answer
