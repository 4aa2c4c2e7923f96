"""The configuration of which spans count: filters by what they are, and the guard on their time.

A part of `models`, whose rules hold here too.
"""

from __future__ import annotations

from dataclasses import dataclass

from span2metrics.config.kinds import ListOf, Nanoseconds, Or
from span2metrics.config.scalars import DURATION_UNITS
from span2metrics.config.section import setting
from span2metrics.config.where import CONDITIONS
from span2metrics.engine.where import Where


@dataclass(frozen=True, slots=True)
class Filters:
    include: tuple[Where, ...] = setting(
        ListOf(CONDITIONS),
        (),
        "Spans that count: those of which any entry holds, or all where there are none. None by default, so that "
        "nothing is missed.",
    )
    exclude: tuple[Where, ...] = setting(
        ListOf(CONDITIONS),
        (),
        "Spans that do not count, of those that are included: those of which any entry holds. None by default, so "
        "that nothing is missed.",
    )


@dataclass(frozen=True, slots=True)
class Time:
    slack: int | None = setting(
        Or(Nanoseconds(DURATION_UNITS["s"], 365 * DURATION_UNITS["d"]), None),
        None,
        "How long ago a span may have ended when it is taken, and how far in the future it may end. Others count "
        "neither in span metrics nor in the service graph, and their sender is told so (partial_success); "
        "span2metrics_span_lateness_seconds shows how long spans take. null: any time, because a span that comes late "
        "was a call all the same.",
    )
