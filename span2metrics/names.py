"""Every name that leaves the process: metrics, labels, help texts, units, reasons.

Outside contracts live here and nowhere else, so that dashboards, rules and tests can count on them.  Sources: the
OpenTelemetry Collector's spanmetrics connector (families and labels of dialect `otel`), Grafana Tempo's
metrics-generator (dialect `tempo`), the OpenMetrics 1.0.0
specification (suffixes, units).
"""

from __future__ import annotations

from typing import NamedTuple

# --- span metrics -----------------------------------------------------------------------------------------------------

NAMESPACE = "traces_span_metrics"
CALLS = "calls"
CALLS_HELP = "Spans, by service, name, kind and status."
DURATION = "duration"
DURATION_HELP = "Duration of spans."
SIZE = "size"
SIZE_HELP = "Bytes of the spans as they were sent."
MEASURE_HELP = "Values that spans carry; of negative ones the magnitude."
NET_HELP = "What the values come to, negative ones taken off."


class Family(NamedTuple):
    """A family of span metrics; `name` without `_total`, `unit` only where the name ends with it."""

    name: str
    kind: str
    help: str
    unit: str = ""


def calls_family(namespace: str) -> Family:
    """An empty namespace leaves the bare name."""
    return Family(_prefixed(namespace, CALLS), "counter", CALLS_HELP)


def duration_family(namespace: str, unit: str) -> Family:
    """`unit` is the name's suffix."""
    return Family(_prefixed(namespace, f"{DURATION}_{unit}"), "histogram", DURATION_HELP, unit)


def _prefixed(namespace: str, name: str) -> str:
    return f"{namespace}_{name}" if namespace else name


def measure_family(namespace: str, name: str, unit: str, kind: str) -> Family:
    """A measure's values; `kind` is histogram or summary, `unit` "" for none."""
    return Family(_prefixed(namespace, _with_unit(name, unit)), kind, MEASURE_HELP, unit)


def net_family(namespace: str, name: str, unit: str) -> Family:
    """What a measure's values come to where some are negative."""
    return Family(_prefixed(namespace, _with_unit(f"{name}_net", unit)), "gauge", NET_HELP, unit)


def _with_unit(name: str, unit: str) -> str:
    return f"{name}_{unit}" if unit else name


#: What values below 0 and the others are told apart by where a measure has both.
SIGN = "sign"
NEGATIVE = "negative"
POSITIVE = "positive"

TEMPO_NAMESPACE = "traces_spanmetrics"
#: Dialect `tempo`: calls, durations in seconds (the name does not say so), bytes of the spans as they were sent.
TEMPO_FAMILIES = (
    Family(f"{TEMPO_NAMESPACE}_{CALLS}", "counter", CALLS_HELP),
    Family(f"{TEMPO_NAMESPACE}_latency", "histogram", DURATION_HELP),
    Family(f"{TEMPO_NAMESPACE}_{SIZE}", "counter", SIZE_HELP),
)

TARGET_HELP = "Instances of services that sent spans; always 1."
#: OpenMetrics has a family of this name; samples are called target_info and traces_target_info.
TARGET = Family("target", "info", TARGET_HELP)
TEMPO_TARGET = Family("traces_target", "info", TARGET_HELP)

SERVICE_NAME = "service_name"
#: What `service_name` is called in dialect `tempo`.
TEMPO_SERVICE = "service"
SPAN_NAME = "span_name"
SPAN_KIND = "span_kind"
STATUS_CODE = "status_code"
#: In the order in which a series shows them.
BUILTIN_LABELS = (SERVICE_NAME, SPAN_NAME, SPAN_KIND, STATUS_CODE)
#: Labels of a target, and the attributes of the resource that they are.
TARGET_LABELS = {
    SERVICE_NAME: "service.name",
    "service_namespace": "service.namespace",
    "service_instance_id": "service.instance.id",
}
#: Marks a series that stands for spans whose own series could not be made.
OVERFLOW_LABEL = "otel_metric_overflow"
#: Labels that the exposition formats keep for themselves.
RESERVED_LABELS = frozenset({"le", "quantile", OVERFLOW_LABEL})

#: In place of a service, an edge's end or a value for which there is no room.
OTHER = "__other__"

