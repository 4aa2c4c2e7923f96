"""Patterns of the operator's own, all by RE2; those of this class match all of a text.

RE2 takes a time that grows with the text alone, whatever the pattern; a matcher that backtracks could be stopped, and
the only thread with it, by a text that a sender chose.  It is loaded when the first pattern is compiled: most
configurations have none.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

_CANDIDATE = 64  # bytes


class Pattern:
    """A pattern with so many `groups`.  Its `.` is any character, line ends included.

    Raises `ValueError` with what RE2 says of it, without the pattern.
    """

    def __init__(self, pattern: str) -> None:
        # Of bytes: of a str, places are counted in characters, which takes longer than to match.
        compiled = regex(pattern.encode(), dot_nl=True)
        self.groups: int = compiled.groups
        self._fullmatch: Any = compiled.fullmatch
        self._range: Any = compiled.possiblematchrange

    def matches(self, text: str) -> bool:
        return self._fullmatch(text.encode()) is not None

    def matches_nothing(self) -> bool:
        """Whether no text at all can match, as far as RE2 knows: it has one candidate, and that does not."""
        import re2

        try:
            least, greatest = self._range(_CANDIDATE)
        except re2.error:
            return False
        return least == greatest and self._fullmatch(least) is None

    def groups_of(self, text: str) -> tuple[str, ...] | None:
        """Texts of the groups, "" for one that took no part; None where the pattern does not match.

        A group may end within a character only where the pattern asks for bytes (`\\C`).
        """
        match = self._fullmatch(text.encode())
        return None if match is None else tuple((group or b"").decode(errors="replace") for group in match.groups())


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> Pattern:
    """The pattern, compiled once."""
    return Pattern(pattern)


def regex(pattern: str | bytes, *, dot_nl: bool) -> Any:
    """RE2's own object; `dot_nl`: `.` is a line's end too.

    Raises `ValueError` with what RE2 says, without the pattern.
    """
    import re2

    options = re2.Options()
    options.dot_nl = dot_nl
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        said = error.args[0]
        text: str = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
        raise ValueError(text.partition(":")[0]) from None
