"""What people ask a Prometheus about spans: PromQL, and the answer computed from the spans that were sent.

Windows reach back before the first span, and the questions are asked at the instant of a scrape.  As every series
begins at 0 (`zero_first`), `rate` and `increase` then have nothing to extrapolate, to either side: they are exact.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from span2metrics import names
from span2metrics.demo.span import Status
from span2metrics.engine.plan import DEFAULT_BOUNDS_NS
from tests import sent
from tests.sent import SPANS, Labels

CALLS = "traces_span_metrics_calls_total"
DURATION = "traces_span_metrics_duration_seconds"
FAILED = f'{CALLS}{{status_code="STATUS_CODE_ERROR"}}'
WINDOW = 600  # seconds


class Question(NamedTuple):
    """`by`: the labels that tell the elements of the answer apart."""

    promql: str
    by: tuple[str, ...]
    answer: dict[Labels, float]


def _by_status() -> dict[Labels, float]:
    """Calls by service, kind and status; errors at 0 beside each other status."""
    found: Counter[Labels] = Counter((s.service, names.SPAN_KINDS[s.kind], names.STATUS_CODES[s.status]) for s in SPANS)
    beside: dict[Labels, float] = {(service, kind, "STATUS_CODE_ERROR"): 0 for service, kind, _ in found}
    return {**beside, **found}


def _without_errors() -> dict[Labels, float]:
    """How many operations of each service never failed."""
    failures = Counter(sent.operation(span) for span in SPANS if span.status is Status.ERROR)
    return dict(
        Counter((service,) for service, *rest in set(map(sent.operation, SPANS)) if not failures[service, *rest])
    )


def _buckets() -> dict[Labels, float]:
    bounds = [*(repr(ns / 1e9) for ns in DEFAULT_BOUNDS_NS), "+Inf"]
    return {(le,): upto for le, upto in zip(bounds, sent.cumulated(), strict=True)}


SERVICE = ("service_name",)
BY_SERVICE = "sum by (service_name)"
BY_SERVICE_LE = "sum by (service_name, le)"
WITHIN = f"[{WINDOW}s]"

QUESTIONS = {
    "calls by service, kind and status": Question(
        f"sum by (service_name, span_kind, status_code) ({CALLS})",
        ("service_name", "span_kind", "status_code"),
        _by_status(),
    ),
    "errors, 0 where nothing failed": Question(f"{BY_SERVICE} ({FAILED})", SERVICE, sent.failed(sent.service)),
    "operations without an error": Question(f"count by (service_name) (({FAILED}) == 0)", SERVICE, _without_errors()),
    "calls of each operation within a time": Question(
        f"sum by (service_name, span_name, span_kind) (increase({CALLS}{WITHIN}))",
        ("service_name", "span_name", "span_kind"),
        sent.counts(sent.operation),
    ),
    "calls a second": Question(
        f"{BY_SERVICE} (rate({CALLS}{WITHIN}))",
        SERVICE,
        {labels: calls / WINDOW for labels, calls in sent.counts(sent.service).items()},
    ),
    "share of errors": Question(
        f"{BY_SERVICE} (rate({FAILED}{WITHIN})) / {BY_SERVICE} (rate({CALLS}{WITHIN}))",
        SERVICE,
        sent.ratio(sent.failed(sent.service), sent.counts(sent.service)),
    ),
    "time spent": Question(f"{BY_SERVICE} ({DURATION}_sum)", SERVICE, sent.seconds(sent.service)),
    "average duration": Question(
        f"{BY_SERVICE} (rate({DURATION}_sum{WITHIN})) / {BY_SERVICE} (rate({DURATION}_count{WITHIN}))",
        SERVICE,
        sent.ratio(sent.seconds(sent.service), sent.counts(sent.service)),
    ),
    "spans up to each bound": Question(f"sum by (le) ({DURATION}_bucket)", ("le",), _buckets()),
    "median duration": Question(
        f"histogram_quantile(0.5, {BY_SERVICE_LE} ({DURATION}_bucket))",
        SERVICE,
        sent.grouped(sent.service, lambda spans: sent.quantile(0.5, spans)),
    ),
    "95th percentile of the durations within a time": Question(
        f"histogram_quantile(0.95, {BY_SERVICE_LE} (increase({DURATION}_bucket{WITHIN})))",
        SERVICE,
        sent.grouped(sent.service, lambda spans: sent.quantile(0.95, spans)),
    ),
    "spans by receiver": Question(
        "span2metrics_received_spans_total", ("receiver",), {("otlp_grpc",): len(SPANS), ("otlp_http",): 0}
    ),
    "spans that no series counts": Question(f"sum(span2metrics_received_spans_total) - sum({CALLS})", (), {(): 0}),
    "a service that never called": Question(f'absent({CALLS}{{service_name="nobody"}})', (), {(): 1}),
}
