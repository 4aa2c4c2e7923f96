"""`explain`: what becomes of each recorded span, and why.

A span is asked about by sending it to an engine of its own, which then has that span's series and nothing else; which
rule did it is found by sending it to engines that have one rule each.  What depends on the spans before it, limits, is
read from an engine that gets them all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from span2metrics import names
from span2metrics.engine.core import Engine
from span2metrics.engine.measures import measure_views
from span2metrics.engine.plan import Format, Now, Plan
from span2metrics.engine.stats import Stats
from span2metrics.engine.where import Filters
from span2metrics.recorded.spans import Clock, Recorded

_SAMPLE = re.compile(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)")
_RECEIVERS = (Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CONSUMER)
_OVERFLOW = f'it counts in the series of its service with {names.OVERFLOW_LABEL}="true"'
#: By limit: its key, and what becomes of a span that comes when it is reached.
_REACHED = {
    names.LIMIT_SERVICES: f"limits.services: its service is {names.OTHER}",
    names.LIMIT_SERIES: f"limits.series: {_OVERFLOW}",
    names.LIMIT_SERVICE_SERIES: f"limits.series_per_service: {_OVERFLOW}",
    names.LIMIT_EDGES: f"limits.edges: an end of its edge is {names.OTHER}",
    names.LIMIT_VALUES: f"max_values of a dimension: its value is {names.OTHER}",
    names.LIMIT_SELECTED: f"limits.series or series_per_service, met once more by what slos select: {_OVERFLOW}",
}
_NONE: Mapping[str, str] = MappingProxyType({})
_BUCKET = re.compile(r'(.*?),?le="([^"]*)"')


class Series(NamedTuple):
    """A line of a page, or a histogram in one: `bucket` is the bound of the bucket that counts the span.

    `amount`: what the span adds to a measure.
    """

    name: str
    labels: str
    value: str
    bucket: str = ""
    amount: str = ""

    def __str__(self) -> str:
        inside = f"{{{self.labels}}}" if self.labels else ""
        bucket = f', bucket le="{self.bucket}"' if self.bucket else ""
        return f"{self.name}{inside}{bucket}" + (f", {self.amount}" if self.amount else "")

    @property
    def at_zero(self) -> bool:
        """Whether nothing counts in it yet; an amount of 0 does."""
        return self.value == "0" and not self.amount


class Explained(NamedTuple):
    """What becomes of a span.

    dropped   the reason why no series counts it; "" where one does
    notes     what was done to it, and what is odd about it
    series    that count it
    zeros     that are shown at 0 because of it
    graph     what it does in the service graph
    """

    recorded: Recorded
    dropped: str
    notes: list[str]
    series: list[Series]
    zeros: list[Series]
    graph: list[str]


def explain(plan: Plan, spans: Iterable[Recorded]) -> Iterator[Explained]:
    """Each span, in order."""
    plan = replace(plan, zero_first_ns=0)  # what is new is shown as it is
    clock, whole, every = Clock(), Engine(plan), list(spans)
    partners = Partners(plan, every)
    for recorded in every:
        now = clock.at([recorded])
        before = whole.stats()
        whole.consume(recorded.request(), now)
        graph = list(_graph(plan, recorded, now, partners)) if plan.graph else []
        yield _explained(plan, recorded, now, [*_limits(before, whole.stats())], graph)


def _explained(plan: Plan, recorded: Recorded, now: Now, limits: list[str], graph: list[str]) -> Explained:
    alone = _sent(plan, [recorded], now)
    stats, series = alone.stats(), list(_series(alone, now, _amounts(plan)))
    of_spans = [found for found in series if not found.name.startswith(names.GRAPH_PREFIX)]
    counting = [found for found in of_spans if not found.at_zero]
    return Explained(
        recorded,
        next((reason for reason, count in stats.dropped.items() if count), ""),
        [*_notes(stats, counting), *_rules(plan, recorded, now, stats), *limits],
        counting,
        [found for found in of_spans if found.at_zero],
        graph,
    )


def _sent(plan: Plan, spans: Iterable[Recorded], now: Now) -> Engine:
    engine = Engine(plan)
    for recorded in spans:
        engine.consume(recorded.request(), now)
    return engine


# --- notes ------------------------------------------------------------------------------------------------------------


def _notes(stats: Stats, series: list[Series]) -> Iterator[str]:
    for anomaly, count in stats.anomalies.items():
        if count:
            yield f"{anomaly}: {names.ANOMALIES[anomaly]}"
    for template, count in stats.templated.items():
        if count and template != names.TEMPLATES[0]:
            yield f"its name had what is {{{template}}} (span_names.templating)"
    for label, count in stats.redacted.items():
        if count:
            yield f"a part of {label} is hidden (privacy)"
    for label, count in stats.truncated.items():
        if count:
            yield f"{label} is cut at limits.label_value_length"
    if stats.weighted and series:
        yield f"it was sampled, and stands for {float(series[0].value):g} spans"
    if stats.capped_weights:
        yield "it says that it stands for more than sampling.max_weight, and counts for that"


def _rules(plan: Plan, recorded: Recorded, now: Now, stats: Stats) -> Iterator[str]:
    """The rules of the configuration that matched, by their places in it."""
    if stats.templated[names.TEMPLATES[0]]:
        found = _first(_sent(replace(plan, name_rules=(rule,)), [recorded], now) for rule in plan.name_rules)
        yield f"span_names.rules[{found}] names it"
    if stats.dropped[names.FILTERED]:
        yield from _filters(plan, recorded, now)


def _first(engines: Iterable[Engine]) -> int:
    """The number of the first one whose rule named the span."""
    return next(i for i, engine in enumerate(engines) if engine.stats().templated[names.TEMPLATES[0]])


def _filters(plan: Plan, recorded: Recorded, now: Now) -> Iterator[str]:
    def drops(filters: Filters) -> bool:
        return bool(_sent(replace(plan, filters=filters), [recorded], now).stats().dropped[names.FILTERED])

    if plan.filters.include and drops(Filters(plan.filters.include, ())):
        yield "no entry of filters.include holds"
    for i, where in enumerate(plan.filters.exclude):
        if drops(Filters((), (where,))):
            yield f"filters.exclude[{i}] holds"


def _limits(before: Stats, after: Stats) -> Iterator[str]:
    for (service, limit), spans in after.overflowed.items():
        if spans > before.overflowed.get((service, limit), 0):
            yield f"the spans before it have reached {_REACHED[limit]} instead"


# --- the graph --------------------------------------------------------------------------------------------------------


class Partners:
    """Which spans of a recording look for each other."""

    def __init__(self, plan: Plan, spans: list[Recorded]) -> None:
        self._plan = plan
        self._by_id: dict[tuple[bytes, bytes], list[int]] = {}
        self._by_wanted: dict[tuple[bytes, bytes], list[int]] = {}
        self._spans = spans
        for number, recorded in enumerate(spans):
            self._by_id.setdefault((recorded.span.trace_id, recorded.span.span_id), []).append(number)
            for key in _wanted(recorded):
                self._by_wanted.setdefault(key, []).append(number)

    def edges(self, recorded: Recorded, now: Now) -> Iterator[tuple[int, str]]:
        """Number, from 1, of each span that makes an edge with this one, and the edge."""
        own = (recorded.span.trace_id, recorded.span.span_id)
        found = [n for key in _wanted(recorded) for n in self._by_id.get(key, ())] + self._by_wanted.get(own, [])
        for number in sorted(set(found)):
            if self._spans[number] is not recorded:
                engine = _sent(self._plan, [recorded, self._spans[number]], now)
                if engine.stats().edges[names.EDGE_PAIRED]:
                    yield number + 1, _edge(engine, now)


def _wanted(recorded: Recorded) -> list[tuple[bytes, bytes]]:
    """The ids that a span looks for: those of its links, and its parent's."""
    span = recorded.span
    return [(link.trace_id, link.span_id) for link in span.links] + [(span.trace_id, span.parent_span_id)]


