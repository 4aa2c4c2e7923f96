"""Alerts on the daemon: its limits, its pages, its files; nobody is woken but for a certificate that is about to end.

Those on certificates and Kafka wait for metrics that this version does not have yet, see `LATER`.
"""

from __future__ import annotations

from collections.abc import Iterator

from span2metrics import names
from span2metrics.generate import alerting
from span2metrics.generate.alerting import DAEMON, PAGE, TICKET, Links, Told
from span2metrics.generate.daemon import JOB, RECEIVED, rate, share
from span2metrics.generate.promql import SECONDS, SHARE, VALUE, label, number
from span2metrics.generate.rule import Alert, Runbook
from span2metrics.generate.thresholds import (
    CERTIFICATE_DAYS,
    CERTIFICATE_LAST_DAYS,
    KAFKA_LAG,
    OVERFLOW_RATIO,
    RENDER_SECONDS,
    SCRAPE_RATIO,
    SERIES_FILL,
    UNPAIRED_EVENTS,
    UNPAIRED_RATIO,
    Threshold,
)

CERTIFICATE = "span2metrics_tls_certificate_expiry_timestamp_seconds"
LAG = "span2metrics_kafka_lag"
#: Metrics that alerts ask for and no page has yet: these alerts cannot fire before.
LATER = (CERTIFICATE, LAG)

_INSTANCE, _SERVICE = label("instance"), label("service_name")
_BOARD = (("instance", "instance"),)
_OF = "{instance=%q}"
_OVERFLOWED, _POLICY = f"{names.OVERFLOWED_SPANS.name}_total", f"{names.POLICY_ERRORS.name}_total"
_UNPAIRED, _GRAPH_DROPPED = f"{names.UNPAIRED_SPANS.name}_total", f"{names.GRAPH_DROPPED.name}_total"


def alerts(links: Links, *, graph: bool) -> Iterator[Alert]:
    """`graph`: there is a service graph."""
    yield _alert("Span2metricsLimitReached", _REACHED, "10m", TICKET, _REACHED_TOLD, _REACHED_RUNBOOK, links)
    yield _alert("Span2metricsSeriesNearLimit", _NEAR, "15m", TICKET, _NEAR_TOLD, _NEAR_RUNBOOK, links)
    if graph:
        yield _alert("Span2metricsUnpaired", _LONELY, "15m", TICKET, _LONELY_TOLD, _LONELY_RUNBOOK, links)
    yield _alert("Span2metricsPageSlow", _SLOW, "10m", TICKET, _SLOW_TOLD, _SLOW_RUNBOOK, links)
    yield _alert("Span2metricsScrapesFail", _SCRAPES, "10m", TICKET, _SCRAPES_TOLD, _SCRAPES_RUNBOOK, links)
    yield _alert("Span2metricsReloadFailed", _RELOAD, "5m", TICKET, _RELOAD_TOLD, _RELOAD_RUNBOOK, links)
    yield _alert("Span2metricsPolicyErrors", _ERRORS, "", TICKET, _ERRORS_TOLD, _ERRORS_RUNBOOK, links)
    yield _alert("Span2metricsCertificateEnds", _expiry(_DAYS), "1h", TICKET, _EXPIRY, _EXPIRY_RUNBOOK, links)
    yield _alert("Span2metricsCertificateEndsNow", _expiry(_LAST), "15m", PAGE, _EXPIRY, _EXPIRY_RUNBOOK, links)
    yield _alert("Span2metricsKafkaLag", _LAG, "10m", TICKET, _LAG_TOLD, _LAG_RUNBOOK, links)


def _alert(name: str, expr: str, lasting: str, severity: str, told: Told, runbook: Runbook, links: Links) -> Alert:
    return alerting.alert(name, expr, lasting, severity, told, runbook, links, DAEMON, variables=_BOARD)


