"""Dashboards as Grafana's JSON: their panels, and what stands in place of variables."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from span2metrics.config import Config
from span2metrics.generate.dashboards import boards, grafana

Json = dict[str, Any]
#: A variable's value: one, or of one that takes several all that are chosen.
Values = Mapping[str, str | list[str]]

ROOT = Path(__file__).parent.parent.parent
PROVISIONED, IMPORT = ROOT / "dashboards" / "provisioned", ROOT / "dashboards" / "import"
_VARIABLE = re.compile(r"\$(?:([a-zA-Z_]\w*)|\{(\w+)(?::(\w+))?\})")
#: What means something in a pattern; in PromQL's texts a backslash is two.
_SPECIAL = re.compile(r"[$^*{}\[\]'+?.()|]")
_LABEL_VALUES = re.compile(r"label_values\((.+), (\w+)\)")
DATASOURCE = "datasource"


def made(config: Config) -> dict[str, Json]:
    """Of a configuration, by the name of the file."""
    return {board.name: json.loads(grafana.provisioned(board)) for board in boards(config)}


def read(folder: Path) -> dict[str, Json]:
    return {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}


def panels(board: Json) -> list[Json]:
    """Without the rows' titles, with what is in folded rows."""
    every = [inner for panel in board["panels"] for inner in (panel, *panel.get("panels", ()))]
    return [panel for panel in every if panel["type"] != "row"]


def panel_of(board: Json, title: str) -> Json:
    [panel] = [panel for panel in panels(board) if panel["title"] == title]
    return panel


def variables(board: Json) -> list[Json]:
    return list(board["templating"]["list"])


@dataclass(frozen=True, slots=True)
class Clock:
    """What Grafana's own variables stand for, in seconds: `interval` between points, `shown` in all."""

    rate_interval: str = "20s"
    interval: str = "2s"
    shown: str = "60s"

    @property
    def values(self) -> dict[str, str]:
        return {"__rate_interval": self.rate_interval, "__interval": self.interval, "__range": self.shown}


def interpolated(text: str, values: Values) -> str:
    """As Grafana's Prometheus data source does: several values, or one where there may be, are a pattern in a text.

    Raises KeyError for a variable that there is not; `${__data…}` and `${__field…}` of links are no variables.
    """

    def value(match: re.Match[str]) -> str:
        found = values[match[1] or match[2]]
        if match[3] == "queryparam":
            chosen = [found] if isinstance(found, str) else found
            return "&".join(f"var-{match[2]}={one}" for one in chosen)
        if isinstance(found, str):
            return found
        escaped = [_SPECIAL.sub(r"\\\\\g<0>", one) for one in found]
        return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"

    return _VARIABLE.sub(value, text)


def chosen(board: Json, ask: Callable[[str, str], Iterable[str]]) -> dict[str, str | list[str]]:
    """What is chosen when the dashboard is opened.  `ask`: values of a label among the series of a selector."""
    values: dict[str, str | list[str]] = {}
    for variable in variables(board):
        name = variable["name"]
        if variable["type"] == "custom":
            [values[name]] = [option["value"] for option in variable["options"] if option["selected"]]
        elif variable["type"] == "query":
            values[name] = _of_query(variable, values, ask)
        else:
            assert (variable["type"], name) == ("datasource", DATASOURCE)
    return values


def _of_query(variable: Json, values: Values, ask: Callable[[str, str], Iterable[str]]) -> str:
    """The pattern of All stands there as it is."""
    return str(variable["allValue"]) if variable["includeAll"] else listed(variable, values, ask)[0]


def listed(variable: Json, values: Values, ask: Callable[[str, str], Iterable[str]]) -> list[str]:
    """Among which is chosen, in order."""
    asked = _LABEL_VALUES.fullmatch(interpolated(variable["query"]["query"], values))
    assert asked, variable["query"]
    return sorted(ask(asked[1], asked[2]))
