"""Questions that several dashboards ask, about spans and about edges.

They go to the families themselves, not to the recordings: a dashboard that is imported alone has its answers, over the
time that fits its zoom.  With the variable `histogram` one expression serves classic and native buckets.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from span2metrics import names
from span2metrics.config import Config
from span2metrics.generate.dashboards.link import HISTOGRAM
from span2metrics.generate.families import Families
from span2metrics.generate.promql import SERVICE, quantile_by, summed_by
from span2metrics.generate.red import ERROR, OWN

INTERVAL = "$__rate_interval"


@dataclass(frozen=True, slots=True)
class Histogram:
    """On the page; `family` as in `Families.duration`, `service` is what `service_name` is called there."""

    family: str
    service: str = SERVICE
    per_second: int = 1

    def quantile(self, q: float, by: Sequence[str], matchers: str = "", offset: str = "") -> str:
        """In seconds, by labels."""
        rate = f"rate({self._buckets(matchers)}[{INTERVAL}]{offset})"
        return self._seconds(quantile_by(q, by, rate, self.service))

    def time(self, by: Sequence[str], matchers: str = "") -> str:
        """Seconds spent a second: both kinds of histograms have the same."""
        chosen = f"{{{matchers}}}" if matchers else ""
        classic = f"rate({self.family}_sum{chosen}[{INTERVAL}])"
        native = f"histogram_sum(rate({self.family}{chosen}[{INTERVAL}]))"
        return self._seconds(summed_by(by, f"{classic} or {native}", self.service))

    def buckets(self, matchers: str = "") -> str:
        """How many of each magnitude, for a heatmap."""
        return f"sum by (le) (increase({self._buckets(matchers)}[{INTERVAL}]))"

    def _buckets(self, matchers: str) -> str:
        chosen = ",".join(filter(None, (f'__name__=~"{self.family}${HISTOGRAM}"', matchers)))
        return f"{{{chosen}}}"

    def _seconds(self, expr: str) -> str:
        return expr if self.per_second == 1 else f"{expr} / {self.per_second}"


@dataclass(frozen=True, slots=True)
class Spans:
    """Rate, errors and durations of spans; `matchers` are PromQL's, joined by commas, with labels as on the page."""

    families: Families

    @classmethod
    def of(cls, config: Config) -> Spans:
        return cls(Families.of(config))

    @property
    def durations(self) -> Histogram:
        per_second = 1_000_000_000 // self.families.unit.nanoseconds
        return Histogram(self.families.duration, self.families.service, per_second)

    @property
    def unit(self) -> str:
        """Grafana's name of the durations' unit on the page."""
        return "s" if self.durations.per_second == 1 else "ms"

    def rate(self, by: Sequence[str], matchers: str = OWN, offset: str = "") -> str:
        """A second."""
        return summed_by(by, f"rate({self.families.calls}{{{matchers}}}[{INTERVAL}]{offset})", self.families.service)

    def failed(self, by: Sequence[str], matchers: str = OWN, offset: str = "") -> str:
        """Those that failed, a second; 0 where none did and `metrics.errors_zero` is off."""
        failing = self.rate(by, f"{matchers},{ERROR}", offset)
        return f"({failing} or 0 * {self.rate(by, matchers, offset)})"

    def ratio(self, by: Sequence[str], matchers: str = OWN, offset: str = "") -> str:
        """The share that failed, of what is asked at all."""
        return f"{self.failed(by, matchers, offset)} / ({self.rate(by, matchers, offset)} > 0)"


def legend_of(labels: Iterable[str]) -> str:
    """The labels' values, one after the other."""
    return " ".join(f"{{{{{label}}}}}" for label in labels)


def present(expr: str, *labels: str, instead: str = "none") -> str:
    """With those labels on every series: rows of tables are told apart by them, and cells of lines need them."""
    for label in labels:
        expr = f'label_replace({expr}, "{label}", "{instead}", "{label}", "")'
    return expr


class Edges:
    """Requests of the service graph, by `client` and `server`."""

    #: Matchers of those that the variables choose.
    chosen = f'{names.CLIENT}=~"$client",{names.SERVER}=~"$server"'
    #: The connection type of requests that have none.
    CALL = "call"

    waited = Histogram(names.REQUEST_CLIENT.name)
    #: Messages in queues; on the page with `service_graph.messaging_latency`.
    queued = Histogram(names.REQUEST_MESSAGING.name)

    @staticmethod
    def rate(by: Sequence[str], matchers: str = "", offset: str = "") -> str:
        return rate_of(names.REQUEST.name, by, matchers, offset)

    @staticmethod
    def failed(by: Sequence[str], matchers: str = "", offset: str = "") -> str:
        return rate_of(names.REQUEST_FAILED.name, by, matchers, offset)

    @classmethod
    def ratio(cls, by: Sequence[str], matchers: str = "", offset: str = "") -> str:
        return f"{cls.failed(by, matchers, offset)} / ({cls.rate(by, matchers, offset)} > 0)"

    @classmethod
    def kinds(cls, expr: str) -> str:
        """With a connection type on every series."""
        return present(expr, names.CONNECTION_TYPE, instead=cls.CALL)


def rate_of(family: str, by: Sequence[str], matchers: str = "", offset: str = "") -> str:
    """Of a counter of the service graph; `family` is without `_total`."""
    chosen = f"{{{matchers}}}" if matchers else ""
    return f"sum by ({', '.join(by)}) (rate({family}_total{chosen}[{INTERVAL}]{offset}))"
