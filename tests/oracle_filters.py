"""Which spans count, and what labels show in place of values, by the rules alone.

Patterns are Python's here: whoever compares keeps to those that RE2 and `re` read alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import product

from span2metrics.engine.plan import Dimension, Now, Plan, Source
from span2metrics.engine.rewriting import Rewrite
from span2metrics.engine.where import Texts, Where
from tests.oracle_cards import Hiding
from tests.oracle_spans import Place, cut, decode

FILTERED, OUTSIDE = "filtered", "outside_time_slack"
#: Upper bounds of lateness in seconds, and above all of them.
BOUNDS = [Fraction(of) for of in (0, "0.1", "0.25", "0.5", 1, "2.5", 5, 10, 30, 60, 300, 900, 3600, 21600, 86400)]


def matches(pattern: str, text: str) -> re.Match[str] | None:
    return re.fullmatch(pattern, text, re.DOTALL)


# --- filters ----------------------------------------------------------------------------------------------------------


def fate(place: Place, plan: Plan, now: Now) -> str | None:
    """Why a span is dropped, None where it counts."""
    end = place.span.end_time_unix_nano
    included = [is_meant(place, where, plan) for where in plan.filters.include]
    excluded = [is_meant(place, where, plan) for where in plan.filters.exclude]
    if plan.slack_ns and end and abs(now.wall_ns - end) > plan.slack_ns:
        return OUTSIDE
    return None if (any(included) or not included) and not any(excluded) else FILTERED


def is_selected(place: Place, service: str, name: str, plan: Plan) -> bool:
    """Whether the plan asks for the span's label sets; by the service and the name that they show."""
    shown = [replace(where, service=None, name=None) for where in plan.selected]
    return any(
        is_meant(place, rest, plan)
        and (where.service is None or _is(service, where.service))
        and (where.name is None or _is(name, where.name))
        for where, rest in zip(plan.selected, shown, strict=True)
    )


def is_meant(place: Place, where: Where, plan: Plan, shown: str | None = None) -> bool:
    """`shown`: the span's name as its label shows it, if that is not as it was sent."""

    def attribute(key: str, source: Source) -> str:
        return cut(place.text(key, source, set()), plan.label_value_length)

    kind, status = (number if 0 <= number <= last else 0 for number, last in _numbers(place))
    name = shown or cut(decode(place.span.name, set()), plan.label_value_length) or "unknown"
    service = attribute("service.name", Source.RESOURCE) or "unknown_service"
    checks = [
        *([kind in where.kinds] if where.kinds else []),
        *([status in where.statuses] if where.statuses else []),
        *([_is(name, where.name)] if where.name else []),
        *([_is(service, where.service)] if where.service else []),
        *(_is(attribute(key, Source.RESOURCE), texts) for key, texts in where.resource),
        *(_is(attribute(key, Source.SPAN), texts) for key, texts in where.span),
    ]
    return all(checks)


def _numbers(place: Place) -> list[tuple[int, int]]:
    """Kind and status, each with the greatest that there is."""
    return [(place.span.kind, 5), (place.span.status.code, 2)]


def _is(text: str, texts: Texts) -> bool:
    return text in texts.equal or any(matches(pattern, text) for pattern in texts.patterns)


# --- values -----------------------------------------------------------------------------------------------------------


def rewritten(text: str, rewrites: Iterable[Rewrite]) -> str:
    """By the first that matches; `$n` and `$$` are read one by one."""
    for pattern, replacement in rewrites:
        if match := matches(pattern, text):
            pieces = re.split(r"(\$.)", replacement)
            return "".join(_filled(piece, match) if n % 2 else piece for n, piece in enumerate(pieces))
    return text


def _filled(special: str, match: re.Match[str]) -> str:
    return "$" if special == "$$" else match[int(special[1])] or ""


def dimension_of(place: Place, dimension: Dimension, limit: int, faults: set[str]) -> tuple[str, bool]:
    """What the label shows, and whether anything of it was cut."""
    for key, source in product(dimension.attributes, dimension.sources):
        own: set[str] = set()
        again: set[str] = set()
        text = place.text(key, source, own)
        found = cut(text, limit)
        shown = rewritten(found, dimension.rewrites) if text else ""
        if shown != found:
            shown = place.shown(shown, set(), again)
        if not text or (not shown and again):
            faults |= {Hiding.REDACTED} & (own | again)
            continue
        faults |= own | again
        return cut(shown, limit), found != text or cut(shown, limit) != shown
    return cut(dimension.default, limit), False


# --- lateness ---------------------------------------------------------------------------------------------------------


def lateness_of(ends: Sequence[tuple[int, int]]) -> tuple[tuple[int, ...], int]:
    """Counts by bucket and nanoseconds in all of (end, when it was taken); ends of 0 are none."""
    late = [Fraction(now - end, 10**9) for end, now in ends if end]
    places = [next((i for i, bound in enumerate(BOUNDS) if seconds <= bound), len(BOUNDS)) for seconds in late]
    total = sum((max(seconds, Fraction()) for seconds in late), Fraction())
    return tuple(places.count(i) for i in range(len(BOUNDS) + 1)), int(total * 10**9)
