"""Values that a label shows in place of others: `5xx` for `503`.

Owns how replacements are written: `$1` to `$9` stand for the pattern's groups and `$$` for a dollar, as in Prometheus'
relabelling; all else for itself.  It knows texts alone: what no label may show is looked for again in what a rewrite
made, for it may put together what was apart, but what that is, `hide` says.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from span2metrics.engine.patterns import Pattern, compiled
from span2metrics.engine.text import cut

_SPECIAL = re.compile(r"\$(?:([1-9])(?![0-9])|(\$))|(\$|\\[0-9])")


class Rewrite(NamedTuple):
    """Where `match`, a pattern of RE2, matches all of a value, `replace` takes its place."""

    match: str
    replace: str


Replacement = tuple[str | int, ...]


def replacement(text: str) -> Replacement:
    """The pieces of a replacement: texts, and numbers of groups.  Raises `ValueError` with a predicate."""
    pieces: list[str | int] = []
    at = 0
    for special in _SPECIAL.finditer(text):
        group, dollar, wrong = special.groups()
        if wrong:
            raise ValueError("has a $ or \\ that stands for no group; write $1 to $9 for a group, $$ for a dollar")
        pieces += [text[at : special.start()], int(group) if group else dollar]
        at = special.end()
    return tuple(piece for piece in (*pieces, text[at:]) if piece != "")


def last_group(replace: Replacement) -> int:
    """The highest group that it takes; 0 for none."""
    return max((piece for piece in replace if isinstance(piece, int)), default=0)


#: A text, and whether it is but the beginning of one → as a label may show it, whether anything of it was hidden,
#: whether its end was left off.
Hide = Callable[[str, bool], tuple[str, bool, bool]]


class Rewritten(NamedTuple):
    """What a label shows in place of a value, whether anything of it was hidden, and whether it was cut."""

    text: str
    hidden: bool
    is_cut: bool

    @property
    def is_dropped(self) -> bool:
        """It was hidden whole: there is no such value."""
        return self.hidden and not self.text


def as_it_is(text: str, _: bool) -> tuple[str, bool, bool]:
    """Of which nothing need be hidden."""
    return text, False, False


@dataclass(frozen=True, slots=True)
class Rewriter:
    """Rewrites values by the first of `rewrites` that matches, to at most `length` bytes; "" is no value."""

    rewrites: tuple[Rewrite, ...]
    length: int
    hide: Hide = field(default=as_it_is, repr=False, compare=False)
    _compiled: tuple[tuple[Pattern, Replacement], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        pairs = tuple((compiled(rewrite.match), replacement(rewrite.replace)) for rewrite in self.rewrites)
        object.__setattr__(self, "_compiled", pairs)

    def of(self, text: str) -> Rewritten:
        """What becomes of a value that a label may show."""
        whole = self._whole(text)
        if whole == text:
            return Rewritten(text, False, False)
        whole, hidden, is_cut = self.hide(whole, False)
        shown = cut(whole, self.length)
        return Rewritten(shown, hidden, is_cut or shown != whole)

    def _whole(self, text: str) -> str:
        for pattern, replace in self._compiled:
            groups = pattern.groups_of(text)
            if groups is not None:
                return "".join(piece if isinstance(piece, str) else groups[piece - 1] for piece in replace)
        return text
