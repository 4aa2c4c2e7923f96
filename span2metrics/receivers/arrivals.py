"""gRPC messages on their way in: gRPC gathers each as a whole, where no budget of ours sees it.

It asks the sender for all of a message as soon as a handler waits for it, and does not say how large it is.  A few at
once are harmless, as each is bounded; beyond `spare` of them the memory of the process is watched, and once it has
grown by `limit`, what the intake holds included, all that are still on their way are told to come back, and new ones
before they begin.  That bounds a flood, not to the byte: gRPC reads on in its own threads while the loop is busy, and
copies a whole message twice.  A message that takes longer than `SECONDS` is given up too, so that nobody can hold
memory by sending slowly.

Freed memory stays with the process, so the allocator is asked to give it back after such a cut: otherwise the next
watch would begin too high.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

import grpc

from span2metrics import memory
from span2metrics.errors import Abandoned, DecodeError, Overloaded

#: Seconds for a whole message to arrive.
SECONDS: Final = 30.0
#: Seconds between two looks at the memory; senders on the same machine fill some 20 MiB meanwhile.
_LOOK: Final = 0.01
#: Seconds in which gRPC cancels the handler of a call whose message will not come.
_SETTLE: Final = 0.1


class Arrivals:
    """The calls whose message is on its way.

    limit      bytes by which the process may grow while more than `spare` are
    counted    bytes that the intake holds now
    """

    def __init__(
        self, limit: int, spare: int, counted: Callable[[], int], resident: Callable[[], int] = memory.resident
    ) -> None:
        self._limit = limit
        self._spare = spare
        self._counted = counted
        self._resident = resident
        self._coming: set[asyncio.Timeout] = set()
        self._cut: set[asyncio.Timeout] = set()
        self._base = 0
        self._full = False
        self._look: asyncio.TimerHandle | None = None

    async def read(self, context: Any) -> bytes:
        """The call's message.  Raises `Overloaded`, `Abandoned`, and `DecodeError` where none comes."""
        if self._full:
            raise Overloaded("too many requests at once")
        try:
            async with asyncio.timeout(SECONDS) as timer:
                self._coming.add(timer)
                if len(self._coming) > self._spare and self._look is None:
                    self._watch()
                message = await context.read()
        except TimeoutError:
            if timer in self._cut:
                raise Overloaded("too many requests at once") from None
            raise Abandoned(f"the message did not arrive within {SECONDS:.0f} seconds") from None
        finally:
            self._coming.discard(timer)
            self._cut.discard(timer)
        if message is grpc.aio.EOF:
            # The sender is gone, or the message is far too large and gRPC has refused it: both cancel this handler.
            await asyncio.sleep(_SETTLE)
            raise DecodeError("the call has no message")
        return message  # type: ignore[no-any-return]

    def _watch(self) -> None:
        self._base = self._resident() - self._counted()
        self._look = asyncio.get_running_loop().call_later(_LOOK, self._look_again)

    def _look_again(self) -> None:
        loop = asyncio.get_running_loop()
        if len(self._coming) <= self._spare:
            self._look, self._full = None, False
            return
        self._full = self._resident() - self._base > self._limit
        if self._full:
            for timer in self._coming - self._cut:
                timer.reschedule(loop.time())
            self._cut |= self._coming
            loop.call_later(_SETTLE, memory.give_back)
        self._look = loop.call_later(_LOOK, self._look_again)
