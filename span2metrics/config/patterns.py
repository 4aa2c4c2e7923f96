"""Patterns of the user's own, and what replaces what they match: RE2, so that no text that is sent can hold one up."""

from __future__ import annotations

from span2metrics.config.kinds import Text
from span2metrics.config.reading import ReadError, Value
from span2metrics.engine.naming import compiled_pattern, replacement_parts


class Pattern(Text):
    """A regular expression that RE2 takes."""

    def read(self, value: Value) -> str:
        text = super().read(value)
        try:
            compiled_pattern(text)
        except ValueError as fault:
            raise ReadError(f"{value.quoted} is no regular expression of RE2: {_said(value, fault)}") from None
        return text


class Replacement(Text):
    r"""What a match becomes, with \1 for its groups."""

    def read(self, value: Value) -> str:
        text = super().read(value)
        try:
            replacement_parts(text)
        except ValueError as fault:
            raise ReadError(rf"{value.quoted} {fault}; write \0 to \9 for groups and \\ for a \ itself") from None
        return text


def _said(value: Value, fault: ValueError) -> str:
    """What RE2 said, which may quote the pattern."""
    return "it does not compile" if value.private else str(fault)


PATTERN = Pattern("a regular expression", r"[\s\S]+", "is no pattern; write a regular expression")
REPLACEMENT = Replacement("the text that replaces a name", r"[\s\S]+", "is no name; write what the name becomes")
