"""Dashboards as Grafana's JSON, by its foundation SDK, which comes with the extra `generate`.

Schema: https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/.
"""

from __future__ import annotations

import json
from typing import Any

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models

from span2metrics.generate.dashboards.board import Board, Choice, LabelValues, Row, Variable
from span2metrics.generate.dashboards.grafana_panels import SOURCE, panel_of
from span2metrics.generate.dashboards.link import DATASOURCE, TAG
from span2metrics.generate.dashboards.panel import Panel

#: Columns of a dashboard, and rows that a row's title takes.
COLUMNS, TITLE_HEIGHT = 24, 1
#: What stands in a dashboard for the data source that is chosen while it is imported.
INPUT = "DS_PROMETHEUS"
#: The oldest Grafana whose transformations can be told which queries they are for.
OLDEST = "11.0.0"


def provisioned(board: Board) -> str:
    """For a folder that Grafana reads: the data source is a variable, at first the default one."""
    return _text(_encoded(board))


def importable(board: Board) -> str:
    """For import by hand: Grafana asks for the data source, and which panels it must have is told."""
    encoded = _encoded(board)
    kinds = sorted({panel["type"] for panel in _panels(encoded)} - {"row"})
    source = {"type": "datasource", "pluginId": "prometheus", "pluginName": "Prometheus"}
    for variable in encoded["templating"]["list"]:
        if variable["name"] == DATASOURCE:
            variable["current"] = {"selected": True, "text": f"${{{INPUT}}}", "value": f"${{{INPUT}}}"}
    return _text(
        {
            "__inputs": [{"name": INPUT, "label": "Prometheus", "description": "It scrapes span2metrics.", **source}],
            "__requires": [
                {"type": "grafana", "id": "grafana", "name": "Grafana", "version": OLDEST},
                {"type": "datasource", "id": "prometheus", "name": "Prometheus", "version": "1.0.0"},
                *({"type": "panel", "id": kind, "name": kind, "version": ""} for kind in kinds),
            ],
            **encoded,
        }
    )


def _text(encoded: dict[str, Any]) -> str:
    return json.dumps(encoded, indent=2, ensure_ascii=False) + "\n"


def _panels(encoded: dict[str, Any]) -> list[dict[str, Any]]:
    """Those of folded rows, too."""
    return [inner for panel in encoded["panels"] for inner in (panel, *panel.get("panels", ()))]


def _encoded(board: Board) -> dict[str, Any]:
    builder = (
        builders.Dashboard(board.title)
        .uid(board.uid)
        .description(board.description)
        .tags([TAG])
        .timezone("browser")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .time(f"now-{board.time}", "now")
        .refresh("30s")
        .version(1)
        .editable()
        .links([_others()])
    )
    builder = builder.with_variable(builders.DatasourceVariable(DATASOURCE).label("Data source").type("prometheus"))
    for variable in board.variables:
        builder = builder.with_variable(_variable(variable))
    built = builder.build()
    built.panels = _laid_out(board.rows)
    encoded: dict[str, Any] = json.loads(json.dumps(built, cls=JSONEncoder))
    for link in encoded["links"]:
        del link["placement"]  # the SDK's default hides them in a menu
    return encoded


def _others() -> builders.DashboardLink:
    """A list of all our dashboards, in each of them."""
    return (
        builders.DashboardLink("span2metrics")
        .type(models.DashboardLinkType.DASHBOARDS)
        .icon("external link")
        .tooltip("The other dashboards, with this time and these variables")
        .tags([TAG])
        .as_dropdown(True)
        .include_vars(True)
        .keep_time(True)
    )


def _variable(variable: Variable) -> builders.QueryVariable | builders.CustomVariable:
    if isinstance(variable, Choice):
        return _choice(variable)
    return _label_values(variable)


def _choice(variable: Choice) -> builders.CustomVariable:
    options = [
        models.VariableOption(selected=i == 0, text=text, value=value)
        for i, (text, value) in enumerate(variable.options)
    ]
    query = ",".join(f"{text} : {value}" for text, value in variable.options)
    return (
        builders.CustomVariable(variable.name).label(variable.title).values(query).options(options).current(options[0])
    )


def _label_values(variable: LabelValues) -> builders.QueryVariable:
    query = f"label_values({variable.metric}, {variable.label})"
    builder = (
        builders.QueryVariable(variable.name)
        .label(variable.title)
        .datasource(SOURCE)
        .query({"query": query, "refId": variable.name})
        .definition(query)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
    )
    if variable.several:
        everything = models.VariableOption(selected=True, text=["All"], value=["$__all"])
        builder = builder.multi(True).include_all(True).all_value(".*").current(everything)
    return builder


def _laid_out(rows: tuple[Row, ...]) -> list[models.Panel | models.RowPanel]:
    """Panels with their places and numbers."""
    laid: list[models.Panel | models.RowPanel] = []
    number, top = 1, 0
    for row in rows:
        title = models.RowPanel(
            title=row.title,
            collapsed=row.folded,
            id_val=number,
            grid_pos=models.GridPos(h=TITLE_HEIGHT, w=COLUMNS, x=0, y=top),
            panels=[],
        )
        placed, bottom = _placed(row.panels, number + 1, top + TITLE_HEIGHT)
        laid.append(title)
        if row.folded:
            title.panels = placed
        else:
            laid += placed
        number += 1 + len(placed)
        top = top + TITLE_HEIGHT if row.folded else bottom
    return laid


def _placed(panels: tuple[Panel, ...], number: int, top: int) -> tuple[list[models.Panel], int]:
    """From left to right, then below the highest of a line; and where the last line ends.

    A panel that is as wide as the one before it, and has room below that within the line, is put there.
    """
    placed: list[models.Panel] = []
    left, bottom = 0, top
    for i, panel in enumerate(panels):
        built = panel_of(panel)
        above = placed[-1].grid_pos if placed else None
        if above and above.w == panel.width and above.y + above.h + panel.height <= bottom:
            place = models.GridPos(h=panel.height, w=panel.width, x=above.x, y=above.y + above.h)
        else:
            if left + panel.width > COLUMNS:
                left, top = 0, bottom
            place = models.GridPos(h=panel.height, w=panel.width, x=left, y=top)
            left, bottom = left + panel.width, max(bottom, top + panel.height)
        built.id_val, built.grid_pos = number + i, place
        placed.append(built)
    return placed, bottom
