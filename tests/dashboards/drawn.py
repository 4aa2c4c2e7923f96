"""Pictures of our dashboards, drawn once from real answers: `python -m tests.dashboards.drawn FOLDER`.

For people to look at: would they know in ten seconds?  It takes matplotlib, which nothing else here needs.
"""

from __future__ import annotations

import math
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.dashboards.boards import Json
from tests.dashboards.frames import Frame
from tests.dashboards.scene import Scene, scenes
from tests.dashboards.shapes import sorted_rows
from tests.dashboards.units import color_of, mapped, written

try:
    from matplotlib.figure import Figure
    from matplotlib.patches import Wedge
except ImportError:
    sys.exit("pictures are drawn with matplotlib: pip install matplotlib")

#: Fields of a node, and what its options call them.
_STATS = (("mainstat", "main"), ("secondarystat", "secondary"))
COLUMNS, COLUMN_IN, ROW_IN = 24, 0.8, 0.4
BACK, PANEL, TEXT, FAINT = "#111217", "#181b1f", "#ccccdc", "#6e7079"
COLORS = {
    "green": "#73bf69", "yellow": "#fade2a", "orange": "#ff9830", "red": "#f2495c", "blue": "#5794f2", "text": TEXT,
    "#8e8e8e": "#8e8e8e",
}  # fmt: skip
LINES = ("#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#5794f2", "#b877d9", "#705da0", "#37872d", "#fade2a")


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work, scenes(lambda _: Path(tempfile.mkdtemp(dir=work))) as found:
        scene = next(iter(found.values()))
        for name, board in scene.boards.items():
            path = folder / f"{name}.png"
            draw(scene, board).savefig(path, facecolor=BACK)
            print(path)


def draw(scene: Scene, board: Json) -> Figure:
    """All panels in their places; folded rows are shown by their titles."""
    height = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in board["panels"])
    figure = Figure(figsize=(COLUMNS * COLUMN_IN, (height + 1) * ROW_IN), dpi=70)
    figure.text(0.005, 1 - 0.6 / (height + 1), board["title"], color=TEXT, fontsize=15)
    for panel in board["panels"]:
        _panel(figure, scene, board, panel, height + 1)
    return figure


def _panel(figure: Figure, scene: Scene, board: Json, panel: Json, height: int) -> None:
    place = panel["gridPos"]
    left, width = place["x"] / COLUMNS, place["w"] / COLUMNS
    bottom, tall = 1 - (place["y"] + place["h"] + 1) / height, place["h"] / height
    if panel["type"] == "row":
        folded = f"  ({len(panel['panels'])} panels, folded)" if panel["collapsed"] else ""
        figure.text(left + 0.005, bottom + tall * 0.3, f"▾ {panel['title']}{folded}", color=TEXT, fontsize=11)
        return
    frame = figure.add_axes((left + 0.002, bottom + 0.1 / height, width - 0.004, tall - 0.2 / height))
    frame.set_facecolor(PANEL)
    frame.set(xticks=[], yticks=[])
    frame.text(
        0.01,
        1 - 0.35 / place["h"],
        panel["title"],
        color=TEXT,
        fontsize=10,
        weight="bold",
        va="center",
        transform=frame.transAxes,
    )
    inner = figure.add_axes((left + 0.008, bottom + 0.2 / height, width - 0.016, tall - 1.0 / height))
    inner.set_facecolor(PANEL)
    for spine in inner.spines.values():
        spine.set_visible(False)
    inner.set(xticks=[], yticks=[])
    _KINDS[panel["type"]](inner, scene, board, panel)


def _defaults(panel: Json) -> Json:
    return dict(panel["fieldConfig"]["defaults"])


def _lines(axes: Any, scene: Scene, board: Json, panel: Json) -> None:
    frames = [frame for frame in scene.shown(board, panel) if frame.fields]
    dashed = {
        override["matcher"]["options"]: next(
            (p["value"]["fixedColor"] for p in override["properties"] if p["id"] == "color"), ""
        )
        for override in panel["fieldConfig"]["overrides"]
    }
    defaults = _defaults(panel)
    for i, (frame, legend) in enumerate(zip(frames, scene.legends(board, panel), strict=True)):
        fixed = dashed.get(frame.ref, "")
        at = [stamp - scene.at for stamp in frame.column("Time")]
        style = "--" if fixed == "#8e8e8e" else "-"
        axes.plot(
            at, frame.fields[1].values, style, color=COLORS.get(fixed, LINES[i % len(LINES)]), lw=1.5, label=legend
        )
    if defaults.get("custom", {}).get("thresholdsStyle"):
        low, high = axes.get_ylim()
        for step in defaults["thresholds"]["steps"][1:]:
            if step["value"] <= high * 1.5:
                axes.axhline(step["value"], color=COLORS[step["color"]], ls=":", lw=1)
    axes.tick_params(colors=FAINT, labelsize=7)
    low, high = axes.get_ylim()
    low = min(low, 0) if defaults.get("min") == 0 else low
    axes.set_ylim(low, high)
    marks = [low + (high - low) * part / 4 for part in range(5)]
    axes.set_yticks(marks, [written(mark, defaults["unit"]) for mark in marks])
    axes.grid(color="#2c3235", lw=0.5)
    if frames:
        axes.legend(fontsize=6.5, labelcolor=TEXT, facecolor=PANEL, edgecolor=PANEL, loc="upper left", ncols=2)


