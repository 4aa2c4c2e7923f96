"""Panels as Grafana's JSON; see `grafana`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from grafana_foundation_sdk.builders import common as commons
from grafana_foundation_sdk.builders import heatmap, nodegraph, prometheus, stat, table, timeseries
from grafana_foundation_sdk.cog import builder as cog
from grafana_foundation_sdk.cog import variants
from grafana_foundation_sdk.models import common, dashboard
from grafana_foundation_sdk.models import heatmap as heatmaps
from grafana_foundation_sdk.models import prometheus as queries
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue as Property

from span2metrics.generate.dashboards.grafana_parts import data_links, fixed, mappings, merge, refs, thresholds
from span2metrics.generate.dashboards.grafana_table import columns_of, transformations_of
from span2metrics.generate.dashboards.link import DATASOURCE
from span2metrics.generate.dashboards.panel import PLAIN, Heatmap, NodeGraph, Panel, Query, Stat, Table, TimeSeries

SOURCE = common.DataSourceRef(type_val="prometheus", uid=f"${{{DATASOURCE}}}")
_COMPARED = "#8e8e8e"
Targets = list[cog.Builder[variants.Dataquery]]
Builder = TypeVar("Builder", timeseries.Panel, stat.Panel, table.Panel, heatmap.Panel, nodegraph.Panel)


def panel_of(panel: Panel) -> dashboard.Panel:
    return _KINDS[type(panel)](panel)


def _common(builder: Builder, panel: Panel) -> Builder:
    builder = builder.title(panel.title).description(panel.description).datasource(SOURCE).unit(panel.unit)
    builder = builder.thresholds(thresholds(panel.steps))
    if panel.decimals is not None:
        builder = builder.decimals(panel.decimals)
    if panel.no_value:
        builder = builder.no_value(panel.no_value)
    if panel.least is not None:
        builder = builder.min(panel.least)
    if panel.most is not None:
        builder = builder.max(panel.most)
    return builder


def _asked(panel: Panel) -> Iterator[tuple[Query, prometheus.Dataquery]]:
    for query, ref in zip(panel.queries, refs(panel.queries), strict=True):
        asked = prometheus.Dataquery().expr(query.expr).ref_id(ref).datasource(SOURCE)
        yield query, asked.editor_mode(queries.QueryEditorMode.CODE)


def _over_time(panel: Panel) -> Targets:
    return [
        asked.range().legend_format(query.legend or "__auto").exemplar(query.exemplars)
        for query, asked in _asked(panel)
    ]


def _time_series(panel: Panel) -> dashboard.Panel:
    assert isinstance(panel, TimeSeries)
    many = len(panel.queries) > 1 or "{{" in panel.queries[0].legend
    builder = _common(timeseries.Panel(), panel).targets(_over_time(panel))
    legend = commons.VizLegendOptions().display_mode(common.LegendDisplayMode.LIST).show_legend(many)
    order = common.SortOrder.DESCENDING
    builder = (
        builder.legend(legend.placement(common.LegendPlacement.BOTTOM))
        .tooltip(commons.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI).sort(order))
        .line_width(1)
        .fill_opacity(20 if panel.stacked else 5)
        .show_points(common.VisibilityMode.NEVER)
        .span_nulls(False)
    )
    if panel.stacked:
        builder = builder.stacking(commons.StackingConfig().mode(common.StackingMode.NORMAL))
    if panel.lines_at_steps:
        style = common.GraphThresholdsStyleMode.DASHED
        builder = builder.thresholds_style(commons.GraphThresholdsStyleConfig().mode(style))
    if panel.links:
        builder = builder.override_by_field_type("number", [data_links(panel.links)])
    for query, ref in zip(panel.queries, refs(panel.queries), strict=True):
        if styles := list(_line(query)):
            builder = builder.override_by_query(ref, styles)
    return builder.build()


def _line(query: Query) -> Iterable[Property]:
    if query.dashed:
        yield fixed(_COMPARED)
        yield Property("custom.lineStyle", {"fill": "dash", "dash": [6, 6]})
        yield Property("custom.fillOpacity", 0)
    elif query.color:
        yield fixed(query.color)


def _stat(panel: Panel) -> dashboard.Panel:
    assert isinstance(panel, Stat)
    graph = common.BigValueGraphMode.AREA if panel.sparkline else common.BigValueGraphMode.NONE
    asked = _over_time(panel) if panel.sparkline else _now(panel)
    plain = panel.sparkline or panel.steps == PLAIN
    builder = (
        _common(stat.Panel(), panel)
        .targets(asked)
        .graph_mode(graph)
        .color_mode(common.BigValueColorMode.VALUE if plain else common.BigValueColorMode.BACKGROUND)
        .reduce_options(commons.ReduceDataOptions().calcs(["lastNotNull"]))
    )
    if panel.texts:
        builder = builder.mappings(mappings(panel.texts))
    if panel.links:
        builder = builder.override_by_field_type("number", [data_links(panel.links)])
    return builder.build()


def _now(panel: Panel) -> Targets:
    return [asked.instant().legend_format(query.legend or "__auto") for query, asked in _asked(panel)]


def _table(panel: Panel) -> dashboard.Panel:
    assert isinstance(panel, Table)
    trends = {column.of for column in panel.columns if column.trend}
    asked: Targets = []
    for (_, query), ref in zip(_asked(panel), refs(panel.queries), strict=True):
        asked.append(query.range() if ref in trends else query.instant().format(queries.PromQueryFormat.TABLE))
    builder = _common(table.Panel(), panel).targets(asked).transformations(transformations_of(panel))
    builder = builder.show_header(True).cell_height(common.TableCellHeight.SM)
    for title, properties in columns_of(panel):
        builder = builder.override_by_name(title, properties)
    if panel.sort:
        title, descending = panel.sort
        builder = builder.sort_by([commons.TableSortByFieldState().display_name(title).desc(descending)])
    return builder.build()


def _heatmap(panel: Panel) -> dashboard.Panel:
    assert isinstance(panel, Heatmap)
    asked: Targets = [
        query.range().format(queries.PromQueryFormat.HEATMAP).legend_format("{{le}}").exemplar(described.exemplars)
        for described, query in _asked(panel)
    ]
    color = heatmap.HeatmapColorOptions().mode(heatmaps.HeatmapColorMode.SCHEME).scheme("Turbo").steps(64)
    axis = heatmap.YAxisConfig().unit(panel.unit).axis_placement(common.AxisPlacement.LEFT)
    builder = _common(heatmap.Panel(), panel).targets(asked).calculate(False).y_axis(axis).cell_gap(1)
    builder = builder.color(color.exponent(0.5).fill("dark-orange").scale(heatmaps.HeatmapColorScale.EXPONENTIAL))
    builder = builder.exemplars_color("rgba(255,0,255,0.7)").cell_values(heatmap.CellValues().unit("short"))
    return builder.filter_values(heatmap.FilterValueRange().le(1e-9)).show_legend().build()


def _node_graph(panel: Panel) -> dashboard.Panel:
    assert isinstance(panel, NodeGraph)
    asked: Targets = [query.instant().format(queries.PromQueryFormat.TABLE) for _, query in _asked(panel)]
    main, second = panel.node_units
    nodes = nodegraph.NodeOptions().main_stat_unit(main).secondary_stat_unit(second)
    nodes = nodes.arcs([nodegraph.ArcOption().field(field).color(color) for field, color in panel.arcs])
    main, second = panel.edge_units
    edges = nodegraph.EdgeOptions().main_stat_unit(main).secondary_stat_unit(second)
    builder = _common(nodegraph.Panel(), panel).targets(asked).nodes(nodes).edges(edges)
    names = {f"Value #{ref}": name for ref, name in panel.fields}
    every = refs(panel.queries)
    merges = [merge([ref for ref in every if ref.startswith(kind)]) for kind in ("nodes", "edges")]
    organize = {"excludeByName": {"Time": True}, "indexByName": {}, "renameByName": names}
    named = dashboard.DataTransformerConfig(id_val="organize", options=organize)
    if panel.links:
        # Not of `id`, which arrows have, too: all links of a row are offered, whatever field is theirs.
        builder = builder.override_by_name("title", [data_links(panel.links)])
    return builder.transformations([*merges, named]).build()


_KINDS: dict[type[Panel], Callable[[Panel], dashboard.Panel]] = {
    TimeSeries: _time_series,
    Stat: _stat,
    Table: _table,
    Heatmap: _heatmap,
    NodeGraph: _node_graph,
}
