"""Service level objectives: what is left of each budget, how fast it goes, and when it will be gone."""

from __future__ import annotations

from collections.abc import Iterator

from span2metrics.config import Config
from span2metrics.config.slos import Slo
from span2metrics.generate.alerting import PAGE, SLOS, TICKET
from span2metrics.generate.dashboards.alerts import firing, firing_number, firing_table
from span2metrics.generate.dashboards.board import Board, LabelValues, Row, histograms
from span2metrics.generate.dashboards.link import Link, cell, of_series, to_service
from span2metrics.generate.dashboards.panel import (
    ANY_IS_BAD,
    BUDGET,
    DAYS,
    GREEN,
    ORANGE,
    PER_SECOND,
    RATIO,
    RED,
    SHORT,
    TIMES,
    YELLOW,
    Column,
    Panel,
    Query,
    Stat,
    Steps,
    Table,
    TimeSeries,
)
from span2metrics.generate.dashboards.queries import present
from span2metrics.generate.matchers import among
from span2metrics.generate.slo_series import ALL, BAD, BUDGET_RATIO, BURN, EXHAUSTION, OBJECTIVE, REMAINING, bad_ratio
from span2metrics.generate.slo_windows import LONGER, SHORTEST, TIERS, rate

_HERE = 'slo=~"$slo",slo!=""'
_CHOSEN = '{slo=~"$slo"}'
_LABELS = "slo, sli, service_name"
#: What is told of an objective, the worst of its alerts.
_TOLD = ((0, 0, "quiet"), (1, 1, "ticket"), (2, 2, "PAGE"))
_STATE: Steps = ((None, GREEN), (1, YELLOW), (2, RED))
_BURNING: Steps = ((None, GREEN), (1, YELLOW))
_SOON: Steps = ((None, RED), (3, YELLOW), (14, GREEN))
_APDEX: Steps = ((None, RED), (0.7, YELLOW), (0.85, GREEN))


def board(config: Config) -> Board:
    """For configurations with objectives."""
    rows = [
        Row("Objectives, the one with the least left first", (*_now(), _objectives(config.slos))),
        Row("Budget", (_left(), _forecast(config.slos))),
        Row("How fast it goes", tuple(_burns(config.slos))),
        Row("Calls", tuple(_calls())),
        Row("What is told", (firing_table("Active alerts on objectives", _HERE),)),
    ]
    if config.apdex:
        rows.append(Row("Apdex", (apdex(""),)))
    return Board(
        SLOS,
        "slos",
        "span2metrics / SLOs",
        "What was promised, what is left of the error budget, how fast it goes and when it will be gone.",
        (
            histograms(config),
            LabelValues("slo", "Objective", OBJECTIVE, "slo", several=True),
        ),
        tuple(rows),
        time="6h",
    )


def _now() -> Iterator[Panel]:
    yield Stat(
        title="Objectives that burn too fast",
        description="The error budget went faster than it may in the last hour; at that rate it will not last. Nobody "
        "is told of a little more for an hour: what is red are alerts.",
        queries=(Query(f"count({_burn('1h')} > 1) or vector(0)"),),
        steps=_BURNING, width=6, height=4,
    )  # fmt: skip
    yield Stat(
        title="Least budget left", description="Below 0 more calls were bad than promised.",
        queries=(Query(f"bottomk(1, {REMAINING}{_CHOSEN})", "{{slo}}"),), unit=RATIO, steps=BUDGET, decimals=1,
        width=6, height=4,
    )  # fmt: skip
    yield Stat(
        title="Gone in, at the soonest", description="Days until a budget is gone, if it goes on like in the last day.",
        queries=(Query(f"bottomk(1, {EXHAUSTION}{_CHOSEN} < +Inf)", "{{slo}}"),), unit=DAYS, steps=_SOON, decimals=1,
        no_value="Never", width=6, height=4,
    )  # fmt: skip
    yield Stat(
        title="Alerts that fire", description="On objectives; those that Alertmanager mutes, too.",
        queries=(Query(firing_number(_HERE)),), steps=ANY_IS_BAD, width=6, height=4,
    )  # fmt: skip


