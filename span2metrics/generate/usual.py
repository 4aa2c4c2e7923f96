"""What is usual: `rules/usual.yml`, evaluated every two minutes, because it reads half hours of history.

A service's usual rate is that of this time of the day and of the week: of yesterday, a week ago and two weeks ago the
middle one, so that neither an incident then nor a Sunday before a Monday bends it.  With only two of them it is the
lower one, with fewer there is none, and nothing that needs one is said: a new service, a new Prometheus.  Half hours
around the time bridge restarts and do not mind a quarter of an hour.

Other things do not follow the clock: theirs is the median of the last day, once there are two hours of it.
"""

from __future__ import annotations

from collections.abc import Iterator

from span2metrics.generate.rule import Group, Recording, RuleFile

#: Label value → offset of the half hour around that time.
BEFORE = {"1d": "23h45m", "7d": "167h45m", "14d": "335h45m"}
INTERVAL = "2m"

_HEAD = """\
What is usual at this time of day and week: keep two weeks of data (Prometheus' own default is 15 days)."""


def group(name: str, rules: Iterator[Recording]) -> Group:
    """A group for what this module makes."""
    return Group(name, tuple(rules), INTERVAL)


def rule_file() -> RuleFile:
    """Of requests by service."""
    rules = of_the_clock("service:requests:rate5m", "service:requests:before_rate30m", "service:requests:usual_rate30m")
    return RuleFile("usual", (group("span2metrics usual requests", rules),), _HEAD)


def of_the_clock(current: str, before: str, usual: str, by: str = "service_name") -> Iterator[Recording]:
    """Recordings of the usual value of `current` at this time, by labels: the parts are called `before`."""
    for ago, offset in BEFORE.items():
        yield Recording(before, f"avg_over_time({current}[30m] offset {offset})", {"before": ago})
    counted = f"count by ({by}) ({before})"
    yield Recording(
        usual,
        f"quantile by ({by}) (0.5, {before}) and {counted} == {len(BEFORE)}\n"
        f"or\nmin by ({by}) ({before}) and {counted} == 2",
    )


def of_a_day(current: str, usual: str) -> Recording:
    """The recording of the median of a day, without the last quarter of an hour."""
    return Recording(usual, f"quantile_over_time(0.5, {current}[1d] offset 15m) and {current} offset 2h")
