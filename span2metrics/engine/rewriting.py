"""Values that a label shows in place of others: `5xx` for `503`.

Owns how replacements are written: `$1` to `$9` stand for the pattern's groups and `$$` for a dollar, as in Prometheus'
relabelling; all else for itself.  It knows texts alone.
"""

from __future__ import annotations

import re
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


@dataclass(frozen=True, slots=True)
class Rewriter:
    """Rewrites values by the first of `rewrites` that matches, to at most `length` bytes; "" is no value."""

    rewrites: tuple[Rewrite, ...]
    length: int
    _compiled: tuple[tuple[Pattern, Replacement], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        pairs = tuple((compiled(rewrite.match), replacement(rewrite.replace)) for rewrite in self.rewrites)
        object.__setattr__(self, "_compiled", pairs)

    def __call__(self, text: str) -> str:
        return cut(self._whole(text), self.length)

    def cuts(self, text: str) -> bool:
        """Whether it would become too long."""
        return len(self._whole(text).encode()) > self.length

    def _whole(self, text: str) -> str:
        for pattern, replace in self._compiled:
            groups = pattern.groups_of(text)
            if groups is not None:
                return "".join(piece if isinstance(piece, str) else groups[piece - 1] for piece in replace)
        return text
