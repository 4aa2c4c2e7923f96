"""Business measures: what their families are called, and which of them a span is meant by.

Plain Python, asked once for each key that was never seen.  Knows nothing of values, counts or the wire.

Rules: semantics §5.
"""

from __future__ import annotations

from span2metrics import names
from span2metrics.engine.plan import Negative
from span2metrics.names import Family


def label_of(name: str, unit: str) -> str:
    """What a measure is called where its series are counted: its family without the namespace."""
    return names.measure_family("", name, unit, "").name


def families_of(namespace: str, name: str, unit: str, buckets: bool, negative: Negative) -> tuple[Family, ...]:
    """The families of a measure, in the order of a page: its values, and what they come to if some are negative."""
    values = names.measure_family(namespace, name, unit, "histogram" if buckets else "summary")
    if negative is Negative.REJECT:
        return (values,)
    return values, names.net_family(namespace, name, unit)