UNKNOWN_SERVICE = "unknown_service"
UNKNOWN_NAME = "unknown"

#: By the number of opentelemetry.proto.trace.v1.Span.SpanKind.
SPAN_KINDS = (
    "SPAN_KIND_UNSPECIFIED",
    "SPAN_KIND_INTERNAL",
    "SPAN_KIND_SERVER",
    "SPAN_KIND_CLIENT",
    "SPAN_KIND_PRODUCER",
    "SPAN_KIND_CONSUMER",
)
#: By the number of opentelemetry.proto.trace.v1.Status.StatusCode.
STATUS_CODES = ("STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR")
ERROR = 2

# --- service graph ----------------------------------------------------------------------------------------------------

CLIENT = "client"
SERVER = "server"
CONNECTION_TYPE = "connection_type"
CONNECTION_MESSAGING = "messaging_system"
CONNECTION_DATABASE = "database"
CONNECTION_VIRTUAL = "virtual_node"
VIRTUAL_NODE = "virtual_node"
#: A client that sends no spans and is not named.
USER = "user"
#: What the labels begin with that are dimensions of an edge's ends.
CLIENT_PREFIX = "client_"
SERVER_PREFIX = "server_"
SERVICE = "service"
SIDE = "side"
REASON = "reason"

GRAPH_PREFIX = "traces_service_graph"
REQUEST = Family(f"{GRAPH_PREFIX}_request", "counter", "Requests between two services.")
REQUEST_FAILED = Family(f"{GRAPH_PREFIX}_request_failed", "counter", "Requests of which either end's span failed.")
REQUEST_SERVER = Family(
    f"{GRAPH_PREFIX}_request_server_seconds", "histogram", "Duration of requests, seen by their server.", "seconds"
)
REQUEST_CLIENT = Family(
    f"{GRAPH_PREFIX}_request_client_seconds", "histogram", "Duration of requests, seen by their client.", "seconds"
)
REQUEST_MESSAGING = Family(
    f"{GRAPH_PREFIX}_request_messaging_system_seconds",
    "histogram",
    "From the end of a message's sending to the start of its taking.",
    "seconds",
)
CONNECTION_INFO = Family(f"{GRAPH_PREFIX}_connection_info", "gauge", "Always 1; a connection between two services.")
SERVICE_INFO = Family(f"{GRAPH_PREFIX}_service_info", "gauge", "Always 1; a service that sent spans.")
UNPAIRED_SPANS = Family(
    f"{GRAPH_PREFIX}_unpaired_spans", "counter", "Spans that ought to have had a partner, of which none came."
)
GRAPH_DROPPED = Family(
    f"{GRAPH_PREFIX}_dropped_spans", "counter", "Spans that had to go before their partner could come."
)
#: Values of `limit` of overflowed_spans_total, after the keys of the configuration.
LIMIT_SERVICES = "services"
LIMIT_SERIES = "series"
LIMIT_SERVICE_SERIES = "series_per_service"
LIMIT_EDGES = "edges"
LIMIT_VALUES = "max_values"
LIMIT_SELECTED = "selected"

#: In the order of a page.
GRAPH_FAMILIES = (
    REQUEST,
    REQUEST_FAILED,
    REQUEST_SERVER,
    REQUEST_CLIENT,
    REQUEST_MESSAGING,
    CONNECTION_INFO,
    SERVICE_INFO,
    UNPAIRED_SPANS,
    GRAPH_DROPPED,
)

#: Values of `reason` of the counters of halves that make no edge.
UNPAIRED_EXPIRED = "expired"
UNPAIRED_PARENT = "invalid_parent"
DROPPED_MAX_ITEMS = "max_items"

#: Beside CALLS and DURATION, what there are series of.
EDGES = "edges"
#: Values of `outcome` of edges_total: what became of halves.
EDGE_PAIRED = "paired"
EDGE_DATABASE = "database"
EDGE_VIRTUAL = "virtual_node"
EDGE_UNPAIRED = "unpaired"
EDGE_DROPPED = "dropped"
EDGE_OUTCOMES = (EDGE_PAIRED, EDGE_DATABASE, EDGE_VIRTUAL, EDGE_UNPAIRED, EDGE_DROPPED)

# --- the daemon's own -------------------------------------------------------------------------------------------------


