"""What the exposition formats call a family of `prometheus_client`, by its kind.

Owns the names that differ between formats.  OpenMetrics knows a family by its bare name; the text format and protobuf
know it as its samples are called, and have fewer kinds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric


class Kind(NamedTuple):
    """How a kind of family is written outside OpenMetrics."""

    text: str  # in `# TYPE` of the text format
    number: int  # of the enum MetricType in metrics.proto
    field: int  # of the message Metric in metrics.proto, with the sample's value
    suffix: str = ""  # that the samples' name has and the family's lacks


#: The kinds that are missing have no form that all formats share.
KINDS = {
    "counter": Kind("counter", 0, 3, "_total"),
    "gauge": Kind("gauge", 1, 2),
    "histogram": Kind("histogram", 4, 7),
    "info": Kind("gauge", 1, 2, "_info"),
    "summary": Kind("summary", 2, 4),
    "unknown": Kind("untyped", 3, 5),
}


def kind_of(family: Metric) -> Kind:
    """Raises `ValueError` for a kind other than counter, gauge, histogram, info, summary, unknown."""
    kind = KINDS.get(family.type)
    if kind is None:
        raise ValueError(f"family {family.name} is of a kind that is not written: {family.type}")
    return kind


def unit_of(family: Metric) -> str:
    """The unit where the family's name says it too, as OpenMetrics demands; else ""."""
    return family.unit if family.unit and family.name.endswith(f"_{family.unit}") else ""
