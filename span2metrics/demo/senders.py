"""The same spans to several endpoints, each with queues and retries of its own: none waits for another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from span2metrics.demo.sender import Sender
from span2metrics.demo.span import Span


class Senders:
    """A `Sender` for each endpoint (`host:port`), used as one; `say` hears the troubles of all."""

    def __init__(self, endpoints: Sequence[str], say: Callable[[str], None]) -> None:
        self._senders = [Sender(endpoint, say) for endpoint in endpoints]

    @property
    def heard(self) -> bool:
        """Whether every endpoint has taken some of what was offered; true where nothing was."""
        return all(sender.sent or not sender.offered for sender in self._senders)

    def start(self) -> None:
        """As `Sender.start`."""
        for sender in self._senders:
            sender.start()

    def offer(self, spans: Sequence[Span]) -> None:
        """As `Sender.offer`, to each."""
        for sender in self._senders:
            sender.offer(spans)

    async def stop(self, grace: float) -> None:
        """As `Sender.stop`, all at once: `grace` seconds in all."""
        await asyncio.gather(*(sender.stop(grace) for sender in self._senders))