_SETS = number(names.LABEL_SETS.name + _OF, ("instance",))
_MOST = number(names.SERIES_LIMIT.name + _OF, ("instance",))
_REACHED = f"""\
sum by (job, instance, service_name, limit) (rate({_OVERFLOWED}[5m]))
/ on (job, instance) group_left ()
{RECEIVED}
> {OVERFLOW_RATIO.scalar}"""
_REACHED_TOLD = Told(
    f"{_SERVICE} has met limits.{label('limit')} in {_INSTANCE}.",
    f"{SHARE} of the spans that {_INSTANCE} received over the last 5 minutes are {_SERVICE}'s and beyond "
    f"{label('limit')}, threshold {number(OVERFLOW_RATIO.series, (), 'humanizePercentage')}. They count in a series of "
    f"many: totals are exact, details are missing. {_SETS} label sets of {_MOST}, "
    f"{number(names.SERVICES.name + _OF, ('instance',))} services.",
)
_REACHED_RUNBOOK = Runbook(
    "A service has more label sets, or there are more services, edges or values, than a limit allows. Alerts by "
    "service see all of its spans; queries by span name or dimension do not.",
    (
        ("Who, and which limit?", f"topk(10, sum by (service_name, limit) (rate({_OVERFLOWED}[5m])))"),
        ("How full are the limits?", f"{names.LABEL_SETS.name} / ({names.SERIES_LIMIT.name} > 0)"),
    ),
    (
        "Ask /api/v1/cardinality of the daemon: it names the label with most values and what is left without it.",
        "Ids in span names: span_names.rules. A dimension without bound: give it max_values, or remove it.",
        "If the label sets are meant: raise the limit that the alert names.",
    ),
    "Silence by service_name and limit where details of it are not needed.",
)

_NEAR = f"{names.LABEL_SETS.name}\n/ ({names.SERIES_LIMIT.name} > 0)\n> {SERIES_FILL.scalar}"
_NEAR_TOLD = Told(
    f"{_INSTANCE} has {SHARE} of the series that it may have.",
    f"{_INSTANCE} has {_SETS} label sets of limits.series {_MOST}: {SHARE}, threshold "
    f"{number(SERIES_FILL.series, (), 'humanizePercentage')}. Beyond, new ones count in overflow series.",
)
_NEAR_RUNBOOK = Runbook(
    "New label sets will soon find no room. Nothing is missing yet.",
    (
        ("How fast does it grow?", f"deriv({names.LABEL_SETS.name}[1h]) * 3600"),
        ("Which family?", f"{names.SERIES.name}"),
    ),
    (
        "Ask /api/v1/cardinality which service and label have most; see Span2metricsLimitReached for what to do.",
        "If it is meant: raise limits.series; 100,000 label sets take some 100 MiB.",
        "Shorten metrics.expire_after where pods or versions come and go.",
    ),
    "Silence by instance if it stands still below the limit.",
)

_EDGES = f"{names.EDGES_MADE.name}_total"
_NO_EDGE = f'outcome=~"{names.EDGE_UNPAIRED}|{names.EDGE_DROPPED}"'
_LONELY = (
    share(rate(names.EDGES_MADE, _NO_EDGE, "15m"), rate(names.EDGES_MADE, window="15m"))
    + f"\n> {UNPAIRED_RATIO.scalar}\n"
    f"and sum by (job, instance) (increase({_EDGES}{{{_NO_EDGE}}}[15m])) >= {UNPAIRED_EVENTS.scalar}"
)
_WORST = f"topk(1, sum by (service, side) (rate({_UNPAIRED}{_OF}[15m])))"
_LONELY_TOLD = Told(
    f"{SHARE} of the graph's spans in {_INSTANCE} find no partner.",
    f"{SHARE} of the spans of the service graph in {_INSTANCE} made no edge over the last 15 minutes, threshold "
    f"{number(UNPAIRED_RATIO.series, (), 'humanizePercentage')}. Most are of "
    f"{{{{ with printf `{_WORST}` $labels.instance | query }}}}{{{{ with first . }}}}{{{{ .Labels.service }}}} "
    f"({{{{ .Labels.side }}}}, {{{{ .Value | humanize }}}}/s){{{{ end }}}}{{{{ else }}}}unknown{{{{ end }}}}. "
    f"Edges are missing, and alerts on dependencies see less than there is.",
)
_LONELY_RUNBOOK = Runbook(
    "Spans that ought to have a partner at the other end of a call wait for it in vain, or had to go before it came.",
    (
        ("Whose, which side, and why?", f"topk(10, sum by (service, side, reason) (rate({_UNPAIRED}[15m])))"),
        ("Was there no room for them?", f"sum by (service, reason) (rate({_GRAPH_DROPPED}[15m])) > 0"),
    ),
    (
        "Several replicas: halves of a trace must meet in one; see Replicas in the README.",
        "side server: its caller is not traced, or spans come later than service_graph.wait.",
        "side client: nobody knows whom it calls: set peer.service there, or add to service_graph.peer_attributes.",
        "max_items: raise service_graph.max_items, or lower service_graph.wait.",
    ),
    "Silence by instance while services are being instrumented.",
)

