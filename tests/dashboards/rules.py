"""What every dashboard must keep to, wherever it is shown: `faults` tells what of it one does not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import promql_parser
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from tests.dashboards.boards import DATASOURCE, Clock, Json, interpolated, panels, variables

COLUMNS = 24
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
#: What only Grafana knows, in links.
_ITS_OWN = re.compile(
    r"\$\{__(?:url_time_range|data\.fields\[\"[^\"]+\"\]:percentencode|field\.labels\.\w+:percentencode)\}"
)
#: Labels of a node graph's nodes, which stay as they are.
_OF_NODES = {"id", "title"}
_RATE = re.compile(r"\b(?:rate|increase)\(")
_WINDOW = re.compile(r"\[([^\]]+)\]")
#: Windows that stand for themselves: a forecast looks at so much.
_FIXED = {"[6h]"}


def faults(board: Json, boards: Mapping[str, Json]) -> list[str]:
    """`boards`: all that there are, by uid, of which links may be."""
    return [*_layout(board), *_panels(board), *_queries(board), *_links(board, boards), *lost(board)]


def lost(board: Json) -> Iterator[str]:
    """Keys that the SDK does not know get lost on the way through it."""
    yield from _missing(board, json.loads(JSONEncoder().encode(Dashboard.from_json(board))), "")


def _missing(before: Any, after: Any, path: str) -> Iterator[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in before.items():
            if key not in after:
                if value not in (None, [], {}):
                    yield f"{path}.{key} is lost"
            else:
                yield from _missing(value, after[key], f"{path}.{key}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for i, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _missing(one, other, f"{path}[{i}]")
    elif before != after:
        yield f"{path} is {after!r}, was {before!r}"


def _layout(board: Json) -> Iterator[str]:
    every = [inner for panel in board["panels"] for inner in (panel, *panel.get("panels", ()))]
    ids = [panel["id"] for panel in every]
    if len(set(ids)) != len(ids):
        yield f"ids are not unique: {ids}"
    yield from _overlaps(board["panels"])
    for row in board["panels"]:
        yield from _overlaps(row.get("panels", ()))  # folded away: unfolding moves all below, none of these


def _overlaps(laid: Iterable[Json]) -> Iterator[str]:
    taken: dict[tuple[int, int], str] = {}
    for panel in laid:
        place = panel["gridPos"]
        if not 0 <= place["x"] < place["x"] + place["w"] <= COLUMNS:
            yield f"{panel['title']} is wider than the grid"
        for cell in ((x, y) for x in range(place["x"], place["x"] + place["w"]) for y in _rows(place)):
            if cell in taken:
                yield f"{panel['title']} is over {taken[cell]}"
                break
            taken[cell] = panel["title"]


def _rows(place: Json) -> range:
    return range(place["y"], place["y"] + place["h"])


def _panels(board: Json) -> Iterator[str]:
    titles = [panel["title"] for panel in panels(board)]
    if len(set(titles)) != len(titles):
        yield f"titles are not unique: {titles}"
    for panel in panels(board):
        if len(panel.get("description", "")) < 20:
            yield f"{panel['title']} is not described"
        if not panel["fieldConfig"]["defaults"].get("unit"):
            yield f"{panel['title']} has no unit"
        sources = [panel["datasource"], *(target["datasource"] for target in panel["targets"])]
        if any(source != _SOURCE for source in sources):
            yield f"{panel['title']} has another data source"
        refs = [target["refId"] for target in panel["targets"]]
        if len(set(refs)) != len(refs):
            yield f"{panel['title']} has queries of one name: {refs}"
    for variable in variables(board):
        if variable["type"] == "query" and variable["datasource"] != _SOURCE:
            yield f"variable {variable['name']} has another data source"


def _values(board: Json) -> dict[str, str | list[str]]:
    """Something for each variable, so that what is asked is PromQL."""
    chosen: dict[str, str | list[str]] = {variable["name"]: "x" for variable in variables(board)}
    return chosen | Clock().values


def _queries(board: Json) -> Iterator[str]:
    for panel in panels(board):
        for target in panel["targets"]:
            where = f"{panel['title']}, {target['refId']}"
            try:
                promql_parser.parse(interpolated(target["expr"], _values(board)))
            except (ValueError, KeyError) as error:
                yield f"{where}: {error!r}"
            yield from (f"{where}: {fault}" for fault in _windows(target["expr"]))


def _windows(expr: str) -> Iterator[str]:
    """Rates are over what Grafana finds right for the zoom, or over all that is shown."""
    windows = {f"[{window}]" for window in _WINDOW.findall(re.sub(r'"[^"]*"', "", expr))}
    yield from windows - {"[$__rate_interval]", "[$__range]"} - _FIXED
    if _RATE.search(expr) and not windows - _FIXED:
        yield "a rate without a window"


def _links(board: Json, boards: Mapping[str, Json]) -> Iterator[str]:
    for panel in panels(board):
        for link in _of_panel(panel):
            yield from (f"{panel['title']}: {fault}" for fault in link_faults(link["url"], boards, panel))
    for link in board["links"]:
        if not (link["includeVars"] and link["keepTime"] and set(link["tags"]) <= set(board["tags"])):
            yield f"link {link['title']} does not keep time and variables, or leads nowhere"


def _of_panel(panel: Json) -> Iterator[Json]:
    """Wherever Grafana takes them from: the panel's title, its numbers, those that are overridden."""
    yield from panel.get("links", ())
    yield from panel["fieldConfig"]["defaults"].get("links", ())
    properties = (p for override in panel["fieldConfig"]["overrides"] for p in override["properties"])
    yield from (link for set_to in properties if set_to["id"] == "links" for link in set_to["value"])


def link_faults(url: str, boards: Mapping[str, Json], panel: Json | None = None) -> Iterator[str]:
    """Of a link to a dashboard: is there one, has it these variables, are time and data source kept?"""
    parts = urlsplit(url)
    uid = parts.path.removeprefix("/d/")
    if uid not in boards:
        yield f"there is no dashboard {uid}"
        return
    known = {variable["name"] for variable in variables(boards[uid])}
    for word in filter(None, parts.query.split("&")):
        if kept := re.fullmatch(r"\$\{(\w+):queryparam\}", word):
            if kept[1] not in known:
                yield f"{uid} has no variable {kept[1]}"
        elif word.startswith("var-"):
            name, _, value = unquote(word.removeprefix("var-")).partition("=")
            if name not in known:
                yield f"{uid} has no variable {name}"
            yield from _fields(value, panel)
        elif word != "${__url_time_range}":
            yield f"what is {word}?"
    if panel and ("${__url_time_range}" not in parts.query or f"${{{DATASOURCE}:queryparam}}" not in parts.query):
        yield f"{url} does not keep the time and the data source"


def _fields(value: str, panel: Json | None) -> Iterator[str]:
    if panel and "$" in value and not _ITS_OWN.fullmatch(value):
        yield f"what is {value}?"
    if column := re.search(r'fields\["([^"]+)"\]', value):
        renamed = [
            t["options"]["renameByName"] for t in (panel or {}).get("transformations", ()) if t["id"] == "organize"
        ]
        known = {name for names in renamed for name in names.values()}
        if panel and panel["type"] == "nodeGraph":
            known |= _OF_NODES
        if column[1] not in known:
            yield f"there is no column {column[1]}"
