"""The company's true graph: who asked whom, how often, and how often in vain.

`unfolding` says so while it makes a trace, from what the script lets happen; nobody looks for spans that fit together.
A test that does, or the daemon, must come to the same.  Nodes are named as the semantic conventions let a reader of the
spans name them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

#: What connects two nodes, as the label `connection_type` has it; `DIRECT` is a call between two of our services.
DIRECT = ""
DATABASE = "database"
MESSAGING = "messaging_system"
VIRTUAL = "virtual_node"


class Edge(NamedTuple):
    """`client` asks `server`; one of the two may be outside."""

    client: str
    server: str
    connection_type: str


class Asked(NamedTuple):
    """One request or message along an edge.  It failed if the span of either side says so."""

    edge: Edge
    failed: bool


class Totals(NamedTuple):
    """What went along an edge."""

    requests: int
    failed: int


def graph(asked: Iterable[Asked]) -> dict[Edge, Totals]:
    """Every edge with its totals."""
    edges: dict[Edge, Totals] = {}
    for edge, failed in asked:
        before = edges.get(edge, Totals(0, 0))
        edges[edge] = Totals(before.requests + 1, before.failed + failed)
    return edges
