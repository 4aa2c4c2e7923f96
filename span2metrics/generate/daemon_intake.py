"""Alerts on the daemon: whether it is there, and what it takes in."""

from __future__ import annotations

from collections.abc import Iterator

from span2metrics import names
from span2metrics.generate import alerting
from span2metrics.generate.alerting import DAEMON, PAGE, TICKET, Links, Told
from span2metrics.generate.daemon import BAD, JOB, RECEIVED, REFUSED, REQUESTS, outcomes, rate, share
from span2metrics.generate.promql import COUNT, SHARE, label, number
from span2metrics.generate.rule import Alert, Runbook
from span2metrics.generate.thresholds import (
    BAD_REQUEST_RATIO,
    DROPPED_RATIO,
    FUTURE_RATIO,
    LATE_RATIO,
    PREFIX,
    REFUSED_RATIO,
    SILENCE_RATE,
    THRESHOLDS,
)

_INSTANCE = label("instance")
_BOARD = (("instance", "instance"),)
_OF = "{instance=%q}"
_BUCKET = f"{names.LATENESS.name}_bucket"
_SPANS = number(f"{RECEIVED}{_OF}", ("instance",))


def alerts(links: Links) -> Iterator[Alert]:
    """Presence first: where the daemon or its numbers are missing, all else is silent."""
    yield _alert("Span2metricsDown", _DOWN, "2m", PAGE, _DOWN_TOLD, _DOWN_RUNBOOK, links)
    yield alerting.alert(
        "Span2metricsThresholdsMissing", _MISSING, "5m", PAGE, _MISSING_TOLD, _MISSING_RUNBOOK, links, DAEMON
    )
    yield _alert("Span2metricsNoSpans", _NO_SPANS, "10m", PAGE, _NO_SPANS_TOLD, _NO_SPANS_RUNBOOK, links)
    yield _alert("Span2metricsRefusing", _REFUSING, "5m", PAGE, _REFUSING_TOLD, _REFUSING_RUNBOOK, links)
    yield _alert("Span2metricsBadRequests", _BAD, "10m", TICKET, _BAD_TOLD, _BAD_RUNBOOK, links)
    yield _alert("Span2metricsDropping", _DROPPING, "10m", TICKET, _DROPPING_TOLD, _DROPPING_RUNBOOK, links)
    yield _alert("Span2metricsSpansLate", _LATE, "10m", TICKET, _LATE_TOLD, _LATE_RUNBOOK, links)
    yield _alert("Span2metricsClockWrong", _FUTURE, "10m", TICKET, _FUTURE_TOLD, _FUTURE_RUNBOOK, links)


def _alert(name: str, expr: str, lasting: str, severity: str, told: Told, runbook: Runbook, links: Links) -> Alert:
    return alerting.alert(name, expr, lasting, severity, told, runbook, links, DAEMON, variables=_BOARD)


_DOWN = f'up{{job="{JOB}"}} == 0\nor\nabsent(up{{job="{JOB}"}})'
_DOWN_TOLD = Told(
    "span2metrics is down, or Prometheus cannot reach it.",
    "{{ if $labels.instance }}{{ $labels.instance }} does not answer Prometheus' scrapes."
    "{{ else }}Prometheus has no target of the job " + JOB + ".{{ end }} "
    "All numbers about services are missing or old meanwhile: no other alert on services can be trusted.",
)
_DOWN_RUNBOOK = Runbook(
    "Prometheus gets no page from the daemon: it does not run, cannot be reached, or takes longer than the scrape "
    "timeout. Spans that clients cannot send are lost once their queues are full.",
    (
        ("Which instances, since when?", f'changes(up{{job="{JOB}"}}[1h])'),
        ("Was it killed before, by memory?", f'process_resident_memory_bytes{{job="{JOB}"}} offset 10m'),
    ),
    (
        "See whether it runs, and its last log lines; the reason for a failed start is the last one.",
        "If it was killed for memory: raise the container's limit, or lower limits.series.",
        "If it answers by hand: /metrics may refuse (503, web.max_scrapes) or be slow; see Span2metricsPageSlow.",
    ),
    "Silence by instance while it is moved. Where the job has another name, name it span2metrics in prometheus.yml: "
    "the rules know it by that.",
)

