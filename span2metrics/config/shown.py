"""Which label shows what a `where` asks for, so that a query by labels means the same spans.

A part of a span that is no label of a family's series cannot be asked for there.  A dimension shows an attribute if it
looks for it first; where the attribute is absent it may show another one in its place, or its default.  Then an
attribute's condition is one on the label: a query cannot tell where its value came from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product
from typing import NamedTuple

from span2metrics import names
from span2metrics.config.labels import sources_of
from span2metrics.config.models import Config, Dimension, ResourceLabel
from span2metrics.engine.patterns import compiled
from span2metrics.engine.plan import Source
from span2metrics.engine.where import Texts, Where

Entry = Dimension | ResourceLabel
#: No value, or an empty one.
ABSENT = Texts(equal=("",))


class Attribute(NamedTuple):
    """A condition's attribute, by its key in the file: `span.a` or `resource.a`."""

    source: Source
    name: str

    @property
    def key(self) -> str:
        return f"{self.source.value}.{self.name}"

    @property
    def is_service(self) -> bool:
        return self == (Source.RESOURCE, "service.name")


def attributes_of(where: Where) -> Iterator[tuple[Attribute, Texts]]:
    for source, asked in ((Source.RESOURCE, where.resource), (Source.SPAN, where.span)):
        yield from ((Attribute(source, name), texts) for name, texts in asked)


def entries(config: Config, family: str) -> tuple[Entry, ...]:
    """What makes the labels of a family, `names.CALLS` or `names.DURATION`."""
    metrics = config.metrics
    own = metrics.calls.dimensions if family == names.CALLS else metrics.duration.dimensions
    return (*metrics.resource_labels, *metrics.dimensions, *own)


def showing(attribute: Attribute, found: Iterable[Entry]) -> Entry | None:
    """The entry whose label shows the attribute; of several the one with the fewest other places."""
    of_it = [entry for entry in found if next(iter(_places(entry)), None) == attribute]
    return min(of_it, key=lambda entry: len(tuple(_places(entry))), default=None)


def _places(entry: Entry) -> Iterator[Attribute]:
    """Where an entry looks for its value, in order."""
    sources = (Source.RESOURCE,) if isinstance(entry, ResourceLabel) else sources_of(entry)
    return (Attribute(source, name) for name in entry.attributes for source in sources)


def by_labels(where: Where, config: Config, family: str) -> Iterator[Where]:
    """The spans whose labels hold what `where` asks for: any of these means them.

    A label's value is that of the first of its places that has one; so each place is a case of its own.
    """
    found = entries(config, family)
    cases = [tuple(_cases(showing(attribute, found), attribute, texts)) for attribute, texts in attributes_of(where)]
    for chosen in product(*cases):
        conditions = [condition for case in chosen for condition in case]
        yield Where(
            where.kinds,
            where.statuses,
            where.name,
            where.service,
            tuple((at.name, texts) for at, texts in conditions if at.source is Source.RESOURCE),
            tuple((at.name, texts) for at, texts in conditions if at.source is Source.SPAN),
        )


def _cases(entry: Entry | None, attribute: Attribute, texts: Texts) -> Iterator[tuple[tuple[Attribute, Texts], ...]]:
    places = [place for place in _places(entry) if place.source is not Source.SCOPE] if entry else [attribute]
    for i, place in enumerate(places):
        yield (*((before, ABSENT) for before in places[:i]), (place, texts))
    if entry and accepts(texts, entry.default):
        yield tuple((place, ABSENT) for place in places)


def accepts(texts: Texts, text: str) -> bool:
    return text in texts.equal or any(compiled(pattern).matches(text) for pattern in texts.patterns)
