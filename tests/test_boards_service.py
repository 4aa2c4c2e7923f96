"""The service's dashboard fits its configuration: what the page or the rules lack is not asked for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from span2metrics.config import load
from span2metrics.generate.dashboards import service
from span2metrics.generate.dashboards.board import Board, Choice, LabelValues
from span2metrics.generate.dashboards.panel import Panel

SLO = "slos: [{name: checkout, objective: 99, where: {service: shop}, sli: availability}]"
APDEX = "apdex: [{threshold: 100ms, where: {service: shop}}]"
GRAPH, NO_GRAPH = "service_graph: {enabled: true}", "service_graph: {enabled: false}"
#: What is configured, and what in queries tells that it is asked for.
ASKED = {
    "objectives": (SLO, "", "slo:"),
    "apdex": (APDEX, "", "apdex"),
    "edges": (GRAPH, NO_GRAPH, "traces_service_graph_"),
    "causes": (GRAPH, NO_GRAPH, "_cause"),
    "operations": ("", "metrics: {exclude: [span_name]}", "span_name"),
}
CONFIGS = {
    "defaults": "",
    "bare": f"{NO_GRAPH}\nmetrics: {{exclude: [span_name]}}",
    "everything": f"{GRAPH}\n{SLO}\n{APDEX}\nmetrics: {{dimensions: [{{name: http.route}}]}}",
    "tempo": f"{SLO}\nmetrics: {{dialects: [tempo]}}",
    "native": "metrics: {histograms: native, namespace: shop, unit: ms}",
}


def board(text: str, folder: Path) -> Board:
    file = folder / "config.yaml"
    file.write_text(text or "{}")
    return service.board(load(file))


def panels(made: Board) -> list[Panel]:
    return [panel for row in made.rows for panel in row.panels]


def asked(made: Board) -> str:
    return "\n".join(query.expr for panel in panels(made) for query in panel.queries)


def options(made: Board, name: str) -> list[str]:
    (chosen,) = (v for v in made.variables if isinstance(v, Choice) and v.name == name)
    return [value for _, value in chosen.options]


@pytest.mark.parametrize("what", ASKED)
def test_only_what_is_configured_is_asked_for(what: str, tmp_path: Path) -> None:
    with_it, without, sign = ASKED[what]
    assert sign in asked(board(with_it, tmp_path))
    assert sign not in asked(board(without, tmp_path))


@pytest.mark.parametrize("name", CONFIGS)
def test_no_row_is_empty_and_the_first_lines_are_full(name: str, tmp_path: Path) -> None:
    made = board(CONFIGS[name], tmp_path)
    assert all(row.panels for row in made.rows)
    widths: dict[int, int] = {}
    for panel in made.rows[0].panels:
        widths[panel.height] = widths.get(panel.height, 0) + panel.width
    assert set(widths.values()) == {24}


@pytest.mark.parametrize("name", CONFIGS)
def test_every_query_is_of_the_chosen_service_alone(name: str, tmp_path: Path) -> None:
    for panel in panels(board(CONFIGS[name], tmp_path)):
        assert all('"$service"' in query.expr for query in panel.queries), panel.title


def test_series_are_told_apart_by_the_labels_that_they_have(tmp_path: Path) -> None:
    text = "metrics: {exclude: [span_name], dimensions: [{name: http.route}], resource_labels: [k8s.namespace.name]}"
    assert options(board(text, tmp_path), "by") == ["span_kind", "status_code", "k8s_namespace_name", "http_route"]
    assert options(board("", tmp_path), "by") == ["span_name", "span_kind", "status_code"]


@pytest.mark.parametrize(("dialect", "label"), [("otel", "service_name"), ("tempo", "service")])
def test_services_are_listed_by_the_label_of_the_dialect(dialect: str, label: str, tmp_path: Path) -> None:
    made = board(f"metrics: {{dialects: [{dialect}]}}", tmp_path)
    (listed,) = (v for v in made.variables if isinstance(v, LabelValues))
    assert (listed.name, listed.label, listed.several) == ("service", label, False)
    assert f'{label}="$service"' in panels(made)[0].queries[0].expr


@pytest.mark.parametrize(("histograms", "first"), [("classic", "_bucket"), ("native", "()")])
def test_quantiles_are_at_first_of_the_buckets_that_there_are(histograms: str, first: str, tmp_path: Path) -> None:
    assert options(board(f"metrics: {{histograms: {histograms}}}", tmp_path), "histogram")[0] == first


def test_as_many_alerts_are_counted_as_the_table_has_rows(tmp_path: Path) -> None:
    shown = {panel.title: panel.queries[0].expr for panel in panels(board("", tmp_path))}
    by = [re.search(r"\bby \(([^)]+)\)", shown[title]) for title in ("Alerts that fire", "Active alerts on it")]
    assert by[0] and by[1] and by[0][1] == by[1][1]
