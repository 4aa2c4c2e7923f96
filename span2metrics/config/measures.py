"""The configuration of business measures: numbers that spans carry, as metrics.

A part of `models`, whose rules hold here too; what must go together is in `measure_rules`.
"""

# ruff: noqa: RUF009 - `setting` returns a dataclass field, as `field` does

from __future__ import annotations

from dataclasses import dataclass

from span2metrics.config.dimensions import DIMENSIONS, Dimension
from span2metrics.config.forms import ATTRIBUTE, MOST_BUCKETS
from span2metrics.config.kinds import Ascending, Choice, Parsed, Plain, Text
from span2metrics.config.scalars import DECIMAL, format_decimal, parse_decimal
from span2metrics.config.section import setting
from span2metrics.config.where import CONDITIONS
from span2metrics.engine.plan import MEASURE_DECIMALS, Negative
from span2metrics.engine.where import EVERYTHING, Where

#: Bounds are in 10^-6 of a unit and have 64 bits.
MOST = 10**12
MOST_MEASURES = 64


class Amount(Parsed[int]):
    """A bound of values, in 10^-6 of their unit, exactly."""

    expected = "a number such as 9.99"
    pattern = DECIMAL

    def parse(self, text: str) -> int:
        amount = parse_decimal(text, MEASURE_DECIMALS)
        if amount > MOST * 10**MEASURE_DECIMALS:
            raise ValueError(f"is out of bounds; write 0 to {MOST}")
        return amount

    def show(self, value: int) -> Plain:
        """A number, unless YAML's numbers would not hold all its digits."""
        text = format_decimal(value, MEASURE_DECIMALS)
        if "." not in text:
            return int(text)
        return float(text) if repr(float(text)) == text else text

    def schema(self, definitions: dict[str, Plain]) -> Plain:
        number = {"type": "number", "minimum": 0, "maximum": MOST}
        return {"anyOf": [number, *super().schema(definitions)["anyOf"]]}


@dataclass(frozen=True, slots=True)
class Measure:
    name: str = setting(
        Text(
            "the name of a measure",
            r"[a-zA-Z_][a-zA-Z0-9_]*",
            "cannot be a part of a metric's name; write letters, digits and _, no digit first",
        ),
        "",
        "Name of the metric, between metrics.namespace and the unit.",
        required=True,
    )
    attribute: str = setting(
        ATTRIBUTE,
        "",
        "The attribute of the span that has the value: a number, or a text that is one. Values are rounded to 6 "
        "decimals and summed exactly. What is no number, or beyond 10^18, is counted in "
        "span2metrics_span_anomalies_total.",
        required=True,
    )
    unit: str = setting(
        Text("the name of a unit", "[a-zA-Z0-9_]+", "cannot end a metric's name; write letters, digits and _"),
        "",
        "The values' unit, which ends the metric's name. Without it, the name alone.",
    )
    buckets: tuple[int, ...] = setting(
        Ascending(Amount(), least=1, most=MOST_BUCKETS),
        (),
        "Upper bounds of a histogram's buckets, inclusive, ascending, at most 64, with 6 decimals at most. Without "
        "them, a summary: sum and count.",
    )
    dimensions: tuple[Dimension, ...] = setting(
        DIMENSIONS, (), "Labels besides those of the span's calls, as metrics.dimensions. Without them, none."
    )
    where: Where = setting(
        CONDITIONS, EVERYTHING, "The spans that are meant, as in filters. Without it, all that have the attribute."
    )
    negative: Negative = setting(
        Choice("a way to treat negative values", {negative.value: negative for negative in Negative}),
        Negative.REJECT,
        "What becomes of negative values such as refunds: reject counts them in span2metrics_span_anomalies_total "
        "alone; allow observes the magnitude under the label sign, and a gauge NAME_net has what all come to. Without "
        "it, reject, because the sum of a histogram must not fall.",
    )
