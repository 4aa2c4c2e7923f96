"""What Grafana's Tempo data source, and its neighbours, ask a Prometheus about spans, and what must come back.

The query strings are facts of these places; Grafana's variables stand in them as there.

- the table of the service graph view (rate, error rate, duration by span name, with a filter on a service or without)
  and the links in it: grafana/grafana, `public/app/plugins/datasource/tempo/graphTransform.ts` (the metrics, at
  6dfd3d5679 of the 10.x line) and `datasource.ts` (`buildExpr`, `buildLinkExpr`); the same in the data source's own
  repository since, grafana/grafana-tempo-datasource, `src/datasource.ts` at 03938fdcf6;
- from a span to metrics: grafana/grafana, `public/app/features/explore/TraceView/createSpanLink.tsx`
  (`buildMetricsQuery`: the query of a link that has none) and the example in `docs/sources/datasources/tempo/`;
- the health of a service: grafana/mcp-grafana, its service health tool.

What is asked about edges stands in `cases_service_graph`.  Left out are the service health's dependencies: they ask for
edges with a label `service`, which those of Tempo do not have either.  Traces Drilldown asks Tempo in TraceQL, no
Prometheus.  Grafana 9.0 asked for a label `span_status`, which Tempo has renamed to `status_code` since.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import NamedTuple

from span2metrics.engine.plan import MS, TEMPO_BOUNDS_NS
from tests import buckets
from tests.payloads import CLIENT, CONSUMER, ERROR, SERVER, Placed

ITEM = Placed(service="shop", name="GET /items/{id}", kind=SERVER, took=3 * MS)
PAY = Placed(service="shop", name="POST /pay", kind=SERVER, took=12 * MS)
CHARGE = Placed(service="shop", name="charge", kind=CLIENT, took=7 * MS)
BOOK = Placed(service="bank", name="book (v2)", kind=SERVER, took=5 * MS)
SETTLE = Placed(service="bank", name="settle", kind=CONSUMER, took=MS)
SPANS = [
    *6 * [ITEM],
    *2 * [ITEM.but(status=ERROR, took=30 * MS)],
    *3 * [PAY],
    *4 * [CHARGE],
    *5 * [BOOK],
    *2 * [SETTLE],
]

RANGE_S, INTERVAL_S, MINUTES_S = 600, 240, 300
#: Values of Grafana's variables; `$__tags` is made of a span's tags, by which `service.name` becomes `service`.
VARIABLES = {
    "$__range": f"{RANGE_S}s",
    "$__rate_interval": f"{INTERVAL_S}s",
    "$__tags": 'service="shop"',
    "${span.process.serviceName}": "shop",
    "${__data.fields[0]}": "POST /pay",
}

Answer = dict[tuple[str, ...], float]
Wanted = Callable[[Placed], bool]


class Query(NamedTuple):
    """`labels` are all that each element of the answer has."""

    promql: str
    labels: tuple[str, ...]
    answer: Answer

    @property
    def sent(self) -> str:
        return substituted(self.promql, VARIABLES)


def substituted(promql: str, variables: Mapping[str, str]) -> str:
    """With the variables' values, as Prometheus gets it."""
    for name, value in variables.items():
        promql = promql.replace(name, value)
    return promql


def _rates(seconds: int, wanted: Wanted) -> Answer:
    """A second, by span name."""
    return {(name,): calls / seconds for name, calls in Counter(s.name for s in SPANS if wanted(s)).items()}


def _rate(seconds: int, wanted: Wanted) -> Answer:
    return {(): sum(map(wanted, SPANS)) / seconds}


def _quantile(q: float, wanted: Wanted, unit: float = 1) -> Answer:
    return {(): buckets.quantile(q, [s.took for s in SPANS if wanted(s)], TEMPO_BOUNDS_NS) * unit}


def _named(*names: str) -> Wanted:
    return lambda span: span.name in names


def _of_shop(span: Placed) -> bool:
    return span.service == "shop"


def _errors(names: tuple[str, ...]) -> Answer:
    """Errors a second by span name; 0, not absent, where none failed."""
    return {(name,): sum(s.status == ERROR and s.name == name for s in SPANS) / RANGE_S for name in names}


NAME = ("span_name",)
BANK_KINDS = (SERVER, CONSUMER)
SERVED = ("GET /items/{id}", "POST /pay", "book (v2)")
#: The names in the table's first answer, escaped for a regular expression in a string.
ESCAPED = (r"GET /items/\\{id\\}", "POST /pay", r"book \\(v2\\)")
HEALTH = '{service="bank",span_kind=~"SPAN_KIND_SERVER|SPAN_KIND_CONSUMER"'