def _objectives(slos: tuple[Slo, ...]) -> Panel:
    return Table(
        title="Objectives",
        description="Good: the share of good calls in the objective's own window. Burns: how many times as fast as it "
        "may the budget goes, over five minutes and an hour; at 1 it lasts exactly. Gone in: at the rate of the last "
        "day. Told: the worst of its alerts.",
        queries=(
            Query(_by_slo(_state()), ref="told"),
            Query(_by_slo(f"{OBJECTIVE}{_CHOSEN}"), ref="objective"),
            Query(_by_slo(_good(slos)), ref="good"),
            Query(_by_slo(f"{REMAINING}{_CHOSEN}"), ref="left"),
            Query(_by_slo(f"{BURN}{_CHOSEN}"), ref="burn"),
            Query(_by_slo(_burn("1h")), ref="hour"),
            Query(_by_slo(f"{EXHAUSTION}{_CHOSEN} < +Inf"), ref="gone"),
            Query(_by_slo(f"{REMAINING}{_CHOSEN}"), ref="trend"),
        ),
        columns=(
            Column("slo", "Objective", links=(Link("Only this one", SLOS, (("slo", cell("Objective")),)),)),
            Column("service_name", "Service", links=(to_service(cell("Service")),), width=160),
            Column("sli", "Of", width=110),
            Column("told", "Told", SHORT, _STATE, width=80, filled=True, texts=_TOLD),
            Column("objective", "Promised", RATIO, width=110, decimals=2),
            Column("good", "Good", RATIO, width=110, decimals=3),
            Column("left", "Budget left", RATIO, BUDGET, width=110, decimals=1, filled=True),
            Column("trend", "Budget over time", RATIO, trend=True, width=200),
            Column("burn", "Burns now", TIMES, _tiers(slos), width=110, decimals=1),
            Column("hour", "Burns in 1h", TIMES, _tiers(slos), width=110, decimals=1),
            Column("gone", "Gone in", DAYS, _SOON, width=110, decimals=1),
        ),
        sort=("Budget left", False),
        width=24,
        height=7,
    )  # fmt: skip


def _by_slo(expr: str) -> str:
    """An objective of several services has none."""
    return present(f"max by ({_LABELS}) ({expr})", "service_name", instead="several")


def _state() -> str:
    """Of each objective 2 while a page about it fires, 1 while there are tickets alone, else 0."""
    page, ticket = (firing(f'severity="{severity}",{_HERE}') for severity in (PAGE, TICKET))
    return f"2 * {page} or {ticket} or 0 * {OBJECTIVE}{_CHOSEN}"


def _good(slos: tuple[Slo, ...]) -> str:
    """Of each over its own window; objectives with different ones have different recordings."""
    windows: dict[int, list[str]] = {}
    for slo in slos:
        windows.setdefault(slo.days, []).append(slo.name)
    if len(windows) == 1:
        return f"1 - {bad_ratio(f'{slos[0].days}d')}{_CHOSEN}"
    parts = (
        f'1 - {bad_ratio(f"{days}d")}{{slo=~"$slo",{among("slo", named)}}}' for days, named in sorted(windows.items())
    )
    return " or ".join(parts)


def _burn(window: str) -> str:
    return f"({bad_ratio(window)}{_CHOSEN} / {BUDGET_RATIO}{_CHOSEN})"


def _tiers(slos: tuple[Slo, ...]) -> Steps:
    """Burn rates from which on somebody is told; of objectives of different windows the lowest ones."""
    page_now, page, soon, _ = (float(min(rate(tier, slo) for slo in slos)) for tier in TIERS)
    steps = {1.0: YELLOW, soon: YELLOW, page: ORANGE, page_now: RED}
    return ((None, GREEN), *((value, color) for value, color in sorted(steps.items())))


