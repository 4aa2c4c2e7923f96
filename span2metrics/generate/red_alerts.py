"""Alerts on services: `rules/alerts.yml` begins with them.  They look at recordings only.

A service's own alert waits a minute longer than that of a dependency, so that the cause is known first.
"""

from __future__ import annotations

from collections.abc import Iterator

from span2metrics.generate import alerting, red
from span2metrics.generate.alerting import PAGE, SERVICES, TICKET, Links, Told
from span2metrics.generate.promql import FIVE_S, SECONDS, SHARE, VALUE, label, number
from span2metrics.generate.rule import Alert, Runbook
from span2metrics.generate.thresholds import ERROR_RATIO, LATENCY, TRAFFIC_DROP, TRAFFIC_EVENTS

ERRORS, LATE, DROP = "ServiceErrors", "ServiceSlow", "ServiceTrafficDrop"

_NAME = ("service_name",)
_SERVICE = label("service_name")
_RATE = number("service:requests:rate5m{service_name=%q}", _NAME)
_BOARD = (("service", "service_name"),)

#: Whether what is missing may be the daemon's doing: it has run for a while, was scraped all the time, and has spans.
STEADY = "span2metrics:steady"


def alerts(links: Links) -> Iterator[Alert]:
    """Errors, durations, traffic."""
    yield alerting.alert(ERRORS, red.FAILING, "2m", PAGE, _ERRORS, _ERRORS_RUNBOOK, links, SERVICES, variables=_BOARD)
    yield alerting.alert(LATE, red.SLOW, "2m", TICKET, _SLOW, _SLOW_RUNBOOK, links, SERVICES, variables=_BOARD)
    yield alerting.alert(
        DROP, _DROPPED, "10m", PAGE, _DROP, _DROP_RUNBOOK, links, SERVICES, variables=_BOARD, comment=_DROP_COMMENT
    )


_ERRORS = Told(
    f"{_SERVICE} fails {SHARE} of its requests.",
    f"{SHARE} of the requests to {_SERVICE} failed over the last 5 minutes, threshold "
    f"{number(ERROR_RATIO.of_service + '{service_name=%q}', _NAME, 'humanizePercentage')}; it gets {_RATE} requests/s, "
    f"of which {number('service:requests_failed:rate5m{service_name=%q}', _NAME)} fail. "
    f"95th percentile: "
    f"{number('service:request_duration_seconds:p95_rate5m{service_name=%q}', _NAME, 'humanizeDuration')}.",
)
_ERRORS_RUNBOOK = Runbook(
    "The service answers too many requests with an error, and none of its dependencies explains most of them: the "
    "fault is its own, or of something that sends no spans and is not named by any.",
    (
        (
            "Which operations fail?",
            "topk(5, service_span:requests_failed:rate5m > 0)",
        ),
        (
            "Does a dependency fail with it, below the threshold?",
            "sort_desc(edge:requests_failed:ratio_rate5m > 0)",
        ),
    ),
    (
        "Look at what changed: a deployment, a flag, a certificate, a limit of its database or of memory. Undo it.",
        "Open a failed trace by the exemplars of the dashboard. The deepest span with an error names the place.",
        "If only one version or pod fails, take it out of rotation.",
    ),
    "Silence by service_name for the time of a mend that is under way. A service that may fail more for good gets a "
    "number of its own: span2metrics:threshold:error_ratio with its service_name.",
)

_SLOW = Told(
    f"{_SERVICE} is slow: 95th percentile {SECONDS}.",
    f"The slowest 5 % of the requests to {_SERVICE} took {SECONDS} or more over the last 5 minutes, threshold "
    f"{number(LATENCY.of_service + '{service_name=%q}', _NAME, 'humanizeDuration')}; the median is "
    f"{number('service:request_duration_seconds:p50_rate5m{service_name=%q}', _NAME, 'humanizeDuration')} at {_RATE} "
    f"requests/s.",
)
_SLOW_RUNBOOK = Runbook(
    "The slowest twentieth of the service's answers takes longer than it may, and no dependency has most of that time.",
    (
        ("Which operations are slow?", "topk(5, service_span:request_duration_seconds:p95_rate5m)"),
        (
            "How much of its time does it wait for others? (1: all of it)",
            "sum by (service_name) "
            '(label_replace(edge:request_duration_seconds_sum:rate5m, "service_name", "$1", "client", "(.+)")) '
            "/ service:request_duration_seconds_sum:rate5m",
        ),
    ),
    (
        "Compare the rate with the usual: too much work looks like slowness. Add instances.",
        "If it waits little for others: CPU throttling, garbage collection, locks, an exhausted pool of connections.",
        "Open a slow trace by the exemplars of the highest bucket; look for gaps between its children.",
    ),
    "Silence by service_name. Batch work that may take longer gets a number of its own: "
    "span2metrics:threshold:latency_seconds with its service_name.",
)

_DROPPED = f"""\
(
  (service:requests:rate5m or 0 * service:requests:usual_rate30m)
  < on (service_name) ({TRAFFIC_DROP.of_service} * on (service_name) service:requests:usual_rate30m)
)
and on (service_name) service:requests:usual_rate30m * {FIVE_S} >= {TRAFFIC_EVENTS.scalar}
and on () {STEADY}"""
_DROP_COMMENT = """\
A service of which nothing is left has no series after a while: it counts as 0.
What is missing since the daemon was restarted, or was not scraped, is no drop."""
_DROP = Told(
    f"{_SERVICE} gets {VALUE} requests/s, far fewer than usual.",
    f"{_SERVICE} gets {VALUE} requests/s; usual at this time of day and week are "
    f"{number('service:requests:usual_rate30m{service_name=%q}', _NAME)}. Told below "
    f"{number(TRAFFIC_DROP.of_service + '{service_name=%q}', _NAME, 'humanizePercentage')} of the usual.",
)
_DROP_RUNBOOK = Runbook(
    "Requests that used to come at this time do not: they are lost on their way here, or nobody sends them. Or the "
    "service does its work and no longer sends its spans.",
    (
        (
            "Who else gets fewer? The one nearest to the users is where it begins.",
            "sort(service:requests:rate5m / service:requests:usual_rate30m)",
        ),
        (
            "Whose requests are missing? Against this time yesterday.",
            "sort(edge:requests:rate5m / edge:requests:rate5m offset 1d)",
        ),
    ),
    (
        "See whether it is up and gets requests by its own logs: if so, its spans are lost; look at its exporter.",
        "Follow the calls towards the users: load balancer, DNS, certificates, a release of the app or the website.",
        "A holiday or the end of a campaign is no incident: silence.",
    ),
    "Silence by service_name until the usual time is over; what is usual learns of it within a week. A service whose "
    "traffic is erratic gets a number of its own: span2metrics:threshold:traffic_drop_ratio with its service_name.",
)
