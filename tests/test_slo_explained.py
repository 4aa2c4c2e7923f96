"""Pages of objectives that a dependency explains: all the time, until they end, and no others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from span2metrics.config import load
from span2metrics.generate import rule_files
from span2metrics.generate.rule import Alert, RuleFile
from span2metrics.generate.slo import SELDOM
from tests.cases_alerts import PAGES, Of, edge
from tests.cases_alerts_graph import CHAIN, SLOW_CHAIN, VIRTUAL, calls, service
from tests.cases_alerts_red import both
from tests.promtool import Gone, Question, Series, gauge, labelled, run, unit_test
from tests.scrapers import BUILT, DEBIAN, promtool
from tests.test_alerts import LINKS, written

SHOP = "{name: pay, objective: 99.9, where: {service: shop}, sli: availability}"
STRICT = "{name: strict, objective: 99.99, where: {service: shop}, sli: availability}"
QUICK = "{name: quick, objective: 99.9, where: {service: shop}, sli: {latency: 800ms}}"
FILES = {"thresholds", "red", "graph", "causes", "alerts", "slos"}
BURNS, EXPLAINED = (
    f'ALERTS{{alertname="{alert}",alertstate="firing"}}' for alert in ("SLOErrorBudgetBurnsFast", "BurnExplained")
)
#: What an alert is about: service, window.
ABOUT = ("service_name", "window")
About = tuple[str, str]
Test = tuple[list[Series], list[Question]]


@pytest.fixture(params=[DEBIAN, BUILT])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def made(folder: Path, slos: Iterable[str], settings: str = "") -> tuple[RuleFile, ...]:
    (folder / "config.yaml").write_text(f"{settings}\nslos: [{', '.join(slos)}]\n")
    return rule_files(load(folder / "config.yaml"), LINKS)


def ask(version: str, folder: Path, files: Iterable[RuleFile], tests: Iterable[Test]) -> None:
    groups = [unit_test("", inputs, questions, "15s") for inputs, questions in tests]
    run(promtool(version), folder, written(files, folder), groups, "15s")


def pages(files: Iterable[RuleFile]) -> list[RuleFile]:
    """Without budgets, whose long windows take most of the time."""
    return [
        replace(file, groups=tuple(group for group in file.groups if group.interval != SELDOM))
        for file in files
        if file.name in FILES
    ]


def fire(minute: int, alert: str, *told: About) -> Question:
    """Those that fire, all of them."""
    labels = [labelled("", dict(zip(ABOUT, each, strict=True))) for each in told]
    return Question(f"{minute}m", f"max by ({', '.join(ABOUT)}) ({alert})", dict.fromkeys(labels, 1.0))


def about(services: Iterable[str], windows: Iterable[str] = ("1h", "6h")) -> list[About]:
    return [(name, window) for name in services for window in windows]


# --- from spans to pages ----------------------------------------------------------------------------------------------


def outage(good: float, bad: float, share: float, *, of_service: bool) -> Of:
    """Of the shop by what it depends on: good minutes, bad ones, and fifty good ones."""
    parts = ((good, 10), (bad, 10 * (1 - share)), (50, 10))
    failed = ((good, 0), (bad, 10 * share), (50, 0))
    callee = (lambda page: page.spans("network", *parts, failed=failed),) if of_service else ()
    return both(
        lambda page: page.spans("shop", *parts, failed=failed),
        lambda _page: edge("shop", "network", (good + bad + 50, 10), failed=failed, type="" if of_service else VIRTUAL),
        *callee,
    )


#: Objectives, what comes to pass, and how many windows are told of.
OUTAGES = {
    "all calls to a service": ((SHOP, STRICT), outage(8, 10, 1, of_service=True), 2),
    "a tenth of those to a provider": ((SHOP,), outage(20, 12, 0.1, of_service=False), 1),
}


@pytest.mark.parametrize(("slos", "page", "windows"), OUTAGES.values(), ids=OUTAGES)
def test_at_no_time_is_a_page_unexplained_that_a_dependency_causes(
    slos: tuple[str, ...], page: Of, windows: int, version: str, tmp_path: Path
) -> None:
    """Neither before its explanation fires nor after the cause has ended."""
    alone = f"count_over_time((count({BURNS} unless on ({', '.join(ABOUT)}) {EXPLAINED}))[75m:15s])"
    paged = f"count(count by (window) (count_over_time({BURNS}[75m])))"
    questions = [
        Question("75m", alone, {}),
        Question("75m", paged, {"{}": windows}),
        fire(75, EXPLAINED),
        fire(75, BURNS),
    ]
    ask(version, tmp_path, pages(made(tmp_path, slos)), [(list(page(PAGES["otel"])), questions)])


COURSES: Mapping[str, tuple[Of, list[Question]]] = {
    "a chain of callers": (CHAIN, [fire(1, EXPLAINED), fire(10, EXPLAINED, *about(("shop", "gateway")))]),
    "slowness is no failure": (
        SLOW_CHAIN,
        [
            fire(10, EXPLAINED),  # its alert is a ticket: somebody must be woken
            fire(10, BURNS, ("shop", "1h")),
        ],
    ),
    "not who fails by himself": (
        both(service("shop", 9, 1), calls(0)),
        [fire(10, BURNS, ("shop", "1h")), fire(10, EXPLAINED)],
    ),
    "nor who is slow by himself": (
        both(service("shop", 10, slow=2), calls(0)),
        [fire(10, BURNS, ("shop", "1h")), fire(10, EXPLAINED)],
    ),
    "nor whose dependency has a small part in it": (
        both(service("shop", 7, 3), calls(1)),
        [
            fire(10, EXPLAINED),
            Question("10m", 'count(ALERTS{alertname="DependencyFailing",alertstate="firing"})', {"{}": 1}),
        ],
    ),
    "nobody without data": (both(), [fire(10, EXPLAINED)]),
}


def test_who_is_explained_and_who_is_not(version: str, tmp_path: Path) -> None:
    files = pages(made(tmp_path, (SHOP, QUICK)))
    ask(version, tmp_path, files, [(list(page(PAGES["otel"])), questions) for page, questions in COURSES.values()])


# --- from causes to explanations --------------------------------------------------------------------------------------


def cause(trouble: str) -> Series:
    """For ten minutes of an hour."""
    labels = {"service_name": "shop", "cause": "network", "hops": "1"}
    return Series(labelled(f"service:{trouble}_cause", labels), gauge((10, 1), Gone(50)))


def alert(name: str, state: str = "firing", service_name: str = "network") -> Series:
    """From the third minute to the tenth."""
    labels = {"alertname": name, "alertstate": state, "service_name": service_name}
    return Series(labelled("ALERTS", labels), gauge(Gone(2), (8, 1), Gone(50)))


SHOPS = about(("shop",))
CAUSES: Mapping[str, Test] = {
    # Five minutes and 35, and two for which it goes on.
    "from the cause's alert until the windows forget both": (
        [cause("failure"), alert("DependencyFailing")],
        [
            fire(1, EXPLAINED),
            fire(3, EXPLAINED, *SHOPS),
            fire(16, EXPLAINED, *SHOPS),
            fire(18, EXPLAINED, *about(("shop",), ("6h",))),
            fire(46, EXPLAINED, *about(("shop",), ("6h",))),
            fire(48, EXPLAINED),
        ],
    ),
    "a service as cause": ([cause("failure"), alert("ServiceErrors")], [fire(9, EXPLAINED, *SHOPS)]),
    "a slow service": ([cause("slowness"), alert("ServiceSlow")], [fire(9, EXPLAINED)]),
    "a slow one": ([cause("slowness"), alert("DependencySlow")], [fire(9, EXPLAINED)]),
    "both": (
        [cause("slowness"), cause("failure"), alert("DependencySlow"), alert("DependencyFailing")],
        [fire(9, EXPLAINED, *SHOPS)],
    ),
    "no alert": ([cause("failure")], [fire(9, EXPLAINED)]),
    "one that does not fire yet": ([cause("failure"), alert("ServiceErrors", "pending")], [fire(9, EXPLAINED)]),
    "of another": ([cause("failure"), alert("ServiceErrors", service_name="shop")], [fire(9, EXPLAINED)]),
    "about something else": ([cause("failure"), alert("ServiceTrafficDrop")], [fire(9, EXPLAINED)]),
    "about the other trouble": ([cause("failure"), alert("DependencySlow")], [fire(9, EXPLAINED)]),
}


def test_an_explanation_holds_as_long_as_what_it_explains_and_only_with_the_causes_alert(
    version: str, tmp_path: Path
) -> None:
    files = [file for file in made(tmp_path, (SHOP, QUICK)) if file.name in {"thresholds", "alerts"}]
    ask(version, tmp_path, files, CAUSES.values())


# --- which there are --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("settings", "windows"), [("", ["1h", "6h"]), ("service_graph: {enabled: false}", [])])
def test_there_are_explanations_where_there_is_a_graph(settings: str, windows: list[str], tmp_path: Path) -> None:
    """With objectives or without, so that these may be in a file of their own."""
    for slos in ((SHOP,), ()):
        rules = [rule for file in made(tmp_path, slos, settings) for group in file.groups for rule in group.rules]
        found = [rule.labels["window"] for rule in rules if isinstance(rule, Alert) and rule.alert == "BurnExplained"]
        assert found == windows
