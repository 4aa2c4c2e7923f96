"""Pieces of PromQL that several files of rules are made of; the dialect and the kind of histogram are settled here.

Recordings have the same names, labels and units in all of them, so that alerts and dashboards need not know.  Their
first part says what a series is about: `service`, `service_span`, `service_outgoing` (its own CLIENT and PRODUCER
spans), `edge`.  Their last one says over what time, as is the custom with Prometheus.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from span2metrics import names
from span2metrics.generate.families import Families

SERVICE = names.SERVICE_NAME
FIVE, TWO = "5m", "2m"
#: Seconds of `FIVE`: a rate times this is a number of events.
FIVE_S = 300


@dataclass(frozen=True, slots=True)
class Durations:
    """A histogram on the page.  `family` as in `Families.duration`, `per_second` of its unit, `matchers` of PromQL."""

    family: str
    matchers: str
    native: bool
    per_second: int = 1

    def quantile(self, q: float, by: Sequence[str], window: str, service: str = SERVICE) -> str:
        """In seconds, by labels; `service` is what the page calls `service_name`."""
        part = f"{self.family}{{{self.matchers}}}" if self.native else f"{self.family}_bucket{{{self.matchers}}}"
        return self._seconds(quantile_by(q, by, f"rate({part}[{window}])", service, le=not self.native))

    def time(self, by: Sequence[str], window: str, service: str = SERVICE) -> str:
        """Seconds spent a second."""
        if self.native:
            spent = f"histogram_sum(rate({self.family}{{{self.matchers}}}[{window}]))"
        else:
            spent = f"rate({self.family}_sum{{{self.matchers}}}[{window}])"
        return self._seconds(summed_by(by, spent, service))

    def _seconds(self, expr: str) -> str:
        return expr if self.per_second == 1 else f"{expr} / {self.per_second}"


def durations(families: Families, matchers: str) -> Durations:
    """Those of spans.  With both kinds of histograms the classic ones are asked: every scraper keeps them."""
    per_second = 1_000_000_000 // families.unit.nanoseconds
    return Durations(families.duration, matchers, not families.classic, per_second)


def summed_by(by: Sequence[str], expr: str, service: str = SERVICE) -> str:
    """`sum by`, in which the page's label for a service has become `service_name`."""
    return _as_ours(by, f"sum by ({', '.join(_theirs(by, service))}) ({expr})", service)


def quantile_by(q: float, by: Sequence[str], rate: str, service: str = SERVICE, *, le: bool = True) -> str:
    """A quantile of histograms, likewise; `le`: they have classic buckets, or may.

    Old Prometheis lose native histograms in `label_replace` (2.42 does): it is the quantile whose label is changed.
    """
    labels = ", ".join((*_theirs(by, service), "le") if le else _theirs(by, service))
    return _as_ours(by, f"histogram_quantile({q:g}, sum by ({labels}) ({rate}))", service)


def _theirs(by: Sequence[str], service: str) -> list[str]:
    return [service if label == SERVICE else label for label in by]


def _as_ours(by: Sequence[str], expr: str, service: str) -> str:
    if service == SERVICE or SERVICE not in by:
        return expr
    return f'sum by ({", ".join(by)}) (label_replace({expr}, "{SERVICE}", "$1", "{service}", "(.+)"))'


def renamed(expr: str, new: str, old: str) -> str:
    """With the label `old` also as `new`."""
    return f'label_replace({expr}, "{new}", "$1", "{old}", "(.+)")'


#: How numbers are shown: a whole one as such, others with two decimals; `humanize` would say 100m for 0.1.
WHOLE, TWO_PLACES = "printf `%.0f`", "printf `%.2f`"


def number(query: str, labels: Sequence[str], form: str = TWO_PLACES, nothing: str = "unknown") -> str:
    """For an alert's text: what a query answers now, `%q` in it standing for the alert's `labels` in turn.

    `nothing`: what stands there if there is no answer.
    """
    asked = f"printf `{query}` {' '.join(f'$labels.{label}' for label in labels)}" if labels else f"`{query}`"
    return f"{{{{ with {asked} | query }}}}{{{{ . | first | value | {form} }}}}{{{{ else }}}}{nothing}{{{{ end }}}}"


VALUE, COUNT = (f"{{{{ $value | {form} }}}}" for form in (TWO_PLACES, WHOLE))
SHARE = "{{ $value | humanizePercentage }}"
SECONDS = "{{ $value | humanizeDuration }}"


def label(name: str) -> str:
    """For an alert's text: the value of a label."""
    return f"{{{{ $labels.{name} }}}}"
