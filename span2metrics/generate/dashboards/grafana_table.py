"""Tables as Grafana's JSON: answers become one table by transformations, and its columns look by overrides.

Each query answers with a table of its own, of time, labels and one number, called `Value`, or with several queries
`Value #A`.  One that is asked over time becomes a table whose cells are lines.  Tables are merged by the columns that
all of them have.  An empty answer has no labels, and lines have no time: so the former are merged among those of now
first, else there could be no column in common.  What no column asks for is left out.
"""

from __future__ import annotations

from collections.abc import Iterator

from grafana_foundation_sdk.models import dashboard
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue as Property

from span2metrics.generate.dashboards.grafana_parts import data_links, mappings, merge, refs, thresholds_property
from span2metrics.generate.dashboards.panel import Column, Table


def transformations_of(panel: Table) -> list[dashboard.DataTransformerConfig]:
    trends = [column.of for column in panel.columns if column.trend]
    now = _asked_now(panel)
    steps = [merge(now)] if trends and len(now) > 1 else []
    steps += [_to_cells(ref) for ref in trends]
    if len(panel.queries) > 1:
        steps.append(merge())
    fields = {_field(column, panel): column.title for column in panel.columns}
    organized = {
        "excludeByName": {},
        "indexByName": {field: i for i, field in enumerate(fields)},
        "renameByName": {field: title for field, title in fields.items() if field != title},
    }
    kept = dashboard.DataTransformerConfig(id_val="filterFieldsByName", options={"include": {"names": list(fields)}})
    return [*steps, kept, dashboard.DataTransformerConfig(id_val="organize", options=organized)]


def _asked_now(panel: Table) -> list[str]:
    trends = {column.of for column in panel.columns if column.trend}
    return [ref for ref in refs(panel.queries) if ref not in trends]


def _to_cells(ref: str) -> dashboard.DataTransformerConfig:
    matcher = dashboard.MatcherConfig("byRefId", ref)
    return dashboard.DataTransformerConfig(id_val="timeSeriesTable", options={ref: {}}, filter_val=matcher)


def _field(column: Column, panel: Table) -> str:
    """What the column is called before it is renamed."""
    if column.trend:
        return f"Trend #{column.of}"
    now = _asked_now(panel)
    if column.of not in now:
        return column.of
    return "Value" if len(now) == 1 else f"Value #{column.of}"


def columns_of(panel: Table) -> Iterator[tuple[str, list[Property]]]:
    """By title, how a column looks; one that looks as any does is left out."""
    for column in panel.columns:
        if properties := list(_properties(column)):
            yield column.title, properties


def _properties(column: Column) -> Iterator[Property]:
    if column.unit:
        yield Property("unit", column.unit)
    if column.decimals is not None:
        yield Property("decimals", column.decimals)
    if column.steps:
        yield thresholds_property(column.steps)
    if cell := _cell(column):
        yield Property("custom.cellOptions", cell)
    if column.texts:
        yield Property("mappings", mappings(column.texts))
    if column.width:
        yield Property("custom.width", column.width)
    if column.links:
        yield data_links(column.links)


def _cell(column: Column) -> dict[str, object]:
    if column.trend:
        return {"type": "sparkline", "drawStyle": "line", "lineWidth": 1, "fillOpacity": 10, "hideValue": True}
    if column.bar:
        return {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}
    if column.steps:
        return {"type": "color-background" if column.filled else "color-text"}
    return {}
