"""Every panel's every query, asked of a real Prometheus in the midst of the demo's incident.

What is tested is what a configuration's dashboards have: a panel that is added is asked and checked like any other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from span2metrics.generate.dashboards.link import HISTOGRAM
from tests.dashboards import labels
from tests.dashboards.boards import DATASOURCE, Json, panel_of, panels, variables
from tests.dashboards.frames import Frame
from tests.dashboards.scene import VARIANTS, Scene, scenes
from tests.dashboards.shapes import faults, sorted_rows
from tests.scrapers import needed

#: Services at which the dashboard of one is looked at: one has databases and queues, one has an objective.
LOOKED_AT = ("payments", "gateway")
#: Boards and panels, by their names.
OVERVIEW, SERVICE, MAP, BUSINESS = "overview", "service", "service-map", "business"
AMOUNT = "payment_amount"
#: Who fails, and because of whom.
FAILING, CAUSE = ("payments", "gateway", "settlement"), "card-network"
#: Labels of alerts on objectives, which the tables of alerts show where there are any.
OF_SLOS = {"slo", "window"}


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Scene]]:
    with scenes(tmp_path_factory.mktemp) as found:
        yield found


@pytest.fixture(params=VARIANTS, ids=str)
def scene(request: pytest.FixtureRequest, every: dict[str, Scene]) -> Scene:
    needed(request.param.scraper)
    return every[str(request.param)]


def looks(scene: Scene, name: str) -> list[Scene]:
    """All that a board is looked at."""
    return [replace(scene, service=service) for service in LOOKED_AT] if name == SERVICE else [scene]


@pytest.mark.timeout(240)
def test_every_query_answers(scene: Scene) -> None:
    empty = [
        (name, panel["title"], target["refId"])
        for name, board in scene.boards.items()
        for panel in panels(board)
        for target in panel["targets"]
        if not any(look.asked(board, target) for look in looks(scene, name))
    ]
    assert empty == []


def test_every_panel_gets_what_it_can_show(scene: Scene) -> None:
    wrong = {}
    for name, board in scene.boards.items():
        for panel in panels(board):
            found = [faults(panel, look.shown(board, panel), look.legends(board, panel)) for look in looks(scene, name)]
            if all(found):
                wrong[f"{name}: {panel['title']}"] = found
    assert wrong == {}


def test_the_dashboard_of_any_service_is_one_without_faults(scene: Scene) -> None:
    """What a service has no numbers for is empty, and all else is as it should be."""
    board = scene.boards[SERVICE]
    [variable] = [variable for variable in variables(board) if variable["name"] == "service"]
    services = scene.options(board, variable)
    assert len(services) == 8
    wrong = {}
    for look in (replace(scene, service=service) for service in services):
        for panel in panels(board):
            if any(look.asked(board, target) for target in panel["targets"]):
                found = faults(panel, look.shown(board, panel), look.legends(board, panel))
                wrong |= {(look.service, panel["title"]): found} if found else {}
    assert wrong == {}


def test_queries_name_metrics_labels_and_values_that_there_are(scene: Scene) -> None:
    series = scene.prometheus.get("/api/v1/series", **{"match[]": '{__name__!=""}'})
    metadata = scene.prometheus.get("/api/v1/metadata").items()
    there = labels.known(series, [name for name, [first, *_] in metadata if first["type"] == "histogram"])
    if not scene.config.slos:
        there["ALERTS"] |= {label: set() for label in OF_SLOS}
    wrong = {}
    for name, board in scene.boards.items():
        # Which service is chosen is nobody's error.
        look = replace(scene, instead={v["name"]: "" for v in variables(board) if v["type"] == "query"})
        for panel in panels(board):
            for target in panel["targets"]:
                if found := labels.faults(look.expr(board, target), there):
                    wrong[name, panel["title"], target["refId"]] = found
    assert wrong == {}


def asking(board: Json, variable: Json) -> list[tuple[str, Json]]:
    """Titles and queries of the panels that look at a variable."""
    name = re.compile(rf"\$(?:{variable['name']}\b|\{{{variable['name']}\b)")
    return [(panel["title"], t) for panel in panels(board) for t in panel["targets"] if name.search(t["expr"])]


def test_every_variable_is_of_use(every: dict[str, Scene]) -> None:
    """All have the data source, and the kind of histograms, which is kept on the way from board to board."""
    unused = {
        (name, variable["name"])
        for scene in every.values()
        for name, board in scene.boards.items()
        for variable in variables(board)
        if not asking(board, variable) and variable["name"] not in {DATASOURCE, HISTOGRAM}
    }
    assert unused == set()


def test_whichever_of_some_is_chosen_is_answered(scene: Scene) -> None:
    chosen = [
        (name, variable["name"], option["value"])
        for name, board in scene.boards.items()
        for variable in variables(board)
        if variable["type"] == "custom" and (variable["name"] != HISTOGRAM or scene.variant.histograms == "both")
        for option in variable["options"]
    ]
    assert len(chosen) >= 3
    empty = []
    for name, variable, value in chosen:
        board = scene.boards[name]
        for title, target in asking(board, {"name": variable}):
            if not any(replace(look, instead={variable: value}).asked(board, target) for look in looks(scene, name)):
                empty.append((name, variable, value, title, target["refId"]))
    assert empty == []


def test_who_chooses_all_one_by_one_sees_what_all_is(scene: Scene) -> None:
    """And one alone is answered: by those that have such series, at least by one."""
    several = [(n, v) for n, b in scene.boards.items() for v in variables(b) if v["type"] == "query" and v["multi"]]
    assert len(several) >= 5
    wrong = []
    for name, variable in several:
        board = scene.boards[name]
        options = scene.options(board, variable)
        one_by_one = replace(scene, instead={variable["name"]: options})
        alone = [replace(scene, instead={variable["name"]: [option]}) for option in options]
        for title, target in asking(board, variable):
            found, wanted = (metrics(look.asked(board, target)) for look in (one_by_one, scene))
            if found != wanted or not any(look.asked(board, target) for look in alone):
                wrong.append((name, variable["name"], title, target["refId"], found, wanted))
    assert wrong == []


def metrics(answer: list[Json]) -> list[list[tuple[str, str]]]:
    return sorted(sorted(element["metric"].items()) for element in answer)


def test_prometheus_has_no_complaint_about_a_rule(scene: Scene) -> None:
    groups = scene.prometheus.get("/api/v1/rules")["groups"]
    assert len(groups) > 5
    assert [rule["lastError"] for group in groups for rule in group["rules"] if rule.get("lastError")] == []


def test_exemplars_lead_from_where_panels_promise_them(scene: Scene) -> None:
    asked = [
        (board, target)
        for board in scene.boards.values()
        for panel in panels(board)
        for target in panel["targets"]
        if target.get("exemplar")
    ]
    assert len(asked) == 2
    for board, target in asked:
        found = [exemplar for series in scene.exemplars(board, target) for exemplar in series["exemplars"]]
        assert {len(exemplar["labels"]["trace_id"]) for exemplar in found} == (
            {32} if scene.variant.exemplars else set()
        )


# --- who looks at it knows in ten seconds -----------------------------------------------------------------------------


def table(scene: Scene, name: str, title: str) -> list[Json]:
    """A table's rows as they are shown, the first one first."""
    panel = panel_of(scene.boards[name], title)
    [shown] = scene.shown(scene.boards[name], panel)
    return sorted_rows(panel, shown)


