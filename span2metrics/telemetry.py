"""The daemon's own metrics: what arrived, what became of it, how long it took.

Touched once a request or scrape, never once a span: what happens to spans is counted by the engine, and `collect` reads
it from there.  The numbers are plain integers and lists, made into `prometheus_client` families when a page asks: its
own counters cost a request 6 us, these less than one, and stay exact above 2^53.  They need no lock, because they
belong to the loop.  No name, help text or label value is written here; all are in `names`.

Conservation: `received_spans_total` is counted by `applied`, which the intake calls in the same turn of the loop as
`Engine.consume`, and `collect` reads both in one; so it equals `aggregated_spans_total` + Σ `dropped_spans_total`.
"""

from __future__ import annotations

import platform
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from itertools import accumulate, product

from prometheus_client import ProcessCollector
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from span2metrics import names
from span2metrics.engine.core import Engine
from span2metrics.engine.plan import Format
from span2metrics.engine.stats import LATENESS_BOUNDS_NS, Stats

#: Seconds.  From a request that finds the intake empty to one that waits as long as clients commonly do (10 s).
INGEST_BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
#: Seconds.  From a page of a few series to Prometheus' longest usual scrape timeout.
RENDER_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

#: Versions of a format cost the same and share a label.
_FORMATS = {
    Format.TEXT: names.FORMAT_TEXT,
    Format.OPENMETRICS: names.FORMAT_OPENMETRICS,
    Format.PROTOBUF: names.FORMAT_PROTOBUF,
}
_UNITS = ("seconds", "bytes")
_SIMPLE: dict[str, type[CounterMetricFamily | GaugeMetricFamily]] = {
    "counter": CounterMetricFamily,
    "gauge": GaugeMetricFamily,
}

Labels = tuple[str, ...]


class Telemetry:
    """The counts of one daemon, on the loop's thread.  Receivers and outcomes that `names` lacks raise `KeyError`."""

    def __init__(self, engine: Engine, *, version: str) -> None:
        self._engine = engine
        self._build = (version, platform.python_version())
        self._received = {receiver: _Received() for receiver in names.RECEIVERS}
        self._ingest = _Durations(INGEST_BOUNDS)
        self._scrapes: dict[Labels, int] = dict.fromkeys(product(_FORMATS.values(), names.SCRAPE_OUTCOMES), 0)
        self._render = {label: _Durations(RENDER_BOUNDS) for label in _FORMATS.values()}
        self._intake: tuple[Callable[[], int], int] = (lambda: 0, 0)
        self._loaded_ns = 0
        self._process = ProcessCollector(registry=None)

    def request(self, receiver: str, outcome: str) -> None:
        """A request came to an end with one of `names.OUTCOMES`."""
        self._received[receiver].outcomes[outcome] += 1

    def applied(self, receiver: str, spans: int, size: int, wall_ns: int) -> None:
        """A request of `size` bytes, decompressed, with `spans` spans was applied at `wall_ns`; counts it accepted."""
        received = self._received[receiver]
        received.outcomes[names.ACCEPTED] += 1
        received.spans += spans
        received.bytes += size
        if spans:
            received.last_ns = wall_ns

    def ingested(self, seconds: float) -> None:
        """A request was answered `seconds` after it came to the intake."""
        self._ingest.observe(seconds)

    def scraped(self, format: Format, outcome: str, seconds: float) -> None:
        """A page ended with one of `names.SCRAPE_OUTCOMES`, `seconds` after it was asked for.

        The time of a rejected one is not observed: quick refusals would make an overloaded daemon look fast.
        """
        label = _FORMATS[format.body]
        self._scrapes[label, outcome] += 1
        if outcome != names.SCRAPE_REJECTED:
            self._render[label].observe(seconds)

    def watch_intake(self, current: Callable[[], int], limit: int) -> None:
        """From now on `current()` says how many bytes wait, of `limit`."""
        self._intake = (current, limit)

    def loaded(self, wall_ns: int) -> None:
        """The configuration in force was loaded at `wall_ns`."""
        self._loaded_ns = wall_ns

    def collect(self) -> list[Metric]:
        """Every family, by name, in one instant."""
        families = [*self._own(), *_of_engine(self._engine.stats()), *self._process.collect()]
        return sorted(families, key=lambda family: family.name)

    def _own(self) -> Iterator[Metric]:
        waiting, limit = self._intake
        yield _family(names.BUILD_INFO, {self._build: 1})
        yield from self._of_receivers()
        yield _histogram(names.INGEST_SECONDS, {(): self._ingest})
        yield _family(names.SCRAPES, self._scrapes)
        yield _histogram(names.RENDER_SECONDS, {(label,): d for label, d in self._render.items()})
        yield _single(names.INTAKE_BYTES, waiting())
        yield _single(names.INTAKE_LIMIT, limit)
        yield _single(names.RELOAD_SUCCESSFUL, int(self._loaded_ns > 0))
        yield _single(names.RELOAD_TIMESTAMP, self._loaded_ns / 1e9)

    def _of_receivers(self) -> Iterator[Metric]:
        received = self._received.items()
        outcomes: dict[Labels, int] = {(name, outcome): n for name, r in received for outcome, n in r.outcomes.items()}
        yield _family(names.RECEIVED_REQUESTS, outcomes)
        yield _family(names.RECEIVED_SPANS, {(name,): r.spans for name, r in received})
        yield _family(names.RECEIVED_BYTES, {(name,): r.bytes for name, r in received})
        yield _family(names.LAST_RECEIVED, {(name,): r.last_ns / 1e9 for name, r in received})


