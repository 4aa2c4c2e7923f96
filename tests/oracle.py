"""What every number must be: a short, plain model over protobuf that shares no code with the engine.

It keeps each span's duration in a list and counts buckets when asked.  It is written from the rules alone, is slow,
and is only right: the engine is held against it.

It reads requests through `twins` of OTLP's messages: `consume` raises `BrokenError` where the engine has to refuse
a request, and nowhere else.
"""

from __future__ import annotations

import base64
import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

from opentelemetry.proto.trace.v1 import trace_pb2

from span2metrics.engine.plan import Dimension, Escaping, Format, Now, Plan, Source
from tests.oracle_page import (
    TEXTS,
    Exemplar,
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
from tests.payloads import NOW
from tests.twins import BrokenError, parse, parse_value

__all__ = ["TEXTS", "Labels", "Oracle", "read_page"]

KINDS = {number: name for name, number in trace_pb2.Span.SpanKind.items()}
STATUSES = {number: name for name, number in trace_pb2.Status.StatusCode.items()}
#: Labels whose values are words of the protocol, not of the sender: never cut.
ENUMS = {"span_kind", "status_code"}


# --- value text -------------------------------------------------------------------------------------------------------


def number_text(x: float) -> str:
    """ECMAScript's Number::toString, as JSON prints numbers; NaN and infinities by name."""
    if math.isnan(x) or math.isinf(x):
        return "NaN" if math.isnan(x) else "Infinity" if x > 0 else "-Infinity"
    if x == 0:
        return "0"
    sign, digits, exponent = Decimal(repr(x)).normalize().as_tuple()
    text, minus = "".join(map(str, digits)), "-" * sign
    n = len(text) + int(exponent)
    if len(text) <= n <= 21:
        return minus + text.ljust(n, "0")
    if 0 < n <= 21:
        return minus + text[:n] + "." + text[n:]
    if -6 < n <= 0:
        return minus + "0." + "0" * -n + text
    return minus + text[0] + ("." + text[1:] if text[1:] else "") + f"e{n - 1:+d}"


def _json(value: Any, faults: set[str]) -> str:
    kind = value.WhichOneof("value")
    if kind in (None, "string_value_strindex"):
        return "null"
    if kind == "array_value":
        return "[" + ",".join(_json(parse_value(item), faults) for item in value.array_value.values) + "]"
    if kind == "kvlist_value":
        members: dict[str, str] = {}
        for member in value.kvlist_value.values:
            members.setdefault(_decode(member.key, faults), _json(parse_value(*member.value), faults))
        return "{" + ",".join(f"{_quote(key)}:{members[key]}" for key in sorted(members)) + "}"
    text = value_text(value, faults)
    is_word = kind in ("bool_value", "int_value") or (kind == "double_value" and math.isfinite(value.double_value))
    return text if is_word else _quote(text)


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _decode(raw: bytes, faults: set[str]) -> str:
    text = raw.decode("utf-8", "replace")
    if text.encode() != raw:
        faults.add("invalid_utf8")
    return text


def value_text(value: Any, faults: set[str]) -> str:
    """The text of an AnyValue twin; "" where it has none.  Adds to `faults` what was odd about it."""
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return _decode(value.string_value, faults)
    if kind == "bool_value":
        return "true" if value.bool_value else "false"
    if kind == "int_value":
        return str(value.int_value)
    if kind == "double_value":
        return number_text(value.double_value)
    if kind == "bytes_value":
        return base64.b64encode(value.bytes_value).decode()
    return _json(value, faults) if kind in ("array_value", "kvlist_value") else ""


def cut(text: str, limit: int) -> str:
    raw = text.encode()
    return text if len(raw) <= limit else raw[: limit - 3].decode("utf-8", "ignore") + "…"


# --- where a span stands ----------------------------------------------------------------------------------------------


def _first(attributes: Iterable[bytes], key: str) -> Any | None:
    """The value of the first attribute with that key.  Where an attribute is broken, what stands before the fault
    says whether it is the one that is asked for."""
    for raw in attributes:
        try:
            attribute = parse("KeyValue", raw)
        except BrokenError:
            if any(_key_of(raw[:end]) == key.encode() for end in range(len(raw))):
                raise
            continue
        if attribute.key == key.encode():
            return parse_value(*attribute.value)
    return None


def _key_of(piece: bytes) -> bytes | None:
    try:
        return bytes(parse("KeyValue", piece).key)
    except BrokenError:
        return None


class Place:
    """A span with its resource and its scope."""

    def __init__(self, span: bytes, resource: Iterable[bytes], scope: Iterable[bytes]) -> None:
        self.span, self._scope = parse("Span", span), scope
        self.size = len(span)
        self._resource = parse("Resource", *resource)

    def text(self, key: str, source: Source, faults: set[str]) -> str:
        if source is Source.SCOPE:
            scope = parse("InstrumentationScope", *self._scope)
            if key in ("scope.name", "scope.version"):
                return _decode(scope.name if key == "scope.name" else scope.version, faults)
            value = _first(scope.attributes, key)
        else:
            value = _first((self.span if source is Source.SPAN else self._resource).attributes, key)
        return "" if value is None else value_text(value, faults)

    def dimension(self, dimension: Dimension, faults: set[str]) -> str:
        lookups = ((key, source) for key in dimension.attributes for source in dimension.sources)
        return next(filter(None, (self.text(*lookup, faults) for lookup in lookups)), dimension.default)


# --- the model --------------------------------------------------------------------------------------------------------


class Oracle:
    """Counts spans as the rules say.  `received`, `anomalies` and `truncated` as in the engine's stats."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.received = 0
        self.anomalies: Counter[str] = Counter()
        self.truncated: Counter[str] = Counter()
        self._calls: Counter[Pairs] = Counter()
        self._sizes: Counter[Pairs] = Counter()
        self._durations: dict[Pairs, list[Span]] = defaultdict(list)
        self._timed: dict[Pairs, list[Span]] = defaultdict(list)
        self._born: dict[tuple[str, Pairs], Now] = {}
        self._targets: set[Pairs] = set()

    def consume(self, request: bytes, now: Now = NOW) -> None:
        """Counts a request's spans; raises `BrokenError`, having counted none, where a fault is read."""
        places = list(places_of(parse("ExportTraceServiceRequest", request)))
        spans = [self._read(place) for place in places]
        self._targets.update([self._target(place) for place in places] if self.plan.target_info else ())
        for place, (calls, duration, took, faults, truncated) in zip(places, spans, strict=True):
            self.received += 1
            self._sizes[calls] += place.size
            self._calls[calls] += 1
            self.anomalies.update(faults)
            self.truncated.update(truncated)
            if took is not None:
                span = Span(took, exemplar_of(place.span, took, now) if self.plan.exemplars else None)
                self._durations[duration].append(span)
                self._timed[calls].append(span)
        for labels in self._all_calls():
            self._born.setdefault(("calls", labels), now)
        for labels in self._durations:
            self._born.setdefault(("duration", labels), now)

    def _read(self, place: Place) -> tuple[Any, Any, int | None, set[str], set[str]]:
        faults: set[str] = set()
        truncated: set[str] = set()
        both = self._builtin(place, faults) | self._read_dimensions(
            self.plan.resource_labels + self.plan.dimensions, place, faults
        )
        calls = both | self._read_dimensions(self.plan.calls_dimensions, place, faults)
        duration = both | self._read_dimensions(self.plan.duration_dimensions, place, faults)
        took = duration_of(place.span, faults)
        if not (is_id(place.span.trace_id, 16) and is_id(place.span.span_id, 8)):
            faults.add("invalid_id")
        return self._cut(calls, truncated), self._cut(duration, truncated), took, faults, truncated

    def _target(self, place: Place) -> Pairs:
        """The instance that sent the span; a label is cut as any other, which nobody counts."""
        service, namespace, instance = (
            cut(place.text(f"service.{key}", Source.RESOURCE, set()), self.plan.label_value_length)
            for key in ("name", "namespace", "instance.id")
        )
        labels = {"service_name": service or "unknown_service", "service_namespace": namespace}
        return tuple((k, v) for k, v in {**labels, "service_instance_id": instance}.items() if v)

    def _builtin(self, place: Place, faults: set[str]) -> dict[str, str]:
        service_faults: set[str] = set()
        service = place.text("service.name", Source.RESOURCE, service_faults)
        if not service:
            faults.add("unknown_service")
        kind, status = place.span.kind, place.span.status.code
        if kind not in KINDS or status not in STATUSES:
            faults.add("unknown_enum")
        if "service_name" not in self.plan.exclude:
            faults |= service_faults
        name = _decode(place.span.name, faults if "span_name" not in self.plan.exclude else set())
        labels = {
            "service_name": service or "unknown_service",
            "span_name": name or "unknown",
            "span_kind": KINDS.get(kind, KINDS[0]),
            "status_code": STATUSES.get(status, STATUSES[0]),
        }
        return {label: text for label, text in labels.items() if label not in self.plan.exclude}

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
        """What a parser must find on the page."""
        unit = self.plan.unit.nanoseconds
        return self.calls(), {
            labels: (buckets, total / unit, count) for labels, (buckets, total, count) in self.durations().items()
        }

    def page(self, format: Format, now: Now = NOW, escaping: Escaping = Escaping.UNDERSCORES) -> bytes:
        """The page of the span families, without the format's trailer."""
        return write_page(self._model(), format, now, escaping)

    def shown(self, *, rich: bool, now: Now = NOW, escaping: Escaping = Escaping.UNDERSCORES) -> list[Shown]:
        """The families of that page; `rich` with what older formats cannot carry."""
        return list(shown(self._model(), rich, now, escaping))

    def _model(self) -> Model:
        counters = {"calls": self._all_calls(), "size": dict(self._sizes)}
        return Model(self.plan, counters, self._timed, self._durations, self._born, self._targets)


def places_of(request: Any) -> Iterator[Place]:
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                yield Place(span, resource_spans.resource, scope_spans.scope)


def is_id(raw: bytes, length: int) -> bool:
    return len(raw) == length and any(raw)


def duration_of(span: Any, faults: set[str]) -> int | None:
    start, end = span.start_time_unix_nano, span.end_time_unix_nano
    if start == 0 or end == 0:
        faults.add("no_time")
        return None
    if end < start:
        faults.add("negative_duration")
    return int(max(0, end - start))


def exemplar_of(span: Any, took: int, now: Now) -> Exemplar | None:
    valid = is_id(span.trace_id, 16) and is_id(span.span_id, 8)
    if not valid or span.end_time_unix_nano > now.wall_ns:
        return None
    return Exemplar(span.end_time_unix_nano, span.trace_id, span.span_id, took)
