"""The oracle's pages: what it counted, written out by the rules alone, and read back by others' parsers.

Exemplars and births are kept with the spans and series themselves and chosen when a page is asked for.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal, localcontext
from typing import Any, NamedTuple

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from prometheus_client.utils import floatToGoString

from span2metrics.engine.plan import Escaping, Format, Now, Plan
from span2metrics.names import CALLS_HELP, DURATION_HELP, SIZE_HELP, TARGET_HELP

#: The formats that `Oracle.page` writes and `read_page` reads; the other versions are the same bytes.
TEXTS = (Format.TEXT, Format.OPENMETRICS)

#: What names of the service graph's families begin with.
GRAPH_PREFIX = "traces_service_graph_"

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
    durations, `born` by (calls or duration, labels), `targets` by their labels."""

    plan: Plan
    counters: Mapping[str, Mapping[Pairs, int]]
    timed: Mapping[Pairs, list[Span]]
    observed: Mapping[Pairs, list[Span]]
    born: Mapping[tuple[str, Pairs], Now]
    targets: Collection[Pairs]


class Sample(NamedTuple):
    """A line of a page; an exemplar is its labels, value and time."""

    name: str
    labels: Pairs
    value: Decimal
    exemplar: tuple[Pairs, Decimal, Decimal] | None = None


class Shown(NamedTuple):
    """A family on a page, as OpenMetrics names it, and as the older text does."""

    name: str
    kind: str
    help: str
    unit: str
    text_name: str
    samples: list[Sample]


def shown(model: Model, rich: bool, now: Now, escaping: Escaping) -> Iterator[Shown]:
    """What a page says.  `rich`: it can carry exemplars and `_created`."""
    page = _Page(model, rich, now, escaping)
    seen: set[str] = set()
    for shape in _families(model.plan):
        if shape.name not in seen:
            yield page.family(shape)
        seen.add(shape.name)


def write_page(families: Iterable[Shown], rich: bool) -> bytes:
    """A page of these families, without the format's trailer."""
    lines: list[str] = []
    for family in families:
        name = family.name if rich else family.text_name
        kind = "gauge" if family.kind == "info" and not rich else family.kind
        lines += [f"# HELP {name} {family.help}", f"# TYPE {name} {kind}"]
        lines += [f"# UNIT {name} {family.unit}"] * (rich and bool(family.unit))
        lines += map(_line, family.samples)
    return "".join(f"{line}\n" for line in lines).encode()


class _Page(NamedTuple):
    model: Model
    rich: bool
    now: Now
    escaping: Escaping

    def family(self, shape: _Shape) -> Shown:
        if shape.shows == "targets":
            found = self.sorted(dict.fromkeys(self.model.targets), shape)
            samples = [Sample(f"{shape.name}_info", labels, Decimal(1)) for labels, _ in found]
            return Shown(shape.name, "info", TARGET_HELP, "", f"{shape.name}_info", samples)
        if shape.shows == "duration":
            samples = [s for found in self.sorted(self.model.observed, shape) for s in self.histogram(shape, *found)]
            return Shown(shape.name, "histogram", DURATION_HELP, shape.unit, shape.name, samples)
        counted = self.model.counters[shape.shows]
        samples = [s for found in self.sorted(counted, shape) for s in self.counter(shape, *found)]
        text = CALLS_HELP if shape.shows == "calls" else SIZE_HELP
        return Shown(shape.name, "counter", text, "", f"{shape.name}_total", samples)

    def sorted(self, series: Mapping[Pairs, Any], shape: _Shape) -> list[tuple[Pairs, Pairs]]:
        """Labels as they are shown, and the series' own, in the order of a page without UTF-8 names."""
        renamed = {"service_name": shape.service}
        texts = {pairs: tuple((renamed.get(label, label), text) for label, text in pairs) for pairs in series}
        order = sorted(texts, key=lambda pairs: label_text(texts[pairs]).encode())
        names = self.utf8_names(shape)
        return [(tuple((names.get(label, label), text) for label, text in texts[pairs]), pairs) for pairs in order]

    def utf8_names(self, shape: _Shape) -> dict[str, str]:
        plan = self.model.plan
        own = plan.duration_dimensions if shape.shows == "duration" else plan.calls_dimensions
        every = (*plan.resource_labels, *plan.dimensions, *own) if shape.shows != "targets" else ()
        return {d.label: d.utf8 for d in every if d.utf8 and self.escaping is Escaping.ALLOW_UTF8}

    def counter(self, shape: _Shape, labels: Pairs, pairs: Pairs) -> Iterator[Sample]:
        fresh = self.fresh("calls", pairs)
        value = 0 if fresh else self.model.counters[shape.shows][pairs]
        spans = self.model.timed.get(pairs, []) if shape.shows == "calls" and not fresh else []
        yield Sample(f"{shape.name}_total", labels, Decimal(value), told(spans, shape.nanoseconds, self.rich))
        yield from self.created(shape.name, labels, self.model.born["calls", pairs])

    def histogram(self, shape: _Shape, labels: Pairs, pairs: Pairs) -> Iterator[Sample]:
        spans = [] if self.fresh("duration", pairs) else self.model.observed[pairs]
        yield from histogram_samples(
            shape.name, labels, spans, shown_bounds(self.model.plan), shape.nanoseconds, self.rich
        )
        yield from self.created(shape.name, labels, self.model.born["duration", pairs])

    def fresh(self, what: str, pairs: Pairs) -> bool:
        return 0 <= self.now.wall_ns - self.model.born[what, pairs].wall_ns < self.model.plan.zero_first_ns

    def created(self, name: str, labels: Pairs, born: Now) -> Iterator[Sample]:
        if self.rich and self.model.plan.created:
            yield Sample(f"{name}_created", labels, quotient(born.wall_ns, 10**9))


