"""The configuration of what no label may show.

A part of `models`, whose rules hold here too.
"""

# ruff: noqa: RUF009 - `setting` returns a dataclass field, as `field` does

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from span2metrics.config.kinds import Choice, Flag, Kind, ListOf, Or, Plain, Schema, Text
from span2metrics.config.reading import ReadError, Value
from span2metrics.config.section import Entry, setting
from span2metrics.config.substitute import bounded
from span2metrics.engine import plan
from span2metrics.engine.plan import Action
from span2metrics.engine.redaction import compiled

ENGINE = plan.Privacy()
MOST_PATTERNS = 64
#: Bytes of a key.  Card numbers are few enough to try them all: only the key is in the way.
LEAST_KEY = 32


class Expression(Text):
    """A pattern that RE2 compiles and that does not match nothing."""

    def __init__(self) -> None:
        super().__init__(
            "a pattern such as tok_[0-9a-z]+", r"[\s\S]{1,1000}", "is no pattern; write 1 to 1000 characters"
        )

    def read(self, value: Value) -> str:
        text = super().read(value)
        try:
            pattern = compiled(text)
        except ValueError as fault:
            raise ReadError(
                f"{value.quoted} is no pattern of RE2: {fault}; it has no look-around or backreferences"
            ) from None
        if pattern.search("") is not None:
            raise ReadError(f"{value.quoted} matches empty text too; say what must be there, such as + for *")
        return text


@dataclass(frozen=True, slots=True)
class Key:
    """A key and the file that it came from.  Only the file is ever shown."""

    file: str
    key: bytes = field(repr=False)


class KeyFile(Kind[Key]):
    """The absolute path of a file that holds a key: its bytes without the line end."""

    _PATTERN = r"/[\s\S]*"
    _text = Text("the absolute path of a file", _PATTERN, "is not an absolute path; write /…")

    def read(self, value: Value) -> Key:
        file = self._text.read(value)
        try:
            key = bounded(Path(file)).rstrip(b"\r\n")
        except (OSError, ValueError) as fault:
            reason = fault.strerror if isinstance(fault, OSError) else fault
            raise ReadError(f"{value.quoted} cannot be used: {reason}; see that it exists and may be read") from None
        if len(key) < LEAST_KEY:
            raise ReadError(
                f"{value.quoted} holds fewer than {LEAST_KEY} bytes, which could be guessed; write what "
                "`openssl rand -hex 32` prints into it"
            )
        return Key(file, key)

    def show(self, value: Key) -> Plain:
        return self._text.show(value.file)

    def schema(self, definitions: dict[str, Schema]) -> Schema:
        return self._text.schema(definitions)


@dataclass(frozen=True, slots=True)
class Pattern:
    """What labels must not show; `name` is a word for people."""

    pattern: str = setting(
        Expression(),
        "",
        "What to hide, in RE2's syntax, wherever it stands in a value: (?i) ignores case, \\b is a word's border.",
        required=True,
    )
    name: str = setting(Text("text"), "", "What it is, for people who read this file; nothing else shows it.")


@dataclass(frozen=True, slots=True)
class Privacy:
    cards: bool = setting(
        Flag(),
        ENGINE.cards,
        "Whether payment card numbers are hidden, wherever they stand in a label's value: 13 to 19 digits in whatever "
        "groups that begin like an issuer's, have that issuer's length and the right check digit. On, because a number "
        "that reaches Prometheus is copied to everybody who may query it.",
    )
    patterns: tuple[Pattern, ...] = setting(
        ListOf(Entry(Pattern, shorthand="pattern"), most=MOST_PATTERNS),
        (),
        "What else is hidden: patterns, or mappings, at most 64. None by default, because only you know what your "
        "spans carry; each costs some 3 us for a value that is new.",
    )
    action: Action = setting(
        Choice("an action", {action.value: action for action in Action}),
        ENGINE.action,
        "What is done to it: mask puts **** in its place; hmac a keyed hash, so that equal numbers can be told from "
        "others; drop leaves out the whole value, as if it had not been sent. mask, because it keeps the rest of the "
        "value and one series for all; with hmac each number is a series of its own.",
    )
    hmac_key_file: Key | None = setting(
        Or(KeyFile(), None),
        None,
        "A file with the key of hmac, at least 32 bytes, read at the start. null: there is none, because a key that "
        "came with the program would be no secret.",
    )
