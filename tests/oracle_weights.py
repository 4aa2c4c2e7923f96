"""What sampled spans weigh, and what that makes of the oracle's numbers, in exact fractions.

The weights of a series are kept one by one and added up when asked.  Nothing here is rounded, so that a page can only
be near to it; of a series whose spans all weigh 1 the numbers are whole, and a page has to be equal.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from fractions import Fraction
from itertools import groupby
from typing import Any, NamedTuple

from span2metrics.engine.plan import Now, Plan, Source
from tests.oracle import Oracle
from tests.oracle_filters import fate
from tests.oracle_native import index
from tests.oracle_page import Labels, Pairs
from tests.oracle_spans import Place, places_of, value_text
from tests.payloads import NOW
from tests.twins import parse

EVERY = 1 << 56
#: The text of a probability.
DECIMAL = re.compile(rb"([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
LONGEST_DECIMAL = 128


class Weight(NamedTuple):
    """For how many spans one counts; `capped`: it would have been for more."""

    value: Fraction
    capped: bool = False


class Weighed(NamedTuple):
    """A span by itself: its bytes, nanoseconds (None: not to be observed), and weight."""

    size: int
    took: int | None
    weight: Fraction


class Weights(NamedTuple):
    """Numbers of a histogram: cumulative buckets by upper bound in nanoseconds (None: +Inf), sum in nanoseconds."""

    buckets: dict[int | None, Fraction]
    sum: Fraction
    count: Fraction


class NativeWeights(NamedTuple):
    schema: int
    zero: Fraction
    buckets: dict[int, Fraction]


def weight_of(place: Place, plan: Plan) -> Weight:
    """Raises `BrokenError` where the attribute that says it is broken."""
    attribute = plan.weight_attribute and place.value(plan.weight_attribute, Source.SPAN)
    said = of_attribute(attribute) if attribute else None
    if plan.tracestate and (kept := of_tracestate(place.span.trace_state)):
        weight = 1 / kept
        return Weight(Fraction(plan.max_weight), True) if weight > plan.max_weight else Weight(weight)
    if said is None:
        return Weight(Fraction(1))
    if _rounded(1 / said) > plan.max_weight:  # 1e-06 is no double: its inverse may be above a million by nothing
        return Weight(Fraction(plan.max_weight), True)
    return Weight(1 / said)


def of_tracestate(text: bytes) -> Fraction | None:
    """The part of all spans that was kept, None where it is not said."""
    members = [member.strip(b" \t") for member in text.split(b",")]
    ours = next((member[3:] for member in members if member.startswith(b"ot=")), b"")
    threshold = next((part[3:] for part in ours.split(b";") if part.startswith(b"th:")), b"")
    if not re.fullmatch(rb"[0-9a-f]{1,14}", threshold):
        return None
    return 1 - Fraction(int(threshold.ljust(14, b"0"), 16), EVERY)


def of_attribute(value: Any) -> Fraction | None:
    """The same by an AnyValue's twin."""
    kind, number = value.WhichOneof("value"), math.nan
    if kind in ("double_value", "int_value"):
        number = getattr(value, kind)
    elif kind == "string_value" and len(value.string_value) <= LONGEST_DECIMAL:
        number = float(value.string_value) if DECIMAL.fullmatch(value.string_value) else math.nan
    elif kind in ("array_value", "kvlist_value"):
        value_text(value, set())  # is read for its faults
    return Fraction(number) if 0 < number <= 1 else None


def _rounded(number: Fraction) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf


class WeightedOracle(Oracle):
    """Counts spans and, besides, what they weigh.  `weighted` and `capped_weights` as in the engine's stats."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self.weighted = 0
        self.capped_weights = 0
        self._by_calls: dict[Pairs, list[Weighed]] = defaultdict(list)
        self._by_duration: dict[Pairs, list[Weighed]] = defaultdict(list)

    def consume(self, request: bytes, now: Now = NOW) -> None:
        places = list(places_of(parse("ExportTraceServiceRequest", request)))
        weights = [weight_of(place, self.plan) for place in places]
        super().consume(request, now)
        for place, (weight, capped) in zip(places, weights, strict=True):
            if fate(place, self.plan, now):
                continue
            calls, duration, took = self._read(place)[:3]
            self.weighted += weight != 1
            self.capped_weights += capped
            self._by_calls[calls].append(Weighed(place.size, took, weight))
            if took is not None:
                self._by_duration[duration].append(Weighed(place.size, took, weight))

    def weight_of(self, place: Place) -> Fraction:
        return weight_of(place, self.plan).value

    def fractional(self, shows: str) -> set[Labels]:
        """Series of calls or of durations that ever saw another weight than 1."""
        found = self._by_duration if shows == "duration" else self._by_calls
        return {frozenset(labels) for labels, spans in found.items() if any(span.weight != 1 for span in spans)}

    def weighted_calls(self) -> dict[Labels, Fraction]:
        """Siblings at 0 too."""
        sums = {frozenset(labels): sum(span.weight for span in spans) for labels, spans in self._by_calls.items()}
        return {labels: Fraction(sums.get(labels, 0)) for labels in self.calls()}

    def weighted_sizes(self) -> dict[Labels, Fraction]:
        return {
            frozenset(labels): Fraction(sum(span.weight * span.size for span in spans))
            for labels, spans in self._by_calls.items()
        }

    def weighted_durations(self) -> dict[Labels, Weights]:
        bounds = () if self.plan.histograms.value == "native" else self.plan.bounds_ns
        return {frozenset(labels): _histogram(spans, bounds) for labels, spans in self._by_duration.items()}

    def weighted_natives(self, unit_ns: int) -> Mapping[Labels, NativeWeights]:
        return {frozenset(labels): self._native(spans, unit_ns) for labels, spans in self._by_duration.items()}

    def _native(self, spans: Iterable[Weighed], unit_ns: int) -> NativeWeights:
        """The finest schema that is allowed and has room, by the definition, for what was observed."""
        zero = sum((span.weight for span in spans if span.took == 0), Fraction())
        some = sorted((span for span in spans if span.took), key=lambda span: span.took or 0)
        for schema in range(self.plan.native_schema, -5, -1):
            inside = groupby(some, key=lambda span, schema=schema: index(span.took, schema, unit_ns))
            buckets = {i: sum((span.weight for span in of), Fraction()) for i, of in inside}
            if len(buckets) <= self.plan.native_max_buckets:
                return NativeWeights(schema, zero, buckets)
        raise AssertionError("too many buckets at every schema")


def _histogram(spans: Iterable[Weighed], bounds: Iterable[int]) -> Weights:
    pairs = [(span.took or 0, span.weight) for span in spans]
    buckets: dict[int | None, Fraction] = {
        bound: sum((weight for took, weight in pairs if took <= bound), Fraction()) for bound in bounds
    }
    count = sum((weight for _, weight in pairs), Fraction())
    return Weights({**buckets, None: count}, sum((weight * took for took, weight in pairs), Fraction()), count)
