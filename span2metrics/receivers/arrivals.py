"""Requests on their way in, each in turn: many large ones at once take memory before any budget of ours sees them.

gRPC gathers each message as a whole.  It asks the sender for all of it as soon as a handler waits for it, and does not
say how large it is; before, it takes no more than some 64 KiB a call.  HTTP's connections read ahead, too.  So a
handler waits for its turn first.  As many requests may come at once as fit `limit` if they are as large as the largest
seen lately.  Where that is too few, because they come slowly, more are let in, a few every 10 ms, as long as the memory
of the process stays where it is.

If it grows all the same, by `limit` (what the intake holds included) or past `ceiling`, those that are on their way,
but for the first, are told to come back: their sizes were not like those before.  That bounds a flood, not to the byte:
gRPC reads on in its own threads while the loop is busy, and holds a whole message twice for a moment.  A request that
takes longer than `SECONDS` is given up, so that nobody can hold memory by sending slowly.

Freed memory stays with the process, so the allocator is asked to give it back after such a cut: otherwise the next
watch would begin too high.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from span2metrics import memory
from span2metrics.errors import Abandoned, Overloaded

#: Seconds for a whole request to arrive.
SECONDS: Final = 30.0
#: Seconds to wait for one's turn; exporters give up after ten.
PATIENCE: Final = 5.0
#: Bytes that a message is thought to have before any was seen: what gRPC's servers take by default.
_FIRST_GUESS: Final = 4 << 20
#: Bytes of a call that gRPC takes unasked; smaller messages are there when their turn comes.
_UNASKED: Final = 64 << 10
#: Of so many messages the largest counts, roughly.
_MEMORY: Final = 256
#: Seconds between two looks at the memory; senders on the same machine fill some 20 MiB meanwhile.
_LOOK: Final = 0.01
#: Seconds until what was cut has let go of its memory.
_SETTLE: Final = 0.1


class Arrivals:
    """The requests that are on their way, and those that wait to begin.

    limit      bytes that requests on their way may take, less what the intake holds
    largest    bytes of the largest that can come
    counted    bytes that the intake holds now
    ceiling    bytes that the process may occupy in all while some wait; None for no such bound
    """

    def __init__(
        self,
        limit: int,
        largest: int,
        counted: Callable[[], int],
        ceiling: int | None = None,
        resident: Callable[[], int] = memory.resident,
    ) -> None:
        self._limit = limit
        self._largest = largest
        self._counted = counted
        self._ceiling = ceiling
        self._resident = resident
        self._size = min(_FIRST_GUESS, largest)
        self._taken = self._more = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._coming: dict[asyncio.Timeout, None] = {}
        self._cut: set[asyncio.Timeout] = set()
        self._base = 0
        self._look: asyncio.TimerHandle | None = None

    async def receive(self, read: Callable[[], Awaitable[bytes]]) -> bytes:
        """What `read` gives, when its turn has come.  Raises what `read` does, `Overloaded` and `Abandoned`."""
        await self._turn()
        try:
            message = await self._in_time(read)
        finally:
            self._taken -= 1
            self._admit()
        self._size = max(len(message), _UNASKED, self._size - self._size // _MEMORY)
        return message

    async def _in_time(self, read: Callable[[], Awaitable[bytes]]) -> bytes:
        timer = asyncio.timeout(SECONDS)
        try:
            async with timer:
                self._coming[timer] = None
                return await read()
        except TimeoutError:
            if timer in self._cut:
                raise Overloaded("too many requests at once") from None
            raise Abandoned(f"the request did not arrive within {SECONDS:.0f} seconds") from None
        finally:
            del self._coming[timer]
            self._cut.discard(timer)

    def _room(self) -> int:
        """How many may be on their way."""
        return self._fitting() + self._more

    def _fitting(self) -> int:
        """How many fit beside what the intake holds; each is there twice for a moment."""
        return max(1, (self._limit - self._counted()) // (2 * self._size))

    async def _turn(self) -> None:
        """Takes a place among those on their way, as soon as there is one."""
        if not self._waiting and self._taken < self._room():
            self._taken += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._watch()
        try:
            async with asyncio.timeout(PATIENCE):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self._taken -= 1
                self._admit()
            if isinstance(error, TimeoutError):
                raise Overloaded("too many requests at once") from None
            raise

    def _admit(self) -> None:
        """Lets those who wait begin, the first first, as far as there is room."""
        while self._waiting and self._taken < self._room():
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                self._taken += 1

    def _watch(self) -> None:
        if self._look is None:
            self._base = self._resident() - self._counted()
            self._look = asyncio.get_running_loop().call_later(_LOOK, self._look_again)

    def _look_again(self) -> None:
        if not self._waiting:
            self._look, self._more = None, 0
            return
        loop = asyncio.get_running_loop()
        resident = self._resident()
        grown = resident - self._base
        if grown > self._limit or (self._ceiling and resident > self._ceiling):
            self._relieve(loop)
        elif grown < self._limit // 2:
            self._more += self._fitting()
            self._admit()
        self._look = loop.call_later(_LOOK, self._look_again)

    def _relieve(self, loop: asyncio.AbstractEventLoop) -> None:
        """Requests are larger than was thought: cuts them but for the first, so that there is always some progress."""
        self._more = 0
        late = [timer for timer in self._coming if timer not in self._cut][1:]
        if not late:
            return
        self._size = min(2 * self._size, self._largest)
        for timer in late:
            timer.reschedule(loop.time())
        self._cut.update(late)
        loop.call_later(_SETTLE, memory.give_back)