_SLOW = (
    f"histogram_quantile(0.95, sum by (job, instance, le) (rate({names.RENDER_SECONDS.name}_bucket[10m])))\n"
    f"> {RENDER_SECONDS.scalar}"
)
_SLOW_TOLD = Told(
    f"Pages of {_INSTANCE} take {SECONDS}.",
    f"The slowest 5 % of the scrapes of {_INSTANCE} took {SECONDS} or more over the last 10 minutes, threshold "
    f"{number(RENDER_SECONDS.series, (), 'humanizeDuration')}; it has "
    f"{_SETS} label sets and takes {number(RECEIVED + _OF, ('instance',))} spans/s.",
)
_SLOW_RUNBOOK = Runbook(
    "Scrapes take so long that they come close to the scrape timeout; beyond it there are gaps in all numbers.",
    (
        ("Is it the page's size?", f'scrape_samples_scraped{{job="{JOB}"}}'),
        ("Or a busy processor?", f'rate(process_cpu_seconds_total{{job="{JOB}"}}[5m])'),
    ),
    (
        "Scrape once, not from several places; several scrapers at once share one processor.",
        "Fewer series: see Span2metricsSeriesNearLimit. A slow network: let Prometheus take gzip.",
        "Raise scrape_timeout, and the scrape interval with it.",
    ),
    "Silence by instance while it is given more processor.",
)

_SCRAPED = rate(names.SCRAPES, window="10m")
_UNSCRAPED = rate(names.SCRAPES, f'outcome!="{names.SCRAPE_COMPLETE}"', "10m")
_SCRAPES = f"{share(_UNSCRAPED, _SCRAPED)} > {SCRAPE_RATIO.scalar}"
_SCRAPES_TOLD = Told(
    f"{SHARE} of the scrapes of {_INSTANCE} fail.",
    f"{SHARE} of the scrapes of {_INSTANCE} over the last 10 minutes were refused, cut or failed, threshold "
    f"{number(SCRAPE_RATIO.series, (), 'humanizePercentage')}; scrapers, Prometheus perhaps among them, have gaps.",
)
_SCRAPES_RUNBOOK = Runbook(
    "Somebody asks for pages and does not get them whole: too many at once, a reader that is too slow, a page that "
    "cannot be made within the scrape timeout.",
    (
        ("With which outcome?", f"sum by (instance, format, outcome) (rate({names.SCRAPES.name}_total[10m])) > 0"),
        ("Is it our Prometheus?", f'avg_over_time(up{{job="{JOB}"}}[30m])'),
    ),
    (
        "rejected: more than web.max_scrapes at once, or no time left: raise scrape_timeout.",
        "aborted: the scraper went away or reads slowly.",
        "error: a fault of the daemon; its log has it. Report it.",
    ),
    "Silence by instance while the scraper is mended.",
)

