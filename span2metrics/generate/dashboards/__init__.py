"""Grafana's dashboards, made from the configuration and from `names`: what is asked for is what the page has.

`boards` are all of a configuration.  A board is data, and knows nothing of Grafana's JSON: that is `grafana`'s, the one
room here that needs the extra `generate`.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import replace

from span2metrics.config import Config
from span2metrics.generate import measure, red
from span2metrics.generate.dashboards import business, daemon, overview, service, service_map, slos
from span2metrics.generate.dashboards.board import Board
from span2metrics.generate.dashboards.link import Link
from span2metrics.generate.dashboards.panel import Panel, Table


def boards(config: Config) -> tuple[Board, ...]:
    """In the order in which they are looked at; those of which a configuration has no numbers are left out."""
    made = tuple(_boards(config))
    uids = {board.uid for board in made}
    return tuple(_without_dead_links(board, uids) for board in made)


def _boards(config: Config) -> Iterator[Board]:
    if red.rule_file(config):
        yield overview.board(config)
        yield service.board(config)
    if config.service_graph.enabled:
        yield service_map.board(config)
    if config.slos:
        yield slos.board(config)
    if measure.has_rules(config):
        yield business.board(config)
    yield daemon.board(config)


def _without_dead_links(board: Board, uids: Set[str]) -> Board:
    """Links to dashboards that are left out lead nowhere."""

    def alive(links: tuple[Link, ...]) -> tuple[Link, ...]:
        return tuple(link for link in links if link.uid in uids)

    def panel_of(panel: Panel) -> Panel:
        panel = replace(panel, links=alive(panel.links))
        if isinstance(panel, Table):
            return replace(panel, columns=tuple(replace(column, links=alive(column.links)) for column in panel.columns))
        return panel

    return replace(board, rows=tuple(replace(row, panels=tuple(map(panel_of, row.panels))) for row in board.rows))
