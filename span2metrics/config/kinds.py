"""The kinds of value that a setting can have: how each is read, shown and described to an editor.

A `Kind` is stateless and knows one form of value.  `read` raises a `ReadError` for the value itself; kinds that hold
other values report those mistakes one by one and go on, so that a document is read to its end.  `show` is the
inverse, for the dump; `schema` is the same rule as JSON Schema.  Mappings with named keys are in `section`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from itertools import pairwise
from typing import Any, Generic, TypeVar

from span2metrics.config import scalars
from span2metrics.config.reading import ReadError, Value, quoted

T = TypeVar("T")
N = TypeVar("N", int, float)
#: What YAML and JSON can hold.
Plain = Any
Schema = dict[str, Any]
Definitions = dict[str, Schema]

#: Any scalar may be put in by substitution; only the daemon can know what it will be then.
SUBSTITUTED: Schema = {"type": "string", "pattern": r"\$\{", "description": "${NAME}, ${NAME:-default}, ${file:/path}"}
SUBSTITUTED_TOO: Schema = {"$ref": "#/$defs/substituted"}


class Kind(Generic[T]):
    """One form of value."""

    def read(self, value: Value) -> T:
        """The value as the daemon uses it.  Raises `ReadError`."""
        raise NotImplementedError

    def show(self, value: T) -> Plain:
        """The value as a file would have it."""
        raise NotImplementedError

    def schema(self, definitions: Definitions) -> Schema:
        """JSON Schema of what `read` takes; what it refers to by name is added to the definitions."""
        raise NotImplementedError

    def fallback(self) -> tuple[T, ...]:
        """What stands in for an element that cannot be read, so that those after it keep their indexes."""
        return ()


def attempt(kind: Kind[T], value: Value) -> tuple[T, ...]:
    """The value read, as a tuple of one; its mistakes reported and the kind's fallback if it cannot be."""
    try:
        if value.faults:
            raise ReadError
        return (kind.read(value),)
    except ReadError as mistake:
        for message in value.faults or (str(mistake),):
            value.fail(message)
        return kind.fallback()


class Flag(Kind[bool]):
    """`true` or `false`."""

    def read(self, value: Value) -> bool:
        value.insist("true or false", "boolean")
        return value.text.lower() == "true"

    def show(self, value: bool) -> Plain:
        return value

    def schema(self, definitions: Definitions) -> Schema:
        return {"anyOf": [{"type": "boolean"}, SUBSTITUTED_TOO]}


class Text(Kind[str]):
    """Text, all of which matches the pattern; `wrong` says what to do where it does not."""

    def __init__(self, expected: str, pattern: str = r"[\s\S]*", wrong: str = "") -> None:
        self.expected, self.pattern, self.wrong = expected, pattern, wrong

    def read(self, value: Value) -> str:
        if not (value.loose and value.scalar):
            hint = "; put it in quotes" if value.kind in {"boolean", "integer", "number"} else ""
            value.insist(self.expected, "text", hint=hint)
        if not re.fullmatch(self.pattern, value.text):
            raise ReadError(f"{value.quoted} {self.wrong}")
        if not value.text.isascii() and re.search(r"[\ud800-\udfff]", value.text):
            raise ReadError("is not valid Unicode; remove the surrogates")
        return value.text

    def show(self, value: str) -> Plain:
        return value.replace("${", "$${")

    def schema(self, definitions: Definitions) -> Schema:
        return {"anyOf": [{"type": "string", "pattern": f"^(?:{self.pattern})$"}, SUBSTITUTED_TOO]}


class Choice(Kind[T]):
    """One of a few words, each of which stands for a value; `what` says of what they are the names."""

    def __init__(self, what: str, choices: Mapping[str, T]) -> None:
        self.what, self.choices = what, choices

    def read(self, value: Value) -> T:
        if not value.loose:
            value.insist(f"the name of {self.what}", "text")
        if value.text not in self.choices:
            raise ReadError(f"{value.quoted} is not {self.what} that is known here; {known(self.choices)}")
        return self.choices[value.text]

    def show(self, value: T) -> Plain:
        return next(word for word, meaning in self.choices.items() if meaning == value)

    def schema(self, definitions: Definitions) -> Schema:
        return {"anyOf": [{"enum": list(self.choices)}, SUBSTITUTED_TOO]}


