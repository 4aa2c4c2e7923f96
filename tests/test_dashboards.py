"""Dashboards as they are committed and made: what Grafana needs of them, and links and names that there are."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from span2metrics.cli import main
from span2metrics.config import load
from span2metrics.demo import CONFIG
from span2metrics.generate import rule_files
from span2metrics.generate.alerting import Links
from span2metrics.generate.rule import Alert
from tests.dashboards import rules
from tests.dashboards.boards import DATASOURCE, IMPORT, PROVISIONED, Json, made, panel_of, panels, read, variables

NAMES = ["business", "overview", "service", "service-map", "slos", "span2metrics"]
SETTINGS = {
    "the defaults": "",
    "no graph": "service_graph: {enabled: false}",
    "no names": "metrics: {exclude: [span_name]}",
    "no services": "metrics: {exclude: [service_name]}",
    "native": "metrics: {histograms: native}",
    "milliseconds": "metrics: {unit: ms, namespace: shop}",
    "jaeger": "metrics: {dialects: [jaeger]}",
    "tempo": "metrics: {dialects: [tempo], dimensions: [{name: http.route}]}",
    "objectives": "slos:\n- {name: a, objective: 99, window: 7d, where: {service: s}, sli: availability}\n"
    "- {name: b, objective: 90, window: 30d, where: {kind: server}, sli: {latency: 1s}}\n"
    "apdex: [{threshold: 1s, where: {kind: server}}]",
    "measures": "measures:\n- {name: a, attribute: x}\n"
    "- {name: b, attribute: y, dimensions: [{name: z}], negative: allow}",
}
MADE = made(load(CONFIG))
BY_UID = {board["uid"]: board for board in MADE.values()}


def by_uid(boards: dict[str, Json]) -> dict[str, Json]:
    return {board["uid"]: board for board in boards.values()}


@pytest.mark.parametrize(("folder", "flags"), [(PROVISIONED, ()), (IMPORT, ("--import",))])
def test_what_is_committed_is_what_is_made(folder: Path, flags: tuple[str, ...], tmp_path: Path) -> None:
    assert main(["generate", "dashboards", *flags, f"--config.file={CONFIG}", "-o", str(tmp_path)]) == 0
    assert {path.name: path.read_text() for path in folder.iterdir()} == {
        path.name: path.read_text() for path in tmp_path.iterdir()
    }


def test_there_are_dashboards_for_all_that_is_asked() -> None:
    assert sorted(MADE) == NAMES
    assert len(BY_UID) == len(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_dashboard_keeps_to_the_rules(name: str) -> None:
    assert rules.faults(MADE[name], BY_UID) == []


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_dashboards_of_any_configuration_keep_to_the_rules(settings: str, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(settings)
    boards = made(load(tmp_path / "config.yaml"))
    assert "span2metrics" in boards
    known = by_uid(boards)
    assert {name: found for name, board in boards.items() if (found := rules.faults(board, known))} == {}


@pytest.mark.parametrize(
    ("settings", "missing"),
    [
        ("", {"slos", "business"}),
        ("service_graph: {enabled: false}", {"service-map", "slos", "business"}),
        ("metrics: {exclude: [service_name]}", {"overview", "service", "slos", "business"}),
        ("measures: [{name: a, attribute: x}]", {"slos"}),
    ],
)
def test_a_configuration_has_the_dashboards_that_it_has_numbers_for(
    settings: str, missing: set[str], tmp_path: Path
) -> None:
    (tmp_path / "config.yaml").write_text(settings)
    assert set(made(load(tmp_path / "config.yaml"))) == set(NAMES) - missing


def test_alerts_lead_to_dashboards_and_set_their_variables() -> None:
    files = rule_files(load(CONFIG), Links("http://runbooks", "http://grafana"))
    alerts = [rule for file in files for group in file.groups for rule in group.rules if isinstance(rule, Alert)]
    assert len(alerts) > 30
    wrong = {
        alert.alert: found
        for alert in alerts
        if (found := list(rules.link_faults(_plain(alert.annotations["dashboard_url"]), BY_UID)))
    }
    assert wrong == {}


def _plain(url: str) -> str:
    """With something in place of the alert's labels."""
    return re.sub(r"\{\{.*?\}\}", "x", url)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_imported_by_hand_asks_for_the_data_source_and_is_the_same_otherwise(name: str) -> None:
    theirs, ours = read(IMPORT)[name], copy.deepcopy(MADE[name])
    [asked] = theirs.pop("__inputs")
    required = theirs.pop("__requires")
    assert (asked["name"], asked["type"], asked["pluginId"]) == ("DS_PROMETHEUS", "datasource", "prometheus")
    assert {one["id"] for one in required if one["type"] == "panel"} == {panel["type"] for panel in panels(ours)}
    [source] = [variable for variable in variables(ours) if variable["name"] == DATASOURCE]
    source["current"] = {"selected": True, "text": "${DS_PROMETHEUS}", "value": "${DS_PROMETHEUS}"}
    assert theirs == ours


