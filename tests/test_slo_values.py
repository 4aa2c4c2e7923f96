"""What rules of objectives record of synthetic series, by Prometheus; burn rates, budget and forecast by hand."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pytest

from span2metrics.config.slos import DAY_NS, Sli, Slo
from span2metrics.generate.slo_windows import TIERS, bad_share, rate
from tests.rule_cases import DAY, HOUR, Case, files_of, outcome, without_alerts, written
from tests.scrapers import BUILT, DEBIAN
from tests.test_slo_alerts import OBJECTIVE, SELDOM, WEEKLY, calls, steady

LATENCY = "slos: [{name: fast, objective: 99, window: 30d, where: {service: checkout}, sli: {latency: 250ms}}]"
APDEX = "apdex: [{threshold: 250ms, where: {kind: server}}]"
FAMILY = "traces_span_metrics_duration_seconds"


@pytest.fixture(params=[DEBIAN, BUILT])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def check(version: str, config: str, cases: list[Case], folder: Path, every: int = 1) -> None:
    """Alerts and their thresholds are left out, for they take the time of long courses."""
    files = [without_alerts(file) for file in files_of(config, folder) if file.name != "thresholds"]
    assert outcome(version, written(files, folder), cases, folder, every) == ""


# --- availability -----------------------------------------------------------------------------------------------------


def test_burn_rate_budget_and_forecast_are_those_by_hand(version: str, tmp_path: Path) -> None:
    """2 % of the calls fail where 0.1 % may: 20 times as fast.  Of 30 days there is the tenth of a day, in steps of 5
    minutes 29 of 8,640; so much of them at that rate is gone."""
    gone = 20 * 29 / 8640
    at_140 = {
        "slo:objective:ratio": 0.999,
        "slo:error_budget:ratio": 0.001,
        "slo:time_period:days": 30.0,
        "slo:sli_event:rate5m": 1000 / 60,
        "slo:sli_error:rate5m": 20 / 60,
        **{f"slo:sli_error:ratio_rate{w}": 0.02 for w in ("5m", "30m", "1h", "2h", "6h", "1d", "3d", "30d")},
        "slo:current_burn_rate:ratio": 20.0,
        "slo:period_error_budget_remaining:ratio": 1 - gone,
        "slo:time_to_exhaustion:days": (1 - gone) * 30 / 20,
    }
    check(version, OBJECTIVE, [Case(steady(150, 1000, 20), values={140: at_140})], tmp_path)


def test_a_window_that_is_full_counts_as_a_whole(version: str, tmp_path: Path) -> None:
    """Half a day at half the rate of the week's budget after seven without errors: a 28th of it."""
    after = {"slo:period_error_budget_remaining:ratio > bool 0.964": 1.0} | {
        "slo:period_error_budget_remaining:ratio < bool 0.965": 1.0,
        "slo:time_to_exhaustion:days > bool 26.7": 1.0,  # 27/28 of 7 days at half of half the rate are 27
        "slo:time_to_exhaustion:days < bool 27.3": 1.0,
    }
    course = calls((7 * DAY, 10_000, 0), (12 * HOUR, 10_000, 5))
    check(version, WEEKLY, [Case(course, values={7 * DAY + 12 * HOUR: after})], tmp_path, every=SELDOM)


def test_each_event_weighs_alike_however_much_traffic_there_was(version: str, tmp_path: Path) -> None:
    """Five busy hours without errors and a quiet one in which half of the calls fail: 180 of 180,360, not a twelfth."""
    course = calls((12 * HOUR, 600, 0), (HOUR, 6, 3))
    near = {f"abs(slo:sli_error:ratio_rate6h - {180 / 180_360}) < bool 5e-5": 1.0}
    check(version, OBJECTIVE, [Case(course, values={13 * HOUR: near})], tmp_path)


VALUES: Mapping[str, tuple[Mapping[str, str], int, Mapping[str, float | None]]] = {
    "nothing is known without series": (
        {},
        60,
        {
            "slo:objective:ratio": 0.999,
            "slo:sli_event:rate5m": None,
            "slo:sli_error:rate5m": None,
            "slo:sli_error:ratio_rate5m": None,
            "slo:period_error_budget_remaining:ratio": None,
            "slo:time_to_exhaustion:days": None,
        },
    ),
    "nor a share without calls": (
        steady(60, 0, 0),
        60,
        {"slo:sli_event:rate5m": 0.0, "slo:sli_error:ratio_rate5m": None, "slo:sli_error:ratio_rate1h": None},
    ),
    "no series of errors is no error": (
        {next(iter(steady(60, 0, 0))): "0+60x60"},
        60,
        {
            "slo:sli_error:ratio_rate1h": 0.0,
            "slo:period_error_budget_remaining:ratio": 1.0,
            "slo:time_to_exhaustion:days": float("inf"),
        },
    ),
    "a counter that begins anew loses nothing": (
        {
            series: f"{values.split('x')[0]}x30 {values.split('x')[0]}x29"
            for series, values in steady(1, 100, 10).items()
        },
        59,
        {"slo:sli_error:ratio_rate1h": 0.1},
    ),
}


