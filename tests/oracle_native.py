"""What a native histogram must be, from its durations alone: by the definition, in exact fractions, for one schema
after the other until the buckets are few enough.  Shares no code with the engine and keeps nothing in between."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from span2metrics.engine.plan import Plan
from tests.oracle_page import Exemplar, Span


class Native(NamedTuple):
    """`buckets` by index, the populated ones; `total`, and what exemplars `took`, in the unit; the earliest exemplar
    first."""

    schema: int
    zero_count: int
    buckets: dict[int, int]
    count: int
    total: float
    exemplars: list[Exemplar]


def native(spans: Sequence[Span], plan: Plan, unit_ns: int) -> Native:
    """What a series with these spans shows where its durations are in units of so many nanoseconds."""
    took = [span.took for span in spans]
    for schema in range(plan.native_schema, -5, -1):
        buckets = Counter(index(ns, schema, unit_ns) for ns in took if ns)
        if len(buckets) <= plan.native_max_buckets:
            exemplars = [chosen._replace(took=chosen.took / unit_ns) for chosen in _exemplars(spans, plan)]
            return Native(schema, took.count(0), dict(buckets), len(took), sum(took) / unit_ns, exemplars)
    raise AssertionError("too many buckets at every schema")


def index(ns: int, schema: int, unit_ns: int) -> int:
    """The i with base^(i - 1) < duration <= base^i, where base is 2^(2^-schema)."""
    duration = Fraction(ns, unit_ns)
    if schema >= 0:
        return _ceil_log2(duration ** (1 << schema))
    return -(-_ceil_log2(duration) >> -schema)


def _ceil_log2(number: Fraction) -> int:
    """The least i with number <= 2^i."""
    i = number.numerator.bit_length() - number.denominator.bit_length() - 1
    while number > Fraction(2) ** i:
        i += 1
    return i


def _exemplars(spans: Sequence[Span], plan: Plan) -> list[Exemplar]:
    """Those of the buckets that the bounds make."""
    chosen, below = [], -1
    for bound in (*plan.bounds_ns, 1 << 64):
        inside = [span.exemplar for span in spans if span.exemplar and below < span.took <= bound]
        chosen += [max(inside)] if inside else []
        below = bound
    return sorted(chosen)


def of_message(histogram: Any) -> Native:
    """What an `io.prometheus.client.Histogram` says."""
    return Native(
        histogram.schema,
        histogram.zero_count,
        {i: count for i, count in told_buckets(histogram) if count},
        histogram.sample_count,
        histogram.sample_sum,
        [_exemplar(exemplar) for exemplar in histogram.exemplars],
    )


def told_buckets(histogram: Any) -> Iterator[tuple[int, int]]:
    """Index and count of every bucket that a message tells, empty ones too."""
    deltas: Iterable[int] = iter(histogram.positive_delta)
    at = count = 0
    for span in histogram.positive_span:
        at += span.offset
        for _ in range(span.length):
            count += next(deltas)
            yield at, count
            at += 1
    assert list(deltas) == []


def _exemplar(exemplar: Any) -> Exemplar:
    ids = {pair.name: bytes.fromhex(pair.value) for pair in exemplar.label}
    end = exemplar.timestamp.seconds * 10**9 + exemplar.timestamp.nanos
    return Exemplar(end, ids["trace_id"], ids["span_id"], exemplar.value)
