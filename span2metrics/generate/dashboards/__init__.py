"""Grafana's dashboards, made from the configuration and from `names`: what is asked for is what the page has.

`boards` are all of a configuration.  A board is data, and knows nothing of Grafana's JSON: that is `grafana`'s, the one
room here that needs the extra `generate`.
"""

from __future__ import annotations

from span2metrics.config import Config
from span2metrics.generate.dashboards import overview
from span2metrics.generate.dashboards.board import Board


def boards(config: Config) -> tuple[Board, ...]:
    """In the order in which they are looked at; those of which a configuration has no numbers are left out."""
    return (overview.board(config),)
