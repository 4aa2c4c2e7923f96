"""The configuration of what span names become before they are labels.

A part of `models`, whose rules hold here too.
"""

# ruff: noqa: RUF009 - `setting` returns a dataclass field, as `field` does

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from span2metrics.config.kinds import SUBSTITUTED_TOO, Choice, Definitions, Kind, ListOf, Plain, Schema, Text
from span2metrics.config.patterns import PATTERN, REPLACEMENT
from span2metrics.config.reading import ReadError, Value
from span2metrics.config.section import Entry, setting
from span2metrics.engine.naming import Convention, Templating
from span2metrics.engine.plan import Plan

ENGINE = Plan()


class Mode(Kind[Templating]):
    """`true`, `false` or `dry_run`."""

    def read(self, value: Value) -> Templating:
        text = value.text.lower() if value.kind == "boolean" else value.text
        if value.kind not in {"boolean", "text"} or text not in _MODES:
            raise ReadError(f"expected true, false or dry_run, found {value.found}")
        return _MODES[text]

    def show(self, value: Templating) -> Plain:
        return value.value if value is Templating.DRY_RUN else value is Templating.ON

    def schema(self, definitions: Definitions) -> Schema:
        return {"anyOf": [{"type": "boolean"}, {"const": Templating.DRY_RUN.value}, SUBSTITUTED_TOO]}


_MODES = {mode.value: mode for mode in Templating}


class Word(Choice[Convention | None]):
    """A convention; a rule that has none shows none."""

    def show(self, value: Convention | None) -> Plain:
        return None if value is None else super().show(value)


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of the user's own: `convention`, or `match` and `replace`."""

    SHAPE: ClassVar[dict[str, Any]] = {"oneOf": [{"required": ["convention"]}, {"required": ["match", "replace"]}]}

    convention: Convention | None = setting(
        Word("a convention", {convention.value: convention for convention in Convention}),
        None,
        "Makes the name as OpenTelemetry's semantic conventions do, where the span has the attributes, in their "
        "present names or the former. http: http.request.method and http.route, or url.template. rpc: "
        "rpc.service/rpc.method. database: db.query.summary, or db.operation.name and db.collection.name, or "
        "db.namespace. messaging: messaging.operation.name and messaging.destination.template, or "
        "messaging.destination.name unless that is temporary or anonymous.",
    )
    match: str = setting(
        PATTERN,
        "",
        "Or a pattern of RE2 that matches all of the name as it was sent. Write .* at its ends for a part of it.",
    )
    replace: str = setting(
        REPLACEMENT,
        "",
        "What such a name becomes; $1 to $9 are groups of the pattern, $$ is a dollar.",
    )
    service: str = setting(
        Text("the name of a service", r"[\s\S]+", "is no name; write a service's, or remove the key"),
        "",
        "Only spans of this service. Without it, those of all.",
    )


@dataclass(frozen=True, slots=True)
class SpanNames:
    templating: Templating = setting(
        Mode(),
        ENGINE.templating,
        "Whether ids in span names become placeholders: UUIDs, 16 and more hexadecimal digits, numbers (words of 4 and "
        "more digits, or whole segments of a path), e-mail addresses and dates become {uuid}, {hex}, {number}, {email} "
        "and {date}; other names stay as they are. dry_run changes no name, by rules neither, and counts what would be "
        "changed. On, because each id would be a series of its own; span2metrics_templated_names_total counts.",
    )
    rules: tuple[Rule, ...] = setting(
        ListOf(Entry(Rule, shorthand="convention")),
        (),
        "Your own rules, before that: the first that has a name for a span names it. Conventions by their words, or "
        "mappings. None by default: instrumentations name spans well, mostly. With rules, a name that was never seen "
        "takes some 8us more.",
    )
