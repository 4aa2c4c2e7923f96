"""What a panel cannot show is found, in whichever of its frames it is; what it can show is no fault."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.dashboards.frames import Field, Frame
from tests.dashboards.shapes import faults, sorted_rows

Json = dict[str, Any]
#: Of a panel: its frames, the legends, and what is told.
Case = tuple[list[Frame], list[str], list[str]]


def line(*values: Any, **labels: str) -> Frame:
    return Frame("A", [Field("Time", list(range(len(values)))), Field("Value", list(values), labels)])


def grid(**columns: list[Any]) -> Frame:
    return Frame("A", [Field(name.replace("_dot_", "__"), values) for name, values in columns.items()])


def panel(kind: str, *overridden: str, sorted_by: str = "", **defaults: Any) -> Json:
    overrides = [{"matcher": {"id": "byName", "options": name}, "properties": []} for name in overridden]
    options = {"sortBy": [{"displayName": sorted_by, "desc": True}]} if sorted_by else {}
    return {"type": kind, "fieldConfig": {"defaults": defaults, "overrides": overrides}, "options": options}


def found(of: Json, frames: list[Frame], legends: list[str] | None = None) -> str:
    return "; ".join(faults(of, frames, legends or []))


LINES: dict[str, Case] = {
    "right": ([line(1.0, math.nan), line(math.nan)], ["a", "b"], []),
    "nothing": ([Frame("A", [])], [], ["no line has a number"]),
    "no number": ([line(math.nan, math.inf)], ["a"], ["no line has a number"]),
    "no legend": ([line(1.0)], [""], ["a line has no legend"]),
    "twice": ([line(1.0), line(2.0)], ["a", "a"], ["legends are not unique"]),
}
STATS: dict[str, Case] = {
    "right": ([line(1.0), line(2.0)], ["a", "b"], []),
    "nothing": ([Frame("A", [])], [], ["no number"]),
    "not a number": ([line(1.0, math.nan)], ["a"], ["numbers: [nan]"]),
    "twice": ([line(1.0), line(2.0)], ["a", "a"], ["names are not unique"]),
}
HISTOGRAM = {"count": "3", "sum": "1", "buckets": [[0, "1", "2", "3"]]}
HEATMAPS: dict[str, Case] = {
    "classic": ([line(1.0, le="1"), line(2.0, le="5"), line(2.0, le="+Inf")], [], []),
    "native": ([line(HISTOGRAM)], [], []),
    "nothing": ([Frame("A", [])], [], ["no bucket"]),
    "nothing in native ones": ([line(HISTOGRAM | {"count": "0"})], [], ["native histograms without buckets"]),
    "native ones without buckets": ([line({"count": "3", "sum": "1"})], [], ["native histograms without buckets"]),
    "no infinity": ([line(1.0, le="1"), line(2.0, le="5")], [], ["bounds: [1.0, 5.0]"]),
    "falling": ([line(2.0, le="1"), line(1.0, le="+Inf")], [], ["counts: [2.0, 1.0]"]),
    "nothing counted": ([line(0.0, le="1"), line(0.0, le="+Inf")], [], ["counts: [0.0, 0.0]"]),
}
NODES: dict[str, list[Any]] = {
    "id": ["a", "b"],
    "title": ["a", "b"],
    "mainstat": [1, 2],
    "secondarystat": [3, 4],
    "arc_dot_failed": [0.25, 0.0],
    "arc_dot_ok": [0.75, 1.0],
}
EDGES: dict[str, list[Any]] = {"id": ["e"], "source": ["a"], "target": ["b"], "mainstat": [1], "secondarystat": [2]}
GRAPHS: dict[str, Case] = {
    "right": ([grid(**NODES), grid(**EDGES)], [], []),
    "no edges": ([grid(**NODES)], [], ["1 frames of nodes, 0 of edges"]),
    "same ids": ([grid(**NODES | {"id": ["a", "a"]}), grid(**EDGES | {"target": ["a"]})], [], ["nodes' ids"]),
    "arcs": ([grid(**NODES | {"arc_dot_ok": [0.75, 0.5]}), grid(**EDGES)], [], ["arcs of b"]),
    "time": ([grid(**NODES, Time=[1, 1]), grid(**EDGES)], [], ["nodes have a time"]),
    "no node": ([grid(**NODES), grid(**EDGES | {"target": ["c"]})], [], ["edges of nodes that there are not: {'c'}"]),
    "same edges": ([grid(**NODES), grid(**{k: v * 2 for k, v in EDGES.items()})], [], ["edges' ids"]),
    "no stat": ([grid(**NODES), grid(**{k: v for k, v in EDGES.items() if k != "mainstat"})], [], ["edges lack"]),
    "no arc": ([grid(**{k: v for k, v in NODES.items() if k != "arc_dot_ok"}), grid(**EDGES)], [], ["nodes lack"]),
}
KINDS = {"timeseries": LINES, "stat": STATS, "heatmap": HEATMAPS, "nodeGraph": GRAPHS}


@pytest.mark.parametrize(("kind", "case"), [(kind, case) for kind, cases in KINDS.items() for case in cases])
def test_a_panels_frames(kind: str, case: str) -> None:
    frames, legends, told = KINDS[kind][case]
    heard = faults(panel(kind), frames, legends)
    assert len(heard) == len(told)
    assert all(fault.startswith(wanted) for fault, wanted in zip(heard, told, strict=True))


ROWS = {"Service": ["a", "b"], "Errors": [0.5, 0.1]}
TABLES: dict[str, tuple[list[Frame], str]] = {
    "right": ([grid(**ROWS)], ""),
    "several": ([grid(**ROWS), grid(**ROWS)], "2 tables in place of one"),
    "raw number": ([Frame("A", [*grid(**ROWS).fields, Field("Value #A", [1, 2])])], "column Value #A is not named"),
    "raw time": ([grid(**ROWS, Time=[1, 2])], "column Time is not named"),
    "no such column": ([grid(Service=["a"], Failures=[1])], "there is no column Errors; there is no column Errors"),
    "twice": ([grid(Service=["a", "a"], Errors=[1, 2])], "rows are not unique: [('a',), ('a',)]"),
}


@pytest.mark.parametrize("case", TABLES)
def test_a_tables_rows_and_columns(case: str) -> None:
    frames, told = TABLES[case]
    assert found(panel("table", "Errors", sorted_by="Errors"), frames) == told


def test_an_empty_table_has_no_row() -> None:
    assert "no row" in found(panel("table"), [grid(Service=[], Errors=[])])


def test_a_number_may_be_missing_where_that_is_told() -> None:
    assert found(panel("stat", noValue="none"), [Frame("A", [])]) == ""


def test_rows_are_sorted_with_those_without_a_number_last() -> None:
    shown = grid(Service=["a", "b", "c"], Errors=[0.1, None, 0.5])
    assert [row["Service"] for row in sorted_rows(panel("table", sorted_by="Errors"), shown)] == ["c", "a", "b"]


def test_a_kind_of_panel_that_is_not_known_is_an_error() -> None:
    with pytest.raises(KeyError, match="piechart"):
        faults(panel("piechart"), [], [])
