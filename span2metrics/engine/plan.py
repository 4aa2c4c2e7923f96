"""What the engine is told to do: a flat, frozen `Plan`, and the `Format` and `Escaping` of a page.

The plan is the engine's only view of the configuration.  `config.compile` makes it; everything in it is resolved (label
names are valid and unique, bounds are sorted integers), so that the hot loop asks no question.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import NamedTuple

from span2metrics import names
from span2metrics.engine.naming import NameRule, Templating
from span2metrics.engine.rewriting import Rewrite
from span2metrics.engine.where import EVERYTHING, NO_FILTERS, Filters, Where

MS = 1_000_000  # nanoseconds

#: The spanmetrics connector's default bounds, in nanoseconds.
DEFAULT_BOUNDS_NS = tuple(
    ms * MS for ms in (2, 4, 6, 8, 10, 50, 100, 200, 400, 800, 1000, 1400, 2000, 5000, 10000, 15000)
)
#: Tempo's: 2 ms and twice the last, fourteen times.
TEMPO_BOUNDS_NS = tuple(2 * MS << k for k in range(14))


class Now(NamedTuple):
    """A reading of both clocks, in nanoseconds: `wall_ns` since the epoch, `mono_ns` from any origin."""

    wall_ns: int
    mono_ns: int


class Source(enum.Enum):
    """Where a dimension's attribute is looked up."""

    SPAN = "span"
    RESOURCE = "resource"
    SCOPE = "scope"


class Unit(enum.Enum):
    """Unit of the duration family: its name's suffix and its size in nanoseconds."""

    SECONDS = ("seconds", 1_000_000_000)
    MILLISECONDS = ("milliseconds", 1_000_000)

    def __init__(self, suffix: str, nanoseconds: int) -> None:
        self.suffix = suffix
        self.nanoseconds = nanoseconds


class Dialect(enum.Enum):
    """Whose names and labels the span families have; see `dialects`."""

    OTEL = "otel"
    JAEGER = "jaeger"
    TEMPO = "tempo"


class Histograms(enum.Enum):
    """Which buckets durations have: those of the bounds, or Prometheus' native ones, which only protobuf can show."""

    CLASSIC = "classic"
    NATIVE = "native"
    BOTH = "both"

    @property
    def classic(self) -> bool:
        return self is not Histograms.NATIVE

    @property
    def native(self) -> bool:
        return self is not Histograms.CLASSIC


class Escaping(enum.Enum):
    """How names that Prometheus did not always allow are shown; the value is the one of `escaping=`."""

    UNDERSCORES = "underscores"
    ALLOW_UTF8 = "allow-utf-8"


class Format(enum.Enum):
    """An exposition format: its media type, what ends a page, and whether the answer states the escaping of names.

    The older versions know no escaping: their names are what they always were.  Versions come in pairs that are equal
    byte by byte but for the header; whoever writes a page asks for the `body`.
    """

    TEXT = ("text/plain; version=0.0.4; charset=utf-8", b"", False)
    TEXT_1 = ("text/plain; version=1.0.0; charset=utf-8", b"", True)
    OPENMETRICS = ("application/openmetrics-text; version=1.0.0; charset=utf-8", b"# EOF\n", True)
    OPENMETRICS_0 = ("application/openmetrics-text; version=0.0.1; charset=utf-8", b"# EOF\n", False)
    PROTOBUF = (
        "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
        b"",
        True,
    )

    def __init__(self, media_type: str, trailer: bytes, escapes: bool) -> None:
        self.media_type = media_type
        self.trailer = trailer
        self.escapes = escapes

    @property
    def body(self) -> Format:
        """The format that has the same bytes and is written: TEXT, OPENMETRICS or PROTOBUF."""
        return _BODIES.get(self, self)

    @property
    def content_type(self) -> str:
        """The `Content-Type` of a page whose names are escaped by underscores."""
        return self.stating(Escaping.UNDERSCORES)

    def stating(self, escaping: Escaping) -> str:
        """The `Content-Type` of a page whose names are escaped like that, if the format has a way to say so."""
        return f"{self.media_type}; escaping={escaping.value}" if self.escapes else self.media_type


_BODIES = {Format.TEXT_1: Format.TEXT, Format.OPENMETRICS_0: Format.OPENMETRICS}


