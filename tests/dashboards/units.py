"""Numbers as Grafana writes them, nearly: for pictures that people look at."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

Json = dict[str, Any]
_SCALES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "K"))
_TIMES = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))
_SUFFIXES = {"reqps": " req/s", "cps": " c/s", "Bps": "B/s", "bytes": "B", "short": "", "d": " d"}


def written(value: Any, unit: str, decimals: int | None = None) -> str:
    if value is None or isinstance(value, str):
        return value or "–"
    if math.isnan(value):
        return "–"
    if unit in {"s", "ms", "dateTimeFromNow"}:
        return _time(value, unit)
    if unit == "percentunit":
        return f"{value * 100:.{1 if decimals is None else decimals}f}%"
    return f"{_scaled(value, decimals)}{_SUFFIXES.get(unit, unit.removeprefix('suffix:'))}"


def _time(value: float, unit: str) -> str:
    if unit == "dateTimeFromNow":
        return f"{_duration(time.time() - value / 1000)} ago"
    return _duration(value * (1 if unit == "s" else 1e-3))


def _duration(seconds: float) -> str:
    size, name = next(((size, name) for size, name in _TIMES if abs(seconds) >= size), (1.0, "s"))
    return f"{seconds / size:.3g} {name}"


def _scaled(value: float, decimals: int | None) -> str:
    for size, name in _SCALES:
        if abs(value) >= size:
            return f"{value / size:.3g}{name}"
    return f"{value:.{decimals}f}" if decimals is not None else f"{value:.3g}"


def color_of(value: Any, steps: Sequence[Json]) -> str:
    """Of a threshold's steps, ascending; the first one has no value."""
    reached = [step["color"] for step in steps if step.get("value") is None or value >= step["value"]]
    return str(reached[-1]) if reached else "text"


def mapped(value: Any, mappings: Sequence[Json]) -> str | None:
    for mapping in mappings:
        options = mapping["options"]
        if isinstance(value, float) and options["from"] <= value <= options["to"]:
            return str(options["result"]["text"])
    return None
