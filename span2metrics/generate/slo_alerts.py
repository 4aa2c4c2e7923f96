"""Alerts of an objective: its budget goes too fast, will be gone soon, or nothing is known of it.

The numbers of an alert are those of its long window.  Its labels are those of the recorded series, and the window.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from span2metrics.config.slos import Slo
from span2metrics.generate.alerting import PAGE, SLOS, TICKET, Links, Told, alert
from span2metrics.generate.families import Families
from span2metrics.generate.matchers import number
from span2metrics.generate.rule import Alert
from span2metrics.generate.slo_runbooks import runbooks
from span2metrics.generate.slo_series import ALL, BAD, Labels, bad_ratio, history, of
from span2metrics.generate.slo_windows import HOURS, TIERS, Tier, bad_share, budget, rate
from span2metrics.generate.thresholds import SLO_ERRORS, SLO_FORECAST

BURNS_FAST, BURNS_SLOWLY = "SLOErrorBudgetBurnsFast", "SLOErrorBudgetBurnsSlowly"
EXHAUSTED_SOON, ABSENT = "SLOErrorBudgetExhaustedSoon", "SLODataAbsent"
_BURNS = {PAGE: BURNS_FAST, TICKET: BURNS_SLOWLY}
#: A page waits until it is known whether a dependency explains it.  That takes the two minutes of `ServiceErrors`, and
#: up to three rounds of rules of 15 s before it; this group may see the same samples first.  Where few calls fail, a
#: budget of a hundredth of a per cent burns minutes before 5 % do: that page is sent before anything can explain it.
_LASTING = {PAGE: "3m", TICKET: ""}
#: Nights without a call are no fault, whole days without any are.
SILENCE = "1d"
#: Of a Prometheus that is new, and of a forecast that one bad minute moved.
PATIENCE = "1h"


def alerts(slo: Slo, families: Families, labels: Labels, links: Links) -> Iterator[Alert]:
    """Those that are evaluated often."""
    yield from (_burns(slo, tier, families, labels, links) for tier in TIERS)
    yield _absent(slo, families, labels, links)


def _burns(slo: Slo, tier: Tier, families: Families, labels: Labels, links: Links) -> Alert:
    share, name = bad_share(tier, slo), _BURNS[tier.severity]
    expr = "\nand\n".join(_conditions(slo, tier, number(share)))
    told = Told(
        f"{slo.name}: {{{{ $value | humanizePercentage }}}} of the calls in {tier.long} were bad, "
        f"{_allowed(slo)} are allowed",
        f"In the last {tier.long} and in the last {tier.short} the error budget went {_how_fast(share, slo)}. "
        f"{_left(slo)}",
    )
    return alert(
        name, expr, _LASTING[tier.severity], tier.severity, told, runbooks(families)[name], links, SLOS,
        variables=_BOARD, labels={**labels, "window": tier.long}, comment=_comment(slo, tier),
    )  # fmt: skip


_BOARD = (("slo", "slo"),)


def _conditions(slo: Slo, tier: Tier, share: str) -> Iterator[str]:
    """The first one's value is what is told.

    The share of bad calls is one of the calls that there were: of a Prometheus, or an objective, that is twenty minutes
    old an outage of ten would be a third of three days.  In the hour it may be: a new service is told of at once.
    """
    yield f"{of(bad_ratio(tier.long), slo)} > {share}"
    yield f"{of(bad_ratio(tier.short), slo)} > {share}"
    if tier.long in HOURS:
        yield f"{of(bad_ratio(tier.long), slo)} * {history(slo, tier.long, HOURS[tier.long])} > {share}"
    yield _enough_errors(slo, tier.long)


def _comment(slo: Slo, tier: Tier) -> str:
    lines = []
    if rate(tier, slo) * budget(slo) > bad_share(tier, slo):
        lines.append(f"{number(rate(tier, slo))} times the budget would be more than all calls, or nearly.")
    if tier.long in HOURS:
        lines.append(f"Of {tier.long} that are not full yet only so much counts as there is: a young history is short.")
    return "\n".join(lines)


def _enough_errors(slo: Slo, window: str) -> str:
    """Rates summed step by step are errors, however often they are recorded; over long windows the steps are longer."""
    step, seconds = ("1m", 60) if window == "1h" else ("5m", 300)
    return f"sum_over_time({of(BAD, slo)}[{window}:{step}]) * {seconds} >= {SLO_ERRORS.scalar}"


def _allowed(slo: Slo) -> str:
    return f"{number(budget(slo) * 100)} %"


def _how_fast(share: Decimal, slo: Slo) -> str:
    times = share / budget(slo)
    return "faster than it may" if times == 1 else f"at least {times:.3g} times as fast as it may"


def _left(slo: Slo) -> str:
    """What is left of the budget, where that is known; a query within the template."""
    query = f"slo:period_error_budget_remaining:ratio{{slo='{slo.name}'}}"
    shown = "{{ . | first | value | humanizePercentage }}"
    return f'{{{{ with query "{query}" }}}}{shown} of the budget for {slo.days} days is left.{{{{ end }}}}'


def exhausted_soon(slo: Slo, families: Families, labels: Labels, links: Links) -> Alert:
    expr = "\nand\n".join(
        (
            f"{of('slo:time_to_exhaustion:days', slo)} < {SLO_FORECAST.scalar}",
            _enough_errors(slo, "1d"),
        )
    )
    promise = f"{number(slo.objective)} % in {slo.days} days"
    told = Told(
        f'{slo.name}: its error budget is gone{{{{ if gt $value 0.0 }}}} in {{{{ $value | printf "%.1f" }}}} '
        f"days{{{{ end }}}}",
        f"{{{{ if gt $value 0.0 }}}}That is when the objective of {promise} is missed, if calls go on to fail as in "
        f"the last day.{{{{ else }}}}The objective of {promise} is missed, until enough bad days leave the window."
        f"{{{{ end }}}} {_left(slo)}",
    )
    return alert(
        EXHAUSTED_SOON, expr, PATIENCE, TICKET, told, runbooks(families)[EXHAUSTED_SOON], links, SLOS,
        variables=_BOARD, labels=labels,
    )  # fmt: skip


def _absent(slo: Slo, families: Families, labels: Labels, links: Links) -> Alert:
    told = Told(
        f"{slo.name}: no call of it was seen in {SILENCE}",
        "Nobody would be told if its objective were missed: no series has the labels that it asks for.",
    )
    expr = f"absent_over_time({of(ALL, slo)}[{SILENCE}])"
    return alert(
        ABSENT, expr, PATIENCE, TICKET, told, runbooks(families)[ABSENT], links, SLOS, variables=_BOARD, labels=labels
    )
