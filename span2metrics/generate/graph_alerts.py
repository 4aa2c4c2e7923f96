"""Alerts on dependencies, and those that tell Alertmanager which callers to leave alone.

A dependency's alert is about its server, which is also its `service_name`; the client is who sees it.  It is for nodes
that have no alert of their own: databases, providers, services that think that all is well.

`FailureExplained` and `SlownessExplained` wake nobody.  They stand for a service whose trouble is that of its cause,
while the cause's own alert is firing, and inhibit the service's own.
"""

from __future__ import annotations

from collections.abc import Iterator

from span2metrics.generate import alerting, graph, red_alerts
from span2metrics.generate.alerting import GRAPH, PAGE, TICKET, Links, Told
from span2metrics.generate.graph_causes import FAILURE, SLOWNESS, Trouble
from span2metrics.generate.promql import FIVE_S, SECONDS, SHARE, VALUE, label, number, renamed
from span2metrics.generate.rule import Alert, Runbook
from span2metrics.generate.thresholds import CAUSE_SHARE, ERROR_RATIO, LATENCY, RETRY_EVENTS, RETRY_FACTOR

FAILING, LATE, RETRIES = "DependencyFailing", "DependencySlow", "RetriesMultiply"
FAILURE_EXPLAINED, SLOWNESS_EXPLAINED = "FailureExplained", "SlownessExplained"
#: A cause's own.
_ALERTS = {FAILURE: f"{red_alerts.ERRORS}|{FAILING}", SLOWNESS: f"{red_alerts.LATE}|{LATE}"}
#: Severity of what is for Alertmanager alone.
NOBODY = "none"

_ENDS = ("client", "server")
_CLIENT, _SERVER, _SERVICE, _CAUSE = (label(name) for name in (*_ENDS, "service_name", "cause"))
_EDGE = "{client=%q,server=%q}"
_RATE = number("edge:requests:rate5m" + _EDGE, _ENDS)
_BOARD = (("client", "client"), ("server", "server"))


def alerts(links: Links) -> Iterator[Alert]:
    """The causes first, so that what they explain is known in the same round."""
    yield alerting.alert(
        FAILING, _named(FAILURE.roots), "1m", PAGE, _FAILING, _FAILING_RUNBOOK, links, GRAPH,
        variables=_BOARD, keep_firing="1m",
    )  # fmt: skip
    yield alerting.alert(
        LATE, _named(SLOWNESS.roots), "1m", TICKET, _SLOW, _SLOW_RUNBOOK, links, GRAPH,
        variables=_BOARD, keep_firing="1m",
    )  # fmt: skip
    yield alerting.alert(
        RETRIES, _named(_MULTIPLY), "5m", TICKET, _RETRIES, _RETRIES_RUNBOOK, links, GRAPH, variables=_BOARD
    )


def explanations(links: Links) -> Iterator[Alert]:
    """After the alerts of services and dependencies, of which one must be firing."""
    for name, trouble, muted in (
        (FAILURE_EXPLAINED, FAILURE, red_alerts.ERRORS),
        (SLOWNESS_EXPLAINED, SLOWNESS, red_alerts.LATE),
    ):
        told = Told(
            f"{_SERVICE}: its {trouble.name} is that of {_CAUSE}.",
            f"{_SERVICE} is beyond a threshold because of {_CAUSE}, which has an alert of its own: {muted} of "
            f"{_SERVICE} is muted. Its dependencies have at least "
            f"{CAUSE_SHARE.share} of it.",
        )
        yield alerting.alert(
            name, explained(trouble), "", NOBODY, told, _explained_runbook(trouble, muted), links, GRAPH,
            variables=(("server", "cause"),), keep_firing="1m",
        )  # fmt: skip


def _named(edges: str) -> str:
    """Edges as alerts: the server is whom they are about."""
    return renamed(edges, "service_name", "server")


def explained(trouble: Trouble, within: str = "") -> str:
    """Services and their causes, of which an alert fires; with `within`, those of which both were so in that window."""
    cause, firing = trouble.cause, f'ALERTS{{alertname=~"{_ALERTS[trouble]}",alertstate="firing"}}'
    if within:
        cause, firing = (f"max_over_time({series}[{within}])" for series in (cause, firing))
    return f"max by (service_name, cause) ({cause})\nand on (cause) {renamed(firing, 'cause', 'service_name')}"


