"""Grafana's dashboards, made from the configuration and from `names`: what is asked for is what the page has.

`boards` are all of a configuration.  A board is data, and knows nothing of Grafana's JSON: that is `grafana`'s, the one
room here that needs the extra `generate`.
"""

from __future__ import annotations

from collections.abc import Iterator

from span2metrics.config import Config
from span2metrics.generate import measure, red
from span2metrics.generate.dashboards import business, daemon, overview, service, service_map, slos
from span2metrics.generate.dashboards.board import Board


def boards(config: Config) -> tuple[Board, ...]:
    """In the order in which they are looked at; those of which a configuration has no numbers are left out."""
    return tuple(_boards(config))


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
