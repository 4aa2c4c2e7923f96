"""Requests that end before the intake has them: each is counted once, and our own bugs are logged.

From `Intake.submit` on the intake counts.  What a receiver does before that runs within `Refusals.counting`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from span2metrics import names
from span2metrics.faults import FaultLog
from span2metrics.receivers import reply
from span2metrics.telemetry import Telemetry


class Refusals:
    """The count of one receiver."""

    def __init__(self, receiver: str, telemetry: Telemetry) -> None:
        self._receiver = receiver
        self._telemetry = telemetry
        self._faults = FaultLog(f"{receiver} could not read a request")

    def count(self, outcome: str) -> None:
        """A request came to its end."""
        self._telemetry.request(self._receiver, outcome)

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Counts what is raised inside, and lets it pass."""
        try:
            yield
        except asyncio.CancelledError:
            self.count(names.ABANDONED)
            raise
        except Exception as error:
            answer = reply.to(error)
            if answer is reply.INTERNAL_FAULT:
                self._faults.report(error)
            self.count(answer.outcome)
            raise