def known(words: Iterable[str]) -> str:
    return "known: " + ", ".join(words)


def guess(word: str, words: Iterable[str]) -> str:
    """What to write instead of an unknown word."""
    all_words = list(words)
    close = get_close_matches(word, all_words, n=1)
    return f"did you mean {quoted(close[0])}?" if close else known(all_words)


class Parsed(Kind[T]):
    """A scalar with a syntax of its own; what YAML takes it for does not matter (`1:30`, `4096`)."""

    expected: str
    pattern: str

    def parse(self, text: str) -> T:
        """Raises `ValueError` with a predicate that follows the text."""
        raise NotImplementedError

    def read(self, value: Value) -> T:
        value.insist(self.expected, "text", "integer", "number")
        try:
            return self.parse(value.text)
        except ValueError as fault:
            raise ReadError(f"{value.quoted} {fault}") from None

    def schema(self, definitions: Definitions) -> Schema:
        return {"anyOf": [{"type": "string", "pattern": f"^(?:{self.pattern})$"}, SUBSTITUTED_TOO]}


class Address(Parsed[scalars.Endpoint]):
    """An address to listen on."""

    expected = "an address such as localhost:4317"
    pattern = scalars.ENDPOINT

    def parse(self, text: str) -> scalars.Endpoint:
        return scalars.parse_endpoint(text)

    def show(self, value: scalars.Endpoint) -> Plain:
        return str(value)


class Size(Parsed[int]):
    """Bytes, within bounds."""

    expected = "a size such as 64MiB"
    pattern = scalars.SIZE

    def __init__(self, low: int, high: int) -> None:
        self.low, self.high = low, high

    def parse(self, text: str) -> int:
        return _bounded(scalars.parse_size(text), self.low, self.high, scalars.format_size)

    def show(self, value: int) -> Plain:
        return scalars.format_size(value)

    def schema(self, definitions: Definitions) -> Schema:
        integer = {"type": "integer", "minimum": self.low, "maximum": self.high}
        return {"anyOf": [integer, *super().schema(definitions)["anyOf"]]}


class Whole(Parsed[int]):
    """A whole number, within bounds; `why` ends what is said of one that is not."""

    expected = "a whole number such as 8"
    pattern = "[0-9]{1,18}"

    def __init__(self, low: int, high: int, why: str = "") -> None:
        self.low, self.high, self.why = low, high, why

    def read(self, value: Value) -> int:
        value.insist(self.expected, "text", "integer")
        return super().read(value)

    def parse(self, text: str) -> int:
        if not re.fullmatch(self.pattern, text):
            raise ValueError("is not a whole number; write digits alone, such as 8")
        return _bounded(int(text), self.low, self.high, str, self.why)

    def show(self, value: int) -> Plain:
        return value

    def schema(self, definitions: Definitions) -> Schema:
        integer = {"type": "integer", "minimum": self.low, "maximum": self.high}
        return {"anyOf": [integer, *super().schema(definitions)["anyOf"]]}


class Number(Parsed[float]):
    """A decimal number, within bounds."""

    expected = "a number such as 1.1"
    pattern = r"[0-9]{1,18}(\.[0-9]{1,18})?"

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high

    def read(self, value: Value) -> float:
        value.insist(self.expected, "text", "integer", "number")
        return super().read(value)

    def parse(self, text: str) -> float:
        if not re.fullmatch(self.pattern, text):
            raise ValueError("is not a number; write digits and at most one point, such as 1.1")
        return _bounded(float(text), self.low, self.high, "{:g}".format)

    def show(self, value: float) -> Plain:
        return value

    def schema(self, definitions: Definitions) -> Schema:
        number = {"type": "number", "minimum": self.low, "maximum": self.high}
        return {"anyOf": [number, *super().schema(definitions)["anyOf"]]}


