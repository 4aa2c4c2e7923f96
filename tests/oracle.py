"""What every number must be: a short, plain model over protobuf that shares no code with the engine.

It keeps each span's duration in a list and counts buckets when asked.  It is written from the rules alone, is slow,
and is only right: the engine is held against it.

It reads requests through `twins` of OTLP's messages: `consume` raises `BrokenError` where the engine has to refuse
a request, and nowhere else.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from fractions import Fraction
from typing import NamedTuple

from opentelemetry.proto.trace.v1 import trace_pb2

from span2metrics.engine.naming import Templating
from span2metrics.engine.plan import Dimension, Escaping, Format, Now, Plan, Source
from tests.oracle_cards import Hiding
from tests.oracle_edges import Edges
from tests.oracle_filters import OUTSIDE, dimension_of, fate, is_selected, lateness_of
from tests.oracle_graph_page import graph_shown
from tests.oracle_halves import Settings
from tests.oracle_limits import Limits
from tests.oracle_measures import (
    BELOW_ZERO,
    NEGATIVE,
    NOT_NUMERIC,
    POSITIVE,
    Carried,
    Series,
    Taken,
    carried_by,
    exemplar_with,
    measures_shown,
)
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


class Read(NamedTuple):
    """What is read of a span: its labels, how long it took, what is odd, and what was done to which labels."""

    calls: Pairs
    duration: Pairs
    took: int | None
    faults: set[str]
    truncated: set[str]
    redacted: set[str]
    templated: set[str]
    carried: list[Carried]


class Oracle:
    """Counts spans as the rules say.

    `received`, `dropped`, `anomalies`, `truncated`, `redacted` and `templated` as in the engine's stats.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.received = 0
        self.dropped: Counter[str] = Counter()
        self.ends: list[tuple[int, int]] = []
        self.anomalies: Counter[str] = Counter()
        self._truncated: Counter[str] = Counter()
        self._redacted: Counter[str] = Counter()
        self.templated: Counter[str] = Counter()
        self._calls: Counter[Pairs] = Counter()
        self._sizes: Counter[Pairs] = Counter()
        self._durations: dict[Pairs, list[Span]] = defaultdict(list)
        self._timed: dict[Pairs, list[Span]] = defaultdict(list)
        self._born: dict[tuple[str, Pairs], Now] = {}
        self._targets: set[Pairs] = set()
        self.edges = Edges(Settings.of(plan)) if plan.graph else None
        self.limits = Limits(plan)
        self.measured = Series()

    def consume(self, request: bytes, now: Now = NOW) -> None:
        """Counts a request's spans; raises `BrokenError`, having counted none, where a fault is read."""
        places = list(places_of(parse("ExportTraceServiceRequest", request), Hiding(self.plan.privacy)))
        spans = [self._read(place) for place in places]
        fates = [fate(place, self.plan, now) for place in places]
        parts = self.edges.read(places) if self.edges else []
        self._targets.update([self._target(place) for place in places] if self.plan.target_info else ())
        services = [self._service(dict(span.calls)) for span in spans]
        self.received += len(places)
        self.dropped.update(filter(None, fates))
        self.ends += [(place.span.end_time_unix_nano, now.wall_ns) for place in places]
        carried: list[tuple[Place, Read, str, Pairs, bool]] = []
        for place, span_fate, span, service in zip(places, fates, spans, services, strict=True):
            if span_fate:
                continue
            calls, duration = span.calls, span.duration
            if service:
                calls, duration = renamed(calls, service), renamed(duration, service)
                selected = is_selected(place, service, dict(calls).get("span_name", ""), self.plan)
                calls, duration = self.limits.place(service, calls, duration, now, selected)
            carried.append((place, span, service, calls, self.limits.limited))
            self._sizes[calls] += place.size
            self._calls[calls] += 1
            self.anomalies.update(span.faults)
            self._truncated.update(span.truncated)
            self._redacted.update(span.redacted)
            self.templated.update(span.templated)
            if span.took is not None:
                exemplar = exemplar_of(place.span, span.took, now) if self.plan.exemplars else None
                self._durations[duration].append(Span(span.took, exemplar))
                self._timed[calls].append(Span(span.took, exemplar))
        for of_span in carried:
            self._measure(*of_span, now)
        for labels in self._all_calls():
            self._born.setdefault(("calls", labels), now)
        for labels in self._durations:
            self._born.setdefault(("duration", labels), now)
        if self.edges:
            self.edges.take([part for part, fate in zip(parts, fates, strict=False) if fate != OUTSIDE], now)

    def _measure(self, place: Place, span: Read, service: str, calls: Pairs, limited: bool, now: Now) -> None:
        """Takes what a counted span carries."""
        exemplar = exemplar_of(place.span, 0, now) if self.plan.exemplars and span.took is not None else None
        faults: set[str] = set()
        many: set[str] = set()
        for measure, own, amount in span.carried:
            if isinstance(amount, str):
                faults.add(NOT_NUMERIC)
            elif amount < 0 and self.plan.measures[measure].negative.value == "reject":
                faults.add(BELOW_ZERO)
            else:
                labels = calls + own
                if service:
                    labels, reason = self.limits.measure(measure, service, calls, own, now)
                    many |= {reason} if reason and not many else set()
                sign = NEGATIVE if amount < 0 else POSITIVE
                taken = Taken(amount, sign, exemplar_with(exemplar, amount), self.weight_of(place))
                self.measured.take(measure, labels, taken, now)
        self.anomalies.update(faults)
        self.limits.overflowed.update((service, reason) for reason in many if not limited)

    def weight_of(self, place: Place) -> Fraction:
        """Of a span that is no sampler's."""
        return Fraction(1)

    @property
    def truncated(self) -> Counter[str]:
        return self._truncated + (self.edges.truncated if self.edges else Counter())

    @property
    def redacted(self) -> Counter[str]:
        return self._redacted + (self.edges.redacted if self.edges else Counter())

    @property
    def lateness(self) -> tuple[tuple[int, ...], int]:
        """As in the engine's stats."""
        return lateness_of(self.ends)

    def expire(self, now: Now) -> None:
        """Lets go of the graph's halves that are overdue, and of series for which no span has come for long."""
        if self.edges:
            self.edges.expire(now)
        for family, labels in self.limits.expire(now):
            self._end(family, labels)
        left = self._all_calls()
        self._born = {(f, labels): born for (f, labels), born in self._born.items() if f != "calls" or labels in left}

    def _end(self, family: str | int, labels: Pairs) -> None:
        if isinstance(family, int):
            self.measured.end(family, labels)
            return
        if family == "calls":
            for counted in (self._calls, self._sizes, self._timed):
                counted.pop(labels, None)
        if family == "duration" or not self.limits.split:
            self._durations.pop(labels, None)
            self._born.pop(("duration", labels), None)

    def _service(self, labels: dict[str, str]) -> str:
        """The service that a span counts for; "" where no label tells."""
        return self.limits.service(labels["service_name"]) if "service_name" in labels else ""

    def _read(self, place: Place) -> Read:
        of_labels: dict[str, set[str]] = defaultdict(set)
        faults: set[str] = set()
        name = Renamed("", set(), False)
        if "span_name" not in self.plan.exclude:
            name = self._renamed(place, of_labels["span_name"])
        both = self._builtin(place, name.text, faults, of_labels) | self._read_dimensions(
            self.plan.resource_labels + self.plan.dimensions, place, of_labels
        )
        calls = both | self._read_dimensions(self.plan.calls_dimensions, place, of_labels)
        duration = both | self._read_dimensions(self.plan.duration_dimensions, place, of_labels)
        name_shown = cut(self._renamed(place, set()).text, self.plan.label_value_length) or "unknown"
        carried = carried_by(place, name_shown, self.plan, lambda own: self._read_dimensions(own, place, of_labels))
        took = duration_of(place.span, faults)
        if not (is_id(place.span.trace_id, 16) and is_id(place.span.span_id, 8)):
            faults.add("invalid_id")
        redacted = {label for label, of in of_labels.items() if Hiding.REDACTED in of}
        truncated = {label for label, of in of_labels.items() if Hiding.CUT in of}
        faults |= set().union(*of_labels.values()) - {Hiding.REDACTED, Hiding.CUT}
        measured = [Carried(number, self._cut(own, truncated), amount) for number, own, amount in carried]
        return Read(
            self._cut(calls, truncated),
            self._cut(duration, truncated),
            took,
            faults,
            truncated,
            redacted,
            name.found,
            [found for found in measured if found.amount is not None],
        )

    def _target(self, place: Place) -> Pairs:
        """The instance that sent the span.  A label that series have too is counted with theirs."""
        plan, labels = self.plan, {}
        of_series = {"service_name"} - plan.exclude
        for dimensions in (plan.resource_labels, plan.dimensions, plan.calls_dimensions, plan.duration_dimensions):
            of_series |= {dimension.label for dimension in dimensions}
        for key in ("name", "namespace", "instance.id"):
            odd: set[str] = set()
            label = f"service_{key.replace('.', '_')}"
            text = place.text(f"service.{key}", Source.RESOURCE, odd)
            labels[label] = cut(text, plan.label_value_length)
            if label not in of_series:
                self._redacted.update({label} if Hiding.REDACTED in odd else ())
                self._truncated.update({label} if Hiding.CUT in odd or labels[label] != text else ())
        labels["service_name"] = labels["service_name"] or "unknown_service"
        return tuple((label, text) for label, text in labels.items() if text)

    def _builtin(self, place: Place, name: str, faults: set[str], of_labels: dict[str, set[str]]) -> dict[str, str]:
        of_service: set[str] = set()
        service = place.text("service.name", Source.RESOURCE, of_service)
        if not service:
            faults.add("unknown_service")
        kind, status = place.span.kind, place.span.status.code
        if kind not in KINDS or status not in STATUSES:
            faults.add("unknown_enum")
        if "service_name" not in self.plan.exclude:
            of_labels["service_name"] |= of_service
        labels = {
            "service_name": service or "unknown_service",
            "span_name": name or "unknown",
            "span_kind": KINDS.get(kind, KINDS[0]),
            "status_code": STATUSES.get(status, STATUSES[0]),
        }
        return {label: text for label, text in labels.items() if label not in self.plan.exclude}

    def _renamed(self, place: Place, faults: set[str]) -> Renamed:
        """The span's name as its label shows it, but for its length; what made it another; whether it lost its end."""
        own: set[str] = set()
        whole = decode(place.span.name, own)
        window = whole.encode()[:WINDOW].decode("utf-8", "ignore")
        more: set[str] = set()
        values = {key: place.text(key, Source.SPAN, more) for key in attributes_of(self.plan.name_rules)}
        text = ruled(self.plan.name_rules, self._sender(place), window, values.__getitem__)
        found = {"user"} if text != window else set()
        if self.plan.templating is not Templating.OFF:
            text, kinds = template(text)
            found |= kinds
        if self.plan.templating is Templating.DRY_RUN or not found:
            return Renamed(place.shown(whole, own, faults), found, False)
        lost = window != whole and "user" not in found
        own |= more - {Hiding.REDACTED, Hiding.CUT} | ({Hiding.CUT} if lost else set())
        return Renamed(place.shown(text + "…" * lost, own, faults), found, lost)

    def _sender(self, place: Place) -> str:
        return place.text("service.name", Source.RESOURCE, set()) or "unknown_service"

    def _read_dimensions(
        self, dimensions: Iterable[Dimension], place: Place, of_labels: dict[str, set[str]]
    ) -> dict[str, str]:
        limit = self.plan.label_value_length
        found = {}
        for dimension in dimensions:
            text, is_cut = dimension_of(place, dimension, limit, of_labels[dimension.label])
            found[dimension.label] = text
            of_labels[dimension.label].update({Hiding.CUT} if is_cut else ())
        return found

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
        measures = measures_shown(self.measured, self.plan, rich, now, escaping)
        return [*shown(self._model(), rich, now, escaping), *measures, *graph]

    def _model(self) -> Model:
        counters = {"calls": self._all_calls(), "size": dict(self._sizes)}
        return Model(self.plan, counters, self._timed, self._durations, self._born, self._targets)


def renamed(labels: Pairs, service: str) -> Pairs:
    return tuple((label, service if label == "service_name" else text) for label, text in labels)
