"""What a query names that there is not is found, wherever in the query it stands."""

from __future__ import annotations

import pytest

from tests.dashboards import labels

SERIES = [
    {"__name__": "calls_total", "service": "a", "status": "OK"},
    {"__name__": "calls_total", "service": "b", "status": "ERROR"},
    {"__name__": "owner", "service": "a", "team": "red"},
    {"__name__": "classic_bucket", "service": "a", "le": "1"},
    {"__name__": "native", "service": "a"},
]
THERE = labels.known(SERIES, ["classic", "native", "later"])

RIGHT = [
    "rate(calls_total[5m])",
    'sum by (service) (rate(calls_total{status="ERROR"}[5m] offset 1d)) or 0 * sum by (service) (calls_total)',
    'calls_total{status=""}',
    'calls_total{status=~".*",service=~"a|x"}',
    'calls_total{status!="WARN"}',
    "calls_total * on (service) group_left (team) owner",
    "calls_total * on (service) group_left (team) owner{team!~'green'}",
    'sum by (team) (label_replace(calls_total, "team", "$1", "service", "(.+)"))',
    'sum by (team) (label_replace(calls_total, "team", "none", "team", ""))',
    'sum by (id) (label_join(owner, "id", "/", "service", "team"))',
    "calls_total and ignoring (team, status) owner",
    "sum by (le) (rate(classic[5m]))",
    "sum by (le, service) (rate(native_bucket[5m]))",
    'histogram_quantile(0.9, sum by (le) ({__name__=~"classic(_bucket|)"}))',
    "native_sum or histogram_sum(classic)",
    "sum by (status) (topk(1, calls_total))",
    "max_over_time((calls_total > 0)[1h:5m])",
    "count(sum without (status) (calls_total)) + vector(1)",
    "1 - scalar(-calls_total)",
]
WRONG = {
    "rate(call_total[5m])": "there is no metric call_total",
    '{__name__=~"call.*x"}': "there is no metric call.*x",
    "later_sum": "there is no metric later_sum",
    'calls_total{servise="a"}': "calls_total has no label servise",
    'calls_total{status="EROR"} or 0 * calls_total': "calls_total has no status EROR",
    'calls_total{status=~"E.*X"}': "calls_total has no status like E.*X",
    "sum by (stauts) (calls_total)": "sum by (stauts): there is no stauts",
    "sum without (team) (calls_total)": "sum without (team): there is no team",
    "sum by (status) (sum by (service) (calls_total))": "sum by (status): there is no status",
    "sum by (status) (sum without (status) (calls_total))": "sum by (status): there is no status",
    "sum by (status) (sum(calls_total))": "sum by (status): there is no status",
    "calls_total / on (team) owner": "/ on (team): there is no team",
    "calls_total / ignoring (club) owner": "/ ignoring (club): there is no club",
    "calls_total * on (service) group_left (club) owner": "* on (service) group_left (club): there is no club",
    'label_replace(calls_total, "a", "$1", "b", "(.+)")': "a is made of b, which is not there",
    'label_join(owner, "id", "/", "service", "status", "club")': "id is made of club status, which is not there",
    "max_over_time(sum by (x) (calls_total)[1h:5m])": "sum by (x): there is no x",
    "(1 + -topk by (x) (1, calls_total)) > bool 2": "topk by (x): there is no x",
}


@pytest.mark.parametrize("expr", RIGHT)
def test_what_there_is_may_be_asked_for(expr: str) -> None:
    assert labels.faults(expr, THERE) == []


@pytest.mark.parametrize(("expr", "told"), WRONG.items())
def test_what_there_is_not_is_found(expr: str, told: str) -> None:
    assert labels.faults(expr, THERE) == [told]


def test_what_is_no_promql_is_an_error() -> None:
    with pytest.raises(ValueError, match="unclosed"):
        labels.faults("rate(calls_total[5m]", THERE)
