"""The daemon itself: does it get everything, count everything, and is it well?"""

from __future__ import annotations

from collections.abc import Iterator

from span2metrics import names
from span2metrics.config import Config
from span2metrics.generate.alerting import DAEMON
from span2metrics.generate.daemon import BAD, JOB, REFUSED, outcomes
from span2metrics.generate.dashboards.alerts import firing_table
from span2metrics.generate.dashboards.board import Board, LabelValues, Row, histograms
from span2metrics.generate.dashboards.link import of_series, to_service
from span2metrics.generate.dashboards.panel import (
    ANY_IS_BAD,
    BLUE,
    BYTES,
    GREEN,
    ORANGE,
    PER_SECOND,
    RATIO,
    RED,
    SECONDS,
    SHORT,
    YELLOW,
    Column,
    Panel,
    Query,
    Stat,
    Steps,
    Table,
    TimeSeries,
)
from span2metrics.generate.dashboards.queries import INTERVAL
from span2metrics.generate.thresholds import DROPPED_RATIO
from span2metrics.names import SelfMetric

_HERE = 'instance=~"$instance"'
#: Others have metrics of their processes too, Prometheus itself for one.
_PROCESS = f'job="{JOB}",{_HERE}'
#: An alert that says that nothing is there has no instance.
_ALERTS = 'alertname=~"Span2metrics.*",instance=~"$instance|"'
_FULL: Steps = ((None, GREEN), (0.8, YELLOW), (0.95, RED))
_MISSING: Steps = ((None, RED), (1, GREEN))
_DROPPED: Steps = ((None, GREEN), (1e-9, YELLOW), (DROPPED_RATIO.value, RED))
#: Metrics of the process, as the client library of Prometheus has them.
_CPU, _RSS, _START = "process_cpu_seconds_total", "process_resident_memory_bytes", "process_start_time_seconds"
_FDS, _MOST_FDS = "process_open_fds", "process_max_fds"


def board(config: Config) -> Board:
    """For every configuration."""
    rows = [
        Row("Now", (*_now(), firing_table("Active alerts on span2metrics", _ALERTS, height=6), _instances())),
        Row("What comes in", tuple(_intake())),
        Row("What becomes of it", tuple(_outcome())),
        Row("Series and limits", tuple(_series())),
        Row("The process", tuple(_process()), folded=True),
        Row("Spans that were odd", tuple(_odd()), folded=True),
        Row("Memory for what is known", tuple(_known()), folded=True),
        Row("Scrapes", tuple(_scrapes()), folded=True),
    ]
    if config.service_graph.enabled:
        rows.insert(4, Row("Service graph", tuple(_graph()), folded=True))
    return Board(
        DAEMON,
        "span2metrics",
        "span2metrics / span2metrics",
        "The daemon itself: does it get everything, count everything, and is it well?",
        (
            histograms(config),
            LabelValues("instance", "Instance", f'up{{job="{JOB}"}}', "instance", several=True),
        ),
        tuple(rows),
    )


# --- questions --------------------------------------------------------------------------------------------------------


def _rate(metric: SelfMetric, by: str = "", matchers: str = "") -> str:
    """Of a counter, a second, by labels."""
    chosen = ",".join(filter(None, (_HERE, matchers)))
    return f"sum by ({by}) (rate({metric.name}_total{{{chosen}}}[{INTERVAL}]))"


def _value(metric: SelfMetric) -> str:
    """Of a gauge."""
    return f"{metric.name}{{{_HERE}}}"


def _process_value(metric: str) -> str:
    return f"{metric}{{{_PROCESS}}}"


def _p95(metric: SelfMetric, by: str = "") -> str:
    """Of a histogram of the daemon's own; those are always classic."""
    labels = f"{by}, le" if by else "le"
    rate = f"rate({metric.name}_bucket{{{_HERE}}}[{INTERVAL}])"
    return f"histogram_quantile(0.95, sum by ({labels}) ({rate}))"


def _lines(title: str, description: str, *queries: Query, unit: str = PER_SECOND, width: int = 8) -> TimeSeries:
    return TimeSeries(
        title=title, description=description, queries=queries, unit=unit, least=0, width=width, no_value="None"
    )