_RELOAD = f"{names.RELOAD_SUCCESSFUL.name} == 0"
_RELOAD_TOLD = Told(
    f"{_INSTANCE} could not load its configuration.",
    f"The configuration that {_INSTANCE} was last given is not in force: it works on with that of "
    f"{number('time() - ' + names.RELOAD_TIMESTAMP.name + _OF, ('instance',), 'humanizeDuration')} ago.",
)
_RELOAD_RUNBOOK = Runbook(
    "A new configuration has a mistake. Nothing was changed; at the next restart the daemon would not start.",
    (
        ("Which instances?", f"{names.RELOAD_SUCCESSFUL.name} == 0"),
        ("Since when is the old one in force?", f"time() - {names.RELOAD_TIMESTAMP.name}"),
    ),
    (
        "Run span2metrics check on the file: it names every mistake with its line and what to write.",
        "Mend it, reload; before a restart in any case.",
    ),
    "Do not: the next restart turns it into an outage.",
)

_ERRORS = f"sum by (job, instance) (increase({_POLICY}[15m])) > 0"
_ERRORS_TOLD = Told(
    f"{_INSTANCE} could not name series: a bug.",
    f"{VALUE} new series of {_INSTANCE} could not be named in the last 15 minutes; their spans count in overflow "
    "series.",
)
_ERRORS_RUNBOOK = Runbook(
    "The daemon has a fault that shows with certain spans. They are counted, without their details.",
    (
        ("How many, where?", f"increase({_POLICY}[1h])"),
        ("Since which version?", names.BUILD_INFO.name),
    ),
    (
        "The log has the exception, without values from the traffic. Report it with the configuration.",
        "If it began with a change of span_names, privacy or dimensions: undo that.",
    ),
    "Silence by instance until a version with the mend is there.",
)

_DAYS, _LAST = CERTIFICATE_DAYS, CERTIFICATE_LAST_DAYS


def _expiry(days: Threshold) -> str:
    return f"{CERTIFICATE} - time() < {days.scalar} * 86400"


_EXPIRY = Told(
    f"A certificate of {_INSTANCE} ends in {SECONDS}.",
    f"The certificate that {_INSTANCE} shows ends in {SECONDS}; told below "
    f"{number(_DAYS.series, ())} days, and woken for below {number(_LAST.series, ())}. Then no client can send spans.",
)
_EXPIRY_RUNBOOK = Runbook(
    "The renewal of a certificate did not happen, or the daemon was not told of the new file.",
    (
        ("Which one, how long?", f"({CERTIFICATE} - time()) / 86400"),
        ("Was the configuration loaded since?", f"time() - {names.RELOAD_TIMESTAMP.name}"),
    ),
    (
        "Compare with the file on disk: openssl x509 -enddate -noout -in FILE.",
        "The file is new: reload the daemon. It is old: look at cert-manager or whatever renews it.",
    ),
    "Silence by instance if it is taken out of service before.",
)

_LAG = f"{LAG}\n> {KAFKA_LAG.scalar}\nand deriv({LAG}[10m]) >= 0"
_LAG_TOLD = Told(
    f"{_INSTANCE} is {VALUE} messages behind on {label('topic')}.",
    f"{_INSTANCE} is {VALUE} messages behind on partition {label('partition')} of {label('topic')} and does not catch "
    f"up, threshold {number(KAFKA_LAG.series, ())}; it takes {number(RECEIVED + _OF, ('instance',))} spans/s.",
)
_LAG_RUNBOOK = Runbook(
    "Spans come through Kafka faster than they are read. Numbers are late, and what passes retention is lost.",
    (
        ("All partitions (too slow), or one (stuck)?", f"{LAG}"),
        ("Is its processor busy?", f'rate(process_cpu_seconds_total{{job="{JOB}"}}[5m])'),
    ),
    (
        "All: add instances to the group, up to the number of partitions.",
        "One: the log names what cannot be read; a poisoned message is skipped by its offset.",
    ),
    "Silence by topic while a backlog is worked off.",
)
