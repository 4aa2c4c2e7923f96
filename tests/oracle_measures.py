"""What measures make of spans: values in exact fractions, kept one by one, and their families on a page.

Written from semantics §5 alone.  Texts are read by `decimal`, doubles as the fractions that they are.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from span2metrics.engine.plan import Dimension, Escaping, Measure, Now, Plan, Source
from span2metrics.names import MEASURE_HELP, NET_HELP
from tests.oracle_filters import is_meant
from tests.oracle_page import Exemplar, Pairs, Sample, Shown, Span, histogram_samples, label_text, quotient
from tests.oracle_spans import Place, value_text

MICRO = 10**6
MOST = 10**18
NUMBER = re.compile(rb"[+-]?(([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?([0-9]+))?)")
LONGEST_TEXT = 128
POSITIVE, NEGATIVE = "positive", "negative"
NOT_NUMERIC, BELOW_ZERO = "measure_not_numeric", "measure_negative"


class Carried(NamedTuple):
    """What a span carries for a measure that means it: see `amount_of`; `own` labels of the measure."""

    measure: int
    own: Pairs
    amount: int | str


class Taken(NamedTuple):
    """A value in millionths, its sign, and the exemplar that it may have; `weight`: spans that it stands for."""

    amount: int
    sign: str
    exemplar: Exemplar | None
    weight: Fraction = Fraction(1)


def carried_by(
    place: Place, name: str, plan: Plan, read: Callable[[tuple[Dimension, ...]], dict[str, str]]
) -> list[tuple[int, dict[str, str], Any]]:
    """Number, own labels and value for each measure; no value where it does not mean the span, read all the same."""
    found = []
    for number, measure in enumerate(plan.measures):
        own, amount = read(measure.dimensions), amount_of(place.value(measure.attribute, Source.SPAN))
        found.append((number, own, amount if is_meant(place, measure.where, plan, name) else None))
    return found


def amount_of(value: Any | None) -> int | str | None:
    """Millionths, signed; None where there is no value, `NOT_NUMERIC` where it is no number.  Raises `BrokenError`."""
    kind = value.WhichOneof("value") if value is not None else None
    if kind in (None, "string_value_strindex") or getattr(value, kind) == b"":
        return None
    if kind in ("array_value", "kvlist_value"):
        value_text(value, set())  # is read for its faults
        return NOT_NUMERIC
    number = None
    if kind == "int_value" or (kind == "double_value" and math.isfinite(value.double_value)):
        number = Fraction(getattr(value, kind))
    elif kind == "string_value":
        number = of_text(value.string_value)
    return NOT_NUMERIC if number is None or abs(number) > MOST else round(number * MICRO)


def of_text(text: bytes) -> Fraction | None:
    match = NUMBER.fullmatch(text)
    if not match or len(match[1]) > LONGEST_TEXT:
        return None
    exponent = match[4] or b"0"
    if len(exponent.lstrip(b"0")) > 6:  # the rest has too few digits to make up for it
        mantissa = Decimal(match[2].decode())
        return Fraction(0) if not mantissa or b"e-" in text.lower() else None
    return Fraction(Decimal(text.decode()))


class Series:
    """By measure and labels, the sign apart, the values in any order, and when the first of each sign came."""

    def __init__(self) -> None:
        self.taken: dict[tuple[int, Pairs], list[Taken]] = defaultdict(list)
        self.born: dict[tuple[int, Pairs, str], Now] = {}

    def take(self, measure: int, labels: Pairs, taken: Taken, now: Now) -> None:
        self.taken[measure, labels].append(taken)
        self.born.setdefault((measure, labels, taken.sign), now)

    def end(self, measure: int, labels: Pairs) -> None:
        self.taken.pop((measure, labels), None)
        for sign in (POSITIVE, NEGATIVE):
            self.born.pop((measure, labels, sign), None)


def exemplar_with(exemplar: Exemplar | None, amount: int) -> Exemplar | None:
    """The span's, with the value in place of its duration."""
    return exemplar._replace(took=abs(amount)) if exemplar and abs(amount) < 2**64 else None


# --- pages ------------------------------------------------------------------------------------------------------------


