"""Classic buckets by hand: what a histogram of some durations holds, and what PromQL has to make of it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate


def cumulated(durations: Iterable[int], bounds: Sequence[int]) -> list[int]:
    """How many durations lie within each bound, and all; the unit is any."""
    found = [0] * (len(bounds) + 1)
    for duration in durations:
        found[bisect_left(bounds, duration)] += 1
    return list(accumulate(found))


def quantile(q: float, durations: Iterable[int], bounds_ns: Sequence[int]) -> float:
    """What `histogram_quantile` makes of exact buckets: seconds, linear in the bucket in which the rank falls."""
    upto = [0, *cumulated(durations, bounds_ns)]
    bounds = [0.0, *(ns / 1e9 for ns in bounds_ns)]
    rank = q * upto[-1]
    upper = next(n for n in range(1, len(upto)) if upto[n] >= rank)
    if upper == len(bounds):
        return bounds[-1]
    share = (rank - upto[upper - 1]) / (upto[upper] - upto[upper - 1])
    return bounds[upper - 1] + (bounds[upper] - bounds[upper - 1]) * share
