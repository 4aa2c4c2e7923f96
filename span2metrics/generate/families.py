"""What the page calls its families and labels, for whoever writes queries.

With several dialects the first one is asked: the others show the same numbers once more.
"""

from __future__ import annotations

from dataclasses import dataclass

from span2metrics import names
from span2metrics.config import Config
from span2metrics.engine.dialects import views_of
from span2metrics.engine.plan import Unit


@dataclass(frozen=True, slots=True)
class Families:
    """Names on the page.

    calls       the counter, `_total` included
    duration    the histogram, without `_bucket`, `_count` or `_sum`
    unit        of the durations
    service     what the label `service_name` is called
    classic     durations have classic buckets, with native ones beside them or not
    """

    calls: str
    duration: str
    unit: Unit
    service: str
    classic: bool

    @classmethod
    def of(cls, config: Config) -> Families:
        metrics = config.metrics
        shown = list(views_of(metrics.dialects[:1], metrics.namespace, metrics.unit))
        calls, duration = (next(v for v in shown if v.shows == what) for what in (names.CALLS, names.DURATION))
        return cls(
            f"{calls.family.name}_total",
            duration.family.name,
            duration.unit,
            duration.service,
            metrics.histograms.classic,
        )
