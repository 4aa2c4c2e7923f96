"""Patterns and replacements as the file has them: what the engine cannot compile is a mistake with its line."""

from __future__ import annotations

from span2metrics.config.kinds import Text
from span2metrics.config.reading import ReadError, Value
from span2metrics.engine import patterns, rewriting


class Pattern(Text):
    """A pattern of RE2, of all of a text."""

    def __init__(self) -> None:
        super().__init__("a pattern")

    def read(self, value: Value) -> str:
        text = super().read(value)
        try:
            patterns.compiled(text)
        except ValueError as fault:
            raise ReadError(f"{value.quoted} is not a pattern of RE2: {fault}") from None
        return text


class Replacement(Text):
    """What takes a value's place, with groups of the pattern as `$1`."""

    def __init__(self) -> None:
        super().__init__("text")

    def read(self, value: Value) -> str:
        text = super().read(value)
        try:
            rewriting.replacement(text)
        except ValueError as fault:
            raise ReadError(f"{value.quoted} {fault}") from None
        return text


PATTERN = Pattern()
REPLACEMENT = Replacement()