class _Received:
    """What one receiver took in."""

    __slots__ = ("bytes", "last_ns", "outcomes", "spans")

    def __init__(self) -> None:
        self.outcomes = dict.fromkeys(names.OUTCOMES, 0)
        self.spans = 0
        self.bytes = 0
        self.last_ns = 0


class _Durations:
    """A histogram of seconds: `counts` has one place for each of `bounds` (inclusive) and one for what is longer."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, seconds: float) -> None:
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.sum += seconds

    def buckets(self) -> list[tuple[str, float]]:
        """(`le`, observations up to there), as families have it."""
        return list(zip([*map(str, self.bounds), "+Inf"], accumulate(self.counts), strict=True))


def _of_engine(stats: Stats) -> Iterator[Metric]:
    anomalies = dict.fromkeys(names.ANOMALIES, 0) | dict(stats.anomalies)
    yield _single(names.AGGREGATED_SPANS, stats.aggregated)
    yield _family(names.DROPPED_SPANS, _by_one(stats.dropped))
    yield _lateness(stats)
    yield _family(names.ANOMALOUS_SPANS, _by_one(anomalies))
    yield _family(names.TRUNCATED_VALUES, _by_one(stats.truncated))
    yield _family(names.REDACTED_VALUES, _by_one(stats.redacted))
    yield _family(names.TEMPLATED_NAMES, _by_one(stats.templated))
    yield _single(names.WEIGHTED_SPANS, stats.weighted)
    yield _single(names.CAPPED_WEIGHTS, stats.capped_weights)
    yield _family(names.SERIES, _by_one(stats.series))
    yield _single(names.POLICY_ERRORS, stats.policy_errors)
    yield _single(names.BIRTHS, stats.births)
    yield _single(names.LABEL_SETS, stats.label_sets)
    yield _single(names.SERIES_LIMIT, stats.limits[names.LIMIT_SERIES])
    yield _single(names.SERVICES, stats.services)
    yield _family(names.OVERFLOWED_SPANS, {(service, limit): n for (service, limit), n in stats.overflowed.items()})
    yield _single(names.SERIES_EXPIRED, stats.expired)
    yield _single(names.RAW_KEYS, stats.raw_keys)
    yield _single(names.RAW_KEY_BYTES, stats.raw_key_bytes)
    yield _single(names.CONTEXTS, stats.contexts)
    yield _single(names.TARGETS, stats.targets)
    yield _single(names.FORGOTTEN_TARGETS, stats.forgotten_targets)
    yield _single(names.PENDING_EDGES, stats.pending_edges)
    yield _family(names.EDGES_MADE, _by_one(stats.edges))


def _lateness(stats: Stats) -> Metric:
    durations = _Durations(tuple(bound / 1e9 for bound in LATENESS_BOUNDS_NS))
    durations.counts, durations.sum = list(stats.lateness.counts), stats.lateness.sum_ns / 1e9
    return _histogram(names.LATENESS, {(): durations})


def _by_one(values: Mapping[str, int]) -> dict[Labels, float]:
    return {(label,): value for label, value in values.items()}


def _single(spec: names.SelfMetric, value: float) -> Metric:
    return _family(spec, {(): value})


def _family(spec: names.SelfMetric, values: Mapping[Labels, float]) -> Metric:
    family = _SIMPLE[spec.kind](spec.name, spec.help, labels=spec.labels, unit=_unit(spec))
    for labels, value in sorted(values.items()):
        family.add_metric(labels, value)
    return family


def _histogram(spec: names.SelfMetric, values: Mapping[Labels, _Durations]) -> Metric:
    family = HistogramMetricFamily(spec.name, spec.help, labels=spec.labels, unit=_unit(spec))
    for labels, durations in sorted(values.items()):
        family.add_metric(labels, durations.buckets(), durations.sum)
    return family


def _unit(spec: names.SelfMetric) -> str:
    suffix = spec.name.rpartition("_")[2]
    return suffix if suffix in _UNITS else ""
