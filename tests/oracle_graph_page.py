"""The service graph's families as a page shows them, behind the others.  Semantics §2 and §1.7."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from span2metrics import names
from span2metrics.engine.plan import Escaping, Now, Plan
from tests.oracle_edges import Edges
from tests.oracle_families import (
    CLIENT_SECONDS,
    CONNECTION_INFO,
    DROPPED,
    FAILED,
    MESSAGING_SECONDS,
    REQUESTS,
    SECOND,
    SERVER_SECONDS,
    SERVICE_INFO,
    UNPAIRED,
    Observed,
)
from tests.oracle_page import Exemplar, Pairs, Sample, Shown, Span, histogram_samples, label_text, quotient, told

HELPS = {
    REQUESTS: names.REQUEST.help,
    FAILED: names.REQUEST_FAILED.help,
    SERVER_SECONDS: names.REQUEST_SERVER.help,
    CLIENT_SECONDS: names.REQUEST_CLIENT.help,
    MESSAGING_SECONDS: names.REQUEST_MESSAGING.help,
    CONNECTION_INFO: names.CONNECTION_INFO.help,
    SERVICE_INFO: names.SERVICE_INFO.help,
    UNPAIRED: names.UNPAIRED_SPANS.help,
    DROPPED: names.GRAPH_DROPPED.help,
}


def graph_shown(edges: Edges, plan: Plan, rich: bool, now: Now, escaping: Escaping) -> Iterator[Shown]:
    """What a page says of the graph.  `rich`: it can carry exemplars and `_created`."""
    page = _Page(edges, plan, rich, now, escaping)
    records, settings = edges.records, edges.settings
    yield page.counter(
        REQUESTS, {labels: (record.requests, record.told) for labels, record in records.items()}, REQUESTS
    )
    yield page.counter(
        FAILED, {labels: (record.failed, record.told_failed) for labels, record in records.items()}, REQUESTS
    )
    yield page.histogram(SERVER_SECONDS, {labels: record.server for labels, record in records.items()})
    yield page.histogram(CLIENT_SECONDS, {labels: record.client for labels, record in records.items()})
    if settings.messaging_latency:
        yield page.histogram(MESSAGING_SECONDS, {labels: record.messaging for labels, record in records.items()})
    if settings.connection_info:
        yield page.gauge(CONNECTION_INFO, records)
    yield page.gauge(SERVICE_INFO, [(("service", service),) for service in edges.services])
    yield page.lost(UNPAIRED, ("service", "side", "reason"), edges.unpaired)
    yield page.lost(DROPPED, ("service", "reason"), edges.dropped)


class _Page(NamedTuple):
    edges: Edges
    plan: Plan
    rich: bool
    now: Now
    escaping: Escaping

    def counter(self, family: str, counted: Mapping[Pairs, tuple[int, list[Exemplar]]], born_as: str) -> Shown:
        name, samples = family.removesuffix("_total"), []
        for labels in _sorted(counted):
            value, exemplars = counted[labels]
            born = self.edges.born[born_as, labels]
            fresh = self.fresh(born)
            spans = [Span(exemplar.took, exemplar) for exemplar in exemplars if not fresh]
            shown = self.named(labels)
            samples.append(Sample(family, shown, Decimal(0 if fresh else value), told(spans, SECOND, self.rich)))
            samples += self.created(name, shown, born)
        return Shown(name, "counter", HELPS[family], "", family, samples)

    def lost(self, family: str, labels: tuple[str, ...], counted: Mapping[Any, int]) -> Shown:
        """A counter of halves; its keys are the labels' values."""
        name, samples = family.removesuffix("_total"), []
        texts = {tuple(zip(labels, key, strict=True)): key for key in counted}
        for pairs in _sorted(texts):
            born = self.edges.born[family, texts[pairs]]
            samples.append(Sample(family, pairs, Decimal(0 if self.fresh(born) else counted[texts[pairs]])))
            samples += self.created(name, pairs, born)
        return Shown(name, "counter", HELPS[family], "", family, samples)

    def histogram(self, family: str, seen: Mapping[Pairs, list[Observed]]) -> Shown:
        """Those with an observation."""
        bounds_ns = () if self.plan.histograms.value == "native" else self.edges.settings.bounds_ns
        samples: list[Sample] = []
        for labels in _sorted(labels for labels in seen if seen[labels]):
            born = self.edges.born[family, labels]
            spans = [] if self.fresh(born) else [Span(*observed) for observed in seen[labels]]
            samples += histogram_samples(family, self.named(labels), spans, bounds_ns, SECOND, self.rich)
            samples += self.created(family, self.named(labels), born)
        return Shown(family, "histogram", HELPS[family], "seconds", family, samples)

    def gauge(self, family: str, series: Iterable[Pairs]) -> Shown:
        """Always 1, from the first moment."""
        samples = [Sample(family, self.named(labels), Decimal(1)) for labels in _sorted(series)]
        return Shown(family, "gauge", HELPS[family], "", family, samples)

    def named(self, labels: Pairs) -> Pairs:
        """With UTF-8 names where these are asked for."""
        if self.escaping is not Escaping.ALLOW_UTF8:
            return labels
        own = {
            f"{side}_{d.label}": f"{side}_{d.utf8}"
            for side in ("client", "server")
            for d in self.edges.settings.dimensions
            if d.utf8
        }
        return tuple((own.get(label, label), text) for label, text in labels)

    def fresh(self, born: Now) -> bool:
        return 0 <= self.now.wall_ns - born.wall_ns < self.plan.zero_first_ns

    def created(self, name: str, labels: Pairs, born: Now) -> Iterator[Sample]:
        if self.rich and self.plan.created:
            yield Sample(f"{name}_created", labels, quotient(born.wall_ns, SECOND))


def _sorted(series: Iterable[Pairs]) -> list[Pairs]:
    return sorted(series, key=lambda labels: label_text(labels).encode())
