"""What the daemon's own alerts and those on traffic have to know of it: recordings of `rules/daemon.yml`.

Its own metrics have the same names whatever the configuration.  The scrape job is called `JOB`: that is how a daemon
that is gone is told from one that never was.  Counts are per instance, because a replica that fails is repaired as one.
"""

from __future__ import annotations

from span2metrics import names
from span2metrics.generate.red_alerts import STEADY
from span2metrics.generate.rule import Group, Recording

JOB = "span2metrics"
BY = "job, instance"
#: How long a daemon has to be there before something is missing, in seconds.
SETTLED_S = 1200

RECEIVED = "span2metrics:received_spans:rate5m"
REQUESTS = "span2metrics:received_requests:rate5m"
#: Outcomes of requests that clients try again, and those of which the spans are lost.
REFUSED = (names.OVERLOADED, names.INTERNAL, names.ABANDONED)
BAD = (names.MALFORMED, names.TOO_LARGE, names.UNSUPPORTED)


def rate(metric: names.SelfMetric, matchers: str = "", window: str = "5m", by: str = BY) -> str:
    """Of a counter, by instance and what else is given."""
    return f"sum by ({by}) (rate({metric.name}_total{f'{{{matchers}}}' if matchers else ''}[{window}]))"


def share(part: str, whole: str) -> str:
    """Of two vectors by instance."""
    return f"{part}\n/ on ({BY})\n{whole}"


def outcomes(wanted: tuple[str, ...]) -> str:
    """Matcher of requests."""
    return f'outcome=~"{"|".join(wanted)}"'


def recordings() -> Group:
    """Rates of what comes in, and whether the daemon has been there long enough for something to be missing."""
    steady = (
        f'min(time() - process_start_time_seconds{{job="{JOB}"}}) > {SETTLED_S}\n'
        f'and min(min_over_time(up{{job="{JOB}"}}[{SETTLED_S // 60}m])) == 1\n'
        f'and max(up{{job="{JOB}"}} offset {SETTLED_S // 60}m) == 1\n'
        f"and sum({RECEIVED}) > 0"
    )
    return Group(
        "span2metrics intake",
        (
            Recording(RECEIVED, rate(names.RECEIVED_SPANS)),
            Recording(REQUESTS, rate(names.RECEIVED_REQUESTS)),
            Recording(
                STEADY,
                steady,
                comment="There while every daemon has run, was scraped and has got spans for a while: seconds since "
                "the last start.",
            ),
        ),
    )