def test_what_is_absent_is_not_taken_for_good_or_bad(version: str, tmp_path: Path) -> None:
    check(version, OBJECTIVE, [Case(series, values={at: found}) for series, at, found in VALUES.values()], tmp_path)


# --- latency ----------------------------------------------------------------------------------------------------------


def durations(status: str, total: int, up_to_threshold: int, kind: str = "SPAN_KIND_SERVER") -> dict[str, str]:
    labels = f'service_name="checkout", span_kind="{kind}", status_code="STATUS_CODE_{status}"'
    up_to = {"0.2": up_to_threshold // 2, "0.25": up_to_threshold, "1.0": (up_to_threshold + total) // 2, "+Inf": total}
    buckets = {f'{FAMILY}_bucket{{{labels}, le="{le}"}}': n for le, n in up_to.items()}
    return {series: f"0+{n}x20" for series, n in {**buckets, f"{FAMILY}_count{{{labels}}}": total}.items()}


LATENCIES = {
    "slow calls are bad": ({**durations("UNSET", 100, 90)}, 0.1),
    "an error is bad however fast": ({**durations("UNSET", 80, 80), **durations("ERROR", 20, 20)}, 0.2),
    "a slow error is bad once": ({**durations("OK", 80, 60), **durations("ERROR", 20, 10)}, 0.4),
    "where there are errors alone all is bad": ({**durations("ERROR", 10, 10)}, 1.0),
    "where all is fast nothing is": ({**durations("OK", 10, 10)}, 0.0),
}


@pytest.mark.parametrize(("series", "bad"), LATENCIES.values(), ids=LATENCIES)
def test_good_is_no_error_and_within_the_bucket(
    series: Mapping[str, str], bad: float, version: str, tmp_path: Path
) -> None:
    found = {"slo:sli_error:ratio_rate5m": bad, "slo:current_burn_rate:ratio": bad / 0.01}
    check(version, LATENCY, [Case(series, values={20: found})], tmp_path)


# --- apdex ------------------------------------------------------------------------------------------------------------

APDEXES = {
    "half of what is tolerable": (durations("OK", 100, 60), (60 + (80 - 60) / 2) / 100),
    "errors are frustrated": ({**durations("OK", 50, 50), **durations("ERROR", 50, 50)}, 0.5),
    "none is content": (durations("ERROR", 10, 10), 0.0),
    "all are": (durations("OK", 10, 10), 1.0),
    "nobody calls": (durations("OK", 0, 0), None),
    "another kind does": (durations("OK", 10, 10, "SPAN_KIND_CLIENT"), None),
}


@pytest.mark.parametrize(("series", "apdex"), APDEXES.values(), ids=APDEXES)
def test_apdex_is_that_by_hand(series: Mapping[str, str], apdex: float | None, version: str, tmp_path: Path) -> None:
    """Up to 1 s is tolerated."""
    query = 'service:apdex:ratio_rate5m{service_name="checkout", threshold="250ms"}'
    check(version, APDEX, [Case(series, values={20: {query: apdex}})], tmp_path)


# --- burn rates -------------------------------------------------------------------------------------------------------

RATES = {
    (30, "99.9"): (["14.4", "6", "3", "1"], ["0.0144", "0.006", "0.003", "0.001"]),
    (90, "99.9"): (["43.2", "18", "9", "3"], ["0.0432", "0.018", "0.009", "0.003"]),
    (7, "99.5"): (["3.36", "1.4", "1", "1"], ["0.0168", "0.007", "0.005", "0.005"]),
    (30, "99.99999"): (["14.4", "6", "3", "1"], ["0.00000144", "0.0000006", "0.0000003", "0.0000001"]),
    (30, "90"): (["14.4", "6", "3", "1"], ["0.55", "0.55", "0.3", "0.1"]),
    (30, "50"): (["14.4", "6", "3", "1"], ["0.75", "0.75", "0.75", "0.5"]),
    (30, "1"): (["14.4", "6", "3", "1"], ["0.995", "0.995", "0.995", "0.99"]),
}


@pytest.mark.parametrize(("promised", "told"), RATES.items())
def test_the_same_share_of_a_budget_is_told_in_any_window_exactly(
    promised: tuple[int, str], told: tuple[list[str], list[str]]
) -> None:
    days, objective = promised
    slo = Slo(name="a", objective=Decimal(objective), window=days * DAY_NS, sli=Sli())
    assert ([rate(tier, slo) for tier in TIERS], [bad_share(tier, slo) for tier in TIERS]) == (
        [*map(Decimal, told[0])],
        [*map(Decimal, told[1])],
    )