def numbers(scene: Scene, name: str, title: str) -> list[float]:
    frames: list[Frame] = scene.shown(scene.boards[name], panel_of(scene.boards[name], title))
    return [frame.fields[1].values[-1] for frame in frames if frame.fields]


def test_the_failing_services_are_first_in_the_overview(scene: Scene) -> None:
    """Which of the three fails most differs from minute to minute; none fails by itself."""
    rows = table(scene, OVERVIEW, "Services")
    first, others = rows[:3], rows[3:]
    assert {(row["Service"], row["Because of"]) for row in first} == {(service, CAUSE) for service in FAILING}
    assert first[0]["Errors"] > 0.05
    assert {row["Service"] for row in others} >= {"auth", "ledger", "notifications", "risk"}


def test_the_failing_edge_is_first_in_the_map(scene: Scene) -> None:
    first, second, *_ = table(scene, MAP, "Edges")
    assert (first["Client"], first["Server"], first["Kind"]) == ("payments", "card-network", "virtual_node")
    assert first["Errors"] > 0.5
    assert first["Failed"] > second["Failed"]


def test_the_cause_is_named_and_how_far_it_is(scene: Scene) -> None:
    causes = {(row["Service"], row["Cause"], row["Calls away"]) for row in table(scene, MAP, "Fails because of")}
    recorded = scene.prometheus.samples('{__name__=~"service:failure_(cause|blame)"}')
    assert causes >= {("payments", "card-network", "1"), ("gateway", "card-network", "2")}, (scene.at, recorded)


def test_what_fails_is_visible_in_business_by_method_and_currency(scene: Scene) -> None:
    first, *_ = table(scene, BUSINESS, f"{AMOUNT}, where it fails")
    assert (first["Service"], first["Payment method"], first["Payment currency"]) == ("payments", "card", "EUR")
    assert first["Failed"] > 0
    assert max(numbers(scene, BUSINESS, f"{AMOUNT}: failed")) > 0
    assert max(numbers(scene, OVERVIEW, "Amounts that fail, a minute")) > 0


def test_the_overview_tells_how_many_fail(scene: Scene) -> None:
    [failing], [firing] = numbers(scene, OVERVIEW, "Services that fail"), numbers(scene, OVERVIEW, "Alerts that fire")
    assert failing >= 2
    assert firing == len(table(scene, OVERVIEW, "Active alerts"))
    assert firing >= 3
