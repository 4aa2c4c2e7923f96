"""Whether a span is meant by a `Where`: decided once for each key that was never seen, in plain Python.

Owns what the conditions of `where` mean, and which parts of a span they read.  It sees a key's values as the policy has
them, by places in three lists, and knows nothing of labels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from span2metrics.engine.patterns import compiled
from span2metrics.engine.plan import Source
from span2metrics.engine.where import Filters, Texts, Where

#: Where an attribute's text is: which list of a subject's `found`, and the position in it.
Place = tuple[int, int]
PlaceOf = Callable[[Source, str], Place]


class Subject(NamedTuple):
    """A key, as predicates see it: the texts that its labels would show, kind and status by number."""

    service: str
    name: str
    kind: int
    status: int
    found: Sequence[Sequence[str]]


Predicate = Callable[[Subject], bool]


def predicate(where: Where, place_of: PlaceOf) -> Predicate:
    """Whether all conditions hold; `place_of` is told each attribute that is read."""
    conditions = tuple(_conditions(where, place_of))
    return lambda subject: all(holds(subject) for holds in conditions)


def _conditions(where: Where, place_of: PlaceOf) -> Iterable[Predicate]:
    """Cheap ones first."""
    if where.kinds:
        yield lambda subject: subject.kind in where.kinds
    if where.statuses:
        yield lambda subject: subject.status in where.statuses
    if where.service is not None:
        yield _of_service(where.service)
    if where.name is not None:
        yield _of_name(where.name)
    for source, attributes in ((Source.RESOURCE, where.resource), (Source.SPAN, where.span)):
        for attribute, texts in attributes:
            yield _of_place(place_of(source, attribute), texts)


def _of_service(texts: Texts) -> Predicate:
    accepts = _accepts(texts)
    return lambda subject: accepts(subject.service)


def _of_name(texts: Texts) -> Predicate:
    accepts = _accepts(texts)
    return lambda subject: accepts(subject.name)


def _of_place(place: Place, texts: Texts) -> Predicate:
    accepts = _accepts(texts)
    at, position = place
    return lambda subject: accepts(subject.found[at][position])


def _accepts(texts: Texts) -> Callable[[str], bool]:
    equal, patterns = frozenset(texts.equal), tuple(map(compiled, texts.patterns))
    return lambda text: text in equal or any(pattern.matches(text) for pattern in patterns)


class Filter:
    """What `Filters` keep.  `reads_name`, `reads_kind`, `reads_status` say what must be known of a span besides its
    attributes, of which `place_of` is told.
    """

    def __init__(self, filters: Filters, place_of: PlaceOf) -> None:
        every = (*filters.include, *filters.exclude)
        self.reads_name = any(where.name is not None for where in every)
        self.reads_kind = any(where.kinds for where in every)
        self.reads_status = any(where.statuses for where in every)
        self._include = tuple(predicate(where, place_of) for where in filters.include)
        self._exclude = tuple(predicate(where, place_of) for where in filters.exclude)

    def keeps(self, subject: Subject) -> bool:
        if self._include and not any(means(subject) for means in self._include):
            return False
        return not any(means(subject) for means in self._exclude)
