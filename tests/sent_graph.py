"""The true graph of spans that the demo makes, in the shapes that pages and queries have.

Requests and failures are the script's own.  How long they took is read from the spans by the oracle; that it finds the
script's edges is tested in `test_demo_graph`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from span2metrics.demo.encode import encode
from span2metrics.demo.graph import DATABASE, DIRECT, MESSAGING, VIRTUAL, Edge, Totals, graph
from span2metrics.demo.incident import CYCLE
from span2metrics.demo.span import Span
from span2metrics.demo.traffic import Traffic
from span2metrics.engine.plan import Format, Now
from tests import sent
from tests.cases_edges import edge
from tests.graph_page import Parsed, parsed, read
from tests.oracle_edges import Edges, Settings
from tests.oracle_families import FAILED, REQUESTS, SECOND
from tests.oracle_page import Labels

Counts = dict[Labels, float]


class Sent(NamedTuple):
    """Spans of whole traces, and who asked whom in them."""

    spans: Sequence[Span]
    graph: Mapping[Edge, Totals]

    @property
    def requests(self) -> Counts:
        return {edge(*along): totals.requests for along, totals in self.graph.items()}

    @property
    def failed(self) -> Counts:
        return {edge(*along): totals.failed for along, totals in self.graph.items()}

    def outcomes(self) -> dict[str, float]:
        """Requests by the value that `span2metrics_edges_total` has for them; spans that make none are not here."""
        kinds = {DIRECT: "paired", MESSAGING: "paired", DATABASE: "database", VIRTUAL: "virtual_node"}
        found = dict.fromkeys([*kinds.values(), "unpaired", "dropped"], 0.0)
        for along, totals in self.graph.items():
            found[kinds[along.connection_type]] += totals.requests
        return found


#: What `sent.send` sends.
CALM = Sent(sent.SPANS, sent.GRAPH)


def _incident(traces: int = 300) -> Sent:
    traffic = Traffic(sent.SEED, CYCLE)
    settings = [(number, sent.BASE_NS + number * SECOND // 40, 250.0) for number in range(traces)]
    spans = [span for each in settings for span in traffic.trace(*each)]
    return Sent(spans, graph(asked for each in settings for asked in traffic.asked(*each)))


#: While the card network fails and the ledger's database is slow, with retries and failures on many edges.
INCIDENT = _incident()


# --- the oracle's -----------------------------------------------------------------------------------------------------


def modelled(spans: Iterable[Span], settings: Settings | None = None) -> Edges:
    """The oracle after these spans came at one instant and all waits are over."""
    model, long_after = Edges(settings), Now(10**18, 3600 * SECOND)
    model.consume(encode(spans), Now(10**18, 0))
    model.expire(long_after)
    return model


def shown(model: Edges) -> Parsed:
    """The model as its page is read."""
    return parsed(model.families())


# --- pages ------------------------------------------------------------------------------------------------------------


def on_page(text: str) -> Parsed:
    """The graph on a text page."""
    return read(text.encode(), Format.TEXT)


def requests(page: Parsed) -> Counts:
    return _counts(page, REQUESTS)


def failures(page: Parsed) -> Counts:
    return _counts(page, FAILED)


def _counts(page: Parsed, family: str) -> Counts:
    return {labels: value for labels, value in page.get(family, {}).items() if not isinstance(value, tuple)}


def of_self(text: str, name: str) -> dict[str, float]:
    """Samples of one of our own metrics on a text page, by their labels as they stand there."""
    found = re.findall(rf"^{name}(?:\{{(.*)\}})? (\S+)$", text, re.MULTILINE)
    return {labels: float(value) for labels, value in found}
