"""What pages cost: whether the next one can be made in time, judged by the last ones of its kind.

A kind is a format in an encoding, of one path.  Its cost is the time that the last whole page was in the making, other
tasks' turns included and the reader's own time not: a person behind a slow line must not have Prometheus refused.

A cost is a memory of a moment, and no page may be refused for ever because of it.  Each refusal halves it, so that
after a few of them one page is tried, and teaches anew.  A page that was cut costs more than it took, nobody knows how
much: twice as much, for now.  So a page that never fits is tried every other time, and the scrape between costs
nothing.  Where less than half of the time went into the making, the reader is to blame, and nothing is learnt.
"""

from __future__ import annotations

import time
from collections.abc import Hashable
from contextlib import aclosing

from span2metrics.web.page import Chunks

_UNKNOWN_END = 2


class Making:
    """A page in the making; `seconds` so far."""

    def __init__(self) -> None:
        self.seconds = 0.0

    async def timed(self, chunks: Chunks) -> Chunks:
        """The same stream.  The time in which a chunk is with its reader does not count."""
        async with aclosing(chunks) as page:
            while True:
                began = time.monotonic()
                try:
                    chunk = await anext(page, None)
                finally:
                    self.seconds += time.monotonic() - began
                if chunk is None:
                    return
                yield chunk


class Costs:
    """Seconds of making by kind of page; a kind that was never made costs nothing yet."""

    def __init__(self) -> None:
        self._seconds: dict[Hashable, float] = {}

    def exceed(self, kind: Hashable, seconds: float) -> float | None:
        """The cost if a page of the kind cannot be made in `seconds`, else None.  Told so, the caller refuses it."""
        cost = self._seconds.get(kind, 0.0)
        if cost <= seconds:
            return None
        self._seconds[kind] = cost / 2
        return cost

    def whole(self, kind: Hashable, seconds: float) -> None:
        """A page of the kind was made in `seconds`."""
        self._seconds[kind] = seconds

    def cut(self, kind: Hashable, seconds: float, elapsed: float) -> None:
        """A page of the kind was not whole `elapsed` after its request, `seconds` of them in the making."""
        if seconds * _UNKNOWN_END > elapsed:
            self._seconds[kind] = max(self._seconds.get(kind, 0.0), seconds * _UNKNOWN_END)