def _left() -> Panel:
    soon = f"clamp_min(predict_linear({REMAINING}{_CHOSEN}[6h], 3 * 86400), -1)"
    return TimeSeries(
        title="Error budget left",
        description="Of the objective's window; below 0 it is overdrawn. Dashed: in three days, if it goes on as in "
        "the last six hours.",
        queries=(Query(f"{REMAINING}{_CHOSEN}", "{{slo}}"), Query(soon, "{{slo}} in three days", dashed=True)),
        unit=RATIO,
        steps=BUDGET,
        lines_at_steps=True,
        most=1,
        links=_links(),
    )


def _forecast(slos: tuple[Slo, ...]) -> Panel:
    """Linear and from 0, which is when it is gone: no logarithm has that; so what lasts for a window is its end."""
    days = max(slo.days for slo in slos)
    return TimeSeries(
        title="Gone in",
        description=f"Days until the budget is gone, at the rate of the last day; {days} stand for all that is more, "
        "and for a last day without bad calls. Below 3 releases had better wait.",
        queries=(Query(f"clamp_max({EXHAUSTION}{_CHOSEN}, {days})", "{{slo}}"),),
        unit=DAYS,
        steps=_SOON,
        lines_at_steps=True,
        least=0,
        most=days,
        links=_links(),
    )


def _links() -> tuple[Link, ...]:
    return (Link("Only this objective", SLOS, (("slo", of_series("slo")),)),)


def _burns(slos: tuple[Slo, ...]) -> Iterator[Panel]:
    """Two panels: by which windows somebody is woken, and by which a ticket is written."""
    told = {"Fast: who is woken": TIERS[:2], "Slow: tickets": TIERS[2:]}
    for title, tiers in told.items():
        windows = [window for tier in tiers for window in (tier.short, tier.long)]
        yield TimeSeries(
            title=f"Burn rates. {title}",
            description="How many times as fast as it may the budget goes. Told when both windows of a pair are above: "
            + ", ".join(
                f"{tier.long} and {tier.short} above {min(rate(tier, slo) for slo in slos):f}" for tier in tiers
            )
            + ".",
            queries=tuple(Query(_burn(window), f"{{{{slo}}}} {window}") for window in _sorted(windows)),
            unit=TIMES,
            steps=_tiers(slos),
            lines_at_steps=True,
            least=0,
        )


def _sorted(windows: list[str]) -> list[str]:
    return [window for window in (SHORTEST, *LONGER) if window in windows]


def _calls() -> Iterator[Panel]:
    yield TimeSeries(
        title="Share of bad calls",
        description="Over five minutes; dashed what is allowed on average of the objective's window. Without calls "
        "there is no line.",
        queries=(
            Query(f"{bad_ratio(SHORTEST)}{_CHOSEN}", "{{slo}}"),
            Query(f"{BUDGET_RATIO}{_CHOSEN}", "{{slo}} may", dashed=True),
        ),
        unit=RATIO, least=0, width=8, links=_links(),
    )  # fmt: skip
    yield TimeSeries(
        title="Bad calls", description="Those that failed, or took too long where that is what is promised, a second.",
        queries=(Query(f"{BAD}{_CHOSEN}", "{{slo}}"),), unit=PER_SECOND, least=0, width=8, links=_links(),
    )  # fmt: skip
    yield TimeSeries(
        title="Calls", description="That the objectives are about, a second.",
        queries=(Query(f"{ALL}{_CHOSEN}", "{{slo}}"),), unit=PER_SECOND, least=0, width=8, links=_links(),
    )  # fmt: skip


def apdex(matchers: str, width: int = 24) -> Panel:
    """For configurations with an apdex."""
    chosen = f"{{{matchers}}}" if matchers else ""
    return TimeSeries(
        title="Apdex",
        description="How satisfied users are, 0 to 1: calls within the threshold count fully, those within four times "
        "as much half, slower and failed ones not at all.",
        queries=(Query(f"service:apdex:ratio_rate5m{chosen}", "{{service_name}} {{threshold}}"),),
        unit=SHORT,
        steps=_APDEX,
        lines_at_steps=True,
        least=0,
        most=1,
        width=width,
        links=(to_service(of_series("service_name")),),
    )