QUERIES = {
    "table: rate": Query(
        'topk(5, sum(rate(traces_spanmetrics_calls_total{span_kind="SPAN_KIND_SERVER"}[$__range])) by (span_name))',
        NAME,
        _rates(RANGE_S, lambda span: span.kind == SERVER),
    ),
    "table: rate of one service": Query(
        'topk(5, sum(rate(traces_spanmetrics_calls_total{service="shop",span_kind="SPAN_KIND_SERVER"}[$__range]))'
        " by (span_name))",
        NAME,
        _rates(RANGE_S, lambda span: span.kind == SERVER and _of_shop(span)),
    ),
    "table: rate of two services": Query(
        'topk(5, sum(rate(traces_spanmetrics_calls_total{service="shop",span_kind="SPAN_KIND_SERVER"}[$__range]))'
        ' by (span_name) OR sum(rate(traces_spanmetrics_calls_total{service="bank",span_kind="SPAN_KIND_SERVER"}'
        "[$__range])) by (span_name))",
        NAME,
        _rates(RANGE_S, lambda span: span.kind == SERVER),
    ),
    "table: error rate": Query(
        'topk(5, sum(rate(traces_spanmetrics_calls_total{status_code="STATUS_CODE_ERROR",span_name=~"'
        + "|".join(ESCAPED)
        + '"}[$__range])) by (span_name))',
        NAME,
        _errors(SERVED),
    ),
    "table: error rate of one service": Query(
        'topk(5, sum(rate(traces_spanmetrics_calls_total{status_code="STATUS_CODE_ERROR",service="shop",span_name=~"'
        + "|".join(ESCAPED[:2])
        + '"}[$__range])) by (span_name))',
        NAME,
        _errors(SERVED[:2]),
    ),
    **{
        f"table: duration of {name}": Query(
            f'histogram_quantile(.9, sum(rate(traces_spanmetrics_latency_bucket{{span_name=~"{escaped}"}}[$__range]))'
            " by (le))",
            (),
            _quantile(0.9, _named(name)),
        )
        for name, escaped in zip(SERVED, ESCAPED, strict=True)
    },
    "table: duration in one service": Query(
        'histogram_quantile(.9, sum(rate(traces_spanmetrics_latency_bucket{service="shop",span_name=~"POST /pay"}'
        "[$__range])) by (le))",
        (),
        _quantile(0.9, _named("POST /pay")),
    ),
    "link: rate": Query(
        'sum(rate(traces_spanmetrics_calls_total{span_name="${__data.fields[0]}"}[$__rate_interval]))',
        (),
        _rate(INTERVAL_S, _named("POST /pay")),
    ),
    "link: error rate": Query(
        'sum(rate(traces_spanmetrics_calls_total{status_code="STATUS_CODE_ERROR",span_name="${__data.fields[0]}"}'
        "[$__rate_interval]))",
        (),
        {(): 0},
    ),
    "link: duration": Query(
        'histogram_quantile(.9, sum(rate(traces_spanmetrics_latency_bucket{span_name="${__data.fields[0]}"}'
        "[$__rate_interval])) by (le))",
        (),
        _quantile(0.9, _named("POST /pay")),
    ),
    "span to metrics: default": Query(
        "histogram_quantile(0.5, sum(rate(traces_spanmetrics_latency_bucket"
        '{service="${span.process.serviceName}"}[5m])) by (le))',
        (),
        _quantile(0.5, _of_shop),
    ),
    "span to metrics: the example": Query(
        "sum(rate(traces_spanmetrics_latency_bucket{$__tags}[5m]))",
        (),
        {(): sum(buckets.cumulated([s.took for s in SPANS if _of_shop(s)], TEMPO_BOUNDS_NS)) / MINUTES_S},
    ),
    "health: latency": Query(
        f"histogram_quantile(0.95, sum by (le) (rate(traces_spanmetrics_latency_bucket{HEALTH}}}[5m]))) * 1000",
        (),
        _quantile(0.95, lambda span: span.service == "bank" and span.kind in BANK_KINDS, 1000),
    ),
    "health: share of errors": Query(
        f'(sum(rate(traces_spanmetrics_calls_total{HEALTH},status_code="STATUS_CODE_ERROR"}}[5m])) or vector(0))'
        f" / sum(rate(traces_spanmetrics_calls_total{HEALTH}}}[5m]))",
        (),
        {(): 0},
    ),
    "health: rate": Query(
        f"sum(rate(traces_spanmetrics_calls_total{HEALTH}}}[5m]))",
        (),
        _rate(MINUTES_S, lambda span: span.service == "bank" and span.kind in BANK_KINDS),
    ),
}

#: The same for native histograms, where there are some.  The data source asks for them once it has found a native
#: `traces_service_graph_request_server_seconds` (its constant `nativeHistogramDurationMetric`, here by its use: the
#: classic name without `_bucket`); the health tool does when the classic query answers nothing.
NATIVE = {
    "table: duration": (
        'histogram_quantile(.9, sum(rate(traces_spanmetrics_latency{span_name=~"POST /pay"}[$__range])))'
    ),
    "link: duration": (
        'histogram_quantile(.9, sum(rate(traces_spanmetrics_latency{span_name="${__data.fields[0]}"}'
        "[$__rate_interval])))"
    ),
    "health: latency": f"histogram_quantile(0.95, sum(rate(traces_spanmetrics_latency{HEALTH}}}[5m]))) * 1000",
}
