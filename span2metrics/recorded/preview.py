"""`preview`: what a configuration makes of recorded spans, in numbers.

How many label sets there are by family and service, which labels and values they come from, what each limit cuts, and
what one more dimension would cost, for each attribute that the spans have.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from span2metrics import names
from span2metrics.cardinality import Cardinality
from span2metrics.config.labels import sanitised
from span2metrics.engine.core import Engine
from span2metrics.engine.plan import Dimension, Now, Plan
from span2metrics.engine.stats import Stats
from span2metrics.recorded.spans import Clock, Recorded

#: Spans of one request.
BATCH = 512
#: Attributes that are tried as one more dimension: those that most spans have.
MOST_TRIED = 40
ALL = 1 << 30

Requests = Sequence[tuple[bytes, Now]]


@dataclass(frozen=True)
class Preview:
    """What there is, with the limits and as if there were none.

    `report`, `cut` are `Cardinality.report`s without limits and with them; `dimensions`: attribute → (spans that have
    it, label sets with it as a further dimension).
    """

    spans: int
    first_ns: int
    last_ns: int
    stats: Stats
    report: dict[str, Any]
    cut: dict[str, Any]
    dimensions: dict[str, tuple[int, int]]


def preview(plan: Plan, spans: Iterable[Recorded], top: int) -> Preview:
    """`top`: services, and values of a label, that are named."""
    requests, attributes, times = _requests(spans)
    unlimited = without_limits(plan)
    stats, cut = _reported(plan, requests, ALL)
    _, report = _reported(unlimited, requests, top)
    return Preview(
        spans=stats.received,
        first_ns=times[0],
        last_ns=times[1],
        stats=stats,
        report=report,
        cut=cut,
        dimensions=dict(_tried(unlimited, requests, attributes)),
    )


def without_limits(plan: Plan) -> Plan:
    """The same for any number of services, label sets, values and edges, none of which ever goes."""
    return replace(
        plan,
        dimensions=_any_values(plan.dimensions),
        calls_dimensions=_any_values(plan.calls_dimensions),
        duration_dimensions=_any_values(plan.duration_dimensions),
        most_services=0,
        most_series=0,
        most_series_of_service=0,
        most_edges=0,
        expire_after_ns=0,
    )


def _any_values(dimensions: tuple[Dimension, ...]) -> tuple[Dimension, ...]:
    return tuple(replace(dimension, max_values=0) for dimension in dimensions)


def _requests(spans: Iterable[Recorded]) -> tuple[Requests, Counter[str], tuple[int, int]]:
    """The spans in requests, how many have each attribute, and when the first began and the last ended."""
    clock, requests, attributes, times = Clock(), [], Counter[str](), []
    rest = iter(spans)
    while batch := list(islice(rest, BATCH)):
        for recorded in batch:
            attributes.update({pair.key for pair in (*recorded.span.attributes, *recorded.resource.attributes)})
            times += [recorded.span.start_time_unix_nano, recorded.span.end_time_unix_nano]
        requests.append((b"".join(recorded.request() for recorded in batch), clock.at(batch)))
        times = [min(filter(None, times), default=0), max(times)]
    return requests, attributes, (times[0], times[-1]) if times else (0, 0)


def _replayed(plan: Plan, requests: Requests) -> Engine:
    engine = Engine(plan)
    for body, now in requests:
        engine.consume(body, now)
    while requests and engine.conclude(requests[-1][1]):
        pass
    return engine


def _reported(plan: Plan, requests: Requests, top: int) -> tuple[Stats, dict[str, Any]]:
    engine = _replayed(plan, requests)
    cardinality = Cardinality(top)
    for found in engine.label_sets():
        cardinality.add(found)
    return engine.stats(), cardinality.report(engine.stats())


def _tried(plan: Plan, requests: Requests, attributes: Counter[str]) -> Iterator[tuple[str, tuple[int, int]]]:
    """Label sets of calls with one more dimension, for the most frequent attributes that are none yet."""
    bare = replace(plan, graph=None, measures=())
    there = (*plan.resource_labels, *plan.dimensions, *plan.calls_dimensions, *plan.duration_dimensions)
    taken = {attribute for dimension in there for attribute in dimension.attributes}
    labels = {dimension.label for dimension in there} | {*names.BUILTIN_LABELS}
    by_frequency = sorted(attributes, key=lambda attribute: (-attributes[attribute], attribute))
    candidates = [a for a in by_frequency if a not in taken and sanitised(a) not in labels]
    for attribute in candidates[:MOST_TRIED]:
        wider = replace(bare, dimensions=(*bare.dimensions, Dimension(sanitised(attribute), (attribute,))))
        yield attribute, (attributes[attribute], _replayed(wider, requests).stats().label_sets)
