"""Writes the daemon's own metrics as protobuf: `io.prometheus.client.MetricFamily` messages, each after its length.

A pure function from `prometheus_client` families to bytes.  Message and field numbers are those of metrics.proto in
prometheus/client_model.  A histogram's or summary's samples, which the text formats show line by line, are one Metric
here; bounds and quantiles are numbers in it and not labels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from span2metrics.engine.kinds import KINDS, kind_of, unit_of
from span2metrics.protobuf import FIXED64, LENGTH, VARINT, delimited, double, tag, varint

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric
    from prometheus_client.samples import Sample

    from span2metrics.names import Family

_Labels = tuple[tuple[str, str], ...]

# MetricFamily
_NAME: Final = tag(1, LENGTH)
_HELP: Final = tag(2, LENGTH)
_TYPE: Final = tag(3, VARINT)
_METRIC: Final = tag(4, LENGTH)
_UNIT: Final = tag(5, LENGTH)
# Metric, LabelPair
_LABEL: Final = tag(1, LENGTH)
_LABEL_NAME: Final = tag(1, LENGTH)
_LABEL_VALUE: Final = tag(2, LENGTH)
# Counter, Gauge, Untyped
_VALUE: Final = tag(1, FIXED64)
# Histogram and Summary: the parts that both have
_SAMPLE_COUNT: Final = tag(1, VARINT)
_SAMPLE_SUM: Final = tag(2, FIXED64)
_PART: Final = tag(3, LENGTH)
# Bucket
_CUMULATIVE_COUNT: Final = tag(1, VARINT)
_UPPER_BOUND: Final = tag(2, FIXED64)
# Quantile
_QUANTILE: Final = tag(1, FIXED64)
_QUANTILE_VALUE: Final = tag(2, FIXED64)


def write_messages(families: Iterable[Metric]) -> bytes:
    """All families in the order given; one without samples is a message without metrics.

    Counts of observations must be whole: our own are.  Raises `ValueError` for kinds that `kinds` does not know.
    """
    return b"".join(delimited(b"", _family(family)) for family in families)


def head_of(family: Family) -> bytes:
    """A MetricFamily of span metrics without its metrics."""
    kind = KINDS[family.kind]
    unit = delimited(_UNIT, family.unit.encode()) if family.unit else b""
    return (
        delimited(_NAME, f"{family.name}{kind.suffix}".encode())
        + delimited(_HELP, family.help.encode())
        + (_TYPE + varint(kind.number))
        + unit
    )


def _family(family: Metric) -> bytes:
    kind, unit = kind_of(family), unit_of(family)
    key = tag(kind.field, LENGTH)
    metrics = _of_parts(family) if family.type in _WRITERS else _of_values(family)
    return b"".join(
        (
            delimited(_NAME, f"{family.name}{kind.suffix}".encode()),
            delimited(_HELP, family.documentation.encode()),
            _TYPE + varint(kind.number),
            *(delimited(_METRIC, _labels(labels) + delimited(key, value)) for labels, value in metrics),
            delimited(_UNIT, unit.encode()) if unit else b"",
        )
    )


def _labels(labels: _Labels) -> bytes:
    return b"".join(
        delimited(_LABEL, delimited(_LABEL_NAME, name.encode()) + delimited(_LABEL_VALUE, value.encode()))
        for name, value in labels
    )


def _of_values(family: Metric) -> Iterator[tuple[_Labels, bytes]]:
    for sample in family.samples:
        yield tuple(sample.labels.items()), double(_VALUE, sample.value)


def _of_parts(family: Metric) -> Iterator[tuple[_Labels, bytes]]:
    """The Histogram or Summary of each label set, from the samples that make it, wherever they stand."""
    label, write = _WRITERS[family.type]
    whole = {f"{family.name}_count": _count, f"{family.name}_sum": _sum}
    messages: dict[_Labels, bytes] = {}
    for sample in family.samples:
        labels = tuple((name, value) for name, value in sample.labels.items() if name != label)
        messages[labels] = messages.get(labels, b"") + whole.get(sample.name, write)(sample)
    yield from messages.items()


def _count(sample: Sample) -> bytes:
    return _SAMPLE_COUNT + varint(int(sample.value))


def _sum(sample: Sample) -> bytes:
    return double(_SAMPLE_SUM, sample.value)


def _bucket(sample: Sample) -> bytes:
    bound = double(_UPPER_BOUND, float(sample.labels["le"]))
    return delimited(_PART, _CUMULATIVE_COUNT + varint(int(sample.value)) + bound)


def _quantile(sample: Sample) -> bytes:
    quantile = double(_QUANTILE, float(sample.labels["quantile"]))
    return delimited(_PART, quantile + double(_QUANTILE_VALUE, sample.value))


#: Kinds whose series has several samples: the label that tells the parts apart, and what writes one.
_WRITERS = {"histogram": ("le", _bucket), "summary": ("quantile", _quantile)}
