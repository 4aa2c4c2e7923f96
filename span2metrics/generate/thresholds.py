"""The numbers that alerts compare with, each once, each with its reason: `rules/thresholds.yml` is made of them.

An alert never holds a number itself: it asks the series `span2metrics:threshold:NAME`.  So an operator changes a number
in one file and reloads Prometheus.  One service's own number is a further series of the same name with the label
`service_name`, in any rule file; of two nodes of the graph it is the one that is called.  Where that file is not
loaded, `Span2metricsThresholdsMissing` says so: all other alerts would be silent.
"""

from __future__ import annotations

from dataclasses import dataclass

from span2metrics import names
from span2metrics.generate.promql import FIVE_S, number
from span2metrics.generate.rule import Group, Recording, RuleFile

PREFIX = "span2metrics:threshold:"


@dataclass(frozen=True, slots=True)
class Threshold:
    """`value` in `unit`; `own`: a service may have a number of its own."""

    name: str
    value: float
    unit: str
    reason: str
    own: bool = False

    @property
    def series(self) -> str:
        return f"{PREFIX}{self.name}"

    @property
    def for_all(self) -> str:
        """The series without those of services' own."""
        return f'{self.series}{{{names.SERVICE_NAME}=""}}'

    @property
    def number(self) -> str:
        """The number for all in an alert's text: plain …"""
        return number(self.for_all, (), "humanize")

    @property
    def share(self) -> str:
        """… as a share …"""
        return number(self.for_all, (), "humanizePercentage")

    @property
    def duration(self) -> str:
        """… of seconds."""
        return number(self.for_all, (), "humanizeDuration")

    @property
    def scalar(self) -> str:
        """The number for all, as a scalar; NaN, of which no comparison holds, where it is not there."""
        return f"scalar({self.for_all})"

    @property
    def of_service(self) -> str:
        """The series that `of_services` makes, for services that have requests."""
        return f"service:threshold:{self.name}"

    @property
    def of_edge(self) -> str:
        """The same for edges, by `client` and `server`."""
        return f"edge:threshold:{self.name}"


def _t(name: str, value: float, unit: str, reason: str, own: bool = False) -> Threshold:
    return Threshold(name, value, unit, reason, own)


ERROR_RATIO = _t(
    "error_ratio",
    0.05,
    "share of requests",
    "One request in twenty is felt by users whatever they do; what SLOs promise is finer, and theirs to guard.",
    own=True,
)
ERROR_EVENTS = _t(
    "error_events",
    10,
    "failed requests in 5 minutes",
    "Fewer are no incident, however great their share: one error in a quiet night is half of all requests.",
)
LATENCY = _t(
    "latency_seconds",
    1,
    "seconds, 95th percentile",
    "A second is where people lose their train of thought. Batch work needs a number of its own.",
    own=True,
)
LATENCY_EVENTS = _t(
    "latency_events",
    50,
    "requests in 5 minutes",
    "Of fewer, the 95th percentile is the one or two slowest requests.",
)
CAUSE_SHARE = _t(
    "cause_share",
    0.7,
    "share of a caller's failures, or of its time",
    "What fails in a caller's dependencies explains the caller if it is most of it; with less, the caller has a fault "
    "of its own, and its alert is not muted.",
)
TRAFFIC_DROP = _t(
    "traffic_drop_ratio",
    0.5,
    "share of the usual rate",
    "Days of a week differ by less than half, outages by more.",
    own=True,
)
TRAFFIC_EVENTS = _t(
    "traffic_events",
    100,
    "requests in 5 minutes, usually",
    "Below, chance alone takes half of them away from time to time.",
)
RETRY_FACTOR = _t(
    "retry_factor",
    2,
    "times the usual requests per request",
    "Twice the calls for the same work is what retries and loops look like; releases change it by less.",
)
RETRY_EVENTS = _t("retry_events", 100, "requests of an edge in 5 minutes", "Fewer say nothing about a ratio.")
AMOUNT_FACTOR = _t(
    "failed_amount_factor",
    3,
    "times the usual amount in failed spans",
    "Amounts differ more than counts: a single large payment is no incident.",
)
AMOUNT_RATIO = _t(
    "failed_amount_ratio", 0.05, "share of the amount", "As of requests: one euro in twenty is felt, whatever is usual."
)
AMOUNT_EVENTS = _t(
    "failed_amount_events",
    10,
    "failed observations in 5 minutes",
    "Below, one large amount would wake somebody.",
)
SILENCE_RATE = _t(
    "silence_rate",
    1,
    "spans a second in the hour before",
    "With fewer, ten minutes without any are a quiet night and no broken pipe.",
)
REFUSED_RATIO = _t(
    "refused_ratio",
    0.01,
    "share of requests to the daemon",
    "Clients try again, so one in a hundred is lost by nobody; more, for minutes, is a daemon that is too small.",
)
BAD_REQUEST_RATIO = _t(
    "bad_request_ratio",
    0.01,
    "share of requests to the daemon",
    "What is malformed or too large is lost for good; a single sender that was set up wrongly is seen at this share.",
)
DROPPED_RATIO = _t(
    "dropped_ratio",
    0.01,
    "share of received spans",
    "Filters apart, nothing is dropped but what time.slack refuses; one in a hundred bends rates visibly.",
)
OVERFLOW_RATIO = _t(
    "overflow_ratio",
    0.001,
    "share of received spans",
    "Totals stay exact beyond a limit, but details are missing; below one in a thousand nobody misses them.",
)
SERIES_FILL = _t(
    "series_fill_ratio",
    0.9,
    "share of limits.series",
    "Leaves time to raise the limit, or to find the label that grows, before details are lost.",
)
UNPAIRED_RATIO = _t(
    "unpaired_ratio",
    0.1,
    "share of a service's spans that ought to have a partner",
    "A few late or lost spans are usual; with a tenth missing, the graph and what is concluded from it are wrong.",
)
UNPAIRED_EVENTS = _t("unpaired_events", 50, "spans without a partner in 15 minutes", "Fewer bend no rate.")
RENDER_SECONDS = _t(
    "render_seconds",
    5,
    "seconds, 95th percentile",
    "Half of Prometheus' usual scrape_timeout of 10 s: beyond it scrapes begin to fail.",
)
SCRAPE_RATIO = _t(
    "failed_scrape_ratio",
    0.1,
    "share of scrapes",
    "One lost scrape in ten is bridged by rate(); more leaves gaps.",
)
CERTIFICATE_DAYS = _t(
    "certificate_days",
    21,
    "days",
    "Renewal runs at 30 days in common set-ups: at 21 it has failed for a week.",
)
CERTIFICATE_LAST_DAYS = _t("certificate_last_days", 3, "days", "The last working day may be that far away.")
KAFKA_LAG = _t(
    "kafka_lag",
    10_000,
    "messages of a partition",
    "Some seconds of a busy topic; a restart's backlog is gone before the alert's ten minutes are over.",
)
LATE_RATIO = _t(
    "late_ratio",
    0.05,
    "share of spans that come more than a minute after their end",
    "Exporters send within seconds: such spans count in the wrong minute, and alerts see an incident late.",
)
FUTURE_RATIO = _t(
    "future_ratio",
    0.05,
    "share of spans that end after they were received",
    "The clock of a sender, or ours, is wrong: durations between machines and time.slack are, too.",
)

