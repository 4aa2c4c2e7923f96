"""The service map fits its configuration, and tells Grafana's node graph what that needs to be told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from span2metrics.config import load
from span2metrics.generate.dashboards import grafana, service_map
from span2metrics.generate.dashboards.board import Board
from span2metrics.generate.dashboards.panel import Column, NodeGraph, Panel, Table

LATENCY = "service_graph: {messaging_latency: true}"
CONFIGS = {
    "defaults": "",
    "messages that are timed": LATENCY,
    "no services": f"{LATENCY}\nmetrics: {{exclude: [service_name]}}",
    "tempo": "metrics: {dialects: [tempo]}",
    "native": "metrics: {histograms: native, namespace: shop, unit: ms}",
}
#: What is configured, what is not, and the panels that go with it.
SHOWN = {
    "messaging latency": (LATENCY, "", {"Messages wait"}),
    "services": ("", "metrics: {exclude: [span_kind]}", {"Costs", "Fails because of", "Slow because of"}),
}


def board(text: str, folder: Path) -> Board:
    file = folder / "config.yaml"
    file.write_text(text or "{}")
    return service_map.board(load(file))


def panels(made: Board) -> dict[str, Panel]:
    return {panel.title: panel for row in made.rows for panel in row.panels}


def node_graph(folder: Path) -> dict[str, Any]:
    """As Grafana's JSON."""
    shown = json.loads(grafana.provisioned(board("", folder)))
    [found] = [panel for panel in shown["panels"] if panel["type"] == "nodeGraph"]
    return dict(found)


@pytest.mark.parametrize("what", SHOWN)
def test_panels_without_numbers_are_left_out(what: str, tmp_path: Path) -> None:
    with_it, without, titles = SHOWN[what]
    assert titles <= set(panels(board(with_it, tmp_path)))
    assert not titles & set(panels(board(without, tmp_path)))


@pytest.mark.parametrize("name", CONFIGS)
def test_no_row_is_empty_and_lines_of_panels_are_full(name: str, tmp_path: Path) -> None:
    made = board(CONFIGS[name], tmp_path)
    assert all(row.panels for row in made.rows)
    shown = panels(made)
    messages = [panel.width for title, panel in shown.items() if title.startswith(("Requests by edge", "Messages"))]
    assert sum(messages) == 24


@pytest.mark.parametrize("name", CONFIGS)
def test_what_is_seen_is_of_the_chosen_clients_and_servers(name: str, tmp_path: Path) -> None:
    """But for what is blamed, which may be calls away, and for what is no edge."""
    shown = panels(board(CONFIGS[name], tmp_path))
    of_all = {"Fails because of", "Slow because of", "Spans without a partner", "Spans that had to go"}
    for title in shown.keys() - of_all:
        assert all('client=~"$client",server=~"$server"' in query.expr for query in shown[title].queries), title


def test_edges_are_sorted_by_failures_a_second_and_not_by_their_share(tmp_path: Path) -> None:
    """One failed request of one must not hide an outage."""
    edges = panels(board("", tmp_path))["Edges"]
    assert isinstance(edges, Table)
    assert edges.sort == ("Failed", True)
    assert Column("failed", "Failed", "reqps", width=120, decimals=2) in edges.columns


def test_both_ends_of_an_edge_lead_to_their_service(tmp_path: Path) -> None:
    edges = panels(board("", tmp_path))["Edges"]
    assert isinstance(edges, Table)
    for title in ("Client", "Server"):
        [column] = [column for column in edges.columns if column.title == title]
        assert ("service", f'${{__data.fields["{title}"]:percentencode}}') in column.links[0].variables


def test_units_of_the_map_are_texts_as_it_writes_them_as_they_are(tmp_path: Path) -> None:
    options = node_graph(tmp_path)["options"]
    units = {kind: (options[kind]["mainStatUnit"], options[kind]["secondaryStatUnit"]) for kind in ("nodes", "edges")}
    assert units == {"nodes": ("req/s", "s"), "edges": ("req/s", "% fail")}


def test_the_share_on_an_arrow_is_of_a_hundred_and_those_that_fail_are_red(tmp_path: Path) -> None:
    found = panels(board("", tmp_path))["Map"]
    assert isinstance(found, NodeGraph)
    [errors] = [query.expr for query in found.queries if query.ref == "edges_errors"]
    assert "100 * " in errors
    assert "> 0.05" in errors
    assert errors.startswith("sum by (id, source, target, color) ")


def test_nodes_have_links_and_arrows_have_none(tmp_path: Path) -> None:
    """Grafana offers all links of a row, and `id` is a field of both."""
    overrides = node_graph(tmp_path)["fieldConfig"]["overrides"]
    linked = [
        override["matcher"]["options"]
        for override in overrides
        for properties in override["properties"]
        if properties["id"] == "links"
    ]
    assert linked == ["title"]