_ALL = f'{{__name__=~"{PREFIX}.+",service_name=""}}'
_MISSING = f"{len(THRESHOLDS)} - (count(count by (__name__) ({_ALL}) == 1) or vector(0)) > 0"
_MISSING_TOLD = Told(
    f"{COUNT} thresholds of the alerts are missing.",
    f"{COUNT} of {len(THRESHOLDS)} series {PREFIX}… are missing or there twice: the alerts that compare with them "
    "cannot fire.",
)
_MISSING_RUNBOOK = Runbook(
    "Alerts compare with numbers from rules/thresholds.yml. Where that file is not loaded, is older than the other "
    "rules, or another rule makes the same series once more without a service_name, they compare with nothing.",
    (
        ("Which ones are there?", _ALL),
        ("Which ones are there twice?", f"count by (__name__) ({_ALL}) > 1"),
    ),
    (
        "See that rule_files of prometheus.yml takes thresholds.yml, and that Prometheus shows no error of a rule.",
        "Write all rule files anew with span2metrics generate rules, with the version of the daemon that runs.",
        "Give a rule of your own a service_name, or change the number in thresholds.yml instead.",
    ),
    "Do not: while it fires, others cannot.",
)

_NO_SPANS = f"""\
{rate(names.RECEIVED_SPANS, window="10m")} == 0
and on (job, instance) avg_over_time({RECEIVED}[1h] offset 15m) > {SILENCE_RATE.scalar}"""
_NO_SPANS_TOLD = Told(
    f"{_INSTANCE} gets no spans any more.",
    f"{_INSTANCE} has received no span for 10 minutes; in the hour before it were "
    f"{number(f'avg_over_time({RECEIVED}{_OF}[1h] offset 15m)', ('instance',))} spans/s.",
)
_NO_SPANS_RUNBOOK = Runbook(
    "The daemon runs and is scraped, and nobody sends it spans any more, although there were some an hour ago. "
    "Counters stand still: alerts on errors and durations see nothing.",
    (
        (
            "Do requests come, with what outcome?",
            f"sum by (instance, outcome) (rate({names.RECEIVED_REQUESTS.name}_total[5m]))",
        ),
        ("When did the last span come?", f"time() - {names.LAST_RECEIVED.name}"),
    ),
    (
        "Requests with another outcome than accepted: the README's table under Nothing shows has what each means.",
        "No requests at all: the Collector or the SDKs' endpoint, DNS, a network policy, a certificate.",
        "With several replicas: whether the load balancer still has this one.",
    ),
    "Silence by instance where traffic ends on purpose, at night or with a migration.",
)

_REFUSING = f"{share(rate(names.RECEIVED_REQUESTS, outcomes(REFUSED)), REQUESTS)} > {REFUSED_RATIO.scalar}"
_REFUSING_TOLD = Told(
    f"{_INSTANCE} refuses {SHARE} of its requests.",
    f"{_INSTANCE} refused {SHARE} of the requests with spans over the last 5 minutes, threshold "
    f"{REFUSED_RATIO.share}; it takes {_SPANS} spans/s. Its intake holds "
    f"{number(names.INTAKE_BYTES.name + _OF, ('instance',), 'humanize1024')}B of "
    f"{number(names.INTAKE_LIMIT.name + _OF, ('instance',), 'humanize1024')}B.",
)
_REFUSING_RUNBOOK = Runbook(
    "More comes than the daemon can take. Clients try again for a while, then lose spans: rates become too low.",
    (
        ("With which outcome?", f"sum by (instance, outcome) (rate({names.RECEIVED_REQUESTS.name}_total[5m]))"),
        ("Is its processor busy?", f'rate(process_cpu_seconds_total{{job="{JOB}"}}[5m])'),
    ),
    (
        "overloaded: give it a whole processor, or more replicas behind a Collector that routes by trace.",
        "internal_error: a fault of the daemon; its log has it. Report it.",
        "abandoned: clients give up before they are answered; the same as overloaded, or their timeouts are short.",
        "A single sender that floods: filter in its Collector.",
    ),
    "Silence by instance during a load test only.",
)

_BAD = f"{share(rate(names.RECEIVED_REQUESTS, outcomes(BAD)), REQUESTS)} > {BAD_REQUEST_RATIO.scalar}"
_BAD_TOLD = Told(
    f"{_INSTANCE} cannot read {SHARE} of its requests.",
    f"{SHARE} of the requests to {_INSTANCE} over the last 5 minutes were malformed, too large or not for it, "
    f"threshold {BAD_REQUEST_RATIO.share}; what they held is lost. "
    f"It takes {_SPANS} spans/s.",
)
_BAD_RUNBOOK = Runbook(
    "A sender is set up wrongly. Its spans are in no number; everybody else's are.",
    (
        (
            "Which receiver, with which outcome?",
            f"sum by (receiver, outcome) (rate({names.RECEIVED_REQUESTS.name}_total{{{outcomes(BAD)}}}[5m])) > 0",
        ),
        ("Since when?", f"sum by (outcome) (increase({names.RECEIVED_REQUESTS.name}_total{{{outcomes(BAD)}}}[1h]))"),
    ),
    (
        "malformed: not OTLP, or JSON announced as protobuf; the answer to the sender says where.",
        "too_large: lower the batch of the sender, or raise max_request_size.",
        "unsupported: another path than /v1/traces, or metrics and logs sent here: switch those exporters off.",
    ),
    "Silence by instance while the sender is mended.",
)

