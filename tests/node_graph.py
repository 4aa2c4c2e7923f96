"""The data frames that Grafana's node graph panel draws, made of a Prometheus' answers.

The rules are those of grafana/grafana, `public/app/plugins/datasource/tempo/graphTransform.ts` at 6dfd3d5679: what an
edge has counts for its server's node; a namespace, where there is one, is part of a node's id; a rate is rounded to two
decimals; where no request came, or none whose server was seen, there is no number.
"""

from __future__ import annotations

import math
from collections import defaultdict
from typing import NamedTuple

#: All labels of an element of an answer, and its value.
Vector = list[tuple[dict[str, str], float]]


class Node(NamedTuple):
    """Fields of the frame `Nodes`: average response time in ms, requests a second, and the arc's two shares."""

    title: str
    subtitle: str
    mainstat: float
    secondarystat: float
    arc__success: float
    arc__failed: float


class Line(NamedTuple):
    """Fields of the frame `Edges`."""

    source: str
    target: str
    mainstat: float
    secondarystat: float


class _Stats:
    """Sums of what a node or edge has of each metric; None of what it has none."""

    def __init__(self) -> None:
        self.total: float | None = None
        self.seconds: float | None = None
        self.failed: float | None = None

    def add(self, stat: str, value: float) -> None:
        setattr(self, stat, (getattr(self, stat) or 0) + value)

    @property
    def mainstat(self) -> float:
        return self.seconds / self.total * 1000 if self.total and self.seconds is not None else math.nan

    @property
    def secondarystat(self) -> float:
        return math.floor(self.total * 100 + 0.5) / 100 if self.total else math.nan

    @property
    def arc__failed(self) -> float:
        return min(self.failed or 0, self.total) / self.total if self.total else 0

    @property
    def arc__success(self) -> float:
        return (self.total - min(self.failed or 0, self.total)) / self.total if self.total else 1


def frames(total: Vector, seconds: Vector, failed: Vector) -> tuple[dict[str, Node], dict[str, Line]]:
    """Nodes and edges by their ids."""
    nodes: dict[str, _Stats] = defaultdict(_Stats)
    titles: dict[str, tuple[str, str]] = {}
    edges: dict[tuple[str, str], _Stats] = defaultdict(_Stats)
    for stat, vector in (("total", total), ("seconds", seconds), ("failed", failed)):
        for labels, value in vector:
            client, server = (_node(labels, side, titles) for side in ("client", "server"))
            edges[client, server].add(stat, value)
            nodes[server].add(stat, value)
            nodes[client].add(stat, 0)
    return (
        {
            node: Node(*titles[node], has.mainstat, has.secondarystat, has.arc__success, has.arc__failed)
            for node, has in nodes.items()
        },
        {
            f"{source}_{target}": Line(source, target, has.mainstat, has.secondarystat)
            for (source, target), has in edges.items()
        },
    )


def _node(labels: dict[str, str], side: str, titles: dict[str, tuple[str, str]]) -> str:
    """The id of the node at that side."""
    name, namespace = labels[side], labels.get(f"{side}_service_namespace", "")
    node = f"{namespace}/{name}" if namespace else name
    titles[node] = name, namespace
    return node
