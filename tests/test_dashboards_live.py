"""Every panel's every query, asked of a real Prometheus in the midst of the demo's incident.

What is tested is what a configuration's dashboards have: a panel that is added is asked and checked like any other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests import promql
from tests.dashboards.boards import Json, panel_of, panels
from tests.dashboards.frames import Frame
from tests.dashboards.scene import VARIANTS, Scene, scenes
from tests.dashboards.shapes import faults, sorted_rows

#: Services at which the dashboard of one is looked at: one has databases and queues, one has an objective.
LOOKED_AT = ("payments", "gateway")
#: Boards and panels, by their names.
OVERVIEW, SERVICE, MAP, BUSINESS = "overview", "service", "service-map", "business"
AMOUNT = "payment_amount"
#: The label of an arrow.
BY_LABEL_JOIN = {"id"}
#: Of alerts on objectives, which the tables of alerts show where there are any.
OF_SLOS = {"slo"}


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Scene]]:
    with scenes(tmp_path_factory.mktemp) as found:
        yield found


@pytest.fixture(params=[str(variant) for variant in VARIANTS])
def scene(request: pytest.FixtureRequest, every: dict[str, Scene]) -> Scene:
    if request.param not in every:
        pytest.skip("no Prometheus 3.16")
    return every[request.param]


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


def test_every_label_that_is_asked_for_is_there(scene: Scene) -> None:
    known = {*scene.prometheus.get("/api/v1/labels"), *BY_LABEL_JOIN, *(() if scene.config.slos else OF_SLOS)}
    unknown = {
        (name, panel["title"], label)
        for name, board in scene.boards.items()
        for panel in panels(board)
        for target in panel["targets"]
        for asked in [promql.read(scene.expr(board, target))]
        for label in asked.grouping.union(*(selector.labels for selector in asked.selectors)) - known - asked.made
    }
    assert unknown == set()


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


def test_the_failing_service_is_first_in_the_overview(scene: Scene) -> None:
    first, *others = table(scene, OVERVIEW, "Services")
    assert (first["Service"], first["Because of"] is not None) == ("payments", True)
    assert first["Errors"] > 0.05
    assert {row["Service"] for row in others} >= {"auth", "gateway", "ledger", "notifications", "risk", "settlement"}


def test_the_failing_edge_is_first_in_the_map(scene: Scene) -> None:
    first, second, *_ = table(scene, MAP, "Edges")
    assert (first["Client"], first["Server"], first["Kind"]) == ("payments", "card-network", "virtual_node")
    assert first["Errors"] > 0.5
    assert first["Failed"] > second["Failed"]


def test_the_cause_is_named_and_how_far_it_is(scene: Scene) -> None:
    causes = {(row["Service"], row["Cause"], row["Calls away"]) for row in table(scene, MAP, "Fails because of")}
    assert causes >= {("payments", "card-network", "1"), ("gateway", "card-network", "2")}


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
