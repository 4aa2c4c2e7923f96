"""Our own bugs, told to the operator: an unexpected exception's type and traceback, at most one every few seconds.

An exception's message may quote the traffic (a `KeyError` shows the key), so it is left out; the frames are enough to
find the line.  What was held back meanwhile is counted in the next record.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable
from typing import Final

_log = logging.getLogger(__name__)

INTERVAL: Final = 10.0


class FaultLog:
    """Writes of `what` (a fixed text), at most once in `INTERVAL` seconds of `clock`."""

    def __init__(self, what: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._what = what
        self._clock = clock
        self._next = float("-inf")
        self._held_back = 0

    def report(self, error: BaseException) -> None:
        """Logs the fault, or counts it."""
        now = self._clock()
        if now < self._next:
            self._held_back += 1
            return
        frames = "".join(traceback.format_tb(error.__traceback__))
        fields = {"fault": type(error).__qualname__, "held_back": self._held_back, "trace": frames}
        _log.error("internal fault: %s", self._what, extra=fields)
        self._next, self._held_back = now + INTERVAL, 0
