"""The buckets of native histograms: which schema a growth factor asks for, and where its buckets end, exactly.

At schema s a bucket's bounds grow by 2^(2^-s): bucket i holds what is above that power i - 1 of the unit and not above
its power i.  Durations are whole nanoseconds, so that the whole part of a bound decides alike; it is computed in
integers, since a float would put some durations beside a bound into the wrong bucket.  Source: Prometheus' native
histogram specification.
"""

from __future__ import annotations

from fractions import Fraction
from math import isqrt
from typing import NamedTuple

COARSEST, FINEST = -4, 8
#: 2^-128, what Prometheus' own clients have: of durations, only 0 ns is not above it.
ZERO_THRESHOLD = 2.0**-128
#: The coarsest schema has five buckets for all durations there can be, so that lowering always comes to an end.
FEWEST_BUCKETS, MOST_BUCKETS = 8, 1000

_LONGEST_NS = (1 << 64) - 1
#: Binary places kept below a nanosecond: more than there are octaves of a unit above it.
_PLACES = 64


class Bounds(NamedTuple):
    """Where the buckets of one schema end, from the one that holds 1 ns to the one that holds 2^64 - 1 ns.

    first       index of the first of them
    uppers_ns   their inclusive upper bounds in whole nanoseconds, ascending, not all distinct; the last is 2^64 - 1
    """

    first: int
    uppers_ns: tuple[int, ...]


def schema_of(factor: float) -> int:
    """The coarsest schema whose buckets grow by no more than the factor, from -4 to 8.

    Factors below 2^(2^-8), about 1.0027, are finer than any schema: the finest is as near as can be.
    """
    exact = Fraction(factor)
    return next((schema for schema in range(COARSEST, FINEST) if _covers(schema, exact)), FINEST)


def _covers(schema: int, factor: Fraction) -> bool:
    return factor ** (1 << schema) >= 2 if schema >= 0 else factor >= 1 << (1 << -schema)


def bounds_of(schema: int, unit_ns: int) -> Bounds:
    """The bounds of a schema where durations are shown in units of so many nanoseconds."""
    within, step = 1 << max(schema, 0), 1 << max(-schema, 0)  # bounds in an octave, octaves in a bound
    steps = [_root(unit_ns, number, schema) for number in range(within)]
    octave = -(unit_ns.bit_length() // step + 1)  # of it, all bounds are below 1 ns
    first, uppers = octave * within, [0]
    while uppers[-1] < _LONGEST_NS:
        uppers += (_shifted(bound, octave * step) for bound in steps)
        octave += 1
    begin = next(at for at, upper in enumerate(uppers) if upper)
    end = next(at for at, upper in enumerate(uppers) if upper >= _LONGEST_NS)
    return Bounds(first - 1 + begin, (*uppers[begin:end], _LONGEST_NS))


def _root(unit_ns: int, number: int, schema: int) -> int:
    """unit · 2^(number / 2^schema) with `_PLACES` binary places, rounded down."""
    if schema <= 0:
        return unit_ns << _PLACES
    root: int = (unit_ns << _PLACES) ** (1 << schema) << number
    for _ in range(schema):
        root = isqrt(root)
    return root


def _shifted(bound: int, octaves: int) -> int:
    """The whole nanoseconds of a bound so many octaves above."""
    places = _PLACES - octaves
    return bound >> places if places >= 0 else bound << -places
