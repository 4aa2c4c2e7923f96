"""What every number must be: a short, plain model over protobuf that shares no code with the engine.

It keeps each span's duration in a list and counts buckets when asked.  It is written from the rules alone, is slow,
and is only right: the engine is held against it.

It reads requests through `twins` of OTLP's messages: `consume` raises `BrokenError` where the engine has to refuse
a request, and nowhere else.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

from opentelemetry.proto.trace.v1 import trace_pb2

from span2metrics.engine.naming import Templating
from span2metrics.engine.plan import Dimension, Escaping, Format, Now, Plan, Source
from tests.oracle_edges import Edges
from tests.oracle_graph_page import graph_shown
from tests.oracle_halves import Settings
from tests.oracle_names import attributes_of, ruled, template
from tests.oracle_page import (
    TEXTS,
    Histogram,
    Labels,
    Model,
    Numbers,
    Pairs,
    Shown,
    Span,
    histogram,
    read_page,
    shown,
    shown_bounds,
    write_page,
)
from tests.oracle_spans import Place, cut, decode, duration_of, exemplar_of, is_id, places_of
from tests.payloads import NOW
from tests.twins import parse

__all__ = ["TEXTS", "Labels", "Oracle", "read_page"]

KINDS = {number: name for name, number in trace_pb2.Span.SpanKind.items()}
STATUSES = {number: name for name, number in trace_pb2.Status.StatusCode.items()}
#: Labels whose values are words of the protocol, not of the sender: never cut.
ENUMS = {"span_kind", "status_code"}
#: Bytes of a value that are looked at.
WINDOW = 4096


class Renamed(NamedTuple):
    text: str
    found: set[str]
    lost: bool


class Oracle:
    """Counts spans as the rules say.  `received`, `anomalies`, `truncated` and `templated` as in the engine's stats."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.received = 0
        self.anomalies: Counter[str] = Counter()
        self.truncated: Counter[str] = Counter()
        self.templated: Counter[str] = Counter()
        self._calls: Counter[Pairs] = Counter()
        self._sizes: Counter[Pairs] = Counter()
        self._durations: dict[Pairs, list[Span]] = defaultdict(list)
        self._timed: dict[Pairs, list[Span]] = defaultdict(list)
        self._born: dict[tuple[str, Pairs], Now] = {}
        self._targets: set[Pairs] = set()
        self.edges = Edges(Settings.of(plan)) if plan.graph else None

    def consume(self, request: bytes, now: Now = NOW) -> None:
        """Counts a request's spans; raises `BrokenError`, having counted none, where a fault is read."""
        places = list(places_of(parse("ExportTraceServiceRequest", request)))
        spans = [self._read(place) for place in places]
        parts = self.edges.read(places) if self.edges else []
        self._targets.update([self._target(place) for place in places] if self.plan.target_info else ())
        for place, (calls, duration, took, faults, truncated, templated) in zip(places, spans, strict=True):
            self.received += 1
            self._sizes[calls] += place.size
            self._calls[calls] += 1
            self.anomalies.update(faults)
            self.truncated.update(truncated)
            self.templated.update(templated)
            if took is not None:
                span = Span(took, exemplar_of(place.span, took, now) if self.plan.exemplars else None)
                self._durations[duration].append(span)
                self._timed[calls].append(span)
        for labels in self._all_calls():
            self._born.setdefault(("calls", labels), now)
        for labels in self._durations:
            self._born.setdefault(("duration", labels), now)
        if self.edges:
            self.edges.take(parts, now)

    def expire(self, now: Now) -> None:
        """Lets go of the graph's halves that are overdue."""
        if self.edges:
            self.edges.expire(now)

    def _read(self, place: Place) -> tuple[Any, Any, int | None, set[str], set[str], set[str]]:
        faults: set[str] = set()
        truncated: set[str] = set()
        name = Renamed("", set(), False)
        if "span_name" not in self.plan.exclude:
            name = self._renamed(place, faults)
        if name.lost:
            truncated.add("span_name")
        both = self._builtin(place, name.text, faults) | self._read_dimensions(
            self.plan.resource_labels + self.plan.dimensions, place, faults
        )
        calls = both | self._read_dimensions(self.plan.calls_dimensions, place, faults)
        duration = both | self._read_dimensions(self.plan.duration_dimensions, place, faults)
        took = duration_of(place.span, faults)
        if not (is_id(place.span.trace_id, 16) and is_id(place.span.span_id, 8)):
            faults.add("invalid_id")
        return self._cut(calls, truncated), self._cut(duration, truncated), took, faults, truncated, name.found

    def _target(self, place: Place) -> Pairs:
        """The instance that sent the span; a label is cut as any other, which nobody counts."""
        service, namespace, instance = (
            cut(place.text(f"service.{key}", Source.RESOURCE, set()), self.plan.label_value_length)
            for key in ("name", "namespace", "instance.id")
        )
        labels = {"service_name": service or "unknown_service", "service_namespace": namespace}
        return tuple((k, v) for k, v in {**labels, "service_instance_id": instance}.items() if v)

    def _builtin(self, place: Place, name: str, faults: set[str]) -> dict[str, str]:
        service_faults: set[str] = set()
        service = place.text("service.name", Source.RESOURCE, service_faults)
        if not service:
            faults.add("unknown_service")
        kind, status = place.span.kind, place.span.status.code
        if kind not in KINDS or status not in STATUSES:
            faults.add("unknown_enum")
        if "service_name" not in self.plan.exclude:
            faults |= service_faults
        labels = {
            "service_name": service or "unknown_service",
            "span_name": name or "unknown",
            "span_kind": KINDS.get(kind, KINDS[0]),
            "status_code": STATUSES.get(status, STATUSES[0]),
        }
        return {label: text for label, text in labels.items() if label not in self.plan.exclude}

    def _renamed(self, place: Place, faults: set[str]) -> Renamed:
        """The span's name as its label shows it, but for its length; what made it another; whether it lost its end."""
        whole = decode(place.span.name, faults)
        window = whole.encode()[:WINDOW].decode("utf-8", "ignore")
        more: set[str] = set()
        values = {key: place.text(key, Source.SPAN, more) for key in attributes_of(self.plan.name_rules)}
        text = ruled(self.plan.name_rules, self._service(place), window, values.__getitem__)
        found = {"user"} if text != window else set()
        if self.plan.templating is not Templating.OFF:
            text, kinds = template(text)
            found |= kinds
        if self.plan.templating is Templating.DRY_RUN or not found:
            return Renamed(whole, found, False)
        faults |= more
        lost = window != whole and "user" not in found
        return Renamed(text + "…" * lost, found, lost)

    def _service(self, place: Place) -> str:
        return place.text("service.name", Source.RESOURCE, set()) or "unknown_service"

    def _read_dimensions(self, dimensions: Iterable[Dimension], place: Place, faults: set[str]) -> dict[str, str]:
        return {dimension.label: place.dimension(dimension, faults) for dimension in dimensions}

    def _cut(self, labels: dict[str, str], truncated: set[str]) -> Pairs:
        limit = self.plan.label_value_length
        short = {label: text if label in ENUMS else cut(text, limit) for label, text in labels.items()}
        truncated.update(label for label in labels if labels[label] != short[label])
        shown = [(label, text) for label, text in short.items() if text]
        return tuple(sorted(shown, key=lambda pair: pair[0] in self.plan.errors_zero_drop))  # those of no sibling last

    def _all_calls(self) -> dict[Pairs, int]:
        calls = dict(self._calls)
        if self.plan.errors_zero and "status_code" not in self.plan.exclude:
            for labels in self._calls:
                sibling = tuple(
                    (label, "STATUS_CODE_ERROR" if label == "status_code" else text)
                    for label, text in labels
                    if label not in self.plan.errors_zero_drop
                )
                if ("status_code", "STATUS_CODE_ERROR") not in labels:
                    calls.setdefault(sibling, 0)
        return calls

    def calls(self) -> dict[Labels, int]:
        return {frozenset(labels): count for labels, count in self._all_calls().items()}

    def durations(self) -> dict[Labels, Histogram]:
        return {
            labels: histogram([span.took for span in spans], shown_bounds(self.plan), self.plan.unit.nanoseconds)
            for labels, spans in self.observed().items()
        }

    def observed(self) -> dict[Labels, list[Span]]:
        """The spans of which the duration was observed."""
        return {frozenset(labels): spans for labels, spans in self._durations.items()}

    def numbers(self) -> Numbers:
        """What a parser must find of the span families on the page."""
        unit = self.plan.unit.nanoseconds
        return self.calls(), {
            labels: (buckets, total / unit, count) for labels, (buckets, total, count) in self.durations().items()
        }

    def page(self, format: Format, now: Now = NOW, escaping: Escaping = Escaping.UNDERSCORES) -> bytes:
        """The page, without the format's trailer."""
        rich = format is Format.OPENMETRICS
        return write_page(self.shown(rich=rich, now=now, escaping=escaping), rich)

    def shown(self, *, rich: bool, now: Now = NOW, escaping: Escaping = Escaping.UNDERSCORES) -> list[Shown]:
        """The families of that page; `rich` with what older formats cannot carry."""
        graph = graph_shown(self.edges, self.plan, rich, now, escaping) if self.edges else ()
        return [*shown(self._model(), rich, now, escaping), *graph]

    def _model(self) -> Model:
        counters = {"calls": self._all_calls(), "size": dict(self._sizes)}
        return Model(self.plan, counters, self._timed, self._durations, self._born, self._targets)