class SelfMetric(NamedTuple):
    """A metric of the daemon itself.  `name` is the family's, without `_total`; `kind` as in `# TYPE`."""

    name: str
    kind: str
    help: str
    labels: tuple[str, ...] = ()


RECEIVER_GRPC = "otlp_grpc"
RECEIVER_HTTP = "otlp_http"
RECEIVERS = (RECEIVER_GRPC, RECEIVER_HTTP)

#: Values of `outcome` of received_requests_total.
ACCEPTED = "accepted"
MALFORMED = "malformed"
TOO_LARGE = "too_large"
UNSUPPORTED = "unsupported"
OVERLOADED = "overloaded"
ABANDONED = "abandoned"
INTERNAL = "internal_error"
OUTCOMES = (ACCEPTED, MALFORMED, TOO_LARGE, UNSUPPORTED, OVERLOADED, ABANDONED, INTERNAL)

#: Values of `outcome` of scrapes_total.
SCRAPE_COMPLETE = "complete"
SCRAPE_ABORTED = "aborted"
SCRAPE_ERROR = "error"
SCRAPE_REJECTED = "rejected"
SCRAPE_OUTCOMES = (SCRAPE_COMPLETE, SCRAPE_ABORTED, SCRAPE_ERROR, SCRAPE_REJECTED)

#: Values of `format` of scrapes_total and render_seconds.
FORMAT_TEXT = "text"
FORMAT_OPENMETRICS = "openmetrics"
FORMAT_PROTOBUF = "protobuf"

#: Values of `reason` of span_anomalies_total: what was odd about a span that was counted all the same.
ANOMALIES = {
    "unknown_service": "no service.name, or an empty one",
    "invalid_id": "a trace or span id that is absent, all zero or of another length",
    "no_time": "start or end is 0; the duration is not observed",
    "negative_duration": "the end lies before the start; the duration counts as 0",
    "unknown_enum": "a kind or status code that the protocol does not define",
    "invalid_utf8": "a value that is not valid UTF-8; the bad bytes are replaced",
    "measure_not_numeric": "a value that a measure asks for and that is no number up to 10^18; it is not observed",
    "measure_negative": "a value below 0 of a measure that takes none; it is not observed",
}

#: Values of `reason` of dropped_spans_total.
FILTERED = "filtered"
OUTSIDE_TIME_SLACK = "outside_time_slack"
DROP_REASONS = (FILTERED, OUTSIDE_TIME_SLACK)
#: Values of `rule` of templated_names_total: what made a span's name another; the first is `span_names.rules`.
TEMPLATES = ("user", "uuid", "hex", "number", "email", "date")

