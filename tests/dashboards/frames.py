"""What Grafana makes of Prometheus' answers: frames of fields, and what a panel's transformations make of those.

Transformations that our dashboards do not use are an error.  Sources: grafana/grafana,
packages/grafana-prometheus/src/result_transformer.ts and packages/grafana-data/src/transformations/transformers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

Json = dict[str, Any]
TIME = "Time"


@dataclass(frozen=True, slots=True)
class Field:
    """A column.  `labels` are those of a series; a table has them as columns of their own."""

    name: str
    values: list[Any]
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Frame:
    """`ref`: of the query that it answers."""

    ref: str
    fields: list[Field]

    def __len__(self) -> int:
        return len(self.fields[0].values) if self.fields else 0

    def column(self, name: str) -> list[Any]:
        [found] = [field.values for field in self.fields if field.name == name]
        return found

    @property
    def names(self) -> list[str]:
        return [field.name for field in self.fields]

    def rows(self) -> list[dict[str, Any]]:
        return [{f.name: f.values[i] for f in self.fields} for i in range(len(self))]


# --- answers ----------------------------------------------------------------------------------------------------------


def series(ref: str, answer: list[Json]) -> list[Frame]:
    """Of a query over time, or now, as lines; nothing is one frame without fields."""
    found = [Frame(ref, _line(element)) for element in answer]
    return found or [Frame(ref, [])]


def _line(element: Json) -> list[Field]:
    points = element.get("values") or element.get("histograms") or [element.get("value") or element.get("histogram")]
    values = [_number(value) for _, value in points]
    return [Field(TIME, [at for at, _ in points]), Field("Value", values, dict(element["metric"]))]


def _number(value: Any) -> Any:
    """A native histogram stays what it is."""
    return float(value) if isinstance(value, str) else value


def table(ref: str, answer: list[Json], tables: int) -> Frame:
    """Of a query now; `tables`: how many queries of the panel answer with one.  An empty one has no labels."""
    labels = list(dict.fromkeys(label for element in answer for label in sorted(element["metric"])))
    name = "Value" if tables == 1 else f"Value #{ref}"
    return Frame(
        ref,
        [
            Field(TIME, [element["value"][0] for element in answer]),
            *(Field(label, [element["metric"].get(label, "") for element in answer]) for label in labels),
            Field(name, [float(element["value"][1]) for element in answer]),
        ],
    )


# --- transformations --------------------------------------------------------------------------------------------------


def transformed(frames: Sequence[Frame], transformations: Iterable[Json]) -> list[Frame]:
    """After all of them in turn; one with a filter sees the frames of some queries, and leaves the others."""
    now = list(frames)
    for transformation in transformations:
        wanted = _matcher(transformation.get("filter"))
        change = _CHANGES[transformation["id"]]
        others = [frame for frame in now if not wanted(frame)]
        now = [*others, *change([frame for frame in now if wanted(frame)], transformation["options"])]
    return now


def _matcher(described: Json | None) -> Callable[[Frame], bool]:
    if described is None:
        return lambda frame: True
    assert described["id"] == "byRefId", described
    pattern = described["options"]
    if pattern.startswith("/"):
        compiled = re.compile(pattern.strip("/"))
        return lambda frame: bool(compiled.search(frame.ref))
    return lambda frame: frame.ref == pattern


def _merge(frames: list[Frame], options: Json) -> list[Frame]:
    """One table: rows that say nothing different are one.  Without a column that all have, nothing is merged."""
    assert options == {}
    tables = [frame for frame in frames if frame.fields]
    if len(frames) <= 1 or not tables:
        return frames[:1]
    names = list(dict.fromkeys(name for frame in tables for name in frame.names))
    keys = [name for name in names if all(name in frame.names for frame in tables)]
    if not keys:
        return frames
    rows: list[dict[str, Any]] = []
    by_key: dict[tuple[Any, ...], list[int]] = {}
    for row in (row for frame in tables for row in frame.rows()):
        same = by_key.setdefault(tuple(row[key] for key in keys), [])
        matching = [i for i in same if _agree(rows[i], row)]
        for i in matching:
            rows[i] = rows[i] | row
        if not matching:
            same.append(len(rows))
            rows.append(row)
    ref = f"merge-{'-'.join(frame.ref for frame in tables)}"
    return [Frame(ref, [Field(name, [row.get(name) for row in rows]) for name in names])]


def _agree(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return all(one.get(name) is None or one[name] == value for name, value in other.items())


def _cells(frames: list[Frame], options: Json) -> list[Frame]:
    """A table of each query's series: their labels, and in one cell the whole line.

    Each label's column is filled by itself: with one that not all lines have, cells would stand beside other lines.
    """
    found = [frame for frame in frames if not frame.fields]
    for ref in dict.fromkeys(frame.ref for frame in frames):
        lines = [frame.fields for frame in frames if frame.ref == ref and frame.fields]
        if lines:
            labels = list(lines[0][1].labels)
            assert all(set(value.labels) == set(labels) for _, value in lines), f"{ref}: labels that not all lines have"
            columns = [Field(label, [value.labels[label] for _, value in lines]) for label in labels]
            found.append(Frame(ref, [*columns, Field(f"Trend #{ref}", [Frame(ref, line) for line in lines])]))
    return found


def _organize(frames: list[Frame], options: Json) -> list[Frame]:
    excluded = {name for name, is_so in options["excludeByName"].items() if is_so}
    renamed, places = options["renameByName"], options["indexByName"]
    found = []
    for frame in frames:
        kept = [field for field in frame.fields if field.name not in excluded]
        kept.sort(key=lambda field: places.get(field.name, len(places)))
        found.append(Frame(frame.ref, [replace(field, name=renamed.get(field.name, field.name)) for field in kept]))
    return found


def _filter_fields(frames: list[Frame], options: Json) -> list[Frame]:
    names = set(options["include"]["names"])
    kept = [Frame(frame.ref, [field for field in frame.fields if field.name in names]) for frame in frames]
    return [frame for frame in kept if frame.fields]


_CHANGES: dict[str, Callable[[list[Frame], Json], list[Frame]]] = {
    "merge": _merge,
    "timeSeriesTable": _cells,
    "organize": _organize,
    "filterFieldsByName": _filter_fields,
}