def _stat(axes: Any, scene: Scene, board: Json, panel: Json) -> None:
    frames = [frame for frame in scene.shown(board, panel) if frame.fields]
    defaults, legends = _defaults(panel), scene.legends(board, panel)
    if not frames:
        axes.text(0.5, 0.5, defaults.get("noValue", "No data"), color=TEXT, ha="center", va="center", fontsize=18)
    for i, (frame, legend) in enumerate(zip(frames, legends, strict=True)):
        value = frame.fields[1].values[-1]
        color = COLORS[color_of(value, defaults["thresholds"]["steps"])]
        text = mapped(value, defaults.get("mappings") or ()) or written(
            value, defaults["unit"], defaults.get("decimals")
        )
        at = (i + 0.5) / len(frames)
        if panel["options"]["colorMode"] == "background":
            axes.axvspan(i / len(frames), (i + 1) / len(frames), color=color)
            color = "#000000"
        axes.text(
            at, 0.5, text, color=color, ha="center", va="center", fontsize=22 if len(frames) < 4 else 14, weight="bold"
        )
        if len(frames) > 1 or "{{" in panel["targets"][0]["legendFormat"]:
            axes.text(at, 0.06, legend, color=color, ha="center", fontsize=8)
    axes.set(xlim=(0, 1), ylim=(0, 1))


def _looks(panel: Json, title: str) -> Json:
    looks: Json = dict(_defaults(panel))
    for override in panel["fieldConfig"]["overrides"]:
        if override["matcher"]["options"] == title:
            looks |= {p["id"]: p["value"] for p in override["properties"]}
    return looks


def _table(axes: Any, scene: Scene, board: Json, panel: Json) -> None:
    frames = scene.shown(board, panel)
    if len(frames) != 1 or not len(frames[0]):
        axes.text(
            0.5, 0.5, _defaults(panel).get("noValue", "No data"), color=TEXT, ha="center", va="center", fontsize=13
        )
        return
    [shown] = frames
    rows, most = sorted_rows(panel, shown), max(2, panel["gridPos"]["h"] - 2)
    widths = [_looks(panel, name).get("custom.width") for name in shown.names]
    room = panel["gridPos"]["w"] * 78
    rest = max(60, (room - sum(filter(None, widths))) / max(1, widths.count(None)))
    places = [0.0]
    for width in widths:
        places.append(places[-1] + (width or rest))
    total = places[-1]
    axes.set(xlim=(0, total), ylim=(-most - 0.5, 0.6))
    for name, left in zip(shown.names, places, strict=False):
        axes.text(left + 4, 0, name, color="#6e9fff", fontsize=8, va="center")
    for i, row in enumerate(rows[:most], 1):
        for name, left, right in zip(shown.names, places, places[1:], strict=False):
            _cell(axes, _looks(panel, name), row[name], (left, right, -i), [r[name] for r in rows])
    if len(rows) > most:
        axes.text(4, -most - 0.45, f"… {len(rows) - most} more", color=FAINT, fontsize=7)


def _cell(axes: Any, looks: Json, value: Any, place: tuple[float, float, float], column: list[Any]) -> None:
    left, right, at = place
    kind = looks.get("custom.cellOptions", {}).get("type", "")
    if isinstance(value, Frame):
        numbers = [number for number in value.fields[1].values if math.isfinite(number)]
        top = max([*numbers, 1e-12])
        axes.plot([left + 4 + (right - left - 8) * i / max(1, len(numbers) - 1) for i in range(len(numbers))],
                  [at - 0.35 + 0.7 * number / top for number in numbers], color=LINES[0], lw=1)  # fmt: skip
        return
    color = TEXT
    if kind.startswith("color-") and isinstance(value, float):
        color = COLORS[color_of(value, looks["thresholds"]["steps"])]
        if kind == "color-background":
            axes.fill_between([left, right - 2], at - 0.45, at + 0.45, color=color)
            color = "#000000"
    if kind == "gauge" and value is not None:
        share = value / max(v for v in column if v is not None) if value else 0
        axes.fill_between([left, left + (right - left - 70) * share], at - 0.3, at + 0.3, color="#3d71d9")
        axes.text(
            right - 6,
            at,
            written(value, looks["unit"], looks.get("decimals")),
            color=TEXT,
            fontsize=8,
            va="center",
            ha="right",
        )
        return
    text = mapped(value, looks.get("mappings") or ()) or written(value, looks["unit"], looks.get("decimals"))
    room = int((right - left) / 6.3)
    axes.text(left + 4, at, text if len(text) <= room else text[: room - 1] + "…", color=color, fontsize=8, va="center")


