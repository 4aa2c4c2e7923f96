"""Recordings of rate, errors and durations: `rules/red.yml`.

A service's own health is told by the spans with which it answers, SERVER and CONSUMER; how its dependencies treat it by
those with which it asks, CLIENT and PRODUCER.  Spans of overflow series count for their service, and are left out where
span names are told apart.

Windows: what alerts look at is recorded over five minutes, which smooths, and over two, which sees the end of an
incident soon; both must be beyond a threshold.
"""

from __future__ import annotations

from collections.abc import Iterator

from span2metrics import names
from span2metrics.config import Config
from span2metrics.generate import thresholds
from span2metrics.generate.families import Families
from span2metrics.generate.promql import FIVE, SERVICE, TWO, Durations, durations, summed_by
from span2metrics.generate.rule import Group, Recording, RuleFile
from span2metrics.generate.thresholds import ERROR_EVENTS, ERROR_RATIO, LATENCY, LATENCY_EVENTS, TRAFFIC_DROP

_SERVER, _CLIENT, _PRODUCER, _CONSUMER = (names.SPAN_KINDS[kind] for kind in (2, 3, 4, 5))
OWN = f'{names.SPAN_KIND}=~"{_SERVER}|{_CONSUMER}"'
OUTGOING = f'{names.SPAN_KIND}=~"{_CLIENT}|{_PRODUCER}"'
NAMED = f'{names.SPAN_NAME}!=""'
ERROR = f'{names.STATUS_CODE}="{names.STATUS_CODES[names.ERROR]}"'
QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}

#: Services beyond a threshold: what alerts and causes are made of.  The value is the share, and the seconds.
FAILING = "service:failing:ratio_rate5m"
SLOW = "service:slow:p95_rate5m"
TIME = "service:request_duration_seconds_sum:rate5m"

_HEAD = """\
Rate, errors and durations, by service and by span name.
service           what a service answers: its SERVER and CONSUMER spans
service_span      the same by span name, without the overflow series, which have none
service_outgoing  what it asks of others: its CLIENT and PRODUCER spans"""
_BEYOND = "Services beyond a threshold, with enough requests; alerts and the search for causes begin here."


def rule_file(config: Config) -> RuleFile | None:
    """None where the series lack a label without which a service's health cannot be asked."""
    if {SERVICE, names.SPAN_KIND, names.STATUS_CODE} & set(config.metrics.exclude):
        return None
    families = Families.of(config)
    levels = [_services(families), _outgoing(families)]
    if names.SPAN_NAME not in config.metrics.exclude:
        levels.insert(1, _spans(families))
    levels.append(Group("span2metrics services beyond thresholds", _beyond(), comment=_BEYOND))
    return RuleFile("red", tuple(levels), _HEAD)


def _services(families: Families) -> Group:
    spent = durations(families, OWN).time((SERVICE,), FIVE, families.service)
    rules = (*_rates(families, "service", OWN), *_quantiles(families, "service", OWN), Recording(TIME, spent))
    return Group("span2metrics services", rules)


def _outgoing(families: Families) -> Group:
    rules = (*_errors(families, "service_outgoing", OUTGOING, (SERVICE,), FIVE), _p95(families, "service_outgoing"))
    return Group("span2metrics services' dependencies", rules)


def _spans(families: Families) -> Group:
    level, by = "service_span", (SERVICE, names.SPAN_NAME)
    matchers = f"{OWN},{NAMED}"
    slowest = durations(families, matchers).quantile(QUANTILES["p95"], by, FIVE, families.service)
    quantile = Recording(f"{level}:request_duration_seconds:p95_rate5m", slowest)
    return Group("span2metrics spans", (*_errors(families, level, matchers, by, FIVE), quantile))


def _rates(families: Families, level: str, matchers: str) -> Iterator[Recording]:
    for window in (FIVE, TWO):
        yield from _errors(families, level, matchers, (SERVICE,), window)


def _errors(families: Families, level: str, matchers: str, by: tuple[str, ...], window: str) -> Iterator[Recording]:
    """Requests, those that failed, and their share.  Without `metrics.errors_zero` who never failed is at 0, too."""
    requests, failed = f"{level}:requests:rate{window}", f"{level}:requests_failed:rate{window}"
    failing = summed_by(by, f"rate({families.calls}{{{matchers},{ERROR}}}[{window}])", families.service)
    yield Recording(requests, summed_by(by, f"rate({families.calls}{{{matchers}}}[{window}])", families.service))
    yield Recording(failed, f"{failing}\nor\n0 * {requests}")
    yield Recording(f"{level}:requests_failed:ratio_rate{window}", f"{failed} / {requests}")


def _quantiles(families: Families, level: str, matchers: str) -> Iterator[Recording]:
    asked = durations(families, matchers)
    for name, q in QUANTILES.items():
        yield _quantile(asked, families, level, name, q, FIVE)
    yield _quantile(asked, families, level, "p95", QUANTILES["p95"], TWO)


def _p95(families: Families, level: str) -> Recording:
    return _quantile(durations(families, OUTGOING), families, level, "p95", QUANTILES["p95"], FIVE)


def _quantile(asked: Durations, families: Families, level: str, name: str, q: float, window: str) -> Recording:
    record = f"{level}:request_duration_seconds:{name}_rate{window}"
    return Recording(record, asked.quantile(q, (SERVICE,), window, families.service))


def _beyond() -> tuple[Recording, ...]:
    requests, duration = "service:requests:rate5m", "service:request_duration_seconds:p95_rate"
    ratio, usual = "service:requests_failed:ratio_rate", "service:requests:usual_rate30m"
    failed = "service:requests_failed:rate5m"
    failing = thresholds.beyond(ratio, ERROR_RATIO.of_service, SERVICE, failed, ERROR_EVENTS)
    slow = thresholds.beyond(duration, LATENCY.of_service, SERVICE, requests, LATENCY_EVENTS)
    return (
        thresholds.of_services(ERROR_RATIO, requests),
        thresholds.of_services(LATENCY, requests),
        thresholds.of_services(TRAFFIC_DROP, f"{requests} or {usual}"),
        Recording(FAILING, failing),
        Recording(SLOW, slow),
    )
