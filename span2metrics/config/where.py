"""`where`: how the file says which spans are meant, for filters and whatever else chooses spans.

A mapping from parts of a span to a value, to `{regex: …}`, or to a list of such of which any will do.  A pattern is a
mapping, so that no value can be taken for one by its looks.  What it all means stands in `engine.where`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from span2metrics import names
from span2metrics.config.kinds import Choice, Definitions, Kind, Plain, Schema, Text, attempt, guess
from span2metrics.config.patterns import PATTERN
from span2metrics.config.reading import ReadError, Value
from span2metrics.config.section import Entry, setting
from span2metrics.engine.where import Texts, Where

T = TypeVar("T")

KEYS = ("kind", "name", "status", "service")
#: `name` by the name of its label.
ALIAS = "span_name"
#: What a page calls the others, which is no key: few guess `kind` from `span_kind`.
SHOWN_AS = {"span_kind": "kind", "status_code": "status", "service_name": "service"}
PREFIXES = ("resource.", "span.")
_KNOWN = f"{', '.join(KEYS)}, resource.…, span.…"


class Word(Choice[int]):
    """A number of the protocol, by its name with or without the prefix that labels show."""

    def __init__(self, what: str, shown: Iterable[str], prefix: str) -> None:
        self.prefix = prefix
        super().__init__(what, {word.removeprefix(prefix).lower(): n for n, word in enumerate(shown)})
        self.shown = {word: n for n, word in enumerate(shown)}

    def read(self, value: Value) -> int:
        return self.shown[value.text] if value.text in self.shown else super().read(value)

    def schema(self, definitions: Definitions) -> Schema:
        described = super().schema(definitions)
        return {"anyOf": [{"enum": [*self.choices, *self.shown]}, *described["anyOf"][1:]]}


KIND = Word("a kind of span", names.SPAN_KINDS, "SPAN_KIND_")
STATUS = Word("a status", names.STATUS_CODES, "STATUS_CODE_")


class AnyOf(Kind[tuple[T, ...]]):
    """One, or a list of which any will do."""

    def __init__(self, item: Kind[T]) -> None:
        self.item = item

    def read(self, value: Value) -> tuple[T, ...]:
        if value.kind != "list":
            return (self.item.read(value),)
        items = value.items()
        if not items:
            raise ReadError("is empty and would match no span; name at least one, or remove the key")
        return tuple(found for item in items for found in attempt(self.item, item))

    def show(self, value: tuple[T, ...]) -> Plain:
        shown = [self.item.show(item) for item in value]
        return shown[0] if len(shown) == 1 else shown

    def schema(self, definitions: Definitions) -> Schema:
        item = self.item.schema(definitions)
        return {"anyOf": [item, {"type": "array", "items": item, "minItems": 1}]}


@dataclass(frozen=True, slots=True)
class Regex:
    regex: str = setting(PATTERN, "", "A pattern of RE2 that matches all of the text.", required=True)


class Alternative(Kind[str | Regex]):
    """A text, or a pattern."""

    _text = Text("text, or {regex: …}")
    _regex = Entry(Regex)

    def read(self, value: Value) -> str | Regex:
        if value.kind == "mapping":
            return self._regex.read(value)
        if value.kind == "boolean":
            return value.text.lower()
        # An attribute's number has one text, so that 0200 is no way to write 200.
        if value.kind == "integer" and re.fullmatch(r"0|-?[1-9][0-9]*", value.text):
            return value.text
        return self._text.read(value)

    def show(self, value: str | Regex) -> Plain:
        return self._text.show(value) if isinstance(value, str) else self._regex.show(value)

    def schema(self, definitions: Definitions) -> Schema:
        scalars = [{"type": "boolean"}, {"type": "integer"}]
        return {"anyOf": [*self._text.schema(definitions)["anyOf"], *scalars, self._regex.schema(definitions)]}


class TextsKind(Kind[Texts]):
    """What a text must be."""

    _any = AnyOf(Alternative())

    def read(self, value: Value) -> Texts:
        found = self._any.read(value)
        equal = tuple(item for item in found if isinstance(item, str))
        return Texts(equal, tuple(item.regex for item in found if isinstance(item, Regex)))

    def show(self, value: Texts) -> Plain:
        return self._any.show((*value.equal, *map(Regex, value.patterns)))

    def schema(self, definitions: Definitions) -> Schema:
        return self._any.schema(definitions)


TEXTS = TextsKind()
_KINDS: Mapping[str, Kind[Any]] = {
    "kind": AnyOf(KIND),
    "name": TEXTS,
    ALIAS: TEXTS,
    "status": AnyOf(STATUS),
    "service": TEXTS,
}
_DOCS = {
    "kind": "Kind of the span: server, client, producer, consumer, internal or unspecified; or a list.",
    "name": "The span's name as the label shows it: a text, {regex: …}, or a list of these.",
    ALIAS: "The same as name.",
    "status": "Status of the span: unset, ok or error; or a list.",
    "service": "The service as the label shows it, as name.",
}


class Conditions(Kind[Where]):
    """A `Where`."""

    def read(self, value: Value) -> Where:
        value.insist(f"a mapping ({_KNOWN})", "mapping")
        found: dict[str, Any] = {}
        any_key = False
        for key, node in value.entries():
            any_key = True
            kind = _kind_of(key.value)
            if kind is None:
                value.reject(key, _unknown(key.value))
            elif {*found, key.value} >= {"name", ALIAS}:
                value.reject(key, "means the same as the other key; keep one of name and span_name")
            else:
                for part in attempt(kind, value.entry(key, node)):
                    found[key.value] = part
        value.hide_as_a_whole()
        if not any_key:
            raise ReadError("is empty and would mean every span; write what must hold, such as {kind: server}")
        return _where(found)

    def fallback(self) -> tuple[Where, ...]:
        return (Where(),)

    def show(self, value: Where) -> Plain:
        return {key: kind.show(part) for key, kind, part in _parts(value)}

    def schema(self, definitions: Definitions) -> Schema:
        if "Where" not in definitions:
            definitions["Where"] = {}  # holds the place, as sections do
            texts = TEXTS.schema(definitions)
            definitions["Where"] = {
                "type": "object",
                "properties": {k: {**kind.schema(definitions), "description": _DOCS[k]} for k, kind in _KINDS.items()},
                "patternProperties": {rf"^{re.escape(prefix)}[\s\S]": texts for prefix in PREFIXES},
                "additionalProperties": False,
                "minProperties": 1,
                "not": {"required": ["name", ALIAS]},
            }
        return {"$ref": "#/$defs/Where"}


def _kind_of(key: str) -> Kind[Any] | None:
    if key.startswith(PREFIXES):
        return TEXTS if key not in PREFIXES else None
    return _KINDS.get(key)


def _unknown(key: str) -> str:
    if key in PREFIXES:
        return f"names no attribute; write {key}NAME"
    close = guess(SHOWN_AS.get(key, key), [*KEYS, ALIAS])
    return f"unknown key; {close if close.startswith('did') else f'known: {_KNOWN}'}"


def _where(found: Mapping[str, Any]) -> Where:
    resource, span = (
        tuple((key.removeprefix(prefix), part) for key, part in found.items() if key.startswith(prefix))
        for prefix in PREFIXES
    )
    return Where(
        tuple(sorted(set(found.get("kind", ())))),
        tuple(sorted(set(found.get("status", ())))),
        found.get("name", found.get(ALIAS)),
        found.get("service"),
        resource,
        span,
    )


def _parts(where: Where) -> Iterator[tuple[str, Kind[Any], Any]]:
    """Key, kind and value of what is said."""
    if where.kinds:
        yield "kind", _KINDS["kind"], where.kinds
    if where.statuses:
        yield "status", _KINDS["status"], where.statuses
    for key, texts in texts_of(where):
        yield key, TEXTS, texts


def texts_of(where: Where) -> Iterator[tuple[str, Texts]]:
    """Key and value of what is said of texts."""
    for key, texts in (("name", where.name), ("service", where.service)):
        if texts is not None:
            yield key, texts
    for prefix, attributes in zip(PREFIXES, (where.resource, where.span), strict=True):
        for attribute, texts in attributes:
            yield prefix + attribute, texts


CONDITIONS = Conditions()
