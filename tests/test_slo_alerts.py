"""Alerts of objectives, by Prometheus itself: each fires, not just below, and not on what is no fault."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.rule_cases import DAY, HOUR, Case, files_of, outcome, run, written
from tests.scrapers import BUILT, DEBIAN

OBJECTIVE = "slos: [{name: pay, objective: 99.9, where: {service: checkout}, sli: availability}]"
WEEKLY = "slos: [{name: pay, objective: 99.9, window: 7d, where: {service: checkout}, sli: availability}]"
LAX = "slos: [{name: pay, objective: 90, where: {service: checkout}, sli: availability}]"
FAST, SLOWLY = "SLOErrorBudgetBurnsFast", "SLOErrorBudgetBurnsSlowly"
SOON, ABSENT = ("SLOErrorBudgetExhaustedSoon", "pay", ""), ("SLODataAbsent", "pay", "")
TIERS = [(FAST, "pay", "1h"), (FAST, "pay", "6h"), (SLOWLY, "pay", "1d"), (SLOWLY, "pay", "3d")]

GOOD, BAD = (
    f'traces_span_metrics_calls_total{{service_name="checkout", status_code="STATUS_CODE_{status}"}}'
    for status in ("UNSET", "ERROR")
)


def calls(*parts: tuple[int, int, int]) -> Mapping[str, str]:
    """Counters of (minutes, calls, bad calls) a minute, one part after the other."""
    good, bad = [0], [0]
    for minutes, total, errors in parts:
        for _ in range(minutes):
            good.append(good[-1] + total - errors)
            bad.append(bad[-1] + errors)
    return {GOOD: " ".join(map(str, good)), BAD: " ".join(map(str, bad))}


def steady(minutes: int, total: int, errors: int) -> Mapping[str, str]:
    return {GOOD: f"0+{total - errors}x{minutes}", BAD: f"0+{errors}x{minutes}"}


#: Of 10,000 calls a minute so many are bad, from the start; rates are 14.4, 6, 3 and 1 of 0.1 %.  After two hours there
#: are 25 steps of five minutes of 72, 288 and 864, so that the last three are beyond it from 1.728 %, 3.456 % and
#: 3.456 % on.  The forecast of 3 days is a rate of 10 of a budget of 30 days, less what is used by then.
JUST = {
    "above 3 and 1": (346, [*TIERS, SOON]),
    "below 3 and 1": (345, [*TIERS[:2], SOON]),
    "above 6": (173, [*TIERS[:2], SOON]),
    "below 6": (172, [TIERS[0], SOON]),
    "above 14.4": (145, [TIERS[0], SOON]),
    "below 14.4": (143, [SOON]),
    "without errors": (0, []),
}
#: The same of 90 %: 14.4 times the budget is more than all calls: it is 55 %.  Nothing fails ten times as often as it
#: may, so that the forecast is not told yet.
LAX_JUST = {"above the half way": (5600, TIERS[:1]), "below it": (5400, [])}
#: Of a week: 3.36, 1.4 and twice no less than 1; three days are left of it at a rate of 2.3.
WEEKLY_JUST = {
    "above 1 of three days": (346, [*TIERS, SOON]),
    "below it": (345, [*TIERS[:3], SOON]),
    "above 1 of a day": (116, [*TIERS[:3], SOON]),
    "below that": (115, [*TIERS[:2], SOON]),
    "above 1.4": (41, [*TIERS[:2], SOON]),
    "below 1.4": (40, [TIERS[0], SOON]),
    "above 3.36": (34, [TIERS[0], SOON]),
    "below 3.36": (33, [SOON]),
}

#: Minutes between two evaluations of long courses: fewer than the five for which Prometheus remembers a sample.
SELDOM = 4


@pytest.fixture(params=[DEBIAN, BUILT])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize(
    ("config", "table"),
    [(OBJECTIVE, JUST), (LAX, LAX_JUST), (WEEKLY, WEEKLY_JUST)],
    ids=["99.9 % of 30 days", "90 %", "a week"],
)
def test_each_alert_fires_above_its_rate_and_not_just_below(
    config: str, table: Mapping[str, tuple[int, list[tuple[str, str, str]]]], version: str, tmp_path: Path
) -> None:
    paths = written(files_of(config, tmp_path), tmp_path)
    at = 2 * HOUR + 4
    cases = [Case(steady(at, 10_000, bad), {at: firing}) for bad, firing in table.values()]
    assert outcome(version, paths, cases, tmp_path, every=SELDOM) == ""


#: Calls a minute, those of them that are bad, and what fires when.  With one step less a share is below its rate.
FULL = {
    "above 6 of six hours": (100_000, 601, {6 * HOUR - 8: [], 6 * HOUR + 20: TIERS[1:2]}),
    "below 6 of six hours": (100_000, 599, {7 * HOUR: []}),
    "above 3 of a day, of which 1 of three days is a third": (100_000, 301, {DAY - 8: [], DAY + 20: TIERS[2:]}),
    "above 1 of three days": (1_000_000, 1001, {3 * DAY - 8: [], 3 * DAY + 20: TIERS[3:]}),
}


def test_a_full_window_is_whole_and_a_step_less_is_not(version: str, tmp_path: Path) -> None:
    paths = written(files_of(OBJECTIVE, tmp_path), tmp_path)
    cases = [Case(steady(max(firing), total, bad), firing) for total, bad, firing in FULL.values()]
    assert outcome(version, paths, cases, tmp_path, every=SELDOM) == ""


def test_half_way_is_told_of_six_hours_too(version: str, tmp_path: Path) -> None:
    """Of 90 %: six times the budget is more than half way from it to all calls."""
    paths = written(files_of(LAX, tmp_path), tmp_path)
    at = 6 * HOUR + 20
    cases = [Case(steady(at, 10_000, bad), {at: firing}) for bad, firing in ((5600, TIERS[:2]), (5400, []))]
    assert outcome(version, paths, cases, tmp_path, every=SELDOM) == ""


#: From a Prometheus' first minute on.  The budget is that of 43.2 minutes without a good call.
YOUNG = {
    "ten minutes of a tenth take 2 % of it": (
        [(20, 1000, 0), (10, 1000, 100), (50, 1000, 0)],
        {20: [], 30: TIERS[:1], 36: [], 80: []},
    ),
    "half of the calls is told by the hour at once, and takes 5 % and then 10 % of it within minutes": (
        [(12, 1000, 500)],
        {3: [], 4: TIERS[:1], 10: TIERS},
    ),
    "a tenth of the calls is an hour's at once": (
        [(44, 1000, 100)],
        {3: [], 4: TIERS[:1], 19: TIERS[:1], 24: TIERS[:2], 39: TIERS[:2], 44: TIERS},
    ),
}


def test_a_young_history_is_not_taken_for_a_whole_window(version: str, tmp_path: Path) -> None:
    paths = written(files_of(OBJECTIVE, tmp_path), tmp_path)
    cases = [Case(calls(*parts), firing) for parts, firing in YOUNG.values()]
    assert outcome(version, paths, cases, tmp_path) == ""


SIX_HOURS = (6 * HOUR, 1000, 0)
#: Parts of a course, and what fires so many minutes after the first six hours.  5 % are 50 times what is allowed.
COURSES = {
    "ten bad minutes are too few for an hour": ([SIX_HOURS, (12, 1000, 50)], {12: []}),
    "a bad half hour is told by the hour, until five minutes are good": (
        [SIX_HOURS, (24, 1000, 50), (20, 1000, 0)],
        {24: TIERS[:1], 36: []},
    ),
    "a bad hour and a half by six hours, until half an hour is good": (
        [SIX_HOURS, (88, 1000, 30), (380, 1000, 0)],
        {88: TIERS[:2], 112: TIERS[1:2], 128: [], 460: []},
    ),
    "a bad third of a day by the day": ([SIX_HOURS, (8 * HOUR, 1000, 10)], {8 * HOUR: TIERS[1:]}),
}


def test_both_windows_must_burn(version: str, tmp_path: Path) -> None:
    paths = written(files_of(OBJECTIVE, tmp_path), tmp_path)
    cases = [
        Case(calls(*parts), {6 * HOUR + at: told for at, told in firing.items()}) for parts, firing in COURSES.values()
    ]
    assert outcome(version, paths, cases, tmp_path, every=SELDOM) == ""


NO_FAULT = {
    "nothing is scraped yet": Case({}, {59: []}),
    "one error in a quiet night": Case(calls((HOUR, 0, 0), (1, 1, 1), (6, 0, 0)), {HOUR + 3: [], HOUR + 6: []}),
    "four errors in one": Case(calls((HOUR, 0, 0), (4, 1, 1), (6, 0, 0)), {HOUR + 7: [], HOUR + 10: []}),
    "another service": Case(
        {GOOD: "0+100x120", BAD: "0x120", BAD.replace("checkout", "checkout2"): "0+100x120"}, {2 * HOUR: []}
    ),
}


NO_FAULT_FOR_HOURS = {
    "counters that begin anew": Case(
        {GOOD: "0+100x120 0+100x120 50+100x60", BAD: "5000x120 0x120 3x60"}, {5 * HOUR: []}
    ),
    "a daemon that is away for an hour": Case(
        {GOOD: "0+100x60 _x60 0+100x120", BAD: "7x60 _x60 0x120"}, {3 * HOUR: []}
    ),
    "a service that rests for the night": Case({GOOD: "0+100x60 _x720", BAD: "0x60 _x720"}, {13 * HOUR: []}),
}


@pytest.mark.parametrize(("cases", "every"), [(NO_FAULT, 1), (NO_FAULT_FOR_HOURS, SELDOM)], ids=["short", "long"])
def test_what_is_no_fault_tells_nobody(cases: Mapping[str, Case], every: int, version: str, tmp_path: Path) -> None:
    paths = written(files_of(OBJECTIVE, tmp_path), tmp_path)
    assert outcome(version, paths, list(cases.values()), tmp_path, every) == ""


def test_six_errors_in_a_quiet_night_are_told(version: str, tmp_path: Path) -> None:
    """The same night as that in which four are not."""
    paths = written(files_of(OBJECTIVE, tmp_path), tmp_path)
    case = Case(calls((HOUR, 0, 0), (7, 1, 1), (3, 0, 0)), {HOUR + 10: TIERS})
    assert outcome(version, paths, [case], tmp_path) == ""


def test_a_day_without_data_is_told_once_it_has_lasted(version: str, tmp_path: Path) -> None:
    paths = written(files_of(OBJECTIVE, tmp_path), tmp_path)
    came = {GOOD: f"0+1x60 _x{2 * DAY}"}
    cases = [
        Case({}, {64: [ABSENT]}),
        Case(came, {DAY + 1 * HOUR: [], DAY + 2 * HOUR + 12: [ABSENT]}),
        Case({GOOD: "0x120", BAD: "0x120"}, {2 * HOUR: []}),  # nobody calls, and that is seen
    ]
    assert outcome(version, paths, cases, tmp_path, every=SELDOM) == ""


def test_a_budget_that_is_gone_is_told_until_a_day_without_errors(version: str, tmp_path: Path) -> None:
    """Fifteen times as fast for half a day takes 180 hours of the week's 168.  After 21 hours without errors the last
    day is at a rate of 1.9, at which what were left would do."""
    paths = written(files_of(WEEKLY, tmp_path), tmp_path)
    parts = ((12 * HOUR, 1000, 15), (DAY + 20, 1000, 0))
    case = Case(
        calls(*parts),
        {12 * HOUR: [*TIERS, SOON], 33 * HOUR: [SOON], 36 * HOUR + 16: []},
        {at: {"slo:time_to_exhaustion:days": 0.0} for at in (12 * HOUR, 33 * HOUR, 36 * HOUR + 16)},
    )
    assert outcome(version, paths, [case], tmp_path, every=SELDOM) == ""


def test_an_alert_has_the_numbers_that_a_human_needs(version: str, tmp_path: Path) -> None:
    paths = written(files_of(OBJECTIVE, tmp_path), tmp_path)
    series = [{"series": name, "values": values} for name, values in steady(3 * HOUR, 10_000, 200).items()]
    labels = {"slo": "pay", "sli": "availability", "service_name": "checkout", "severity": "page"}
    links = {
        "runbook_url": "https://wiki.example/runbooks#sloerrorbudgetburnsfast",
        "dashboard_url": "https://grafana.example/d/span2metrics-slos?var-slo=pay",
    }
    # 25 steps of 8,640 at 20 times the rate; between two steps, because groups come in any order.
    told = [
        {
            "exp_labels": {**labels, "window": window},
            "exp_annotations": {
                "summary": f"pay: 2% of the calls in {window} were bad, 0.1 % are allowed",
                "description": f"In the last {window} and in the last {short} the error budget went at least {rate} "
                "times as fast as it may. 94.21% of the budget for 30 days is left.",
                **links,
            },
        }
        for window, short, rate in (("1h", "5m", "14.4"), ("6h", "30m", "6"))
    ]
    test = {"eval_time": "2h2m", "alertname": FAST, "exp_alerts": told}
    group = {"interval": "1m", "input_series": series, "alert_rule_test": [test]}
    assert run(version, paths, [group], tmp_path) == ""
