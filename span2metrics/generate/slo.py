"""Rules of service level objectives: what is recorded of each, and its alerts.

Bad and all events are recorded as rates, and a longer window is the sum of the one over that of the other.  That weighs
each event alike, and looks at two series in place of all that the objective is about.  The mean of recorded shares, as
some generators have it, would weigh a quiet night like the busy day before it; asking the counters themselves for
three days takes all their samples.

Names: semantics §6.
"""

from __future__ import annotations

from collections.abc import Iterator

from span2metrics import names
from span2metrics.config import Config
from span2metrics.config.scalars import format_duration
from span2metrics.config.slos import Slo
from span2metrics.engine.text import bound_text
from span2metrics.generate.alerting import Links
from span2metrics.generate.families import Families
from span2metrics.generate.matchers import Matcher, number, selector
from span2metrics.generate.rule import Alert, Group, Recording, RuleFile
from span2metrics.generate.selector import IS_ERROR, IS_NO_ERROR, matchers_of
from span2metrics.generate.slo_alerts import alerts, exhausted_soon
from span2metrics.generate.slo_series import (
    ALL,
    BAD,
    BUDGET_RATIO,
    BURN,
    EXHAUSTION,
    OBJECTIVE,
    REMAINING,
    Labels,
    bad_ratio,
    history,
    labels_of,
    of,
)
from span2metrics.generate.slo_windows import LONGER, SHORTEST, budget

#: Evaluated so often: alerts are a minute late at most, and a window of 30 days is 43,200 samples.
OFTEN, SELDOM = "1m", "2m"
_COMMENT = (
    "Service level objectives, made by `span2metrics generate rules`.\n"
    "Alerts ask for span2metrics:threshold:… of thresholds.yml."
)


def rule_file(config: Config, links: Links) -> RuleFile:
    families = Families.of(config)
    return RuleFile(
        "slos", tuple(group for slo in config.slos for group in _groups(slo, config, families, links)), _COMMENT
    )


def _groups(slo: Slo, config: Config, families: Families, links: Links) -> Iterator[Group]:
    labels = labels_of(slo)
    rules: list[Recording | Alert] = [*_recordings(slo, config, families, labels)]
    rules += alerts(slo, families, labels, links)
    yield Group(f"span2metrics slo {slo.name}", tuple(rules), OFTEN, _told(slo))
    yield Group(
        f"span2metrics slo {slo.name} {slo.days}d",
        (*_budget_recordings(slo, labels), exhausted_soon(slo, families, labels, links)),
        SELDOM,
        "What is left of the budget; a long look back, so less often.",
    )


def _told(slo: Slo) -> str:
    good = f"no error, and at most {format_duration(slo.sli.latency)} long" if slo.sli.latency else "no error"
    return f"{number(slo.objective)} % of its calls in {slo.days} days are to be good: {good}."


def _recordings(slo: Slo, config: Config, families: Families, labels: Labels) -> Iterator[Recording]:
    allowed = budget(slo)
    yield Recording(OBJECTIVE, f"vector({number(1 - allowed)})", labels)
    yield Recording(BUDGET_RATIO, f"vector({number(allowed)})", labels)
    yield Recording("slo:time_period:days", f"vector({slo.days})", labels)
    yield from _events(slo, config, families, labels)
    yield Recording(bad_ratio(SHORTEST), f"{of(BAD, slo)}\n/\n({of(ALL, slo)} > 0)", labels)
    yield from (_over(slo, window, labels) for window in LONGER)
    yield Recording(BURN, f"{of(bad_ratio(SHORTEST), slo)} / {number(allowed)}", labels)


def _events(slo: Slo, config: Config, families: Families, labels: Labels) -> Iterator[Recording]:
    """All events a second, and bad ones; of the latter 0 where there are none but others."""
    nothing = f"0 * sum({of(ALL, slo)})"
    if not slo.sli.latency:
        asked = matchers_of(slo.where, config, families, names.CALLS)
        yield Recording(ALL, _rate(families.calls, asked), labels)
        yield Recording(BAD, f"{_rate(families.calls, (*asked, IS_ERROR))}\nor\n{nothing}", labels)
        return
    asked = matchers_of(slo.where, config, families, names.DURATION)
    at_most = Matcher("le", "=", bound_text(slo.sli.latency, families.unit.nanoseconds))
    good = _rate(f"{families.duration}_bucket", (*asked, IS_NO_ERROR, at_most))
    yield Recording(ALL, _rate(f"{families.duration}_count", asked), labels)
    yield Recording(
        BAD,
        f"clamp_min(\n  sum({of(ALL, slo)})\n  -\n  (\n    {good}\n    or\n    {nothing}\n  ),\n  0\n)",
        labels,
        "What is not good: the bucket counts what took as long as the threshold too.",
    )


def _rate(metric: str, matchers: tuple[Matcher, ...]) -> str:
    return f"sum(rate({selector(metric, matchers)}[{SHORTEST}]))"


def _over(slo: Slo, window: str, labels: Labels) -> Recording:
    bad, every = (f"sum_over_time({of(series, slo)}[{window}])" for series in (BAD, ALL))
    return Recording(bad_ratio(window), f"{bad}\n/\n({every} > 0)", labels)


def _budget_recordings(slo: Slo, labels: Labels) -> Iterator[Recording]:
    window, allowed = f"{slo.days}d", number(budget(slo))
    remaining, last_day = of(REMAINING, slo), f"{of(bad_ratio('1d'), slo)} / {allowed}"
    yield _over(slo, window, labels)
    yield Recording(
        REMAINING,
        f"1\n-\n{of(bad_ratio(window), slo)} / {allowed}\n*\n{history(slo, window, 24 * slo.days)}",
        labels,
        "Below 0 it is overdrawn.  Of a window that is not full yet only so much counts as there is: a bad first hour\n"
        "is no bad month.",
    )
    yield Recording(
        EXHAUSTION,
        f"({remaining} > 0) * {slo.days} / ({last_day})\nor\nclamp_min({remaining} <= 0, 0)",
        labels,
        "At the rate of the last day; +Inf without errors in it.  That bad days leave the window does not count.",
    )
