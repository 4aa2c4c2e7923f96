"""The places for pages under way: so many at once over all metrics paths, and nobody waits for one.

A page costs CPU that ingestion needs, and memory for its chunks.  A queue before the door would only make scrapes late;
whoever finds no place is told so at once.  Belongs to the loop.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class Places:
    """`most` places, of which some are taken."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._taken = 0

    @property
    def full(self) -> bool:
        return self._taken >= self.most

    @contextmanager
    def one(self) -> Iterator[None]:
        """Takes a place while the block runs.  Whether there is one is asked before, in the same turn of the loop."""
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1
