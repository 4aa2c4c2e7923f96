"""What the demo sends with fixed settings, and what follows from it: the truth that scrapers are held against."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count
from typing import Any

from span2metrics import names
from span2metrics.demo.graph import Asked, graph
from span2metrics.demo.incident import INCIDENTS
from span2metrics.demo.span import Span, Status
from span2metrics.demo.traffic import Traffic, arrival_s
from span2metrics.engine.plan import DEFAULT_BOUNDS_NS
from tests import buckets
from tests.processes import PATIENCE

SEED, RATE, SECONDS, INCIDENT = 7, 40.0, 6.0, "cycle"
BASE_NS = 1_700_000_000_000_000_000

Labels = tuple[str, ...]
Of = Callable[[Span], Labels]


def _sent() -> Iterator[tuple[list[Span], list[Asked]]]:
    """Every trace that the demo sends with these settings, and who asked whom in it: whole traces only."""
    traffic = Traffic(SEED, INCIDENTS[INCIDENT])
    for number in count():
        since = arrival_s(number, RATE)
        if since > SECONDS:
            return
        trace = number, BASE_NS + int(since * 1e9), since
        spans = traffic.trace(*trace)
        if max(span.end_ns for span in spans) <= BASE_NS + int(SECONDS * 1e9):
            yield spans, traffic.asked(*trace)


_TRACES = tuple(_sent())
SPANS = tuple(span for spans, _ in _TRACES for span in spans)
#: Edge (client, server, connection type) to (requests, failed), as the script has it.
GRAPH = graph(asked for _, all_asked in _TRACES for asked in all_asked)


def send(endpoint: str) -> None:
    """Lets the demo send `SPANS` to an OTLP/gRPC receiver, in the time that they take."""
    options = [f"--seed={SEED}", f"--rate={RATE}", f"--duration={SECONDS}", f"--incident={INCIDENT}"]
    command = [sys.executable, "-m", "span2metrics.demo", endpoint, *options]
    subprocess.run(command, check=True, timeout=PATIENCE * 2)


# --- what follows -----------------------------------------------------------------------------------------------------


def service(span: Span) -> Labels:
    return (span.service,)


def operation(span: Span) -> Labels:
    """The labels of a calls series but for its status."""
    return span.service, span.name, names.SPAN_KINDS[span.kind]


def took(span: Span) -> int:
    """Nanoseconds."""
    return span.end_ns - span.start_ns


def counts(of: Of) -> dict[Labels, float]:
    return dict(Counter(map(of, SPANS)))


def seconds(of: Of) -> dict[Labels, float]:
    """Time spent."""
    spent: Counter[Labels] = Counter()
    for span in SPANS:
        spent[of(span)] += took(span)
    return {labels: ns / 1e9 for labels, ns in spent.items()}


def failed(of: Of) -> dict[Labels, float]:
    """Failed spans, 0 where none failed."""
    errors = Counter(of(span) for span in SPANS if span.status is Status.ERROR)
    return {labels: errors[labels] for labels in map(of, SPANS)}


def cumulated() -> list[int]:
    """Spans up to each of the default bounds, and all."""
    return buckets.cumulated(map(took, SPANS), DEFAULT_BOUNDS_NS)


def quantile(q: float, spans: Iterable[Span]) -> float:
    """Seconds, as PromQL has it from the default buckets."""
    return buckets.quantile(q, map(took, spans), DEFAULT_BOUNDS_NS)


def grouped(of: Of, answer: Callable[[Sequence[Span]], float]) -> dict[Labels, float]:
    """An answer for the spans of each group."""
    groups: dict[Labels, list[Span]] = {}
    for span in SPANS:
        groups.setdefault(of(span), []).append(span)
    return {labels: answer(spans) for labels, spans in groups.items()}


def ratio(above: dict[Labels, Any], below: dict[Labels, Any]) -> dict[Labels, float]:
    return {labels: above[labels] / below[labels] for labels in below}