# --- rows -------------------------------------------------------------------------------------------------------------


def _now() -> Iterator[Panel]:
    up = f'min(up{{job="{JOB}",{_HERE}}})'
    yield Stat(
        title="Up", description="DOWN if any instance cannot be scraped, or Prometheus knows of none.",
        queries=(Query(f"{up} or vector(0)"),), steps=_MISSING, texts=((0, 0, "DOWN"), (1, 1, "up")), width=3, height=4,
    )  # fmt: skip
    yield Stat(
        title="Spans", description="Received and applied, a second.", queries=(Query(_rate(names.RECEIVED_SPANS)),),
        unit="cps", sparkline=True, width=5, height=4,
    )  # fmt: skip
    refused = _rate(names.RECEIVED_REQUESTS, matchers=outcomes((*REFUSED, *BAD)))
    every = _rate(names.RECEIVED_REQUESTS)
    yield Stat(
        title="Requests refused", description="Of all: overload, which is tried again, and faults of senders.",
        queries=(Query(f"({refused} or vector(0)) / ({every} > 0)"),), unit=RATIO, steps=ANY_IS_BAD, decimals=2,
        no_value="No requests", width=4, height=4,
    )  # fmt: skip
    lost = _rate(names.DROPPED_SPANS, matchers=f'reason!="{names.FILTERED}"')
    yield Stat(
        title="Spans dropped",
        description="Of those received, how many no series counts, filters apart: they ended outside time.slack. Rates "
        "are too low by that share.",
        queries=(Query(f"({lost} or vector(0)) / ({_rate(names.RECEIVED_SPANS)} > 0)"),),
        unit=RATIO, steps=_DROPPED, decimals=2, no_value="No spans", width=4, height=4,
    )  # fmt: skip
    fill = f"max({_value(names.LABEL_SETS)} / ({_value(names.SERIES_LIMIT)} > 0))"
    unlimited = f"max({_value(names.SERIES_LIMIT)}) - 1"
    yield Stat(
        title="Room for series", description="Label sets that there are, of those that there may be.",
        queries=(Query(f"{fill} or {unlimited}"),), unit=RATIO, steps=_FULL, decimals=1,
        texts=((-1, -1, "No limit"),), width=4, height=4,
    )  # fmt: skip
    yield Stat(
        title="Memory", description="Resident, of the largest instance.",
        queries=(Query(f"max({_process_value(_RSS)})"),), unit=BYTES, sparkline=True, width=4, height=4,
    )  # fmt: skip


def _intake() -> Iterator[Panel]:
    yield _lines(
        "Spans by receiver", "Received and applied.", Query(_rate(names.RECEIVED_SPANS, "receiver"), "{{receiver}}"),
        unit="cps",
    )  # fmt: skip
    yield _lines(
        "Requests by outcome",
        "overloaded, abandoned and internal_error are tried again by their clients; of malformed, too_large and "
        "unsupported ones the spans are lost: look at the daemon's log for who sends them.",
        *(
            Query(_rate(names.RECEIVED_REQUESTS, "outcome", outcomes(which)), "{{outcome}}", color=color)
            for which, color in (((names.ACCEPTED,), GREEN), (REFUSED, ORANGE), (BAD, RED))
        ),
    )
    yield _lines(
        "Bytes", "Of applied requests, decompressed.", Query(_rate(names.RECEIVED_BYTES, "receiver"), "{{receiver}}"),
        unit="Bps",
    )  # fmt: skip
    yield _lines(
        "From arrival to answer", "95th percentile: what a client waits for.",
        Query(_p95(names.INGEST_SECONDS), "p95"), unit=SECONDS,
    )  # fmt: skip
    yield _lines(
        "Requests that wait", "Bytes; at the limit further ones are refused, and tried again by their clients.",
        Query(_value(names.INTAKE_BYTES), "{{instance}}"),
        Query(_value(names.INTAKE_LIMIT), "limit of {{instance}}", dashed=True), unit=BYTES,
    )  # fmt: skip
    since = f"time() - ({_value(names.LAST_RECEIVED)} > 0)"
    yield _lines(
        "Since the last spans", "By receiver; one that is not used has none.",
        Query(since, "{{instance}} {{receiver}}"), unit=SECONDS,
    )  # fmt: skip


