"""What each kind of panel needs of its frames: `faults` tells what is missing."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from typing import Any

from tests.dashboards.frames import TIME, Frame

Json = dict[str, Any]
_RAW = re.compile(r"Value|Value #.*|Time|__name__")


def faults(panel: Json, frames: list[Frame], legends: list[str]) -> list[str]:
    """`legends`: of the series, in order, as they are shown."""
    return list(_KINDS[panel["type"]](panel, frames, legends))


def _lines(panel: Json, frames: list[Frame], legends: list[str]) -> Iterator[str]:
    lines = [frame for frame in frames if frame.fields]
    if not any(math.isfinite(value) for frame in lines for value in frame.fields[1].values):
        yield "no line has a number"
    if "" in legends:
        yield "a line has no legend"
    if len(set(legends)) != len(legends):
        yield f"legends are not unique: {legends}"


def _stat(panel: Json, frames: list[Frame], legends: list[str]) -> Iterator[str]:
    numbers = [frame.fields[1].values[-1] for frame in frames if frame.fields]
    if not numbers and not panel["fieldConfig"]["defaults"].get("noValue"):
        yield "no number"
    if not all(map(math.isfinite, numbers)):
        yield f"numbers: {numbers}"
    if len(set(legends)) != len(legends):
        yield f"names are not unique: {legends}"


def _table(panel: Json, frames: list[Frame], legends: list[str]) -> Iterator[str]:
    if len(frames) != 1:
        yield f"{len(frames)} tables in place of one"
        return
    [shown] = frames
    if not len(shown):
        yield "no row"
    yield from (f"column {name} is not named" for name in shown.names if _RAW.fullmatch(name))
    wanted = [column for column in _titles(panel) if column not in shown.names]
    yield from (f"there is no column {name}" for name in wanted)
    labels = [name for name in shown.names if all(isinstance(value, str) for value in shown.column(name))]
    rows = [tuple(shown.column(name)[i] for name in labels) for i in range(len(shown))]
    if len(set(rows)) != len(rows):
        yield f"rows are not unique: {rows}"


def _titles(panel: Json) -> Iterator[str]:
    """Columns that something is said of: by overrides, sorting, links."""
    yield from (override["matcher"]["options"] for override in panel["fieldConfig"]["overrides"])
    yield from (sorting["displayName"] for sorting in panel["options"].get("sortBy", ()))


def sorted_rows(panel: Json, shown: Frame) -> list[dict[str, Any]]:
    """In the order in which the table shows them."""
    rows = shown.rows()
    for sorting in reversed(panel["options"].get("sortBy", [])):
        name = sorting["displayName"]
        rows.sort(key=lambda row: (row[name] is not None, row[name] or 0), reverse=sorting["desc"])
    return rows


def _heatmap(panel: Json, frames: list[Frame], legends: list[str]) -> Iterator[str]:
    lines = [frame.fields[1] for frame in frames if frame.fields]
    if not lines:
        yield "no bucket"
    elif isinstance(lines[0].values[-1], dict):
        if not any(float(histogram["count"]) > 0 and histogram.get("buckets") for histogram in lines[0].values):
            yield "native histograms without buckets"
    else:
        yield from _classic(lines)


def _classic(lines: list[Any]) -> Iterator[str]:
    bounds = {float(line.labels["le"]): line.values[-1] for line in lines}
    counts = [count for _, count in sorted(bounds.items())]
    if math.inf not in bounds or len(bounds) < 2:
        yield f"bounds: {sorted(bounds)}"
    if counts != sorted(counts) or not counts[-1] > 0:
        yield f"counts: {counts}"


def _node_graph(panel: Json, frames: list[Frame], legends: list[str]) -> Iterator[str]:
    frames = [frame for frame in frames if frame.fields]
    edges = [frame for frame in frames if "source" in frame.names]
    nodes = [frame for frame in frames if "source" not in frame.names]
    if len(edges) != 1 or len(nodes) != 1:
        yield f"{len(nodes)} frames of nodes, {len(edges)} of edges"
        return
    yield from _nodes(nodes[0])
    yield from _edges(edges[0], set(nodes[0].column("id")))


def _nodes(frame: Frame) -> Iterator[str]:
    if missing := {"id", "title", "mainstat", "secondarystat", "arc__failed", "arc__ok"} - set(frame.names):
        yield f"nodes lack {missing}"
        return
    if len(set(frame.column("id"))) != len(frame) or not len(frame):
        yield f"nodes' ids: {frame.column('id')}"
    for row in frame.rows():
        if not math.isclose(row["arc__failed"] + row["arc__ok"], 1):
            yield f"arcs of {row['id']}: {row}"
    if TIME in frame.names:
        yield "nodes have a time"


def _edges(frame: Frame, nodes: set[str]) -> Iterator[str]:
    if missing := {"id", "source", "target", "mainstat", "secondarystat"} - set(frame.names):
        yield f"edges lack {missing}"
        return
    if len(set(frame.column("id"))) != len(frame) or not len(frame):
        yield f"edges' ids: {frame.column('id')}"
    ends = {*frame.column("source"), *frame.column("target")}
    if ends - nodes:
        yield f"edges of nodes that there are not: {ends - nodes}"


_KINDS: dict[str, Callable[[Json, list[Frame], list[str]], Iterator[str]]] = {
    "timeseries": _lines,
    "stat": _stat,
    "table": _table,
    "heatmap": _heatmap,
    "nodeGraph": _node_graph,
}
