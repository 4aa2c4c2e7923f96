"""Dialects: the same counts under the names and labels that others' dashboards read.

A dialect is data for a page and costs nothing before: three of them show three pages' worth of lines over one table of
series.  Families that two dialects have in common are shown once.  Rules and readers: semantics §1.1; `otel` is the
spanmetrics connector, `jaeger` what Jaeger's Monitor tab asks for with `normalize_calls` and `normalize_duration`,
`tempo` Grafana Tempo's metrics-generator.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from span2metrics import names
from span2metrics.engine.plan import Dialect, Graph, Plan, Unit
from span2metrics.names import Family


class View(NamedTuple):
    """A family of a dialect.

    shows      which counts: `names.CALLS`, `names.DURATION` or `names.SIZE`
    unit       of its durations, those in a counter's exemplars too
    service    what it calls the label `service_name`
    """

    family: Family
    shows: str
    unit: Unit
    service: str

    @property
    def scale(self) -> int:
        """How many of what is counted make its unit."""
        return self.unit.nanoseconds


def views(plan: Plan) -> tuple[View, ...]:
    """What a page shows, in its order."""
    shown: dict[str, View] = {}
    for view in views_of(plan.dialects, plan.namespace, plan.unit):
        shown.setdefault(view.family.name, view)
    return tuple(shown.values())


def units(plan: Plan) -> tuple[int, ...]:
    """The units in which durations are shown, in nanoseconds; each once."""
    return tuple({view.unit.nanoseconds: None for view in views(plan) if view.shows == names.DURATION})


def target_families(dialects: Iterable[Dialect]) -> dict[Family, str]:
    """The families that show targets, each with what it calls the label `service_name`."""
    tempo, others = (names.TEMPO_TARGET, names.TEMPO_SERVICE), (names.TARGET, names.SERVICE_NAME)
    return dict(tempo if dialect is Dialect.TEMPO else others for dialect in dialects)


def graph_views(graph: Graph) -> tuple[View, ...]:
    """The families of the service graph, the same in every dialect."""
    left_out = set()
    if not graph.messaging_latency:
        left_out.add(names.REQUEST_MESSAGING)
    if not graph.connection_info:
        left_out.add(names.CONNECTION_INFO)
    shown = (family for family in names.GRAPH_FAMILIES if family not in left_out)
    return tuple(View(family, "", Unit.SECONDS, names.SERVICE_NAME) for family in shown)


def views_of(dialects: Iterable[Dialect], namespace: str, unit: Unit) -> Iterator[View]:
    """The families of each dialect; `namespace` and `unit` are those of `otel`."""
    for dialect in dialects:
        if dialect is Dialect.TEMPO:
            shown = zip(names.TEMPO_FAMILIES, (names.CALLS, names.DURATION, names.SIZE), strict=True)
            yield from (View(family, shows, Unit.SECONDS, names.TEMPO_SERVICE) for family, shows in shown)
        elif dialect is Dialect.JAEGER:
            yield from _connector(names.NAMESPACE, Unit.MILLISECONDS)
        else:
            yield from _connector(namespace, unit)


def _connector(namespace: str, unit: Unit) -> Iterator[View]:
    yield View(names.calls_family(namespace), names.CALLS, unit, names.SERVICE_NAME)
    yield View(names.duration_family(namespace, unit.suffix), names.DURATION, unit, names.SERVICE_NAME)