def measures_shown(series: Series, plan: Plan, rich: bool, now: Now, escaping: Escaping) -> Iterator[Shown]:
    """What a page says of measures.  `rich`: it can carry exemplars and `_created`."""
    for number, measure in enumerate(plan.measures):
        page = _Page(series, plan, number, measure, rich, now, escaping)
        kind = "histogram" if measure.bounds else "summary"
        name = page.name(measure.name)
        samples = [s for labels in page.sorted() for sign in page.signs() for s in page.values(name, labels, sign)]
        yield Shown(name, kind, MEASURE_HELP, measure.unit, name, samples)
        if measure.negative.value == "allow":
            net = page.name(f"{measure.name}_net")
            samples = [page.net(net, labels) for labels in page.sorted()]
            yield Shown(net, "gauge", NET_HELP, measure.unit, net, samples)


class _Page(NamedTuple):
    series: Series
    plan: Plan
    number: int
    measure: Measure
    rich: bool
    now: Now
    escaping: Escaping

    def name(self, name: str) -> str:
        return "_".join(filter(None, (self.plan.namespace, name, self.measure.unit)))

    def signs(self) -> tuple[str, ...]:
        return (NEGATIVE, POSITIVE) if self.measure.negative.value == "allow" else (POSITIVE,)

    def sorted(self) -> list[Pairs]:
        every = [labels for number, labels in self.series.taken if number == self.number]
        return sorted(every, key=lambda labels: label_text(self.renamed(labels)).encode())

    def renamed(self, labels: Pairs) -> Pairs:
        service = "service" if self.plan.dialects[0].value == "tempo" else "service_name"
        return tuple((service if label == "service_name" else label, text) for label, text in labels)

    def shown(self, labels: Pairs) -> Pairs:
        plan, known = self.plan, dict[str, str]()
        if self.escaping is Escaping.ALLOW_UTF8:
            every = (*plan.resource_labels, *plan.dimensions, *plan.calls_dimensions, *self.measure.dimensions)
            known = {d.label: d.utf8 for d in every if d.utf8}
        return tuple((known.get(label, label), text) for label, text in self.renamed(labels))

    def taken(self, labels: Pairs, sign: str) -> list[Taken] | None:
        """As they are shown: none of what is new; None where there is no such series."""
        born = self.series.born.get((self.number, labels, sign))
        if born is None:
            return None
        fresh = 0 <= self.now.wall_ns - born.wall_ns < self.plan.zero_first_ns
        return [] if fresh else [taken for taken in self.series.taken[self.number, labels] if taken.sign == sign]

    def values(self, name: str, labels: Pairs, sign: str) -> Iterator[Sample]:
        taken = self.taken(labels, sign)
        if taken is None:
            return
        shown = self.shown(labels)
        if len(self.signs()) > 1:
            shown = (*shown, ("sign", sign))
        spans = [Span(abs(value.amount), value.exemplar) for value in taken]
        if self.measure.bounds:
            yield from histogram_samples(name, shown, spans, self.measure.bounds, MICRO, self.rich)
        else:
            yield Sample(f"{name}_sum", shown, quotient(sum(span.took for span in spans), MICRO))
            yield Sample(f"{name}_count", shown, Decimal(len(spans)))
        if self.rich and self.plan.created:
            born = self.series.born[self.number, labels, sign]
            yield Sample(f"{name}_created", shown, quotient(born.wall_ns, 10**9))

    def net(self, name: str, labels: Pairs) -> Sample:
        total = sum(value.amount for sign in self.signs() for value in self.taken(labels, sign) or ())
        return Sample(name, self.shown(labels), quotient(total, MICRO))


def weighed(series: Series) -> Mapping[tuple[int, Pairs, str], tuple[Fraction, Fraction]]:
    """By measure, labels and sign, what the values come to and how many there are, for all that they stand for."""
    found: dict[tuple[int, Pairs, str], tuple[Fraction, Fraction]] = {}
    for (measure, labels), every in series.taken.items():
        for sign in {taken.sign for taken in every}:
            mine = [taken for taken in every if taken.sign == sign]
            total = sum((abs(taken.amount) * taken.weight for taken in mine), Fraction(0))
            found[measure, labels, sign] = total / MICRO, sum((taken.weight for taken in mine), Fraction(0))
    return found
