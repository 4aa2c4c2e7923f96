"""Sections: mappings whose keys are the fields of a frozen dataclass, each declared once with `setting`.

A declaration holds the kind, the default and the reason.  From it come the loader (here), the dump and the JSON
Schema, so that the three cannot disagree.  A key is the field's name, without the underscore that follows a word of
Python (`from_`).  Unknown keys are mistakes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, TypeVar

import yaml

from span2metrics.config.kinds import Definitions, Kind, Plain, Schema, attempt, guess
from span2metrics.config.reading import Value

T = TypeVar("T")
MASK = "<secret>"
_SETTING = "setting"


@dataclasses.dataclass(frozen=True, slots=True)
class Setting:
    """What `setting` was told, and the field's name and default."""

    kind: Kind[Any]
    doc: str
    required: bool
    secret: bool
    field: str = ""
    default: Any = None

    @property
    def key(self) -> str:
        return self.field.removesuffix("_")


def setting(kind: Kind[T], default: T, doc: str, *, required: bool = False, secret: bool = False) -> T:
    """A dataclass field that a file can set.

    doc         what it is, and why the default is what it is
    required    a file that has the section must have the key
    secret      no message and no dump shows the value
    """
    declared = Setting(kind, doc, required, secret)
    field: T = dataclasses.field(default=default, metadata={_SETTING: declared})
    return field


def settings(model: type) -> Iterator[Setting]:
    """The settings of a model, in order; fields that no file can set are not among them."""
    for field in dataclasses.fields(model):
        declared = field.metadata.get(_SETTING)
        if declared is not None:
            yield dataclasses.replace(declared, field=field.name, default=field.default)


class Section(Kind[T]):
    """A mapping of settings.

    A model's `SHAPE`, if it has one, is what the JSON Schema says of several keys together; `rules` has the same for
    the loader.
    """

    def __init__(self, model: type[T]) -> None:
        self.model = model
        self.settings = {declared.key: declared for declared in settings(model)}

    def read(self, value: Value) -> T:
        value.insist(f"a mapping ({', '.join(self.settings)})", "mapping", hint=self._remedy(value))
        fields: dict[str, Any] = {}
        for key, node in value.entries():
            self._read_entry(value, key, node, fields)
        for absent in (s for s in self.settings.values() if s.required and s.field not in fields):
            path = value.at(absent.key)
            if path not in value.reading.places:
                value.fail(f"has no `{absent.key}`; add it")
        return self.model(**fields)

    def _read_entry(self, value: Value, key: yaml.ScalarNode, node: yaml.Node, fields: dict[str, Any]) -> None:
        declared = self.settings.get(key.value)
        if declared is None:
            value.reject(key, f"unknown key; {guess(key.value, self.settings)}")
            return
        entry = value.entry(key, node, secret=declared.secret)
        for result in attempt(declared.kind, entry):
            fields[declared.field] = result

    def _remedy(self, value: Value) -> str:
        if value.kind != "null":
            return ""
        off = ", or write {enabled: false} to have none" if "enabled" in self.settings else ""
        return f"; remove the key to have the defaults{off}"

    def fallback(self) -> tuple[T, ...]:
        return (self.model(),)

    def show(self, value: T) -> Plain:
        return {key: self._show_setting(declared, value) for key, declared in self.settings.items()}

    def _show_setting(self, declared: Setting, model: T) -> Plain:
        value = getattr(model, declared.field)
        hidden = declared.secret and value != declared.default
        return MASK if hidden else declared.kind.show(value)

    def schema(self, definitions: Definitions) -> Schema:
        name = self.model.__name__
        if name not in definitions:
            definitions[name] = {}  # holds the place, so that outer sections stand before inner ones
            definitions[name] = self._definition(definitions)
        return {"$ref": f"#/$defs/{name}"}

    def _definition(self, definitions: Definitions) -> Schema:
        properties = {key: self._describe(declared, definitions) for key, declared in self.settings.items()}
        required = [key for key, declared in self.settings.items() if declared.required]
        definition = {"type": "object", "properties": properties, "additionalProperties": False}
        return definition | ({"required": required} if required else {}) | getattr(self.model, "SHAPE", {})

    def _describe(self, declared: Setting, definitions: Definitions) -> Schema:
        described = {**declared.kind.schema(definitions), "description": declared.doc}
        return described | {"default": declared.kind.show(declared.default)}


class Entry(Section[T]):
    """A section that stands in a list: a key that is absent has no meaning of its own there.

    With a `shorthand`, plain text stands for the mapping with that key alone.
    """

    def __init__(self, model: type[T], shorthand: str | None = None) -> None:
        super().__init__(model)
        self.shorthand = self.settings[shorthand] if shorthand else None

    def read(self, value: Value) -> T:
        if self.shorthand is None or not value.scalar:
            return super().read(value)
        return self.model(**{self.shorthand.field: self.shorthand.kind.read(value)})

    def _remedy(self, value: Value) -> str:
        # The first key is the one that a bare text was meant for.
        return f"; write {{{next(iter(self.settings))}: …}}" if value.kind == "text" else super()._remedy(value)

    def show(self, value: T) -> Plain:
        return {key: shown for key, shown in super().show(value).items() if not self._may_be_absent(key, shown)}

    def _may_be_absent(self, key: str, shown: Plain) -> bool:
        declared = self.settings[key]
        return not declared.required and bool(shown == declared.kind.show(declared.default))

    def schema(self, definitions: Definitions) -> Schema:
        reference = super().schema(definitions)
        return {"anyOf": [self.shorthand.kind.schema(definitions), reference]} if self.shorthand else reference

    def _describe(self, declared: Setting, definitions: Definitions) -> Schema:
        described = super()._describe(declared, definitions)
        del described["default"]
        return described
