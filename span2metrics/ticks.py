"""Time passes in the engine: what waits for nobody any more is ended, a slice at a time, between everything else.

The engine has no clock and does nothing unasked; without ticks an edge to somebody who sends no spans would show only
when the next request comes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from span2metrics.engine.core import Engine
from span2metrics.engine.plan import Now
from span2metrics.faults import FaultLog
from span2metrics.intake import read_clock

#: Seconds.  What is over shows at most so much later; an idle daemon wakes up four times a second.
INTERVAL: Final = 0.25


class Ticks:
    """Calls `Engine.expire` every `INTERVAL` seconds, and at once while there is more to end.  On the loop's thread."""

    def __init__(self, engine: Engine, clock: Callable[[], Now] = read_clock) -> None:
        self._engine = engine
        self._clock = clock
        self._next: asyncio.TimerHandle | None = None
        self._faults = FaultLog("what is over could not be ended")

    def start(self) -> None:
        """Needs the running loop."""
        self._next = asyncio.get_running_loop().call_later(INTERVAL, self._tick)

    async def stop(self, timeout: float) -> None:
        """Ends all that waits, for nobody comes any more, until `timeout` seconds have passed.  No tick comes after."""
        if self._next is None:
            return
        self._next.cancel()
        self._next = None
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout
        while loop.time() < end and self._done(self._engine.conclude):
            await asyncio.sleep(0)

    def _tick(self) -> None:
        more = self._done(self._engine.expire)
        self._next = asyncio.get_running_loop().call_later(0 if more else INTERVAL, self._tick)

    def _done(self, step: Callable[[Now], bool]) -> bool:
        """Is there more?"""
        try:
            return step(self._clock())
        except Exception as error:
            self._faults.report(error)
            return False
