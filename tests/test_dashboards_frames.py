"""Answers become frames, and those what a panel shows, as Grafana does it; variables become what its queries have."""

from __future__ import annotations

from typing import Any

import pytest

from tests.dashboards.boards import Clock, Values, interpolated
from tests.dashboards.frames import Field, Frame, series, table, transformed

Json = dict[str, Any]


def frame(ref: str, **columns: list[Any]) -> Frame:
    return Frame(ref, [Field(name.replace("_", " #"), values) for name, values in columns.items()])


def answered(*lines: tuple[dict[str, str], float]) -> list[Json]:
    return [{"metric": labels, "value": [7.0, str(value)]} for labels, value in lines]


def columns(found: list[Frame]) -> list[dict[str, list[Any]]]:
    return [{field.name: field.values for field in frame.fields} for frame in found]


def changed(frames: list[Frame], name: str, options: Json, only: str = "") -> list[Frame]:
    matcher = {"filter": {"id": "byRefId", "options": only}} if only else {}
    return transformed(frames, [{"id": name, "options": options, **matcher}])


# --- answers ----------------------------------------------------------------------------------------------------------


def test_a_table_has_a_column_a_label_and_its_number_by_the_query() -> None:
    answer = answered(({"b": "x", "a": "y"}, 1), ({"a": "z", "c": "w"}, 2))
    [alone], [of_two] = columns([table("A", answer, 1)]), columns([table("A", answer, 2)])
    labels = {"Time": [7.0, 7.0], "a": ["y", "z"], "b": ["x", ""], "c": ["", "w"]}
    assert alone == {**labels, "Value": [1.0, 2.0]}
    assert of_two == {**labels, "Value #A": [1.0, 2.0]}


def test_an_empty_table_has_no_labels() -> None:
    assert columns([table("A", [], 1)]) == [{"Time": [], "Value": []}]


def test_a_line_has_its_labels_and_nothing_is_a_frame_without_fields() -> None:
    [line] = series("A", [{"metric": {"a": "x"}, "values": [[1, "2"], [3, "NaN"], [5, "+Inf"]]}])
    assert (line.column("Time"), line.column("Value")[::2], line.fields[1].labels) == (
        [1, 3, 5],
        [2.0, float("inf")],
        {"a": "x"},
    )
    assert series("A", []) == [Frame("A", [])]


# --- transformations --------------------------------------------------------------------------------------------------

A, B = frame("A", k=["x", "y"], Value_A=[1, 2]), frame("B", k=["y", "z"], Value_B=[3, 4])
MERGED: dict[str, tuple[list[Frame], list[dict[str, list[Any]]]]] = {
    "rows of a key are one": (
        [A, B],
        [{"k": ["x", "y", "z"], "Value #A": [1, 2, None], "Value #B": [None, 3, 4]}],
    ),
    "the key is what all have": (
        [frame("A", k=["x"], more=["m"], Value_A=[1]), B, frame("C", k=["z"], Value_C=[5])],
        [
            {
                "k": ["x", "y", "z"],
                "more": ["m", None, None],
                "Value #A": [1, None, None],
                "Value #B": [None, 3, 4],
                "Value #C": [None, None, 5],
            }
        ],
    ),
    "rows that contradict each other stay two, in the order in which they came": (
        [frame("A", k=["x", "y"], n=["1", "1"]), frame("B", k=["x"], n=["2"])],
        [{"k": ["x", "y", "x"], "n": ["1", "1", "2"]}],
    ),
    "a row goes into all that it agrees with": (
        [frame("A", k=["x", "x"], n=[1, 2]), frame("B", k=["x"], m=[3])],
        [{"k": ["x", "x"], "n": [1, 2], "m": [3, 3]}],
    ),
    "without a key nothing is merged": ([A, frame("B", other=[1])], columns([A, frame("B", other=[1])])),
    "an empty answer's table has no key": ([A, frame("B", Value_B=[])], columns([A, frame("B", Value_B=[])])),
    "what has no fields is not asked for a key": ([A, Frame("B", [])], columns([A])),
    "one is one": ([A], columns([A])),
    "nothing stays nothing": ([Frame("A", []), Frame("B", [])], [{}]),
}


@pytest.mark.parametrize("case", MERGED)
def test_tables_are_merged(case: str) -> None:
    frames, wanted = MERGED[case]
    assert columns(changed(frames, "merge", {})) == wanted