# --- the rules find what is wrong -------------------------------------------------------------------------------------


def _misspelled(board: Json) -> None:
    board["tittle"] = board["title"]


def _misspelled_unit(board: Json) -> None:
    panels(board)[0]["fieldConfig"]["defaults"]["untit"] = "s"


def _overlap(board: Json) -> None:
    panels(board)[1]["gridPos"]["x"] = 0


def _folded_overlap(board: Json) -> None:
    copies = copy.deepcopy(panels(board)[:2])
    for panel in copies:
        panel |= {"id": panel["id"] + 1000, "title": f"{panel['title']} once more"}
        panel["gridPos"] |= {"x": 0}
    place = {"x": 0, "y": 1000, "w": 24, "h": 1}
    row = {"type": "row", "collapsed": True, "title": "More", "id": 999, "gridPos": place, "panels": copies}
    board["panels"].append(row)


def _too_wide(board: Json) -> None:
    panels(board)[-1]["gridPos"]["w"] += 1


def _dead_link_of_a_title(board: Json) -> None:
    url = "/d/nowhere?${datasource:queryparam}&${__url_time_range}"
    panels(board)[0]["links"] = [{"title": "Elsewhere", "url": url}]


def _dead_link_of_numbers(board: Json) -> None:
    url = "/d/nowhere?${datasource:queryparam}&${__url_time_range}"
    panels(board)[0]["fieldConfig"]["defaults"]["links"] = [{"title": "Elsewhere", "url": url}]


def _unknown_variable(board: Json) -> None:
    _link(board)["url"] = _link(board)["url"].replace("var-service", "var-servant")


def _of_one_name(board: Json) -> None:
    panels(board)[1]["title"] = panels(board)[0]["title"]


def _twice(board: Json) -> None:
    panels(board)[1]["id"] = panels(board)[0]["id"]


def _source(board: Json) -> None:
    panels(board)[0]["targets"][0]["datasource"]["uid"] = "mine"


def _silent(board: Json) -> None:
    del panels(board)[0]["description"]


def _no_promql(board: Json) -> None:
    panels(board)[0]["targets"][0]["expr"] += ")"


def _no_variable(board: Json) -> None:
    panels(board)[0]["targets"][0]["expr"] = "up{instance=~'$nobody'}"


def _own_window(board: Json) -> None:
    panels(board)[0]["targets"][0]["expr"] = "rate(up[5m])"


def _dead_link(board: Json) -> None:
    _link(board)["url"] = "/d/nowhere?${datasource:queryparam}&${__url_time_range}"


def _forgetful_link(board: Json) -> None:
    _link(board)["url"] = "/d/span2metrics-services?var-service=a"


def _unknown_column(board: Json) -> None:
    _link(board)["url"] = _link(board)["url"].replace('"Service"', '"Servant"')


def _link(board: Json) -> Json:
    overrides = panel_of(board, "Services")["fieldConfig"]["overrides"]
    return next(p["value"][0] for o in overrides for p in o["properties"] if p["id"] == "links")


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (_misspelled, ".tittle is lost"),
        (_misspelled_unit, "untit is lost"),
        (_overlap, "is over"),
        (_folded_overlap, "is over"),
        (_too_wide, "is wider than the grid"),
        (_of_one_name, "titles are not unique"),
        (_twice, "ids are not unique"),
        (_source, "another data source"),
        (_silent, "is not described"),
        (_no_promql, "ValueError"),
        (_no_variable, "KeyError('nobody')"),
        (_own_window, "[5m]"),
        (_dead_link, "there is no dashboard nowhere"),
        (_dead_link_of_a_title, "there is no dashboard nowhere"),
        (_dead_link_of_numbers, "there is no dashboard nowhere"),
        (_unknown_variable, "has no variable servant"),
        (_forgetful_link, "does not keep the time"),
        (_unknown_column, "there is no column Servant"),
    ],
)
def test_a_fault_is_found(spoil: Callable[[Json], None], told: str) -> None:
    board = copy.deepcopy(MADE["overview"])
    spoil(board)
    found = rules.faults(board, BY_UID)
    assert found
    assert all(told in fault for fault in found)
