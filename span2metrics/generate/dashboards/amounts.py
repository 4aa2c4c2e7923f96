"""Amounts of business measures, as questions; they are added up only where that makes sense."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from span2metrics import names
from span2metrics.config import Config
from span2metrics.config.labels import label_of
from span2metrics.config.measures import Measure
from span2metrics.engine import measures
from span2metrics.engine.plan import Negative
from span2metrics.generate.dashboards.queries import INTERVAL
from span2metrics.generate.families import Families
from span2metrics.generate.measure import MEASURE
from span2metrics.generate.promql import SERVICE, summed_by
from span2metrics.generate.red import ERROR

#: Of the time that the dashboard shows.
SHOWN = "$__range"


@dataclass(frozen=True, slots=True)
class Amounts:
    """Of one measure, positive ones; refunds are asked for by themselves.  `service` as in `Families`."""

    name: str
    family: str
    service: str
    labels: tuple[str, ...]
    currencies: tuple[str, ...]
    signed: bool
    buckets: bool

    @classmethod
    def of(cls, measure: Measure, config: Config) -> Amounts:
        labels = tuple(map(label_of, measure.dimensions))
        return cls(
            measures.label_of(measure.name, measure.unit),
            names.measure_family(config.metrics.namespace, measure.name, measure.unit, "").name,
            Families.of(config).service,
            labels,
            tuple(label for label in labels if label.endswith("currency")),
            measure.negative is Negative.ALLOW,
            bool(measure.buckets),
        )

    def rate(self, part: str, by: Sequence[str], *matchers: str, negative: bool = False) -> str:
        """A second; `part` is sum or count."""
        return self._over("rate", part, by, INTERVAL, matchers, negative)

    def total(self, part: str, by: Sequence[str], *matchers: str, negative: bool = False) -> str:
        """In all the time that is shown."""
        return self._over("increase", part, by, SHOWN, matchers, negative)

    def distribution(self, *matchers: str) -> str:
        """How many of each magnitude, for a heatmap."""
        return f"sum by (le) (increase({self.family}_bucket{self._chosen(matchers, False)}[{INTERVAL}]))"

    def _over(
        self, function: str, part: str, by: Sequence[str], window: str, matchers: Sequence[str], negative: bool
    ) -> str:
        asked = f"{function}({self.family}_{part}{self._chosen(matchers, negative)}[{window}])"
        return summed_by(by, asked, self.service)

    def _chosen(self, matchers: Sequence[str], negative: bool) -> str:
        sign = f'{names.SIGN}{"=" if negative else "!="}"{names.NEGATIVE}"' if self.signed else ""
        return f"{{{','.join(filter(None, (self.here, sign, *matchers)))}}}"

    @property
    def here(self) -> str:
        """Matcher of the services that are chosen."""
        return f'{self.service}=~"$service"'


def failed_and_all(amounts: Amounts, by: Sequence[str]) -> tuple[str, str]:
    """Amounts in the shown time: in failed spans, at 0 where none failed, and in all."""
    everything = amounts.total("sum", by)
    return f"({amounts.total('sum', by, ERROR)} or 0 * {everything})", everything


def units(config: Config) -> tuple[str, ...]:
    """Labels across which no sum of amounts may reach, of all measures."""
    found = (Amounts.of(measure, config).currencies for measure in config.measures)
    return (MEASURE, *dict.fromkeys(label for labels in found for label in labels))


def by_each(amounts: Amounts) -> tuple[str, ...]:
    """Labels by which a measure is told apart in all detail."""
    return (SERVICE, *amounts.labels)