@dataclass(frozen=True, slots=True)
class Dimension:
    """One label: `attributes` are tried in order, each through all `sources`; the first non-empty value is taken.

    `label` is a valid label name, unique among its family's.  `default` "" means: no value, no label.  The scope's
    own name and version are its attributes `scope.name` and `scope.version`.  `utf8` is the name that scrapers see
    which ask for UTF-8 names, any text that is as unique; "" means `label`.  A value that is found, the default not
    among them, is shown as the first of `rewrites` that matches has it.  Beyond `max_values` values it is `__other__`;
    0: there may be any number.
    """

    label: str
    attributes: tuple[str, ...]
    sources: tuple[Source, ...] = (Source.SPAN, Source.RESOURCE)
    default: str = ""
    utf8: str = ""
    rewrites: tuple[Rewrite, ...] = ()
    max_values: int = 0


#: Bounds of an edge's durations: 0.1 s and twice the last, eight times.
GRAPH_BOUNDS_NS = tuple(100 * MS << k for k in range(8))


@dataclass(frozen=True, slots=True)
class Graph:
    """The service graph.

    wait_ns                how long a half waits for its partner
    max_items              halves that wait at once, at most
    bounds_ns              as `Plan.bounds_ns`, of edges
    dimensions             labels of edges, as `client_…` and `server_…`
    through_internal       a receiver is followed through internal spans up to its sender
    database_attributes    any of them on a client's span says that it calls a database
    peer_attributes        what names a partner that sends no spans, in this order; of `url.full` the host
    virtual_node_label     edges with such a partner say which end it is
    connection_info        a gauge that is 1 for each edge
    messaging_latency      a histogram of the time between a message's sending and its taking
    """

    wait_ns: int = 10_000 * MS
    max_items: int = 100_000
    bounds_ns: tuple[int, ...] = GRAPH_BOUNDS_NS
    dimensions: tuple[Dimension, ...] = ()
    through_internal: bool = False
    database_attributes: tuple[str, ...] = ("db.namespace", "db.name", "db.system.name", "db.system")
    peer_attributes: tuple[str, ...] = ("peer.service", "server.address", "url.full")
    virtual_node_label: bool = False
    connection_info: bool = False
    messaging_latency: bool = False


class Negative(enum.Enum):
    """What becomes of a measure's negative values: they are refused and counted, or observed with their sign."""

    REJECT = "reject"
    ALLOW = "allow"


#: Decimals of a measure's unit that its values and bounds have.
MEASURE_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class Measure:
    """A number that spans carry, as a metric.

    name, unit      of the families' names, see `names.measure_family`; `unit` "": none
    attribute       of spans, which has the number
    bounds          inclusive upper bounds of the buckets, ascending, in 10^-6 of the unit, without +Inf; at most 64,
                    none of them above 10^18.  None at all: a summary of sum and count
    dimensions      labels after those of the span's calls; all labels of the series are unique
    where           the spans that are meant
    negative        whether its values may be negative
    """

    name: str
    attribute: str
    unit: str = ""
    bounds: tuple[int, ...] = ()
    dimensions: tuple[Dimension, ...] = ()
    where: Where = EVERYTHING
    negative: Negative = Negative.REJECT