def test_lines_become_cells_beside_their_labels() -> None:
    lines = series("t", [{"metric": {"k": key}, "values": [[1, value]]} for key, value in (("x", "2"), ("y", "3"))])
    [found] = changed(lines, "timeSeriesTable", {"t": {}})
    assert found.names == ["k", "Trend #t"]
    assert found.column("k") == ["x", "y"]
    assert [cell.column("Value") for cell in found.column("Trend #t")] == [[2.0], [3.0]]
    assert changed(series("t", []), "timeSeriesTable", {"t": {}}) == [Frame("t", [])]


def test_cells_beside_labels_of_other_lines_are_an_error() -> None:
    lines = series("t", [{"metric": labels, "values": [[1, "2"]]} for labels in ({"k": "x"}, {"k": "y", "more": "m"})])
    with pytest.raises(AssertionError, match="t: labels that not all lines have"):
        changed(lines, "timeSeriesTable", {"t": {}})


def test_a_filter_leaves_other_queries_as_they_are() -> None:
    others = frame("C", k=["x"], Value_C=[9])
    assert columns(changed([A, B, others], "merge", {}, only="/^(?:A|B)$/")) == [
        columns([others])[0],
        MERGED["rows of a key are one"][1][0],
    ]
    dropped = changed([A, others], "filterFieldsByName", {"include": {"names": ["k"]}}, only="C")
    assert columns(dropped) == [columns([A])[0], {"k": ["x"]}]


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({}, ["k", "Value #A"]),
        ({"excludeByName": {"k": True, "Value #A": False}}, ["Value #A"]),
        ({"renameByName": {"Value #A": "Rate"}}, ["k", "Rate"]),
        ({"indexByName": {"Value #A": 0, "k": 1}}, ["Value #A", "k"]),
        ({"indexByName": {"Value #A": 0}}, ["Value #A", "k"]),
        ({"indexByName": {"Value #A": 0, "k": 1}, "renameByName": {"k": "Key"}}, ["Value #A", "Key"]),
        ({"excludeByName": {"Key": True}, "renameByName": {"k": "Key"}}, ["Key", "Value #A"]),
    ],
)
def test_columns_are_organized_by_the_names_that_they_had(options: Json, wanted: list[str]) -> None:
    nothing: Json = {"excludeByName": {}, "indexByName": {}, "renameByName": {}}
    assert [found.names for found in changed([A], "organize", nothing | options)] == [wanted]


def test_fields_are_kept_by_name_in_their_order() -> None:
    assert changed([A], "filterFieldsByName", {"include": {"names": ["Value #A", "k", "no"]}})[0].names == A.names


def test_a_transformation_that_is_not_known_is_an_error() -> None:
    with pytest.raises(KeyError, match="groupBy"):
        changed([A], "groupBy", {})


# --- variables --------------------------------------------------------------------------------------------------------

INTERPOLATED: list[tuple[str, Values, str]] = [
    ('x{a="$v"}', {"v": "1.2"}, 'x{a="1.2"}'),
    ('x{a=~"${v}"}', {"v": ["card-network"]}, 'x{a=~"card-network"}'),
    ('x{a=~"$v"}', {"v": ["a", "b"]}, 'x{a=~"(a|b)"}'),
    ('x{a=~"$v"}', {"v": ["127.0.0.1:80", "****"]}, r'x{a=~"(127\\.0\\.0\\.1:80|\\*\\*\\*\\*)"}'),
    ('x{a=~"$v"}', {"v": ".*"}, 'x{a=~".*"}'),
    ('{__name__=~"d_$v$more"}', {"v": "()", "more": "s"}, '{__name__=~"d_()s"}'),
    ("rate(x[$__rate_interval])", Clock().values, "rate(x[20s])"),
    ("/d/u?${v:queryparam}&${w:queryparam}", {"v": "a", "w": ["b", "c"]}, "/d/u?var-v=a&var-w=b&var-w=c"),
]


@pytest.mark.parametrize(("text", "values", "wanted"), INTERPOLATED)
def test_variables_are_texts_or_patterns_of_several(text: str, values: Values, wanted: str) -> None:
    assert interpolated(text, values) == wanted


def test_a_variable_that_there_is_not_is_an_error() -> None:
    with pytest.raises(KeyError, match="no"):
        interpolated("x{a='$no'}", {})
