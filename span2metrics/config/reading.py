"""One reading of a document: the values in it, where they stand, and everything that is wrong.

A `Value` is a node with its dotted path, its place and its text after substitution.  A `Reading` collects problems
instead of stopping at the first, and remembers where each path came from, so that a rule over the finished models can
still name the line.  A text that was put in by substitution is never quoted.  Neither knows any key or setting.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import yaml

from span2metrics.config import document
from span2metrics.config.substitute import Expansion, expand
from span2metrics.errors import Problem

_KINDS: tuple[tuple[type[yaml.Node], dict[str, str]], ...] = (
    (
        yaml.ScalarNode,
        {
            document.NULL: "null",
            document.BOOL: "boolean",
            document.INT: "integer",
            document.FLOAT: "number",
            document.STR: "text",
        },
    ),
    (yaml.SequenceNode, {document.SEQ: "list"}),
    (yaml.MappingNode, {document.MAP: "mapping"}),
)
_QUOTED_LENGTH = 60
_SUBSTITUTED = "the substituted value"


class ReadError(Exception):
    """A value that cannot be read; the message becomes a Problem's."""


class Place(NamedTuple):
    """Where a value was written.  `private`: no message quotes it; `secret`: no dump shows it."""

    file: str
    line: int
    private: bool = False
    secret: bool = False

    def __str__(self) -> str:
        return f"line {self.line}" if self.line else self.file


def _place(mark: yaml.Mark, *, private: bool = False, secret: bool = False) -> Place:
    return Place(mark.name, mark.line + 1, private, secret)


class Reading:
    """What is known of the document so far: `problems`, and the `places` of the paths that were read."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.problems: dict[Problem, None] = {}  # as they were seen, each once
        self.places: dict[str, Place] = {}

    def add(self, path: str, message: str, place: Place | None = None) -> None:
        """Reports a mistake, by default at the path's place or the nearest one around it; the same mistake once."""
        file, line, *_ = place or self.place(path)
        self.problems[Problem(file, line, path, message)] = None

    def place(self, path: str) -> Place:
        while path and path not in self.places:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self.places.get(path, Place("", 0))

    def sound(self, *paths: str) -> bool:
        """Whether nothing is wrong so far at these paths or below them."""
        return not any(_within(problem.path, path) for problem in self.problems for path in paths)

    def quote(self, text: str, *paths: str) -> str:
        """The text, to follow a noun, as a message may show what was made from these paths or what is below them."""
        private = any(place.private and _within(at, path) for at, place in self.places.items() for path in paths)
        return "that was substituted" if private else quoted(text)


def quoted(text: str) -> str:
    shown = text if len(text) <= _QUOTED_LENGTH else text[: _QUOTED_LENGTH - 1] + "…"
    return f"`{shown}`"


def _within(path: str, outer: str) -> bool:
    return path == outer or path.startswith((outer + ".", outer + "["))


def _kind(node: yaml.Node, tag: str) -> str:
    return next(kinds.get(tag, "tagged") for shape, kinds in _KINDS if isinstance(node, shape))


class Value:
    """A node of the document, ready to be read.

    kind     null, boolean, integer, number, text, list, mapping; or "tagged", which is none of these
    text     of a scalar, after substitution; "" of anything else
    loose    the text has no type of its own: it came from a flag or a substitution
    faults   what could not be substituted; the text is of no use then
    """

    def __init__(self, reading: Reading, node: yaml.Node, path: str, mark: yaml.Mark, *, secret: bool = False) -> None:
        self.reading = reading
        self.path = path
        self._node = node
        expansion = self._expand()
        self.text, self.faults = expansion.text, expansion.faults
        self.loose = expansion.private or isinstance(node, document.FlagNode)
        self.kind = _kind(node, self._tag(expansion))
        self._private = expansion.private or secret
        reading.places[path] = _place(mark, private=self._private, secret=expansion.secret or secret)

    def _expand(self) -> Expansion:
        if not isinstance(self._node, yaml.ScalarNode):
            return Expansion("")
        if isinstance(self._node, document.FlagNode):  # the shell has done it there
            return Expansion(self._node.value)
        return expand(self._node.value, self.reading.environ)

    def _tag(self, expansion: Expansion) -> str:
        tag: str = self._node.tag
        # Quoted or not: inside braces YAML leaves no choice.
        return document.plain_tag(expansion.text) if expansion.private and tag == document.STR else tag

    @property
    def scalar(self) -> bool:
        """Whether it is anything with a text, null included."""
        return self.kind not in {"list", "mapping", "tagged"}

    @property
    def private(self) -> bool:
        """Whether no message may show it."""
        return self._private

    @property
    def quoted(self) -> str:
        if self._private:
            return _SUBSTITUTED
        return quoted(self.text) if self.text else "empty text"

    @property
    def found(self) -> str:
        """What stands here, to follow `expected …, found`."""
        if self.kind == "tagged":
            return f"a value with the tag {quoted(self._node.tag)}"
        if self.kind == "null":
            return "null"
        if self.kind in {"list", "mapping"}:
            return f"a {self.kind}"
        return f"a substituted {self.kind}" if self._private else f"the {self.kind} {self.quoted}"

    def insist(self, expected: str, *kinds: str, hint: str = "") -> None:
        """Raises a `ReadError` unless the value is of one of the kinds."""
        if self.kind not in kinds:
            raise ReadError(f"expected {expected}, found {self.found}{hint}")

    def fail(self, message: str) -> None:
        """Reports a mistake and goes on."""
        self.reading.add(self.path, message)

    def hide_as_a_whole(self) -> None:
        """No dump shows any of the value if a part of it is secret: it would stand at another path there."""
        if any(place.secret and _within(path, self.path) for path, place in self.reading.places.items()):
            self.reading.places[self.path] = self.reading.places[self.path]._replace(secret=True)

    def items(self) -> list[Value]:
        """The elements of a list."""
        return [
            Value(self.reading, node, f"{self.path}[{i}]", node.start_mark) for i, node in enumerate(self._node.value)
        ]

    def entries(self) -> Iterator[tuple[yaml.ScalarNode, yaml.Node]]:
        """The pairs of a mapping whose keys are text and new; the others are reported."""
        first: dict[str, yaml.ScalarNode] = {}
        for key, node in self._node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.reading.add(self.path, "a key must be text", _place(key.start_mark))
            elif key.value in first:
                line = first[key.value].start_mark.line + 1
                self.reject(key, f"stands twice in one mapping, first on line {line}; keep one of them")
            else:
                first[key.value] = key
                yield key, node

    def reject(self, key: yaml.ScalarNode, message: str) -> None:
        """Reports a mistake about a key of this mapping."""
        self.reading.add(self.at(key.value), message, _place(key.start_mark))

    def at(self, key: str) -> str:
        """The path of a key of this mapping."""
        return f"{self.path}.{key}" if self.path else key

    def entry(self, key: yaml.ScalarNode, node: yaml.Node, *, secret: bool = False) -> Value:
        """The value of one of the `entries`; its place is the key's."""
        return Value(self.reading, node, self.at(key.value), key.start_mark, secret=secret)
