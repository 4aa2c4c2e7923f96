"""The configuration of what is promised: service level objectives, and apdex.

A part of `models`, whose rules hold here too.  What lies between these settings and others is in `slo_rules`.
"""

# ruff: noqa: RUF009 - `setting` returns a dataclass field, as `field` does

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar

import yaml

from span2metrics.config.forms import DAY
from span2metrics.config.kinds import Definitions, Kind, Nanoseconds, Number, Parsed, Plain, Schema, Text, attempt
from span2metrics.config.reading import ReadError, Value
from span2metrics.config.scalars import NS_PER_SECOND, format_duration
from span2metrics.config.section import Entry, setting
from span2metrics.config.where import CONDITIONS
from span2metrics.engine.where import Where

DAY_NS = DAY * NS_PER_SECOND
#: Alerts look back three days, and a window must hold a week's ups and downs.
SHORTEST, LONGEST = 7, 90
NAME = Text(
    "a name such as checkout-availability",
    "[A-Za-z0-9][A-Za-z0-9_-]{0,62}",
    "is no name for a label and a group of rules; write at most 63 letters, digits, - and _, the first no sign",
)
THRESHOLD = Nanoseconds(1, DAY_NS)
AVAILABILITY, LATENCY = "availability", "latency"


class Percentage(Parsed[Decimal]):
    """Per cent, exactly: above 0 and below 100."""

    expected = "per cent, such as 99.9"
    pattern = r"[0-9]{1,2}(\.[0-9]{1,6})?"

    def read(self, value: Value) -> Decimal:
        value.insist(self.expected, "text", "integer", "number")
        return super().read(value)

    def parse(self, text: str) -> Decimal:
        if not re.fullmatch(Number.pattern, text):
            raise ValueError("is not a number; write digits and at most one point, such as 99.9")
        objective = Decimal(text)
        if not 0 < objective < 100:
            raise ValueError("is out of bounds; write per cent above 0 and below 100, such as 99.9")
        exponent = objective.as_tuple().exponent  # of a finite one a number
        if isinstance(exponent, int) and exponent < -6:
            raise ValueError("has more than 6 decimals; nobody can keep what is promised so exactly")
        return objective.normalize()

    def show(self, value: Decimal) -> Plain:
        if value == int(value):
            return int(value)
        return float(value) if value >= 1 else f"{value:f}"

    def schema(self, definitions: Definitions) -> Schema:
        number = {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 100}
        return {"anyOf": [number, *super().schema(definitions)["anyOf"]]}


class Window(Nanoseconds):
    """Whole days, so that its length can be a part of a rule's name."""

    expected = "a duration such as 30d"

    def __init__(self) -> None:
        super().__init__(SHORTEST * DAY_NS, LONGEST * DAY_NS)

    def parse(self, text: str) -> int:
        window = super().parse(text)
        if window % DAY_NS:
            raise ValueError("is not a whole number of days; write for example 30d")
        return window

    def show(self, value: int) -> Plain:
        return f"{value // DAY_NS}d"


@dataclass(frozen=True, slots=True)
class Sli:
    """What is measured: the share of calls that are no errors, and took at most `latency` ns if that is not 0."""

    latency: int = 0

    @property
    def kind(self) -> str:
        return LATENCY if self.latency else AVAILABILITY


@dataclass(frozen=True, slots=True)
class _Latency:
    latency: int = setting(THRESHOLD, 0, "A call is good up to this duration, if it is no error.", required=True)


class SliKind(Kind[Sli]):
    """`availability`, or `{latency: DURATION}`."""

    _latency = Entry(_Latency)

    def read(self, value: Value) -> Sli:
        if value.kind == "mapping":
            return Sli(self._latency.read(value).latency)
        if value.kind != "text" or value.text != AVAILABILITY:
            raise ReadError(f"expected availability or {{latency: 250ms}}, found {value.found}")
        return Sli()

    def show(self, value: Sli) -> Plain:
        return self._latency.show(_Latency(value.latency)) if value.latency else AVAILABILITY

    def schema(self, definitions: Definitions) -> Schema:
        return {"anyOf": [{"const": AVAILABILITY}, {"$ref": "#/$defs/substituted"}, self._latency.schema(definitions)]}


@dataclass(frozen=True, slots=True)
class Slo:
    SHAPE: ClassVar[dict[str, Any]] = {"oneOf": [{"required": ["sli"]}, {"required": [LATENCY]}]}

    name: str = setting(
        NAME, "", "Its name: the label slo of all that Prometheus records of it, and of its alerts.", required=True
    )
    objective: Decimal = setting(
        Percentage(),
        Decimal(99),
        "Per cent of its calls that are to be good, above 0 and below 100. The rest is the error budget.",
        required=True,
    )
    window: int = setting(
        Window(),
        30 * DAY_NS,
        "Days for which the budget must last, 7d to 90d. Alerts look back 3 days, and a week has its quiet days: in a "
        "shorter window every one of them would be an exception. Without it, 30d.",
    )
    where: Where = setting(
        CONDITIONS,
        Where(),
        "Which calls it is about, as filters have it. Rules see labels alone, so each part must be one: attributes "
        "stand in metrics.dimensions or resource_labels.",
        required=True,
    )
    sli: Sli = setting(
        SliKind(),
        Sli(),
        "What makes a call good. availability: it is no error. {latency: 250ms}: it is no error and took so long at "
        "most; the duration becomes a bucket's bound of every series, so that nothing is estimated. `latency: 250ms` "
        "in place of the key is the same.",
    )

    @property
    def days(self) -> int:
        return self.window // DAY_NS


class SloEntry(Entry[Slo]):
    """A mapping whose `latency` may stand beside its other keys, in place of `sli`."""

    def read(self, value: Value) -> Slo:
        slo = super().read(value)
        given = {key.value for key, _ in value.entries()} & {"sli", LATENCY}
        if len(given) == 2:
            value.fail("has both `sli` and `latency`; keep one of them")
        elif not given:
            value.fail("has no `sli`; add sli: availability, or sli: {latency: 250ms}")
        return slo

    def _read_entry(self, value: Value, key: yaml.ScalarNode, node: yaml.Node, fields: dict[str, Any]) -> None:
        if key.value != LATENCY:
            super()._read_entry(value, key, node, fields)
            return
        entry = value.entry(key, node)
        for latency in attempt(THRESHOLD, entry):
            fields["sli"] = Sli(latency)

    def show(self, value: Slo) -> Plain:
        return {**super().show(value), "sli": self.settings["sli"].kind.show(value.sli)}

    def _definition(self, definitions: Definitions) -> Schema:
        definition = super()._definition(definitions)
        described = THRESHOLD.schema(definitions)
        definition["properties"][LATENCY] = {**described, "description": "The same as sli: {latency: …}."}
        return definition


@dataclass(frozen=True, slots=True)
class Apdex:
    threshold: int = setting(
        THRESHOLD,
        0,
        "Who waits so long at most is satisfied, who waits up to four times as long tolerates it; who gets an error is "
        "frustrated. Both become bounds of every duration series.",
        required=True,
    )
    where: Where = setting(
        CONDITIONS, Where(), "Which calls it is about, as in slos; each of their services has its own.", required=True
    )
    name: str = setting(
        NAME, "", "The label apdex, where two entries have one threshold. Without it, there is no such label."
    )

    @property
    def label(self) -> str:
        """The threshold as a label shows it."""
        return format_duration(self.threshold)
