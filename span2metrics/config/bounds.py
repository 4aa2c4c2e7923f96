"""Bounds of the duration's buckets: those of the configuration, and every threshold that rules ask for exactly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from span2metrics.config.models import Config
from span2metrics.engine import plan
from span2metrics.engine.plan import Dialect

#: Up to so many times its threshold apdex tolerates a duration.
TOLERATED = 4


class Threshold(NamedTuple):
    """A duration that is to be a bound, in nanoseconds, and the setting that asks for it."""

    bound_ns: int
    path: str


def thresholds(config: Config) -> Iterator[Threshold]:
    """In the order of the file; several settings may ask for one bound."""
    for i, slo in enumerate(config.slos):
        if slo.sli.latency:
            yield Threshold(slo.sli.latency, f"slos[{i}]")
    for i, apdex in enumerate(config.apdex):
        yield Threshold(apdex.threshold, f"apdex[{i}]")
        yield Threshold(TOLERATED * apdex.threshold, f"apdex[{i}]")


def own_bounds(config: Config) -> tuple[int, ...]:
    """Those of `metrics.buckets`, or the usual ones."""
    usual = plan.TEMPO_BOUNDS_NS if config.metrics.dialects == (Dialect.TEMPO,) else plan.DEFAULT_BOUNDS_NS
    return config.metrics.buckets or usual


def added_bounds(config: Config) -> tuple[int, ...]:
    """Thresholds that are none of those yet, ascending."""
    return tuple(sorted({threshold.bound_ns for threshold in thresholds(config)} - set(own_bounds(config))))


def bounds_of(config: Config) -> tuple[int, ...]:
    """All of them, ascending, nanoseconds."""
    return tuple(sorted((*own_bounds(config), *added_bounds(config))))