def _outcome() -> Iterator[Panel]:
    yield _lines(
        "Received, and counted or dropped",
        "Both lines are one: received = aggregated + dropped, at every scrape. If they part, that is a bug.",
        Query(_rate(names.RECEIVED_SPANS), "received"),
        Query(f"{_rate(names.AGGREGATED_SPANS)} + ({_rate(names.DROPPED_SPANS)} or vector(0))", "counted or dropped"),
        unit="cps",
    )
    yield _lines(
        "Dropped",
        "By filters, which is meant; or, red, because they ended outside time.slack: see how late they come.",
        *(
            Query(_rate(names.DROPPED_SPANS, "reason", f'reason="{reason}"'), "{{reason}}", color=color)
            for reason, color in zip(names.DROP_REASONS, (BLUE, RED), strict=True)
        ),
        unit="cps",
    )  # fmt: skip
    yield _lines(
        "How late spans come", "From a span's end to its being taken, 95th percentile: senders' batches and queues.",
        Query(_p95(names.LATENESS), "p95"), unit=SECONDS,
    )  # fmt: skip


def _series() -> Iterator[Panel]:
    yield _lines(
        "Label sets", "That count against limits.series, which is dashed.",
        Query(_value(names.LABEL_SETS), "{{instance}}"),
        Query(f"{_value(names.SERIES_LIMIT)} > 0", "limit of {{instance}}", dashed=True), unit=SHORT,
    )  # fmt: skip
    overflowed = Query(
        f"topk(10, {_rate(names.OVERFLOWED_SPANS, 'service_name, limit')} > 0)", "{{service_name}} {{limit}}"
    )
    yield TimeSeries(
        title="Spans in overflow",
        description="Of services that met a limit: their totals are right, but not told apart. Their names or "
        "dimensions may have ids in them: `span2metrics preview` tells which.",
        queries=(overflowed,), unit="cps", least=0, width=8, no_value="None",
        links=(to_service(of_series("service_name")),),
    )  # fmt: skip
    yield _lines(
        "Births and deaths", "Label sets' ends, and keys that were seen for the first time, a second.",
        Query(_rate(names.BIRTHS), "new keys"), Query(_rate(names.SERIES_EXPIRED), "expired label sets"), unit="cps",
    )  # fmt: skip
    yield _lines(
        "Series by family", "How many there are now; each is a line of the page, or several.",
        Query(f"sum by (family) ({_value(names.SERIES)})", "{{family}}"),
        unit=SHORT, width=12,
    )  # fmt: skip
    yield _lines(
        "Services",
        "How many are told apart, of limits.services.",
        Query(_value(names.SERVICES), "{{instance}}"),
        unit=SHORT,
        width=12,
    )


def _graph() -> Iterator[Panel]:
    yield _lines(
        "What became of edges", "unpaired and dropped made none: see the service map's last row.",
        Query(_rate(names.EDGES_MADE, "outcome"), "{{outcome}}"), width=12,
    )  # fmt: skip
    yield _lines(
        "Spans that wait for a partner", "Kept for service_graph.wait, or until they are too many.",
        Query(_value(names.PENDING_EDGES), "{{instance}}"), unit=SHORT, width=12,
    )  # fmt: skip


def _process() -> Iterator[Panel]:
    cpu = f"rate({_process_value(_CPU)}[{INTERVAL}])"
    yield _lines("CPU", "Cores that are busy.", Query(cpu, "{{instance}}"), unit=SHORT)
    yield _lines(
        "Memory by instance",
        "Resident; it levels off with the number of series.",
        Query(_process_value(_RSS), "{{instance}}"),
        unit=BYTES,
    )
    yield _lines(
        "Open files", "Connections, mostly; the limit is dashed.", Query(_process_value(_FDS), "{{instance}}"),
        Query(_process_value(_MOST_FDS), "limit of {{instance}}", dashed=True), unit=SHORT,
    )  # fmt: skip