PREFIX = "span2metrics_"
BUILD_INFO = SelfMetric("span2metrics_build_info", "gauge", "Always 1; the build in its labels.", ("version", "python"))
RECEIVED_SPANS = SelfMetric(
    "span2metrics_received_spans", "counter", "Spans of requests that were applied.", ("receiver",)
)
RECEIVED_REQUESTS = SelfMetric(
    "span2metrics_received_requests", "counter", "Requests, by what became of them.", ("receiver", "outcome")
)
RECEIVED_BYTES = SelfMetric(
    "span2metrics_received_bytes", "counter", "Bytes of applied requests, after decompression.", ("receiver",)
)
LAST_RECEIVED = SelfMetric(
    "span2metrics_last_received_span_timestamp_seconds",
    "gauge",
    "When a request with spans was last applied; 0 for never.",
    ("receiver",),
)
AGGREGATED_SPANS = SelfMetric("span2metrics_aggregated_spans", "counter", "Spans counted into a series.")
DROPPED_SPANS = SelfMetric(
    "span2metrics_dropped_spans",
    "counter",
    "Received spans that no series counts: by filters, or because they ended outside time.slack.",
    ("reason",),
)
LATENESS = SelfMetric(
    "span2metrics_span_lateness_seconds",
    "histogram",
    "From a span's end to its being taken, dropped spans too; those of the future are up to 0 and add nothing.",
)
ANOMALOUS_SPANS = SelfMetric(
    "span2metrics_span_anomalies",
    "counter",
    "Spans that were counted although something about them is wrong.",
    ("reason",),
)
TRUNCATED_VALUES = SelfMetric(
    "span2metrics_truncated_values",
    "counter",
    "Label values that were cut, by label, once a span; of edges a request.",
    ("label",),
)
REDACTED_VALUES = SelfMetric(
    "span2metrics_redacted_values",
    "counter",
    "Label values of which something was hidden (privacy), by label, once a span; of edges a request.",
    ("label",),
)
TEMPLATED_NAMES = SelfMetric(
    "span2metrics_templated_names",
    "counter",
    "Span names that were changed, by rule, once a span; with span_names.templating: dry_run those that would be.",
    ("rule",),
)
WEIGHTED_SPANS = SelfMetric(
    "span2metrics_weighted_spans",
    "counter",
    "Spans that a sampler kept for others too, and that count for more than one.",
)
CAPPED_WEIGHTS = SelfMetric(
    "span2metrics_capped_weights",
    "counter",
    "Spans that would have counted for more than sampling.max_weight, and count for that.",
)
POLICY_ERRORS = SelfMetric(
    "span2metrics_policy_errors",
    "counter",
    "Series that could not be named, by a bug; their spans are in overflow series.",
)
SERIES = SelfMetric("span2metrics_series", "gauge", "Live series, by family.", ("family",))
SERIES_LIMIT = SelfMetric("span2metrics_series_limit", "gauge", "Label sets that there may be; 0 is no limit.")
LABEL_SETS = SelfMetric("span2metrics_label_sets", "gauge", "Label sets that count against the limits.")
SERVICES = SelfMetric("span2metrics_services", "gauge", "Services that are told apart.")
OVERFLOWED_SPANS = SelfMetric(
    "span2metrics_overflowed_spans",
    "counter",
    "Spans that count in a series of many (overflow, __other__), by service and the limit that made it so.",
    ("service_name", "limit"),
)
SERIES_EXPIRED = SelfMetric(
    "span2metrics_series_expired", "counter", "Label sets removed because no span had come for metrics.expire_after."
)
RAW_KEYS = SelfMetric("span2metrics_raw_keys", "gauge", "Known keys of spans.")
RAW_KEY_BYTES = SelfMetric("span2metrics_raw_key_bytes", "gauge", "Memory of the known keys.")
CONTEXTS = SelfMetric("span2metrics_contexts", "gauge", "Known resources, told apart by the values that are read.")
TARGETS = SelfMetric("span2metrics_targets", "gauge", "Instances of services that target_info shows.")
FORGOTTEN_TARGETS = SelfMetric(
    "span2metrics_forgotten_targets",
    "counter",
    "Instances that made room for others (limits.targets); each comes back with its next span.",
)
PENDING_EDGES = SelfMetric(
    "span2metrics_pending_edges",
    "gauge",
    "Spans of the service graph that are kept: they wait for a partner, or have met one and may meet more.",
)
EDGES_MADE = SelfMetric(
    "span2metrics_edges",
    "counter",
    "Requests and messages of the service graph (paired, database, virtual_node), and spans that made none "
    "(unpaired, dropped).",
    ("outcome",),
)
BIRTHS = SelfMetric("span2metrics_births", "counter", "Keys that were seen for the first time and had to be named.")
INTAKE_BYTES = SelfMetric("span2metrics_intake_bytes", "gauge", "Bytes of requests that wait for their turn.")
INTAKE_LIMIT = SelfMetric(
    "span2metrics_intake_bytes_limit", "gauge", "Bytes that may wait; beyond, requests are refused."
)
INGEST_SECONDS = SelfMetric(
    "span2metrics_ingest_seconds", "histogram", "From a request's arrival at the intake to its answer."
)
RENDER_SECONDS = SelfMetric(
    "span2metrics_render_seconds",
    "histogram",
    "From a scrape's request to its last byte, rejected ones apart.",
    ("format",),
)
SCRAPES = SelfMetric("span2metrics_scrapes", "counter", "Scrapes, by format and outcome.", ("format", "outcome"))
RELOAD_SUCCESSFUL = SelfMetric(
    "span2metrics_config_last_reload_successful", "gauge", "1 if the configuration in force is the one last given."
)
RELOAD_TIMESTAMP = SelfMetric(
    "span2metrics_config_last_reload_success_timestamp_seconds", "gauge", "When the configuration in force was loaded."
)