_DROPPING = share(rate(names.DROPPED_SPANS, f'reason!="{names.FILTERED}"'), RECEIVED) + f" > {DROPPED_RATIO.scalar}"
_DROPPING_TOLD = Told(
    f"{_INSTANCE} drops {SHARE} of the spans.",
    f"{SHARE} of the spans that {_INSTANCE} received over the last 5 minutes are counted nowhere, filters apart, "
    f"threshold {DROPPED_RATIO.share}; it takes {_SPANS} spans/s.",
)
_DROPPING_RUNBOOK = Runbook(
    "Spans end outside time.slack: they come too late, or from the future. Rates are too low by that share.",
    (
        ("For which reason?", f"sum by (reason) (rate({names.DROPPED_SPANS.name}_total[5m]))"),
        ("How late are spans?", f"histogram_quantile(0.99, sum by (le) (rate({_BUCKET}[5m])))"),
    ),
    (
        "Late: a Collector or queue with a backlog; see Span2metricsSpansLate. Widen time.slack if it is to be taken.",
        "From the future: mend the clock of the sender, see Span2metricsClockWrong.",
    ),
    "Silence while a backlog is worked off.",
)

_MEDIAN = f"histogram_quantile(0.5, sum by (le) (rate({_BUCKET}{_OF}[10m])))"
_LATE = (
    f'1 - (sum by (job, instance) (rate({_BUCKET}{{le="60.0"}}[10m]))\n'
    f"/\nsum by (job, instance) (rate({names.LATENESS.name}_count[10m])))\n> {LATE_RATIO.scalar}"
)
_LATE_TOLD = Told(
    f"{SHARE} of the spans come to {_INSTANCE} more than a minute late.",
    f"{SHARE} of the spans that came to {_INSTANCE} over the last 10 minutes had ended more than a minute before, "
    f"threshold {LATE_RATIO.share}; the median is late by "
    f"{number(_MEDIAN, ('instance',), 'humanizeDuration')}.",
)
_LATE_RUNBOOK = Runbook(
    "Spans wait somewhere before they come here. They count when they come: incidents show late and last too long.",
    (
        ("How late are they?", f"histogram_quantile(0.9, sum by (instance, le) (rate({_BUCKET}[5m])))"),
        (
            "Does the daemon itself let them wait?",
            f"histogram_quantile(0.99, sum by (le) (rate({names.INGEST_SECONDS.name}_bucket[5m])))",
        ),
    ),
    (
        "Look at the queue of the Collector before the daemon (otelcol_exporter_queue_size), or at Kafka's lag.",
        "One service alone: its exporter's schedule, a frozen pod that woke up, a clock that is slow.",
    ),
    "Silence while a backlog is worked off.",
)

_FUTURE = (
    f'sum by (job, instance) (rate({_BUCKET}{{le="0.0"}}[10m]))\n'
    f"/\nsum by (job, instance) (rate({names.LATENESS.name}_count[10m]))\n> {FUTURE_RATIO.scalar}"
)
_FUTURE_TOLD = Told(
    f"{SHARE} of the spans come to {_INSTANCE} before they end.",
    f"{SHARE} of the spans that came to {_INSTANCE} over the last 10 minutes end in the future by its clock, threshold "
    f"{FUTURE_RATIO.share}: its clock is slow, or those of senders are fast.",
)
_FUTURE_RUNBOOK = Runbook(
    "Clocks disagree. Durations within one machine are right all the same; how long messages waited, time.slack and "
    "the time stamps of exemplars are not.",
    (
        (
            "One instance, or all of them (then it is a sender)?",
            f'sum by (instance) (rate({_BUCKET}{{le="0.0"}}[5m]))',
        ),
        ("Does our clock agree with Prometheus'?", f'time() - timestamp(up{{job="{JOB}"}})'),
    ),
    (
        "See that chrony or systemd-timesyncd runs and is in step, on the daemon's machine first.",
        "Find the sender: a trace in which a child begins before its parent crosses the wrong clock.",
    ),
    "Silence by instance while clocks are set.",
)
