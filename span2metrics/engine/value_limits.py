"""How many values each label may have: `max_values` of a dimension.

A value that is new while there is no room for it is `__other__`, until others have left: a value stays as long as a
series has it.  Who has which is read from the series' own labels, when one is born or gone: a span costs nothing.

Rules: semantics §1.5.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from span2metrics import names
from span2metrics.engine.plan import Dimension
from span2metrics.engine.text import pairs_of


class ValueLimits:
    """`caps`: label → how many values it may have, of those that have a limit."""

    def __init__(self, dimensions: Iterable[Dimension]) -> None:
        self.caps = {d.label: d.max_values for d in dimensions if d.max_values}
        self._series: dict[str, Counter[str]] = {label: Counter() for label in self.caps}
        self._asked: list[tuple[str, str]] = []
        self._refused: list[str] = []

    def admitted(self, label: str, value: str) -> str:
        """The value, or `__other__` where it is one too many."""
        series = self._series[label]
        if value in series or len(series) < self.caps[label]:
            self._asked.append((label, value))
            series[value] += 0
            return value
        if label not in self._refused:
            self._refused.append(label)
        return names.OTHER

    def refused(self) -> tuple[str, ...]:
        """Labels of which a value was refused since this was last asked."""
        if not self._refused:
            return ()
        refused, self._refused = tuple(self._refused), []
        return refused

    def has_room(self, labels: Iterable[str]) -> bool:
        """Is there room for a value of one of them?"""
        return any(len(self._series[label]) < self.caps[label] for label in labels)

    def take(self, text: bytes) -> None:
        """A series with these labels was born."""
        for label, value in self._pairs(text):
            self._series[label][value] += 1

    def release(self, text: bytes) -> bool:
        """It is gone.  Has a value left with it?"""
        left = False
        for label, value in self._pairs(text):
            self._series[label][value] -= 1
            left |= self._forget(label, value)
        return left

    def settle(self) -> bool:
        """What was asked for by series that were not born is nobody's.  Has a value left so?"""
        left = False
        for label, value in self._asked:
            left |= self._forget(label, value)
        self._asked.clear()
        return left

    def _forget(self, label: str, value: str) -> bool:
        if self._series[label][value] > 0:
            return False
        return self._series[label].pop(value, None) is not None

    def _pairs(self, text: bytes) -> Iterable[tuple[str, str]]:
        return ((label, value) for label, value in pairs_of(text) if label in self.caps and value != names.OTHER)
