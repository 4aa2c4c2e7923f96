"""Business measures: what their families are called, and which of them mean a span.

Plain Python, asked once for each key that was never seen.  Knows nothing of values, counts or the wire.

Rules: semantics §5.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, NamedTuple, TypeVar

from span2metrics import names
from span2metrics.engine.plan import MEASURE_DECIMALS, Dialect, Dimension, Measure, Negative, Plan
from span2metrics.engine.predicate import PlaceOf, Subject, predicate
from span2metrics.names import Family

L = TypeVar("L")

_SERVICE = names.TARGET_LABELS[names.SERVICE_NAME]


def label_of(name: str, unit: str) -> str:
    """What a measure is called where its series are counted: its family without the namespace."""
    return names.measure_family("", name, unit, "").name


def families_of(namespace: str, name: str, unit: str, buckets: bool, negative: Negative) -> tuple[Family, ...]:
    """The families of a measure, in the order of a page: its values, and what they come to if some are negative."""
    values = names.measure_family(namespace, name, unit, "histogram" if buckets else "summary")
    if negative is Negative.REJECT:
        return (values,)
    return values, names.net_family(namespace, name, unit)


class MeasureView(NamedTuple):
    """A family of a measure on a page: `scale` of what is counted make its unit.

    service    what it calls the label `service_name`
    """

    family: Family
    service: str
    scale: int = 10**MEASURE_DECIMALS


def measure_views(plan: Plan, measure: Measure) -> tuple[MeasureView, ...]:
    """What a page shows of a measure: once, with the labels of the first dialect."""
    service = names.TEMPO_SERVICE if plan.dialects[0] is Dialect.TEMPO else names.SERVICE_NAME
    found = families_of(plan.namespace, measure.name, measure.unit, bool(measure.bounds), measure.negative)
    return tuple(MeasureView(family, service) for family in found)


class Measuring(Generic[L]):
    """Which measures mean a key's spans, and which labels they add.

    `attributes` are those of which the values are measured, each once; `labels` all that the measures have of their
    own, as `compiled` makes them of dimensions.  `place_of` is told each attribute that conditions read.
    """

    def __init__(
        self, measures: Iterable[Measure], place_of: PlaceOf, compiled: Callable[[Iterable[Dimension]], tuple[L, ...]]
    ) -> None:
        measures = tuple(measures)
        self.attributes = tuple(dict.fromkeys(measure.attribute for measure in measures))
        self._measures = [(predicate(measure.where, place_of), compiled(measure.dimensions)) for measure in measures]
        self.labels = tuple(label for _, own in self._measures for label in own)
        wheres = [measure.where for measure in measures]
        #: Conditions ask for the name under which a service sends, also of those that are not told apart.
        self.tells_senders = any(
            where.service is not None or any(attribute == _SERVICE for attribute, _ in where.resource)
            for where in wheres
        )
        self._reads = {
            names.SPAN_NAME: any(where.name is not None for where in wheres),
            names.SPAN_KIND: any(where.kinds for where in wheres),
            names.STATUS_CODE: any(where.statuses for where in wheres),
        }

    def reads(self, label: str) -> bool:
        """Whether conditions read what a built-in label shows, the service apart."""
        return self._reads[label]

    def own(self, subject: Subject, text_of: Callable[[tuple[L, ...]], bytes]) -> tuple[bytes | None, ...] | None:
        """By measure, `text_of` its own labels, or None where it does not mean such spans; None where none does."""
        found = tuple(text_of(labels) if means(subject) else None for means, labels in self._measures)
        return found if any(text is not None for text in found) else None
