"""A loop whose time leaps to its next timer instead of waiting: intervals and timeouts are tested exactly, at once."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any


class _Leaps(selectors.DefaultSelector):
    """Where nothing is ready, a wait is over at once, and `seconds` is later by so much."""

    seconds = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise AssertionError("whoever waits now waits for ever")
        if not ready and timeout:
            self.seconds += timeout
        return ready


class LeapingLoop(asyncio.SelectorEventLoop):
    """Its time begins at 0; only timers and `pass_by` move it."""

    def __init__(self) -> None:
        self._leaps = _Leaps()
        super().__init__(self._leaps)

    def time(self) -> float:
        return self._leaps.seconds

    def pass_by(self, seconds: float) -> None:
        """What runs now takes so long."""
        self._leaps.seconds += seconds


def leaping(scenario: Coroutine[Any, Any, None]) -> None:
    """Runs a scenario to its end on such a loop."""
    with asyncio.Runner(loop_factory=LeapingLoop) as runner:
        runner.run(scenario)


def current() -> LeapingLoop:
    """The loop that runs."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, LeapingLoop)
    return loop
