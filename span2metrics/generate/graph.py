"""Recordings of the service graph: `rules/graph.yml`.

`edge` are requests that a client waits for, `edge_messages` those that pass through a queue: a consumer's failure is no
producer's.  Both ends, `client` and `server`, may be nodes that send no spans.
"""

from __future__ import annotations

from collections.abc import Iterator

from span2metrics import names
from span2metrics.config import Config
from span2metrics.generate import thresholds, usual
from span2metrics.generate.families import Families
from span2metrics.generate.promql import FIVE, TWO, Durations, renamed, summed_by
from span2metrics.generate.rule import Group, Recording, RuleFile
from span2metrics.generate.thresholds import ERROR_EVENTS, ERROR_RATIO, LATENCY, LATENCY_EVENTS

BY = (names.CLIENT, names.SERVER)
WAITED = f'{names.CONNECTION_TYPE}!="{names.CONNECTION_MESSAGING}"'
QUEUED = f'{names.CONNECTION_TYPE}="{names.CONNECTION_MESSAGING}"'
#: Edges beyond a threshold, as in `red`; who asks and sends no spans cannot tell of his server.
FAILING = "edge:failing:ratio_rate5m"
SLOW = "edge:slow:p95_rate5m"
TIME = "edge:request_duration_seconds_sum:rate5m"
AMPLIFICATION = "edge:requests_per_request:ratio_rate5m"
USUAL_AMPLIFICATION = "edge:requests_per_request:usual_ratio1d"

_HEAD = """\
The service graph: who asks whom (client, server), how often, in vain, and how long it takes by the client's clock.
edge           requests that their client waits for
edge_messages  messages that pass through a queue"""
_BEYOND = """\
Edges beyond a threshold, with enough requests. Whoever asks without sending spans (user) says nothing about a server
that its own spans do not say."""


def rule_file(config: Config) -> RuleFile | None:
    """None without a service graph."""
    if not config.service_graph.enabled:
        return None
    native = not Families.of(config).classic
    groups = (
        Group("span2metrics edges", (*_edges(native), *_messages())),
        Group("span2metrics edges beyond thresholds", _beyond(), comment=_BEYOND),
        usual.group("span2metrics usual edges", iter((usual.of_a_day(AMPLIFICATION, USUAL_AMPLIFICATION),))),
    )
    return RuleFile("graph", groups, _HEAD)


def _edges(native: bool) -> Iterator[Recording]:
    for window in (FIVE, TWO):
        yield from _errors("edge", WAITED, window)
    asked = Durations(names.REQUEST_CLIENT.name, WAITED, native)
    for window in (FIVE, TWO):
        yield Recording(f"edge:request_duration_seconds:p95_rate{window}", asked.quantile(0.95, BY, window))
    yield Recording(TIME, asked.time(BY, FIVE))
    requests = renamed("service:requests:rate5m > 0", names.CLIENT, names.SERVICE_NAME)
    yield Recording(
        AMPLIFICATION,
        f"edge:requests:rate5m\n/ on (client) group_left ()\nsum by (client) ({requests})",
        comment="Requests of an edge for each one that its client answers: retries and loops raise it.",
    )


def _messages() -> Iterator[Recording]:
    return _errors("edge_messages", QUEUED, FIVE)


def _errors(level: str, matchers: str, window: str) -> Iterator[Recording]:
    requests, failed = f"{level}:requests:rate{window}", f"{level}:requests_failed:rate{window}"
    yield Recording(requests, summed_by(BY, f"rate({names.REQUEST.name}_total{{{matchers}}}[{window}])"))
    yield Recording(failed, summed_by(BY, f"rate({names.REQUEST_FAILED.name}_total{{{matchers}}}[{window}])"))
    yield Recording(f"{level}:requests_failed:ratio_rate{window}", f"{failed} / {requests}")


def _beyond() -> tuple[Recording, ...]:
    seen = f'{{client!="{names.USER}"}}'
    requests, duration = "edge:requests:rate5m", "edge:request_duration_seconds:p95_rate"
    ratio = "edge:requests_failed:ratio_rate"
    on, failed = "client, server", "edge:requests_failed:rate5m"
    failing = thresholds.beyond(ratio, ERROR_RATIO.of_edge, on, failed, ERROR_EVENTS, seen)
    slow = thresholds.beyond(duration, LATENCY.of_edge, on, requests, LATENCY_EVENTS, seen)
    return (
        thresholds.of_edges(ERROR_RATIO, requests),
        thresholds.of_edges(LATENCY, requests),
        Recording(FAILING, failing),
        Recording(SLOW, slow),
    )
