"""The configuration: what can be set, its default, and why that is the default.

Frozen dataclasses, one a section of the file; those of what takes spans in are in `receivers`.  These are the only
places that have a default or describe a key; the loader, the dump and the JSON Schema are made from these declarations,
and the reference file is held against them.  Durations are float seconds, bucket bounds integer nanoseconds, sizes
integer bytes; `auto` is None.  Rules between settings are in `rules`.
"""

# ruff: noqa: RUF009 - `setting` returns a dataclass field, as `field` does

from __future__ import annotations

from dataclasses import dataclass, field

from span2metrics import names
from span2metrics.config.dimensions import DIMENSIONS, Dimension, ResourceLabel
from span2metrics.config.filters import Filters, Time
from span2metrics.config.forms import (
    BOUND,
    DAY,
    DROPPED,
    MOST_BUCKETS,
    NAMESPACE,
    PAGE_PATH,
)
from span2metrics.config.kinds import (
    Address,
    Ascending,
    Choice,
    Distinct,
    Flag,
    ListOf,
    Nanoseconds,
    Number,
    Or,
    Whole,
)
from span2metrics.config.limits import Limits
from span2metrics.config.measures import MOST_MEASURES, Measure
from span2metrics.config.privacy import Privacy
from span2metrics.config.receivers import Cors, GrpcReceiver, HttpReceiver, Intake, Keepalive, Otlp, Receivers
from span2metrics.config.sampling import Sampling
from span2metrics.config.scalars import NS_PER_SECOND, Endpoint
from span2metrics.config.section import Entry, Section, setting
from span2metrics.config.service_graph import ServiceGraph
from span2metrics.config.slos import Apdex, Slo, SloEntry
from span2metrics.config.span_names import Rule, SpanNames
from span2metrics.engine.exponential import FEWEST_BUCKETS
from span2metrics.engine.exponential import MOST_BUCKETS as MOST_NATIVE
from span2metrics.engine.plan import Dialect, Histograms, Plan, Unit

__all__ = [
    "Apdex",
    "Calls",
    "Config",
    "Cors",
    "Dimension",
    "Duration",
    "Endpoint",
    "Filters",
    "GrpcReceiver",
    "HttpReceiver",
    "Intake",
    "Keepalive",
    "Limits",
    "Measure",
    "Metrics",
    "Native",
    "Otlp",
    "Privacy",
    "Receivers",
    "ResourceLabel",
    "Rule",
    "Sampling",
    "ServiceGraph",
    "Slo",
    "SpanNames",
    "Time",
    "Web",
]

ENGINE = Plan()


@dataclass(frozen=True, slots=True)
class Web:
    listen_address: Endpoint = setting(
        Address(),
        Endpoint("localhost", 10464),
        "Where the pages are, for scrapers and people: host:port, or :port for all interfaces. Only this machine "
        "unless told otherwise, because the pages name your services.",
    )
    telemetry_path: str = setting(PAGE_PATH, "/metrics", "Page of the span metrics. The path that Prometheus asks for.")
    exporter_telemetry_path: str = setting(
        PAGE_PATH,
        "/metrics",
        "Page of the daemon's own metrics. The same page by default, so that one scrape job has all; another path "
        "takes them off the first page.",
    )
    max_scrapes: int = setting(
        Whole(1, 1000),
        8,
        "Metrics pages that may be under way at once, over both paths; a further scrape is told to come back in a "
        "second. 8 is room for some pairs of Prometheus and a few people, and each page under way costs every other "
        "time.",
    )


@dataclass(frozen=True, slots=True)
class Calls:
    dimensions: tuple[Dimension, ...] = setting(DIMENSIONS, (), "Labels that only the calls have. None by default.")


@dataclass(frozen=True, slots=True)
class Duration:
    dimensions: tuple[Dimension, ...] = setting(
        DIMENSIONS,
        (),
        "Labels that only the durations have. None by default; each value costs a whole histogram.",
    )


