"""The oracle's pages: what it counted, written out by the rules alone, and read back by others' parsers.

Exemplars and births are kept with the spans and series themselves and chosen when a page is asked for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal, localcontext
from typing import Any, NamedTuple

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from prometheus_client.utils import floatToGoString

from span2metrics.engine.plan import Format, Now, Plan
from span2metrics.names import CALLS_HELP, DURATION_HELP, SIZE_HELP

#: The formats that `Oracle.page` writes and `read_page` reads; the other versions are the same bytes.
TEXTS = (Format.TEXT, Format.OPENMETRICS)

Labels = frozenset[tuple[str, str]]
#: Labels in the order in which a page shows them.
Pairs = tuple[tuple[str, str], ...]
#: Cumulative count by `le`, sum in nanoseconds, count.
Histogram = tuple[dict[str, int], int, int]
#: Calls; durations with their sums as a parser reads them, in the plan's unit.
Numbers = tuple[dict[Labels, int], dict[Labels, tuple[dict[str, int], float, int]]]


class Exemplar(NamedTuple):
    """Greatest first: by end, then by ids."""

    end: int
    trace_id: bytes
    span_id: bytes
    took: int


class Span(NamedTuple):
    """A span whose duration was observed; no exemplar if it may not be told."""

    took: int
    exemplar: Exemplar | None


class Model(NamedTuple):
    """What was counted: `counters` by what they show, `timed` spans by labels of calls, `observed` ones by labels of
    durations, `born` by (calls or duration, labels)."""

    plan: Plan
    counters: Mapping[str, Mapping[Pairs, int]]
    timed: Mapping[Pairs, list[Span]]
    observed: Mapping[Pairs, list[Span]]
    born: Mapping[tuple[str, Pairs], Now]


def write_page(model: Model, format: Format, now: Now) -> bytes:
    """The page of the span families, without the format's trailer."""
    page = _Page(model, format is Format.OPENMETRICS, now)
    lines: list[str] = []
    shown: set[str] = set()
    for shape in _families(model.plan):
        if shape.name not in shown:
            lines += page.family(shape)
        shown.add(shape.name)
    return "".join(f"{line}\n" for line in lines).encode()


class _Page(NamedTuple):
    model: Model
    rich: bool
    now: Now

    def family(self, shape: _Shape) -> Iterator[str]:
        if shape.shows == "duration":
            yield from _head(shape.name, "histogram", DURATION_HELP)
            yield from [f"# UNIT {shape.name} {shape.unit}"] * (self.rich and bool(shape.unit))
            for labels, pairs in _sorted(self.model.observed, shape):
                yield from self.histogram(shape, labels, pairs)
            return
        total = "" if self.rich else "_total"
        yield from _head(f"{shape.name}{total}", "counter", CALLS_HELP if shape.shows == "calls" else SIZE_HELP)
        for labels, pairs in _sorted(self.model.counters[shape.shows], shape):
            yield from self.counter(shape, labels, pairs)

    def counter(self, shape: _Shape, labels: bytes, pairs: Pairs) -> Iterator[str]:
        fresh = self.fresh("calls", pairs)
        value = 0 if fresh else self.model.counters[shape.shows][pairs]
        spans = self.model.timed.get(pairs, []) if shape.shows == "calls" and not fresh else []
        yield f"{shape.name}_total{_braces(labels)} {value}{self.exemplar(spans, shape)}"
        yield from self.created(shape.name, labels, self.model.born["calls", pairs])

    def histogram(self, shape: _Shape, labels: bytes, pairs: Pairs) -> Iterator[str]:
        spans = [] if self.fresh("duration", pairs) else self.model.observed[pairs]
        bounds_ns = shown_bounds(self.model.plan)
        buckets, total, count = histogram([span.took for span in spans], bounds_ns, shape.nanoseconds)
        below = -1
        for (le, cumulative), bound in zip(buckets.items(), [*bounds_ns, 2**70], strict=True):
            inside = [span for span in spans if below < span.took <= bound]
            below, le_pair = bound, f'le="{le}"'
            yield f"{shape.name}_bucket{_braces(labels, le_pair)} {cumulative}{self.exemplar(inside, shape)}"
        yield f"{shape.name}_sum{_braces(labels)} {_decimal(total, shape.nanoseconds)}"
        yield f"{shape.name}_count{_braces(labels)} {count}"
        yield from self.created(shape.name, labels, self.model.born["duration", pairs])

    def fresh(self, what: str, pairs: Pairs) -> bool:
        return 0 <= self.now.wall_ns - self.model.born[what, pairs].wall_ns < self.model.plan.zero_first_ns

    def exemplar(self, spans: Iterable[Span], shape: _Shape) -> str:
        told = max((span.exemplar for span in spans if span.exemplar), default=None)
        if told is None or not self.rich:
            return ""
        ids = f'{{trace_id="{told.trace_id.hex()}",span_id="{told.span_id.hex()}"}}'
        return f" # {ids} {_decimal(told.took, shape.nanoseconds)} {_decimal(told.end, 10**9)}"

    def created(self, name: str, labels: bytes, born: Now) -> Iterator[str]:
        if self.rich and self.model.plan.created:
            yield f"{name}_created{_braces(labels)} {_decimal(born.wall_ns, 10**9)}"


