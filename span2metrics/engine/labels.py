"""Labels on their way from a key's values to text: where a value is looked for, what was done to it, how it is written.

Pure functions over texts, for whoever names series.  Knows nothing of plans, spans or counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from span2metrics.engine.plan import Source
from span2metrics.engine.rewriting import Rewriter
from span2metrics.engine.value_limits import ValueLimits

#: Marks of a value on its way from the wire to a label.
CUT = 1
REPLACED = 2
REDACTED = 4

#: A key's values come as three lists, in this order.
LISTS = (Source.SPAN, Source.RESOURCE, Source.SCOPE)
#: Labels whose value was cut, those of whose value something was hidden, and whether bytes of one were replaced.
Marked = tuple[tuple[str, ...], tuple[str, ...], bool]
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


class Place(NamedTuple):
    """Where a value may be: which of a key's three lists (`LISTS`), and the position in it."""

    list: int
    position: int


class Label(NamedTuple):
    """A configured label, ready to look up: its places in order of precedence."""

    name: str
    places: tuple[Place, ...]
    default: str
    in_zero: bool
    rewriter: Rewriter | None


def marked_of(shown: Mapping[str, int], *, replaced: bool = False) -> Marked | None:
    """What is counted of labels, by their values' marks; None for nothing."""
    was_cut, redacted = (tuple(name for name, m in shown.items() if m & mark) for mark in (CUT, REDACTED))
    return (was_cut, redacted, replaced) if was_cut or redacted or replaced else None


class Found(NamedTuple):
    """What a label shows, where its value was found (None: nowhere), and what rewriting did to it and those before."""

    text: str
    place: Place | None
    mark: int


def looked_up(places: Iterable[Place], rewriter: Rewriter | None, texts: Sequence[Sequence[str]]) -> Found:
    """The first of some places' values, as it is rewritten.  `texts`: by `LISTS`; what is hidden whole is no value."""
    mark = 0
    for place in places:
        text = texts[place.list][place.position]
        if text and rewriter:
            text, hidden, is_cut = rewritten = rewriter.of(text)
            mark |= REDACTED if hidden else 0
            if not rewritten.is_dropped:
                return Found(text, place, mark | (CUT if is_cut else 0))
        elif text:
            return Found(text, place, mark)
    return Found("", None, mark)


def mark_of(found: Found, places: Iterable[Place], marks: Sequence[Sequence[int]]) -> int:
    """What was done to a value that was looked up, and that those before it were hidden whole.  `marks`: by `LISTS`."""
    mark = found.mark
    for place in places:
        if place == found.place:
            return mark | marks[place.list][place.position]
        mark |= marks[place.list][place.position] & REDACTED
    return mark


def rendered(labels: Iterable[Label], found: Sequence[Sequence[str]], limits: ValueLimits | None = None) -> list[str]:
    """A pair for each label, "" where it has no value.  `found`: texts by `LISTS`."""
    pairs = []
    for label, places, default, _, rewriter in labels:
        text = default
        if rewriter:
            shown = looked_up(places, rewriter, found)
            text = shown.text if shown.place else default
        else:
            for at, position in places:
                if value := found[at][position]:
                    text = value
                    break
        if limits and text and label in limits.caps:
            text = limits.admitted(label, text)
        pairs.append(pair(label, text) if text else "")
    return pairs


def pair(label: str, value: str) -> str:
    """`label="value",`, escaped as the exposition formats have it."""
    return f"{label}={quoted(value)},"


def quoted(text: str) -> str:
    """In quotes, escaped as values and UTF-8 names are."""
    if '"' in text or "\\" in text or "\n" in text:
        text = text.translate(_ESCAPES)
    return f'"{text}"'