def _graph(plan: Plan, recorded: Recorded, now: Now, partners: Partners) -> Iterator[str]:
    met = [f"with span {number}: {edge}" for number, edge in partners.edges(recorded, now)]
    alone = _sent(plan, [recorded], now)
    outcomes = alone.stats().edges
    if met:
        yield from met
    elif outcomes[names.EDGE_DATABASE]:
        yield f"a database call: {_edge(alone, now)}"
    elif outcomes[names.EDGE_UNPAIRED]:
        yield "unpaired: its parent's id is no id"
    elif not alone.stats().pending_edges:
        yield "no part of it"
    else:
        yield _lonely(plan, recorded, alone, now)


def _lonely(plan: Plan, recorded: Recorded, alone: Engine, now: Now) -> str:
    """What becomes of a span that waits and meets nobody."""
    assert plan.graph is not None
    while alone.conclude(now):
        pass
    outcomes = alone.stats().edges
    root = recorded.span.kind in _RECEIVERS and not recorded.span.parent_span_id
    what = "it has no parent" if root else "the span at its other end is not here"
    waits = f"{what}; after {plan.graph.wait_ns / 1e9:g}s"
    if outcomes[names.EDGE_VIRTUAL]:
        return f"{waits}: {_edge(alone, now)}"
    if outcomes[names.EDGE_UNPAIRED]:
        return f"{waits} it counts as unpaired"
    return "leads from its parent to its children"


def _edge(engine: Engine, now: Now) -> str:
    total = f"{names.REQUEST.name}_total"
    return next((str(found) for found in _series(engine, now) if found.name == total), "no edge")


# --- pages ------------------------------------------------------------------------------------------------------------


def _amounts(plan: Plan) -> dict[str, str]:
    """Samples of measures that are amounts → the family that each is told of."""
    families = [view.family for measure in plan.measures for view in measure_views(plan, measure)]
    sums = {f"{family.name}_sum": family.name for family in families if family.kind == "summary"}
    return sums | {family.name: family.name for family in families if family.kind == "gauge"}


def _series(engine: Engine, now: Now, amounts: Mapping[str, str] = _NONE) -> Iterator[Series]:
    """Counters and gauges, of each histogram its name and the bucket that is not empty, of each summary the sum."""
    page = b"".join(engine.render(Format.TEXT, now)).decode()
    seen = set()
    for line in page.split("\n"):
        match = _SAMPLE.fullmatch(line)
        if line.startswith("#") or match is None:
            continue
        name, labels, value = match[1], (match[2] or ""), match[3]
        bucket = _BUCKET.fullmatch(labels) if name.endswith("_bucket") else None
        if name in amounts:
            yield Series(amounts[name], labels, value, amount=value)
        elif bucket and value != "0" and (name, bucket[1]) not in seen:
            seen.add((name, bucket[1]))
            yield Series(name.removesuffix("_bucket"), bucket[1], value, bucket[2])
        elif not bucket and not name.endswith(("_sum", "_count")):
            yield Series(name, labels, value)
