"""Which schema a factor asks for, and where the buckets of a schema end."""

from __future__ import annotations

import math

import pytest

from span2metrics.engine.exponential import bounds_of, schema_of
from tests.oracle_native import index

#: What client_golang chooses for a factor: the coarsest growth that is not above it.
FACTORS = {
    1.003: 8,
    1.005: 8,
    1.0055: 7,
    1.05: 4,
    1.09: 4,
    1.0905: 4,
    1.0906: 3,
    1.1: 3,
    1.19: 2,
    1.5: 1,
    1.999: 1,
    2.0: 0,
    3.999: 0,
    4.0: -1,
    16.0: -2,
    256.0: -3,
    65535.0: -3,
    65536.0: -4,
    1e9: -4,
    1.0001: 8,
}


@pytest.mark.parametrize(("factor", "schema"), FACTORS.items())
def test_a_factor_asks_for_the_coarsest_schema_within_it(factor: float, schema: int) -> None:
    assert schema_of(factor) == schema


@pytest.mark.parametrize("unit", [10**9, 10**6])
@pytest.mark.parametrize("schema", range(-4, 9))
def test_bounds_are_whole_powers_rounded_down(schema: int, unit: int) -> None:
    first, uppers = bounds_of(schema, unit)
    assert list(uppers) == sorted(uppers)
    assert uppers[0] >= 1
    assert uppers[-1] == 2**64 - 1
    for at in range(0, len(uppers) - 1, max(1, len(uppers) // 40)):
        assert index(uppers[at], schema, unit) <= first + at < index(uppers[at] + 1, schema, unit)
        assert uppers[at] == pytest.approx(unit * 2 ** ((first + at) * 2.0**-schema), rel=1e-12, abs=1)


@pytest.mark.parametrize("unit", [10**9, 10**6])
@pytest.mark.parametrize("schema", range(-4, 9))
def test_they_cover_every_duration_and_no_bucket_more(schema: int, unit: int) -> None:
    first, uppers = bounds_of(schema, unit)
    assert (first, first + len(uppers) - 1) == (index(1, schema, unit), index(2**64 - 1, schema, unit))
    assert len(uppers) == pytest.approx(64 * 2.0**schema, abs=1 + math.ceil(2.0**-schema))
