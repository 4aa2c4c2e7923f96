"""The daemon's own metrics on the wire: against two parsers and against prometheus-client's own writer."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import exposition, parser
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
    StateSetMetricFamily,
    SummaryMetricFamily,
    UnknownMetricFamily,
)
from prometheus_client.openmetrics import exposition as openmetrics_exposition
from prometheus_client.openmetrics import parser as openmetrics_parser
from prometheus_client.utils import floatToGoString

from span2metrics.engine.families import write_families
from span2metrics.engine.plan import Format

#: What is made of lines.
TEXTS = [format for format in Format if format is not Format.PROTOBUF]


@dataclass
class Registry:
    """As much of a registry as prometheus-client's writers need."""

    families: Sequence[Metric]

    def collect(self) -> Iterable[Metric]:
        return self.families


def counter(labels: Sequence[str] = (), unit: str = "") -> CounterMetricFamily:
    return CounterMetricFamily("drops", 'Things\nthat \\ "fell".', labels=labels, unit=unit)


def a_histogram(*bounds: str) -> HistogramMetricFamily:
    family = HistogramMetricFamily("wait_seconds", "Waiting.", labels=("queue",), unit="seconds")
    family.add_metric(("a",), [(bound, count) for count, bound in enumerate(bounds)], 1.5)
    return family


def read(page: bytes, format: Format) -> list[Any]:
    """What a parser finds, in the order of the page."""
    text = page.decode()
    if format.body is Format.OPENMETRICS:
        families = openmetrics_parser.text_string_to_metric_families(text)
    else:
        families = parser.text_string_to_metric_families(text)
    return [
        (f.name, f.documentation, f.type, f.unit, [(s.name, sorted(s.labels.items()), s.value) for s in f.samples])
        for f in families
    ]


def theirs(families: Sequence[Metric], format: Format) -> bytes:
    if format.body is Format.OPENMETRICS:
        return openmetrics_exposition.generate_latest(Registry(families))
    return exposition.generate_latest(Registry(families))


@pytest.mark.parametrize(
    ("format", "expected"),
    [
        (
            Format.TEXT,
            r"""# HELP drops_total Things\nthat \\ "fell".
# TYPE drops_total counter
drops_total{reason="dull"} 3
drops_total{reason="sh\"ar\\p\n"} 0.5
# HELP wait_seconds Waiting.
# TYPE wait_seconds histogram
wait_seconds_bucket{queue="a",le="0.005"} 0
wait_seconds_bucket{queue="a",le="1.0"} 1
wait_seconds_bucket{queue="a",le="+Inf"} 2
wait_seconds_count{queue="a"} 2
wait_seconds_sum{queue="a"} 1.5
# HELP other Kept.
# TYPE other untyped
other 1
""",
        ),
        (
            Format.OPENMETRICS,
            r"""# HELP drops Things\nthat \\ \"fell\".
# TYPE drops counter
drops_total{reason="dull"} 3
drops_total{reason="sh\"ar\\p\n"} 0.5
# HELP wait_seconds Waiting.
# TYPE wait_seconds histogram
# UNIT wait_seconds seconds
wait_seconds_bucket{queue="a",le="0.005"} 0
wait_seconds_bucket{queue="a",le="1.0"} 1
wait_seconds_bucket{queue="a",le="+Inf"} 2
wait_seconds_count{queue="a"} 2
wait_seconds_sum{queue="a"} 1.5
# HELP other Kept.
# TYPE other unknown
other 1
""",
        ),
    ],
)
def test_each_format_has_its_own_heads(format: Format, expected: str) -> None:
    drops = counter(("reason",))
    drops.add_metric(("dull",), 3)
    drops.add_metric(('sh"ar\\p\n',), 0.5)
    families = [drops, a_histogram("0.005", "1", "+Inf"), UnknownMetricFamily("other", "Kept.", value=1)]
    assert write_families(families, format).decode() == expected


def test_a_unit_that_is_not_the_names_suffix_is_not_shown() -> None:
    family = GaugeMetricFamily("speed_metres", "Fast.", value=1, unit="metres")
    family.name = "speed"
    assert b"UNIT" not in write_families([family], Format.OPENMETRICS)


@pytest.mark.parametrize("format", Format)
def test_a_kind_without_a_form_in_all_formats_is_an_error(format: Format) -> None:
    with pytest.raises(ValueError, match="family state is of a kind that is not written: stateset"):
        write_families([StateSetMetricFamily("state", "", {"on": True})], format)