SLO_ERRORS = _t(
    "slo_minimum_errors",
    5,
    "bad calls in an alert's long window",
    "Fewer tell nobody: of ten calls in a quiet night one is a tenth, and no reason to wake anybody.",
)
SLO_FORECAST = _t(
    "slo_forecast_days",
    3,
    "days until an error budget is gone, at the rate of the last one",
    "Time enough to postpone a release, and longer than a weekend.",
)

THRESHOLDS = (
    *(ERROR_RATIO, ERROR_EVENTS, LATENCY, LATENCY_EVENTS, CAUSE_SHARE),
    *(TRAFFIC_DROP, TRAFFIC_EVENTS, RETRY_FACTOR, RETRY_EVENTS, AMOUNT_FACTOR, AMOUNT_RATIO, AMOUNT_EVENTS),
    *(SILENCE_RATE, REFUSED_RATIO, BAD_REQUEST_RATIO, DROPPED_RATIO, OVERFLOW_RATIO, SERIES_FILL),
    *(UNPAIRED_RATIO, UNPAIRED_EVENTS, RENDER_SECONDS, SCRAPE_RATIO),
    *(CERTIFICATE_DAYS, CERTIFICATE_LAST_DAYS, KAFKA_LAG, LATE_RATIO, FUTURE_RATIO),
    *(SLO_ERRORS, SLO_FORECAST),
)

_HEAD = """\
Every number that an alert compares with.  Change it here and reload Prometheus.
A service's own number is one more rule of the same name, in a file of your own beside this one, where those say so:

  - record: span2metrics:threshold:error_ratio
    expr: 0.2
    labels: {service_name: batch-import}

It is for what the service does, and for calls to it: of an edge of the graph, service_name is the server's."""


def rule_file() -> RuleFile:
    """All of them, whatever the configuration: other rule files may be made from another one."""
    rules = tuple(Recording(t.series, f"{t.value:g}", comment=_comment(t)) for t in THRESHOLDS)
    return RuleFile("thresholds", (Group("span2metrics thresholds", rules),), _HEAD)


def _comment(threshold: Threshold) -> str:
    own = "\nA service may have a number of its own." if threshold.own else ""
    return f"In {threshold.unit}.\n{threshold.reason}{own}"


def of_services(threshold: Threshold, services: str) -> Recording:
    """The number that holds for each service of the vector `services`: its own, or that for all."""
    own = f'max by (service_name) ({threshold.series}{{service_name!=""}})'
    return Recording(threshold.of_service, f"{own}\nor on (service_name)\n0 * ({services}) + {threshold.scalar}")


def of_edges(threshold: Threshold, edges: str) -> Recording:
    """The same of edges: the own number is that of the server."""
    own = f'max by (service_name) ({threshold.series}{{service_name!=""}})'
    server = f'label_replace({own}, "server", "$1", "service_name", "(.+)")'
    return Recording(
        threshold.of_edge,
        f"0 * ({edges}) + on (server) group_left () {server}\n"
        f"or on (client, server)\n0 * ({edges}) + {threshold.scalar}",
    )


def beyond(recording: str, limit: str, on: str, events: str, fewest: Threshold, seen: str = "") -> str:
    """What is beyond a limit over five minutes and over two, of enough events in five.

    `recording` without its window, `events` a rate; `limit` and the recording have the labels `on`; `seen` selects.
    """
    return (
        f"{recording}5m{seen} > on ({on}) {limit}\n"
        f"and {recording}2m > on ({on}) {limit}\n"
        f"and {events} * {FIVE_S} >= {fewest.scalar}"
    )