def _instances() -> Panel:
    reloaded = f"{_value(names.RELOAD_TIMESTAMP)} * 1000"
    return Table(
        title="Instances",
        description="Version, when it was started, and whether the configuration in force is the one last given.",
        queries=(
            Query(f"max by (instance, version, python) ({_value(names.BUILD_INFO)})", ref="build"),
            Query(f"max by (instance) ({_process_value(_START)} * 1000)", ref="start"),
            Query(f"max by (instance) ({reloaded})", ref="loaded"),
            Query(f"min by (instance) ({_value(names.RELOAD_SUCCESSFUL)})", ref="ok"),
        ),
        columns=(
            Column("instance", "Instance"),
            Column("version", "Version", width=120),
            Column("python", "Python", width=120),
            Column("start", "Started", "dateTimeFromNow", width=180),
            Column("loaded", "Configuration of", "dateTimeFromNow", width=180),
            Column("ok", "In force", SHORT, _MISSING, width=100, texts=((0, 0, "an older one"), (1, 1, "yes"))),
        ),
        sort=("Instance", False),
        width=24,
        height=5,
    )


def _odd() -> Iterator[Panel]:
    for title, description, metric, label in (
        ("Anomalies", "Counted although something about them is wrong.", names.ANOMALOUS_SPANS, "reason"),
        ("Values cut", "Longer than limits.label_value_length.", names.TRUNCATED_VALUES, "label"),
        ("Values hidden", "By privacy: something in them looked like a card number.", names.REDACTED_VALUES, "label"),
        ("Names with ids", "Changed into templates, by rule.", names.TEMPLATED_NAMES, "rule"),
    ):
        yield _lines(title, description, Query(f"{_rate(metric, label)} > 0", f"{{{{{label}}}}}"), unit="cps", width=12)
    yield _lines(
        "Sampled spans", "That stand for others, too; capped are those beyond sampling.max_weight.",
        Query(_rate(names.WEIGHTED_SPANS), "weighted"), Query(_rate(names.CAPPED_WEIGHTS), "capped"), unit="cps",
        width=12,
    )  # fmt: skip
    yield _lines(
        "Bugs", "Series that could not be named; their spans are in overflow series. Please tell us.",
        Query(_rate(names.POLICY_ERRORS), "policy errors", color="red"), unit="cps", width=12,
    )  # fmt: skip


def _known() -> Iterator[Panel]:
    yield _lines(
        "Known keys", "Of spans; those that are not known are named once more.",
        Query(_value(names.RAW_KEYS), "keys of {{instance}}"), unit=SHORT,
    )  # fmt: skip
    yield _lines(
        "Memory of known keys",
        "Bytes, within a fixed budget.",
        Query(_value(names.RAW_KEY_BYTES), "{{instance}}"),
        unit=BYTES,
    )
    yield _lines(
        "Resources and instances", "Told apart by what is read of them; and what target_info shows.",
        Query(_value(names.CONTEXTS), "resources of {{instance}}"),
        Query(_value(names.TARGETS), "targets of {{instance}}"), unit=SHORT,
    )  # fmt: skip
    yield _lines(
        "Instances that made room for others", "Beyond limits.targets; each comes back with its next span.",
        Query(_rate(names.FORGOTTEN_TARGETS), "forgotten"), unit="cps", width=24,
    )  # fmt: skip


def _scrapes() -> Iterator[Panel]:
    yield _lines(
        "Scrapes by outcome", "aborted: the scraper hung up; rejected: there was no time left for it.",
        Query(f"{_rate(names.SCRAPES, 'format, outcome')} > 0", "{{format}} {{outcome}}"), width=12,
    )  # fmt: skip
    yield _lines(
        "Time of a scrape", "From request to last byte, 95th percentile.",
        Query(_p95(names.RENDER_SECONDS, "format"), "{{format}}"), unit=SECONDS, width=12,
    )  # fmt: skip
