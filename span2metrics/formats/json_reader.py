"""A pull reader over JSON text: the caller walks the outer objects and lists, and parses what is small as a whole.

A body of ten thousand spans as one tree is a million small objects, twenty times the body in memory and a long walk for
the garbage collector at each stage of its making.  Span by span they are few, and still warm in the cache.

`members` and `elements` stop with the position at a value, which the caller must pass, by `value` or by walking it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

_DECODER: Final = json.JSONDecoder()
_SPACE: Final = re.compile(r"[ \t\n\r]+")


class NotJsonError(Exception):
    """The text is not JSON, is nested too deeply or has a number of thousands of digits; `position` in characters."""

    def __init__(self, position: int) -> None:
        super().__init__(f"the body is not JSON that can be read, seen at character {position}")


class Reader:
    """The text and how far it was read."""

    __slots__ = ("_at", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._skip_space()

    def at_object(self) -> bool:
        """Does an object come?"""
        return self._next() == "{"

    def at_list(self) -> bool:
        """Does a list come?"""
        return self._next() == "["

    def skip_null(self) -> bool:
        """Passes a null, if one comes."""
        return self._next() == "n" and self.value() is None

    def value(self) -> Any:
        """The value that comes, parsed."""
        try:
            parsed, self._at = _DECODER.raw_decode(self._text, self._at)
        except json.JSONDecodeError as error:
            raise NotJsonError(error.pos) from None
        except (RecursionError, ValueError):
            raise NotJsonError(self._at) from None
        self._skip_space()
        return parsed

    def members(self) -> Iterator[str]:
        """The names of the object that comes, each when its value is next."""
        for _ in self._until("}"):
            name = self.value()
            if type(name) is not str:
                raise NotJsonError(self._at)
            self._pass(":")
            yield name

    def elements(self) -> Iterator[None]:
        """Stops at each element of the list that comes."""
        return self._until("]")

    def end(self) -> None:
        """Insists that nothing is left."""
        if self._at < len(self._text):
            raise NotJsonError(self._at)

    def _until(self, closing: str) -> Iterator[None]:
        self._pass(self._next())
        if self._next() != closing:
            yield
            while self._next() == ",":
                self._pass(",")
                yield
        self._pass(closing)

    def _next(self) -> str:
        return self._text[self._at : self._at + 1]

    def _pass(self, character: str) -> None:
        if self._next() != character:
            raise NotJsonError(self._at)
        self._at += 1
        self._skip_space()

    def _skip_space(self) -> None:
        if space := _SPACE.match(self._text, self._at):
            self._at = space.end()