def histogram_samples(
    name: str, labels: Pairs, spans: Sequence[Span], bounds_ns: Sequence[int], unit: int, rich: bool
) -> Iterator[Sample]:
    """Buckets, sum and count."""
    buckets, total, count = histogram([span.took for span in spans], bounds_ns, unit)
    below = -1
    for (le, cumulative), bound in zip(buckets.items(), [*bounds_ns, 2**70], strict=True):
        inside = [span for span in spans if below < span.took <= bound]
        below = bound
        yield Sample(f"{name}_bucket", (*labels, ("le", le)), Decimal(cumulative), told(inside, unit, rich))
    yield Sample(f"{name}_sum", labels, quotient(total, unit))
    yield Sample(f"{name}_count", labels, Decimal(count))


def told(spans: Iterable[Span], unit: int, rich: bool) -> tuple[Pairs, Decimal, Decimal] | None:
    """The greatest exemplar, as a line shows it."""
    greatest = max((span.exemplar for span in spans if span.exemplar), default=None)
    if greatest is None or not rich:
        return None
    ids = (("trace_id", greatest.trace_id.hex()), ("span_id", greatest.span_id.hex()))
    return ids, quotient(greatest.took, unit), quotient(greatest.end, 10**9)


def quotient(nanoseconds: int, unit: int) -> Decimal:
    with localcontext(prec=60):
        return Decimal(nanoseconds) / unit


def _line(sample: Sample) -> str:
    line = f"{sample.name}{_braces(sample.labels)} {_plain(sample.value)}"
    if sample.exemplar:
        ids, took, end = sample.exemplar
        line += f" # {_braces(ids)} {_plain(took)} {_plain(end)}"
    return line


def _plain(number: Decimal) -> str:
    with localcontext(prec=60):
        return f"{number.normalize():f}"


class _Shape(NamedTuple):
    """A family on a page: `shows` targets, calls, duration or size; `unit` the suffix of its name."""

    name: str
    shows: str
    nanoseconds: int
    unit: str
    service: str


def _families(plan: Plan) -> Iterator[_Shape]:
    """Semantics §1.1, the table of dialects; OpenMetrics wants targets first."""
    for dialect in plan.dialects if plan.target_info else ():
        tempo = dialect.value == "tempo"
        yield _Shape("traces_target" if tempo else "target", "targets", 1, "", "service" if tempo else "service_name")
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


def shown_bounds(plan: Plan) -> tuple[int, ...]:
    """The bounds that a histogram has on a text page."""
    return () if plan.histograms.value == "native" else plan.bounds_ns


def histogram(took: list[int], bounds_ns: Iterable[int], unit: int) -> Histogram:
    buckets = {floatToGoString(le / unit): sum(ns <= le for ns in took) for le in bounds_ns}
    return {**buckets, "+Inf": len(took)}, sum(took), len(took)


def label_text(labels: Pairs) -> str:
    return ",".join(f"{_name(label)}={_quoted(text)}" for label, text in labels)


def _name(label: str) -> str:
    return label if re.fullmatch("[a-zA-Z_][a-zA-Z0-9_]*", label) else _quoted(label)


def _quoted(text: str) -> str:
    return '"' + text.translate(str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})) + '"'


def _braces(labels: Pairs) -> str:
    return f"{{{label_text(labels)}}}" if labels else ""


def read_page(page: bytes, format: Format) -> Numbers:
    """What a page says of spans, by prometheus-client's parser of that format; the service graph is read by
    `graph_page`.  `page` is without the format's trailer."""
    parser = parse_text if format is Format.TEXT else parse_openmetrics
    calls: dict[Labels, int] = {}
    parts: dict[Labels, dict[str, float]] = defaultdict(dict)
    for family in parser((page + format.trailer).decode()):
        if family.name.startswith(GRAPH_PREFIX):
            continue
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