def _decimal(nanoseconds: int, unit: int) -> str:
    with localcontext(prec=60):
        return f"{(Decimal(nanoseconds) / unit).normalize():f}"


class _Shape(NamedTuple):
    """A family on a page: `shows` calls, duration or size; `unit` the suffix of its name."""

    name: str
    shows: str
    nanoseconds: int
    unit: str
    service: str


def _families(plan: Plan) -> Iterator[_Shape]:
    """Semantics §1.1, the table of dialects."""
    for dialect in plan.dialects:
        if dialect.value == "tempo":
            for name, shows in (("calls", "calls"), ("latency", "duration"), ("size", "size")):
                yield _Shape(f"traces_spanmetrics_{name}", shows, 10**9, "", "service")
            continue
        otel = dialect.value == "otel"
        prefix = f"{plan.namespace}_" * bool(plan.namespace) if otel else "traces_span_metrics_"
        unit = plan.unit.suffix if otel else "milliseconds"
        nanoseconds = {"seconds": 10**9, "milliseconds": 10**6}[unit]
        yield _Shape(f"{prefix}calls", "calls", nanoseconds, "", "service_name")
        yield _Shape(f"{prefix}duration_{unit}", "duration", nanoseconds, unit, "service_name")


def _sorted(series: Mapping[Pairs, Any], shape: _Shape) -> list[tuple[bytes, Pairs]]:
    renamed = {"service_name": shape.service}
    texts = {pairs: [(renamed.get(label, label), text) for label, text in pairs] for pairs in series}
    return sorted(((_label_text(labels), pairs) for pairs, labels in texts.items()), key=lambda item: item[0])


def shown_bounds(plan: Plan) -> tuple[int, ...]:
    """The bounds that a histogram has on a text page."""
    return () if plan.histograms.value == "native" else plan.bounds_ns


def histogram(took: list[int], bounds_ns: Iterable[int], unit: int) -> Histogram:
    buckets = {floatToGoString(le / unit): sum(ns <= le for ns in took) for le in bounds_ns}
    return {**buckets, "+Inf": len(took)}, sum(took), len(took)


def _head(name: str, kind: str, text: str) -> list[str]:
    return [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]


def _label_text(labels: Iterable[tuple[str, str]]) -> bytes:
    escape = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})
    return ",".join(f'{label}="{text.translate(escape)}"' for label, text in labels).encode()


def _braces(labels: bytes, more: str = "") -> str:
    inner = ",".join(filter(None, (labels.decode(), more)))
    return f"{{{inner}}}" if inner else ""


def read_page(page: bytes, format: Format) -> Numbers:
    """What a page says, by prometheus-client's parser of that format.  `page` is without the format's trailer."""
    parser = parse_text if format is Format.TEXT else parse_openmetrics
    calls: dict[Labels, int] = {}
    parts: dict[Labels, dict[str, float]] = defaultdict(dict)
    for family in parser((page + format.trailer).decode()):
        for sample in family.samples:
            labels = dict(sample.labels)
            part = labels.pop("le", sample.name.rpartition("_")[2])
            if part == "created":
                continue
            if part == "total":
                calls[frozenset(labels.items())] = int(sample.value)
            else:
                parts[frozenset(labels.items())][part] = sample.value
    return calls, {labels: (part, part.pop("sum"), int(part.pop("count"))) for labels, part in parts.items()}
