"""The configuration of labels whose values are attributes: dimensions, and labels of the resource.

A part of `models`, whose rules hold here too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from span2metrics.config.forms import ATTRIBUTE, LABEL
from span2metrics.config.kinds import Choice, Distinct, ListOf, Text, Whole
from span2metrics.config.rewrite import REWRITES, Rewrite
from span2metrics.config.section import Entry, setting
from span2metrics.engine.plan import Source


@dataclass(frozen=True, slots=True)
class Dimension:
    """A label whose value is an attribute's: `name`, or the first of `coalesce` that is not empty."""

    SHAPE: ClassVar[dict[str, Any]] = {"oneOf": [{"required": ["name"]}, {"required": ["coalesce"]}]}

    name: str = setting(
        ATTRIBUTE, "", "The attribute. scope.name and scope.version are the instrumentation scope's own."
    )
    coalesce: tuple[str, ...] = setting(
        Distinct(ATTRIBUTE, least=1),
        (),
        "Several attributes instead of one: the first that has a value, each looked for in all places before the next.",
    )
    label: str = setting(
        LABEL,
        "",
        "Name of the label. Without it, the (first) attribute's; what a label cannot have becomes _ (see utf8_names).",
    )
    default: str = setting(
        Text("text"), "", "Value where no attribute has one. Without it, the series has no such label."
    )
    from_: tuple[Source, ...] = setting(
        Distinct(Choice("a place", {source.value: source for source in Source}), least=1),
        (),
        "Where to look, in order: span, resource, scope. Without it, span and then resource (scope.name and "
        "scope.version: the scope).",
    )
    rewrite: tuple[Rewrite, ...] = setting(
        REWRITES,
        (),
        "What to show in place of values that are found, by the first entry that matches. Without it, and where none "
        "matches, the value as it is.",
    )
    max_values: int = setting(
        Whole(0, 1_000_000),
        0,
        "Values that it may have; 0: any number. Further ones are __other__, until others have left "
        "(metrics.expire_after).",
    )

    @property
    def attributes(self) -> tuple[str, ...]:
        return (self.name,) if self.name else self.coalesce


@dataclass(frozen=True, slots=True)
class ResourceLabel:
    """A label whose value is an attribute of the resource."""

    name: str = setting(ATTRIBUTE, "", "The attribute of the resource.", required=True)
    label: str = setting(
        LABEL,
        "",
        "Name of the label. Without it, the attribute's; what a label cannot have becomes _ (see utf8_names).",
    )
    default: str = setting(
        Text("text"), "", "Value where the attribute is absent. Without it, the series has no such label."
    )

    @property
    def attributes(self) -> tuple[str, ...]:
        return (self.name,) if self.name else ()


DIMENSIONS = ListOf(Entry(Dimension))