class Nanoseconds(Parsed[int]):
    """A duration in nanoseconds, exactly, within bounds (in nanoseconds)."""

    expected = "a duration such as 250ms"
    pattern = scalars.DURATION

    def __init__(self, low: int, high: int) -> None:
        self.low, self.high = low, high

    def parse(self, text: str) -> int:
        return _bounded(scalars.parse_duration(text), self.low, self.high, scalars.format_duration)

    def show(self, value: int) -> Plain:
        return scalars.format_duration(value)


class Seconds(Parsed[float]):
    """A duration in seconds, within bounds (in whole seconds)."""

    expected = Nanoseconds.expected
    pattern = Nanoseconds.pattern

    def __init__(self, low: int, high: int) -> None:
        self.exact = Nanoseconds(low * scalars.NS_PER_SECOND, high * scalars.NS_PER_SECOND)

    def parse(self, text: str) -> float:
        return self.exact.parse(text) / scalars.NS_PER_SECOND

    def show(self, value: float) -> Plain:
        return self.exact.show(round(value * scalars.NS_PER_SECOND))


def _bounded(value: N, low: N, high: N, form: Callable[[N], str | int], why: str = "") -> N:
    if not low <= value <= high:
        raise ValueError(f"is out of bounds; write {form(low)} to {form(high)}{why}")
    return value


class Or(Kind[T | None]):
    """A value of the other kind, or a word (`auto`, 0, or YAML's null) that stands for None."""

    def __init__(self, kind: Kind[T], word: str | int | None) -> None:
        self.kind, self.word = kind, word

    def read(self, value: Value) -> T | None:
        if value.kind == "null" if self.word is None else value.text == str(self.word):
            return None
        try:
            return self.kind.read(value)
        except ReadError as mistake:
            raise ReadError(f"{mistake}; or {'null' if self.word is None else self.word}") from None

    def show(self, value: T | None) -> Plain:
        return self.word if value is None else self.kind.show(value)

    def schema(self, definitions: Definitions) -> Schema:
        return {"anyOf": [{"const": self.word}, self.kind.schema(definitions)]}


class ListOf(Kind[tuple[T, ...]]):
    """A list of values of one kind."""

    def __init__(self, item: Kind[T], *, least: int = 0, most: int | None = None) -> None:
        self.item, self.least, self.most = item, least, most

    def read(self, value: Value) -> tuple[T, ...]:
        value.insist("a list", "list")
        items = value.items()
        if len(items) < self.least:
            raise ReadError("is empty; name at least one, or remove the key")
        if self.most is not None and len(items) > self.most:
            value.fail(f"has {len(items)} elements; at most {self.most} are allowed")
        elements = [(element, item) for item in items for element in attempt(self.item, item)]
        self.compare(elements)
        return tuple(element for element, _ in elements)

    def compare(self, elements: list[tuple[T, Value]]) -> None:
        """Reports elements that do not go with one before them."""

    def show(self, value: tuple[T, ...]) -> Plain:
        return [self.item.show(element) for element in value]

    def schema(self, definitions: Definitions) -> Schema:
        bounds: Schema = {"minItems": self.least} if self.least else {}
        if self.most is not None:
            bounds["maxItems"] = self.most
        return {"type": "array", "items": self.item.schema(definitions), **bounds}


class Distinct(ListOf[T]):
    """A list of scalars, no two of which mean the same."""

    def compare(self, elements: list[tuple[T, Value]]) -> None:
        first: dict[T, Value] = {}
        for element, value in elements:
            if first.setdefault(element, value) is not value:
                value.fail(f"{value.quoted} repeats {first[element].path}; remove one of them")

    def schema(self, definitions: Definitions) -> Schema:
        return {**super().schema(definitions), "uniqueItems": True}


class Ascending(Distinct[int]):
    """A list of numbers, each greater than the one before."""

    def compare(self, elements: list[tuple[int, Value]]) -> None:
        super().compare(elements)
        for (before, _), (element, value) in pairwise(elements):
            if element < before:
                value.fail(f"{value.quoted} is less than the one before it; write them in ascending order")
