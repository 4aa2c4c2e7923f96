"""Patterns of the operator's own: RE2, and of all of a text.

RE2 takes a time that grows with the text alone, whatever the pattern; a matcher that backtracks could be stopped, and
the only thread with it, by a text that a sender chose.  It is loaded when the first pattern is compiled: most
configurations have none.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Protocol


class Match(Protocol):
    """A text that a pattern matches; `group(n)` is None for a group that took no part."""

    def group(self, group: int) -> str | None: ...


class Pattern(Protocol):
    """A compiled pattern, with so many `groups`."""

    groups: int

    def fullmatch(self, text: str) -> Match | None: ...


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> Pattern:
    """The pattern, in which `.` is any character, line ends included.

    Raises `ValueError` with what RE2 says of it, without the pattern.
    """
    import re2

    options = re2.Options()
    options.dot_nl = True
    options.log_errors = False
    try:
        found: Pattern = re2.compile(pattern, options)
    except re2.error as error:
        raise ValueError(_reason(error)) from None
    return found


def matcher(pattern: str) -> Callable[[str], object]:
    """A function of a text that is true where the pattern matches all of it."""
    return compiled(pattern).fullmatch


def _reason(error: Any) -> str:
    said = error.args[0]
    text: str = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
    return text.partition(":")[0]