@pytest.mark.parametrize("format", Format)
def test_versions_differ_in_name_alone(format: Format) -> None:
    drops = counter()
    drops.add_metric((), 3)
    families = [drops, a_histogram("1", "+Inf")]
    assert write_families(families, format) == write_families(families, format.body)


NUMBERS = [
    (0, "0"),
    (7, "7"),
    (7.0, "7"),
    (-3.0, "-3"),
    (0.1, "0.1"),
    (1e-9, "1e-09"),
    (1760000000.25, "1760000000.25"),
    (2**60 + 1, "1152921504606846977"),
    (2.0**53 - 1, "9007199254740991"),
    (2.0**60, "1.152921504606847e+18"),
    (1e300, "1e+300"),
    (math.inf, "+Inf"),
    (-math.inf, "-Inf"),
    (math.nan, "NaN"),
]


@pytest.mark.parametrize("format", TEXTS)
@pytest.mark.parametrize(("value", "expected"), NUMBERS)
def test_numbers_are_short_and_exact(value: float, expected: str, format: Format) -> None:
    page = write_families([GaugeMetricFamily("x", "", value=value)], format)
    assert page.decode().splitlines()[-1] == f"x {expected}"


BOUNDS = {
    "0.005": "0.005",
    "0.00001": "1e-05",
    "0": "0.0",
    "1": "1.0",
    "15000": "15000.0",
    "999999.5": "999999.5",
    "1000000": "1e+06",
    "12345678.5": "1.23456785e+07",
    "1e21": "1e+21",
    "inf": "+Inf",
}


@pytest.mark.parametrize(("given_bound", "expected"), BOUNDS.items())
def test_bounds_have_one_spelling(given_bound: str, expected: str) -> None:
    page = write_families([a_histogram(given_bound)], Format.TEXT)
    assert f'le="{expected}"' in page.decode()


@given(st.floats(min_value=1e-5, max_value=1e15))
def test_bounds_are_spelled_as_prometheus_client_spells_them(bound: float) -> None:
    page = write_families([a_histogram(repr(bound))], Format.TEXT)
    assert f'le="{floatToGoString(bound)}"' in page.decode()


counts = st.integers(min_value=0, max_value=2**53)
values = st.floats(allow_nan=False) | st.integers(min_value=-(2**53), max_value=2**53)
amounts = st.floats(min_value=0, allow_infinity=False) | counts
label_values = st.text(max_size=20) | st.text(alphabet='\\"\n n{},=🦀é', max_size=8)
bounds = st.lists(st.floats(min_value=1e-6, max_value=1e9), unique=True, max_size=4).map(sorted)


@st.composite
def families(draw: st.DrawFn) -> list[Metric]:
    """One family of every kind, with series for a few values of a label; help texts of any kind."""
    labels = draw(st.lists(label_values, unique=True, max_size=3))
    text = draw(label_values)
    histogram_bounds = draw(bounds)
    total = CounterMetricFamily("a_bytes", text, labels=("label",), unit="bytes")
    level = GaugeMetricFamily("b", text, labels=("label",))
    waits = HistogramMetricFamily("c_seconds", text, labels=("label",), unit="seconds")
    sizes = SummaryMetricFamily("d", text, labels=("label",))
    other = UnknownMetricFamily("e", text, labels=("label",))
    build = InfoMetricFamily("f", text, labels=("label",))
    for label in labels:
        total.add_metric((label,), draw(amounts))
        level.add_metric((label,), draw(values))
        observed = sorted(
            draw(st.lists(counts, min_size=len(histogram_bounds) + 1, max_size=len(histogram_bounds) + 1))
        )
        buckets = list(zip([*map(floatToGoString, histogram_bounds), "+Inf"], observed, strict=True))
        waits.add_metric((label,), buckets, draw(amounts))
        sizes.add_metric((label,), draw(counts), draw(amounts))
        other.add_metric((label,), draw(values))
        build.add_metric((label,), {"version": draw(label_values)})
    return [total, level, waits, sizes, other, build]


@pytest.mark.parametrize("format", TEXTS)
@given(families=families())
def test_parsers_find_what_prometheus_client_would_have_written(families: list[Metric], format: Format) -> None:
    ours = write_families(families, format) + format.trailer
    assert read(ours, format) == read(theirs(families, format), format)