class Action(enum.Enum):
    """What is done to a part of a value that no label may show: a mask, a keyed hash, or the whole value is dropped."""

    MASK = "mask"
    HMAC = "hmac"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class Privacy:
    """What labels must not show.

    cards                  payment card numbers
    patterns               matches of these, by RE2, wherever they stand
    action                 what is done to them
    hmac_key               the key of the hash, for Action.HMAC; in no representation
    """

    cards: bool = True
    patterns: tuple[str, ...] = ()
    action: Action = Action.MASK
    hmac_key: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that the engine needs to know.

    dialects               whose families are shown, in this order; all over the same counts
    namespace, unit        of dialect `otel`: what its names begin with, the unit of its durations
    dimensions             labels of both families, after the built-in ones and `resource_labels`
    calls_dimensions       labels of the calls family alone, after those
    duration_dimensions    labels of the duration family alone, after those
    resource_labels        labels of both families, read from the resource, before the dimensions
    exclude                built-in labels left out (`names.BUILTIN_LABELS`); none but with dialect `otel` alone
    errors_zero            each calls series has a sibling with status ERROR, shown at 0 until its first error
    errors_zero_drop       labels that such a sibling does not carry
    bounds_ns              inclusive upper bounds of the buckets, ascending, nanoseconds, without +Inf; at most 64
    histograms             whether durations have buckets of `bounds_ns`, native ones, or both; without the former the
                           bounds still say which spans are exemplars
    native_schema          of native histograms: growth of a bucket is 2^(2^-schema), -4 to 8; lowered where it must be
    native_max_buckets     that such a histogram may have populated, the zero bucket apart; 8 to 1000
    exemplars              formats that can carry them show, for each bucket, the span that ended last
    created                OpenMetrics pages say when each series began (`_created`)
    zero_first_ns          nanoseconds for which a series that is born is shown at 0; 0: not at all
    graph                  the service graph, None for none
    templating             what becomes of ids in span names, and whether `name_rules` only count
    name_rules             the user's own rules for span names, before those templates
    filters                which spans count in the span metrics; the service graph takes all
    measures               numbers that counted spans carry, in the order of a page
    slack_ns               a span that ended longer ago than so many nanoseconds, or ends as far in the future, is
                           dropped; 0: none is
    tracestate             a sampled span's tracestate says how many spans it stands for
    weight_attribute       what it says not an attribute does, as a probability; "": none
    max_weight             spans that one may stand for, at least 1
    target_info            each instance of a service that sent spans has a series in `target_info`
    privacy                what no label may show
    label_value_length     bytes of UTF-8 that a label value may have, the ellipsis of a cut one included
    raw_key_bytes          bytes that the engine's memory of known keys may take, of both generations together
    expire_after_ns        a series for which no span comes for so long is removed; 0: never
    most_services          services that are told apart; of more, `__other__` has the spans.  0: any number, as below
    most_series            label sets (`series`) that there may be, and of one service; beyond, spans count in its
    most_series_of_service  overflow series
    most_edges             edges of the service graph; beyond, an end is `__other__`
    most_targets           instances of services that `target_info` shows, at least 1; of more, those heard of last
    selected               what is asked of in particular: label sets of which any holds, by the texts that labels show
                           before a dimension rewrites them, are admitted beyond the limits of series, up to as many
                           again; services that one names are told apart beyond theirs
    """

    dialects: tuple[Dialect, ...] = (Dialect.OTEL,)
    namespace: str = names.NAMESPACE
    unit: Unit = Unit.SECONDS
    bounds_ns: tuple[int, ...] = DEFAULT_BOUNDS_NS
    histograms: Histograms = Histograms.CLASSIC
    native_schema: int = 3
    native_max_buckets: int = 160
    dimensions: tuple[Dimension, ...] = ()
    calls_dimensions: tuple[Dimension, ...] = ()
    duration_dimensions: tuple[Dimension, ...] = ()
    resource_labels: tuple[Dimension, ...] = ()
    exclude: frozenset[str] = frozenset()
    errors_zero: bool = True
    errors_zero_drop: frozenset[str] = frozenset()
    exemplars: bool = True
    created: bool = False
    zero_first_ns: int = 0
    graph: Graph | None = Graph()
    templating: Templating = Templating.ON
    name_rules: tuple[NameRule, ...] = ()
    filters: Filters = NO_FILTERS
    measures: tuple[Measure, ...] = ()
    slack_ns: int = 0
    tracestate: bool = True
    weight_attribute: str = ""
    max_weight: int = 10_000
    target_info: bool = False
    privacy: Privacy = Privacy()
    label_value_length: int = 256
    raw_key_bytes: int = 64 << 20
    expire_after_ns: int = 15 * 60 * 1000 * MS
    most_services: int = 5000
    most_series: int = 100_000
    most_series_of_service: int = 2000
    most_edges: int = 20_000
    most_targets: int = 10_000
    selected: tuple[Where, ...] = ()

    @property
    def limits(self) -> dict[str, int]:
        """`names.LIMIT_…` → how many there may be; 0: any number."""
        return {
            names.LIMIT_SERVICES: self.most_services,
            names.LIMIT_SERIES: self.most_series,
            names.LIMIT_SERVICE_SERIES: self.most_series_of_service,
            names.LIMIT_EDGES: self.most_edges,
        }