def _heatmap(axes: Any, scene: Scene, board: Json, panel: Json) -> None:
    frames = [frame for frame in scene.shown(board, panel) if frame.fields]
    frames.sort(key=lambda frame: float(frame.fields[1].labels["le"]))
    times = sorted({stamp for frame in frames for stamp in frame.column("Time")})
    counts = [dict(zip(frame.column("Time"), frame.fields[1].values, strict=True)) for frame in frames]
    cells = [
        [max(0.0, row.get(stamp, 0) - (counts[i - 1].get(stamp, 0) if i else 0)) ** 0.5 or math.nan for stamp in times]
        for i, row in enumerate(counts)
    ]
    axes.pcolormesh(cells, cmap="turbo")
    bounds = [float(frame.fields[1].labels["le"]) for frame in frames]
    axes.set_yticks(
        range(1, len(bounds) + 1), [written(bound, panel["fieldConfig"]["defaults"]["unit"]) for bound in bounds]
    )
    axes.tick_params(colors=FAINT, labelsize=7)


def _node_graph(axes: Any, scene: Scene, board: Json, panel: Json) -> None:
    frames = [frame for frame in scene.shown(board, panel) if frame.fields]
    [nodes] = [frame.rows() for frame in frames if "source" not in frame.names]
    [edges] = [frame.rows() for frame in frames if "source" in frame.names]
    at = _places([row["id"] for row in nodes], [(row["source"], row["target"]) for row in edges])
    axes.set_aspect("equal")
    for row in edges:
        color = row.get("color") or "#8e8e8e"
        axes.annotate(
            "",
            at[row["target"]],
            at[row["source"]],
            arrowprops={"arrowstyle": "-|>", "color": color, "shrinkA": 20, "shrinkB": 20},
        )
    units = panel["options"]["nodes"]
    for row in nodes:
        failed = 360 * row["arc__failed"]
        axes.add_patch(Wedge(at[row["id"]], 0.42, 90, 90 + failed, width=0.07, color=COLORS["red"]))
        axes.add_patch(Wedge(at[row["id"]], 0.42, 90 + failed, 450, width=0.07, color=COLORS["green"]))
        x, y = at[row["id"]]
        axes.text(
            x,
            y,
            "\n".join(_stat_of_node(row.get(stat), units.get(f"{unit}StatUnit", "")) for stat, unit in _STATS),
            color=TEXT,
            fontsize=7,
            ha="center",
            va="center",
        )
        axes.text(x, y - 0.6, row["title"], color=TEXT, fontsize=8, ha="center")
    axes.set(xlim=(-0.8, 1 + max(x for x, _ in at.values())), ylim=(-1, 1 + max(y for _, y in at.values())))


def _stat_of_node(value: float | None, unit: str) -> str:
    """Grafana scales nothing here: two decimals, and the unit as it is written."""
    return "" if value is None or not math.isfinite(value) else f"{value:.2f} {unit}".rstrip()


def _places(nodes: list[str], edges: list[tuple[str, str]]) -> dict[str, tuple[float, float]]:
    """In columns, by how many calls away from whoever is asked by nobody."""
    depth = dict.fromkeys(nodes, 0)
    for _ in nodes:
        for source, target in edges:
            depth[target] = max(depth[target], min(depth[source] + 1, 6))
    columns: dict[int, list[str]] = {}
    for node in sorted(nodes):
        columns.setdefault(depth[node], []).append(node)
    tallest = max(map(len, columns.values()))
    return {
        node: (level * 2.0, (tallest - len(column)) * 0.75 + i * 1.5)
        for level, column in columns.items()
        for i, node in enumerate(column)
    }


_KINDS: dict[str, Callable[[Any, Scene, Json, Json], None]] = {
    "timeseries": _lines,
    "stat": _stat,
    "table": _table,
    "heatmap": _heatmap,
    "nodeGraph": _node_graph,
}

if __name__ == "__main__":
    main(Path(sys.argv[1]))
