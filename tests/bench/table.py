"""Rows of measurements and the table that they are printed as; alternating runs and their medians."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One measurement: `value` in `unit`; `ratio` to what it is compared `against`; `most` is what it should not pass.

    `most` is compared with the ratio where there is one, else with the value.
    """

    what: str
    value: float
    unit: str
    ratio: float | None = None
    against: str = ""
    most: float | None = None

    def verdict(self) -> str:
        if self.most is None:
            return ""
        return "ok" if (self.value if self.ratio is None else self.ratio) <= self.most else "OVER"


def cpu_of(work: Callable[[], object]) -> float:
    """CPU seconds of this process that the work takes."""
    before = time.process_time()
    work()
    return time.process_time() - before


def alternated(first: Callable[[], float], second: Callable[[], float], rounds: int) -> tuple[float, float, float]:
    """Medians of two measurements taken in turn, and the median of the ratios first / second, round by round."""
    values = [(first(), second()) for _ in range(rounds)]
    ratios = [a / b for a, b in values if b]
    return (
        statistics.median(a for a, _ in values),
        statistics.median(b for _, b in values),
        statistics.median(ratios) if ratios else float("nan"),
    )


def print_heading(title: str) -> None:
    print(f"\n{title}\n{'what':<58} {'value':>10} {'unit':<12} {'ratio':>7} {'at most':>8}       against", flush=True)


def print_row(row: Row) -> None:
    ratio = "" if row.ratio is None else f"{row.ratio:.3f}"
    most = "" if row.most is None else f"{row.most:g}"
    print(
        f"{row.what:<58} {row.value:>10.3f} {row.unit:<12} {ratio:>7} {most:>8} {row.verdict():<5} {row.against}",
        flush=True,
    )