_FAILING = Told(
    f"{_SERVER} fails {SHARE} of the requests of {_CLIENT}.",
    f"{SHARE} of what {_CLIENT} asks of {_SERVER} failed over the last 5 minutes, threshold "
    f"{number(ERROR_RATIO.of_edge + _EDGE, _ENDS, 'humanizePercentage')}; {_RATE} requests/s, of which "
    f"{number('edge:requests_failed:rate5m' + _EDGE, _ENDS)} fail. 95th percentile: "
    f"{number('edge:request_duration_seconds:p95_rate5m' + _EDGE, _ENDS, 'humanizeDuration')}. "
    f"{_CLIENT} itself fails "
    f"{number('service:requests_failed:ratio_rate5m{service_name=%q}', ('client',), 'humanizePercentage')} of its own.",
)
_FAILING_RUNBOOK = Runbook(
    "A service's requests to a database, a provider or another service fail. The other side sends no spans, or its own "
    "spans say that all is well: it cannot be reached, is too slow for its client, or refuses.",
    (
        ("Who else has trouble with it?", "sort_desc(edge:requests_failed:ratio_rate5m > 0)"),
        (
            "Does it time out (slow and failing), or refuse (fast and failing)?",
            "edge:request_duration_seconds:p95_rate5m and edge:requests_failed:ratio_rate5m > 0",
        ),
    ),
    (
        "If all its clients have trouble: it is down or overloaded. Look at its status page, or call whoever runs it.",
        "If one client alone has: that one's credentials, certificate, network rules, version or rate limit.",
        "Lower what is asked of it: switch the feature off, open the circuit breaker, stop retries.",
    ),
    "Silence by server while its owners work on it; the callers' own alerts stay muted meanwhile. One that may fail "
    "more for good gets a number of its own: span2metrics:threshold:error_ratio with its name as service_name.",
)

_SLOW = Told(
    f"{_SERVER} answers {_CLIENT} slowly: 95th percentile {SECONDS}.",
    f"The slowest 5 % of the requests of {_CLIENT} to {_SERVER} took {SECONDS} or more over the last 5 minutes, "
    f"threshold {number(LATENCY.of_edge + _EDGE, _ENDS, 'humanizeDuration')}; {_RATE} requests/s, of which "
    f"{number('edge:requests_failed:ratio_rate5m' + _EDGE, _ENDS, 'humanizePercentage')} fail.",
)
_SLOW_RUNBOOK = Runbook(
    "A service waits long for a database, a provider or another service, and that one has no alert of its own.",
    (
        ("Who else waits for it?", "topk(10, edge:request_duration_seconds:p95_rate5m)"),
        ("Is more asked of it than yesterday at this time?", "edge:requests:rate5m / edge:requests:rate5m offset 1d"),
    ),
    (
        "A database: look for slow queries, locks, a missing index, a full disk or pool of connections.",
        "A provider: its status page. Shorten the timeout, so that callers do not pile up.",
        "The network between: compare with the server's own durations in the service graph.",
    ),
    "Silence by server. One that may take longer gets a number of its own: span2metrics:threshold:latency_seconds with "
    "its name as service_name.",
)

_MULTIPLY = f"""\
(
  {graph.AMPLIFICATION}
  > on (client, server) ({RETRY_FACTOR.scalar} * {graph.USUAL_AMPLIFICATION})
)
and on (client, server) edge:requests:rate5m * {FIVE_S} >= {RETRY_EVENTS.scalar}"""
_RETRIES = Told(
    f"{_CLIENT} asks {_SERVER} {VALUE} times per request.",
    f"{_CLIENT} makes {VALUE} requests to {_SERVER} for each one that it answers; usual are "
    f"{number(graph.USUAL_AMPLIFICATION + _EDGE, _ENDS)}, told beyond {RETRY_FACTOR.number} times that. "
    f"{_RATE} requests/s, of which "
    f"{number('edge:requests_failed:ratio_rate5m' + _EDGE, _ENDS, 'humanizePercentage')} fail.",
)
_RETRIES_RUNBOOK = Runbook(
    "A service makes many more requests to a dependency for the same work: it tries again what fails, or loops over "
    "what it used to ask at once. Retries on several floors multiply, and keep down what tries to get up.",
    (
        (
            "Do they fail (retries), or succeed (a loop, a cold cache)?",
            "edge:requests_failed:ratio_rate5m and edge:requests_per_request:ratio_rate5m > 1",
        ),
        ("Since when?", "edge:requests_per_request:ratio_rate5m / edge:requests_per_request:usual_ratio1d"),
    ),
    (
        "If they fail: lower the number of attempts, add backoff with jitter and a budget for retries.",
        "If they succeed: look at the last release of the client for a query in a loop, and at its cache.",
        "If the server is overloaded: shed load before it, then let it in again slowly.",
    ),
    "Silence by client and server. What is usual follows by itself half a day after a release that is meant to "
    "ask more.",
)


def _explained_runbook(trouble: Trouble, muted: str) -> Runbook:
    return Runbook(
        f"A service's {trouble.name} is explained by a dependency that has an alert of its own. Nobody is told of this "
        f"one: it mutes {muted} of that service in Alertmanager while the cause's alert fires.",
        (
            ("Which chains of calls lead to which cause?", trouble.cause),
            ("How much of it has the worst dependency of each caller?", trouble.blame),
        ),
        (
            "Act on the cause; its alert has a runbook.",
            "If the caller is to be told for itself all the same, remove the inhibition from alertmanager.yml, or "
            "raise span2metrics:threshold:cause_share.",
        ),
        "Nothing to silence: it is sent to no one.",
    )
