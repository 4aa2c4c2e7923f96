"""Writes the daemon's own metrics in the exposition formats.

A pure function from `prometheus_client` families to bytes, so that a page's own metrics and its span series speak the
same dialect: names, escapes and numbers are those of the span series.  The rules are OpenMetrics 1.0.0 and Prometheus'
text format 0.0.4, of which the second shows `_total` in `# TYPE` and `# HELP`, knows no `# UNIT` and leaves quotes in
help texts alone; the newer text and the older OpenMetrics have the same lines.  Protobuf is `messages`' business.  A
page's trailer is its caller's.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING

from span2metrics.engine.kinds import Kind, kind_of, unit_of
from span2metrics.engine.messages import write_messages
from span2metrics.engine.plan import Format

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

#: Labels whose values are numbers, written in one way only.
_NUMERIC_LABELS = {"histogram": "le", "summary": "quantile"}
#: Above, a float need not be the integer that it looks like.
_EXACT = 2.0**53

_IN_VALUES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})
_IN_TEXT_HELP = str.maketrans({"\\": r"\\", "\n": r"\n"})


def write_families(families: Iterable[Metric], format: Format) -> bytes:
    """All families with their samples in the order given, without the format's trailer; text is UTF-8.

    Families without samples show their help and type.  Timestamps, exemplars and `_created` samples are not written:
    our own metrics have none.  Raises `ValueError` for kinds that `kinds` does not know.
    """
    if format.body is Format.PROTOBUF:
        return write_messages(families)
    return "".join(line for family in families for line in _lines(family, format.body)).encode()


def _lines(family: Metric, format: Format) -> Iterator[str]:
    kind = kind_of(family)
    yield from _head(family) if format is Format.OPENMETRICS else _text_head(family, kind)
    numeric = _NUMERIC_LABELS.get(family.type)
    for sample in family.samples:
        yield f"{sample.name}{_labels(tuple(sample.labels.items()), numeric)} {_number(sample.value)}\n"


def _head(family: Metric) -> Iterator[str]:
    yield f"# HELP {family.name} {family.documentation.translate(_IN_VALUES)}\n"
    yield f"# TYPE {family.name} {family.type}\n"
    if unit := unit_of(family):
        yield f"# UNIT {family.name} {unit}\n"


def _text_head(family: Metric, kind: Kind) -> Iterator[str]:
    name = f"{family.name}{kind.suffix}"
    yield f"# HELP {name} {family.documentation.translate(_IN_TEXT_HELP)}\n"
    yield f"# TYPE {name} {kind.text}\n"


@lru_cache(maxsize=4096)  # the same on every page
def _labels(labels: tuple[tuple[str, str], ...], numeric: str | None) -> str:
    if not labels:
        return ""
    pairs = (
        f'{name}="{_canonical(float(value)) if name == numeric else value.translate(_IN_VALUES)}"'
        for name, value in labels
    )
    return "{" + ",".join(pairs) + "}"


def _number(value: float) -> str:
    if not math.isfinite(value):
        return _special(value)
    if isinstance(value, int) or (abs(value) < _EXACT and value.is_integer()):
        return str(int(value))
    return repr(value)


def _special(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "+Inf" if value > 0 else "-Inf"


def _canonical(value: float) -> str:
    """The number as Go's `%g` has it, and `.0` where it would look like an integer: OpenMetrics' form for labels."""
    if not math.isfinite(value):
        return _special(value)
    if value < 1e6:
        return repr(value)
    digits, _, exponent = f"{Decimal(repr(value)):e}".partition("e")
    mantissa = digits.rstrip("0").rstrip(".") if "." in digits else digits
    return f"{mantissa}e{int(exponent):+03d}"