@dataclass(frozen=True, slots=True)
class Native:
    factor: float = setting(
        Number(1.003, 65536),
        1.1,
        "A bucket's upper bound is at most so many times its lower one; of the resolutions that Prometheus has, the "
        "coarsest that does it is taken. 1.1 gives 1.0905: quantiles are then at most 9 % off. No resolution is finer "
        "than 1.003, and none coarser than 65536.",
    )
    max_buckets: int = setting(
        Whole(FEWEST_BUCKETS, MOST_NATIVE, "; five of the coarsest buckets hold every duration there can be"),
        ENGINE.native_max_buckets,
        "Populated buckets that a histogram may have; before it has more, two neighbours become one, all over the "
        "histogram. 160 are durations from 1ms to 17min at the default factor. At least 8, because Prometheus' "
        "coarsest buckets are so few for all durations that there can be; at most 1000.",
    )


@dataclass(frozen=True, slots=True)
class Metrics:
    dialects: tuple[Dialect, ...] = setting(
        Distinct(Choice("a dialect", {dialect.value: dialect for dialect in Dialect}), least=1),
        ENGINE.dialects,
        "Whose names and labels the metrics have: otel those of the OpenTelemetry Collector's spanmetrics connector, "
        "jaeger those that Jaeger's Monitor tab asks for, tempo those of Grafana Tempo's metrics-generator. Several at "
        "once cost lines on the page, not memory. The connector's, so that its dashboards work.",
    )
    namespace: str = setting(
        NAMESPACE,
        names.NAMESPACE,
        'What the names of dialect otel begin with. The connector\'s, so that its dashboards work; "" gives '
        "calls_total.",
    )
    unit: Unit = setting(
        Choice("a unit", {"s": Unit.SECONDS, "ms": Unit.MILLISECONDS}),
        ENGINE.unit,
        "Unit of the durations in dialect otel, s or ms, and the end of their name. Seconds, as Prometheus has it; the "
        "connector's own default is ms.",
    )
    histograms: Histograms = setting(
        Choice("a kind of histogram", {histograms.value: histograms for histograms in Histograms}),
        ENGINE.histograms,
        "Which buckets the durations have: classic those of `buckets`, native Prometheus' native histograms, or both. "
        "Only protobuf can show native ones; in other formats native leaves +Inf, sum and count. Classic, because "
        "dashboards and Prometheus' own defaults expect them.",
    )
    native: Native = setting(Section(Native), Native(), "The native histograms, where there are any.")
    buckets: tuple[int, ...] | None = setting(
        Or(Ascending(BOUND, least=1, most=MOST_BUCKETS), "auto"),
        None,
        "Upper bounds of the duration's buckets in all dialects, inclusive, ascending, at most 64; +Inf is always "
        "there. auto: the connector's, which are the example, or Tempo's with dialect tempo alone, 2ms and so on twice "
        "the last up to 16.384s; so that old and new series can be compared. With histograms: native they only say "
        "which spans become exemplars: one for each of them.",
    )
    dimensions: tuple[Dimension, ...] = setting(
        DIMENSIONS,
        (),
        "Labels of calls and durations besides the built-in ones. None by default: each multiplies the series by the "
        "number of its values.",
    )
    calls: Calls = setting(Section(Calls), Calls(), "The calls alone.")
    duration: Duration = setting(Section(Duration), Duration(), "The durations alone.")
    resource_labels: tuple[ResourceLabel, ...] = setting(
        ListOf(Entry(ResourceLabel, shorthand="name")),
        (),
        "Attributes of the resource that become labels of every series: names, or mappings. None by default; "
        "service.name is built in, job and instance are the scrape's.",
    )
    exclude: tuple[str, ...] = setting(
        Distinct(Choice("a built-in label", {label: label for label in names.BUILTIN_LABELS})),
        (),
        "Built-in labels to leave out: service_name, span_name, span_kind, status_code. None by default, because "
        "dashboards read them all.",
    )
    errors_zero: bool = setting(
        Flag(),
        ENGINE.errors_zero,
        "Beside each calls series one with STATUS_CODE_ERROR, at 0 until its first error. On, because a rate cannot "
        "see a series begin, and an error ratio without errors should be 0, not absent. Off where status_code "
        "is excluded.",
    )
    errors_zero_drop: tuple[str, ...] = setting(
        Distinct(DROPPED),
        ("http.response.status_code", "error.type", "rpc.grpc.status_code"),
        "Dimensions that such a series does not carry, by attribute or label. Those that say how a call ended: no "
        "error ends like the success beside it.",
    )
    utf8_names: bool = setting(
        Flag(),
        False,
        "Show labels that are named after attributes, or given a name that needs it, as they are (http.route, not "
        "http_route) to scrapers that ask for escaping=allow-utf-8; all others see underscores. Off, because queries, "
        "rules and dashboards written for one do not find the other.",
    )
    exemplars: bool = setting(
        Flag(),
        ENGINE.exemplars,
        "For each bucket the span that ended last, by trace id and span id, where the format can carry it "
        "(OpenMetrics, protobuf). On, because a click from a slow bucket to its trace is what they are for; 48 bytes "
        "a bucket that was touched.",
    )
    created: bool = setting(
        Flag(),
        ENGINE.created,
        "A sample `_created` with the time at which each series began, in OpenMetrics; protobuf always tells it. Off, "
        "because few scrapers read the sample and all store it.",
    )
    zero_first: int | None = setting(
        Or(Nanoseconds(1, DAY * NS_PER_SECOND), None),
        None,
        "Show a new series at 0 for so long, so that increase() sees its first spans: two scrape intervals. null: show "
        "it as it is, because what is accepted should be in the next scrape.",
    )
    expire_after: int | None = setting(
        Or(Nanoseconds(NS_PER_SECOND, 30 * DAY * NS_PER_SECOND), 0),
        ENGINE.expire_after_ns,
        "Remove a series, or an edge, for which no span has come for so long; 0: never. It comes back from 0, with a "
        "new start time. 15m, because rates over some minutes want their zeros and names that were used once should "
        "go; longer than the rarest job whose series must not vanish.",
    )
    target_info: bool = setting(
        Flag(),
        ENGINE.target_info,
        "A series `target_info` (dialect tempo: `traces_target_info`) for each instance of a service that sent spans, "
        "with service_name (tempo: service), service_namespace and service_instance_id to join on, whatever `exclude` "
        "says. "
        "Off, because span metrics add up a service's instances and few queries ask which there are.",
    )


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration.  `secrets`: paths of values that came from files, which no dump shows."""

    receivers: Receivers = setting(Section(Receivers), Receivers(), "Where spans come in.")
    intake: Intake = setting(Section(Intake), Intake(), "The queue between the receivers and the engine.")
    web: Web = setting(Section(Web), Web(), "The pages.")
    metrics: Metrics = setting(Section(Metrics), Metrics(), "The metrics made of spans.")
    span_names: SpanNames = setting(Section(SpanNames), SpanNames(), "What span names become before they are labels.")
    filters: Filters = setting(
        Section(Filters),
        Filters(),
        "Which spans count in the span metrics; the service graph takes them all. An entry says what must hold of a "
        "span, all of it.",
    )
    time: Time = setting(Section(Time), Time(), "Spans that come too late or from the future.")
    sampling: Sampling = setting(Section(Sampling), Sampling(), "For how many spans a sampled one counts.")
    limits: Limits = setting(Section(Limits), Limits(), "What keeps memory bounded.")
    privacy: Privacy = setting(Section(Privacy), Privacy(), "What no label may show.")
    service_graph: ServiceGraph = setting(
        Section(ServiceGraph),
        ServiceGraph(),
        "Who calls whom: edges between services, made of the spans at both ends of a call.",
    )
    measures: tuple[Measure, ...] = setting(
        ListOf(Entry(Measure), most=MOST_MEASURES),
        (),
        "Numbers that spans carry, such as the amount of a payment, as metrics; at most 64. Of spans that count, for "
        "as many as each stands for, within the limits of label sets. None by default, because only you know what your "
        "spans carry.",
    )
    slos: tuple[Slo, ...] = setting(
        ListOf(SloEntry(Slo)),
        (),
        "Service level objectives: `span2metrics generate rules` writes Prometheus' rules and alerts for them. None by "
        "default, because only you know what you promise.",
    )
    apdex: tuple[Apdex, ...] = setting(
        ListOf(Entry(Apdex)),
        (),
        "Apdex of services, one number between 0 and 1 for how content those are who call them, recorded by the same "
        "rules. None by default: the threshold is yours to choose.",
    )
    secrets: frozenset[str] = field(default=frozenset(), compare=False, repr=False)


ROOT = Section(Config)
