"""The running demo: traces begin as time passes, spans leave when they have ended, until told to stop.

It owns the clock and the loop; `traffic` says what happens and `sender` delivers it.  Everything runs in one process of
its own (`python -m span2metrics.demo`, or `child`), so that the daemon's CPU is the daemon's.
"""

from __future__ import annotations

import asyncio
import heapq
import math
import signal
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

from span2metrics.demo.address import reachable
from span2metrics.demo.incident import INCIDENTS
from span2metrics.demo.sender import wait
from span2metrics.demo.senders import Senders
from span2metrics.demo.span import Span
from span2metrics.demo.traffic import Traffic, arrival_s

DEFAULT_RATE = 20.0  # traces a second, about 400 spans
DEFAULT_SEED = 1
DEFAULT_INCIDENT = "cycle"
TICK_S = 0.05
#: After a pause of the whole process (a suspended machine), traces older than this are left out.
LAG_S = 2.0
GRACE_S = 2.0
SECOND = 1_000_000_000


class Settings(NamedTuple):
    """rate: traces a second.  duration: seconds, None: until told to stop.  base_ns: the wall clock at the start."""

    rate: float
    duration: float | None
    base_ns: int


class _UnderWay(NamedTuple):
    """A span that has not ended yet, ordered by its end."""

    end_ns: int
    span_id: bytes
    span: Span


class Room:
    """The company at work.  Pure but for the sender: `advance` is told how much time has passed."""

    def __init__(self, traffic: Traffic, sender: Senders, settings: Settings) -> None:
        self._traffic = traffic
        self._sender = sender
        self._settings = settings
        self._number = 0
        self._under_way: list[_UnderWay] = []

    def advance(self, elapsed_s: float) -> bool:
        """Begins the traces whose time has come, hands over the spans that have ended; whether there is more to do."""
        rate, duration, base = self._settings
        over = duration is not None and elapsed_s >= duration
        elapsed_s = duration if duration is not None and over else elapsed_s
        self._number = max(self._number, math.ceil((elapsed_s - LAG_S) * rate))
        while arrival_s(self._number, rate) <= elapsed_s:
            self._begin(self._number)
            self._number += 1
        self._hand_over(base + int(elapsed_s * SECOND))
        return not over

    def _begin(self, number: int) -> None:
        rate, duration, base = self._settings
        since = arrival_s(number, rate)
        spans = self._traffic.trace(number, base + int(since * SECOND), since)
        if duration is not None and max(span.end_ns for span in spans) > base + int(duration * SECOND):
            return  # it would be cut: with a duration, all that is sent is whole traces
        for span in spans:
            heapq.heappush(self._under_way, _UnderWay(span.end_ns, span.span_id, span))

    def _hand_over(self, now_ns: int) -> None:
        ended = []
        while self._under_way and self._under_way[0].end_ns <= now_ns:
            ended.append(heapq.heappop(self._under_way).span)
        self._sender.offer(ended)


async def play(room: Room, stopping: asyncio.Event, clock: Callable[[], float]) -> None:
    """Lets the room follow the clock (seconds, from any origin) until its duration is over or `stopping` is set."""
    began = clock()
    while not stopping.is_set() and room.advance(clock() - began):
        await wait(stopping, TICK_S)


def run(
    *endpoints: str,
    rate: float = DEFAULT_RATE,
    seed: int = DEFAULT_SEED,
    duration: float | None = None,
    incident: str = DEFAULT_INCIDENT,
) -> int:
    """The demo's process: sends until `duration` seconds have passed, or SIGINT or SIGTERM.

    `endpoints` are `host:port` of OTLP/gRPC receivers, each of which gets all spans, `rate` in traces a second,
    `incident` a key of `INCIDENTS`.  With a duration only whole traces are sent, and all of them.  Returns an exit
    code: 0, or 1 when spans were offered and some endpoint accepted none.  Call it in a process's main thread.
    """
    if not 0 < rate < math.inf:
        raise ValueError("rate must be a number above 0")
    traffic = Traffic(seed, INCIDENTS[incident])
    settings = Settings(rate, duration, time.time_ns())
    return asyncio.run(_live([reachable(endpoint) for endpoint in endpoints], traffic, settings))


async def _live(endpoints: list[str], traffic: Traffic, settings: Settings) -> int:
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    sender = Senders(endpoints, _say)
    sender.start()
    try:
        await play(Room(traffic, sender, settings), stopping, time.monotonic)
    finally:
        await sender.stop(GRACE_S)
    return 0 if sender.heard else 1


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
