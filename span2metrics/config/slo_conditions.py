"""Objectives that select nothing that can exist: found at the start, not by an alert that stays silent for a year.

What a `where` means is compared with what labels can show: which there are, what templates and the user's own rules do
to span names, what filters leave.  Where that cannot be decided, the condition stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from span2metrics import names
from span2metrics.config.contradictions import filtered_by
from span2metrics.config.models import Config
from span2metrics.config.names_shown import becomes
from span2metrics.config.reading import Reading
from span2metrics.config.shown import Attribute, attributes_of, entries, showing
from span2metrics.config.where import ALIAS, texts_of
from span2metrics.engine.patterns import compiled
from span2metrics.engine.plan import Source
from span2metrics.engine.where import Texts, Where

#: Syntax of RE2 that Prometheus' regular expressions do not have, single bytes and groups named without a P; and quotes
#: that need not end, for a pattern is one of several there.
_NOT_GO = re.compile(r"(?<!\\)(?:\\\\)*(?:\\[CQ]|\(\?<[A-Za-z_])")


class Condition(NamedTuple):
    """A `where` of an entry, and what its rules are made of: a family, `names.CALLS` or `names.DURATION`."""

    path: str
    where: Where
    family: str


def conditions(config: Config) -> Iterator[Condition]:
    for i, slo in enumerate(config.slos):
        yield Condition(f"slos[{i}]", slo.where, names.DURATION if slo.sli.latency else names.CALLS)
    for i, apdex in enumerate(config.apdex):
        yield Condition(f"apdex[{i}]", apdex.where, names.DURATION)


def conditions_select_something(config: Config, reading: Reading) -> None:
    for condition in conditions(config):
        if reading.sound(condition.path):
            for path, message in _mistakes(condition, config, reading):
                reading.add(path, message)


def _mistakes(condition: Condition, config: Config, reading: Reading) -> Iterator[tuple[str, str]]:
    found = [
        *_labels_left_out(condition, config),
        *_statuses(condition),
        *_texts(condition),
        *_attributes(condition, config),
        *_names(condition, config, reading),
    ]
    yield from ((_at(condition, key, reading), message) for key, message in found)
    if not found and (filter_path := filtered_by(condition.where, config)):
        yield (
            f"{condition.path}.where",
            f"{filter_path} leaves none of its spans; mend one of them",
        )


def _at(condition: Condition, key: str, reading: Reading) -> str:
    alias = f"{condition.path}.where.{ALIAS}"
    return alias if key == "name" and alias in reading.places else f"{condition.path}.where.{key}"


Found = Iterator[tuple[str, str]]


def _labels_left_out(condition: Condition, config: Config) -> Found:
    where = condition.where
    asked = {
        "service": (names.SERVICE_NAME, where.service is not None),
        "name": (names.SPAN_NAME, where.name is not None),
        "kind": (names.SPAN_KIND, bool(where.kinds)),
    }
    for key, (label, is_asked) in asked.items():
        if is_asked and label in config.metrics.exclude:
            yield key, f"no series has the label {label}, which metrics.exclude leaves out; keep it there"


def _statuses(condition: Condition) -> Found:
    statuses = condition.where.statuses
    if statuses and condition.family == names.CALLS:
        yield "status", "availability is the share of calls without an error, of all; remove status"
    elif statuses == (names.ERROR,):
        yield "status", "an error is never good, however fast it is, so that nothing could be; remove status"


def _texts(condition: Condition) -> Found:
    for key, texts in texts_of(condition.where):
        if key in {"name", "service"} and "" in texts.equal:
            shown = names.UNKNOWN_NAME if key == "name" else names.UNKNOWN_SERVICE
            yield key, f"a {'span' if key == 'name' else 'service'} without a name is called {shown}; write that"
        for pattern in texts.patterns:
            if _NOT_GO.search(pattern):
                yield (
                    key,
                    "rules for Prometheus can have neither \\C, \\Q nor (?<name>…) in a pattern; write it without",
                )
            elif compiled(pattern).matches_nothing():
                yield key, "the pattern matches no text at all; mend it"


def _attributes(condition: Condition, config: Config) -> Found:
    found = entries(config, condition.family)
    for attribute, texts in attributes_of(condition.where):
        entry = showing(attribute, found)
        if entry is None:
            yield attribute.key, _no_label(attribute, condition)
        elif getattr(entry, "rewrite", ()):
            yield attribute.key, "its label shows other values than it has (`rewrite`); add an entry with another label"
        elif getattr(entry, "max_values", 0):
            yield attribute.key, f"its label may show {names.OTHER} instead (`max_values`); remove that limit"
        elif entry.default and texts == Texts(equal=("",)):
            yield attribute.key, "its label is never absent, for it has a `default`; write that"


def _no_label(attribute: Attribute, condition: Condition) -> str:
    if attribute.is_service:
        return "it is the label service_name; write service"
    lists = "metrics.resource_labels" if attribute.source is Source.RESOURCE else "metrics.dimensions"
    kind = "calls" if condition.family == names.CALLS else "durations"
    return f"it is no label of the {kind}, which rules could ask for; add it to {lists}"


def _names(condition: Condition, config: Config, reading: Reading) -> Found:
    name = condition.where.name
    for text in name.equal if name and not name.patterns else ():
        shown = becomes(text, condition.where.service, config)
        if shown is not None:
            told = reading.quote(shown, f"{condition.path}.where")
            yield "name", f"no span is called so, because it would become {told}; write that, or mend span_names"
