"""Which spans are meant: what a `where` says, as data.

The language that filters speak, and all else that chooses spans.  A `Where` is a conjunction: all that it says must
hold of a span.  What it says of a text is a few alternatives, any of which may hold: equal texts, or patterns of RE2
that match all of it.  Texts are those that a label would show, before a dimension rewrites them; what is absent is the
empty text, as in PromQL.  `predicate` decides.

Rules: semantics §1.3.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Texts:
    """Alternatives: the text is one of `equal`, or one of `patterns` matches all of it."""

    equal: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Where:
    """Conditions, all of which hold of the spans that are meant.

    kinds, statuses     numbers of which the span's is one; empty: any
    name, service       of the label's text, so of `unknown` and `unknown_service` too; None: any
    resource, span      of attributes' texts there, by the attribute's name
    """

    kinds: tuple[int, ...] = ()
    statuses: tuple[int, ...] = ()
    name: Texts | None = None
    service: Texts | None = None
    resource: tuple[tuple[str, Texts], ...] = ()
    span: tuple[tuple[str, Texts], ...] = ()


#: No condition: every span is meant.
EVERYTHING = Where()


def services_of(wheres: Iterable[Where]) -> frozenset[str]:
    """The services that are named in full."""
    return frozenset(name for where in wheres if where.service for name in where.service.equal)


@dataclass(frozen=True, slots=True)
class Filters:
    """A span is kept if it is meant by any of `include`, or there are none, and by none of `exclude`."""

    include: tuple[Where, ...] = ()
    exclude: tuple[Where, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.include or self.exclude)


#: Every span is kept.
NO_FILTERS = Filters()
