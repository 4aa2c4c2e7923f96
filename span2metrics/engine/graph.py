"""How edges of the service graph are named: from a span's values to the label texts of an edge, in plain Python.

Called once for each side and for each edge that was never seen, never once a span.  Owns which attributes name a
database or a peer, how a half is described, and which labels an edge has.  Knows nothing of pairing and of time.

Rules: semantics §2; families and labels are those of Tempo's metrics-generator.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from span2metrics import names
from span2metrics.engine.labels import CUT, REDACTED, Marked, looked_up, mark_of, marked_of, pair
from span2metrics.engine.plan import Graph, Source
from span2metrics.engine.policy import Context, Policy
from span2metrics.engine.text import cut

PEER_SERVICE = "peer.service"
SERVER_ADDRESS = "server.address"
PEER_ADDRESS = "network.peer.address"
PEER_PORT = "network.peer.port"
URL = "url.full"
#: What names a database's server, before the attribute that told that it is one.
DATABASE_SERVERS = (PEER_SERVICE, SERVER_ADDRESS, PEER_ADDRESS, PEER_PORT)
SERVER, CLIENT, PRODUCER, CONSUMER = 2, 3, 4, 5


class Named(NamedTuple):
    """A side in texts: whose span it is, and whom the span names at the other end.

    service, dimensions    its service, and its own values of the graph's dimensions
    database               the database that a client calls; "" for everybody else
    peer                   the other end by the span's own word, "" where it says nothing
    messaging              it is a message's producer or consumer
    marks                  what was done to the texts of the service, the peer, and the dimensions (`policy.CUT` …)
    """

    service: str
    dimensions: tuple[str, ...]
    database: str
    peer: str
    messaging: bool
    marks: tuple[int, ...]


#: A text and what was done to it.
MarkedText = tuple[str, int]


class GraphPolicy:
    """Names sides and edges for a plan.

    `span_attributes` is what the core must read of a span: those of `policy` first, then the graph's own.  Positions
    in it: `databases` (any tells a database), `database_servers`, `peers`, `span_dimensions`, `peer_service`, and
    `url`, of which the host names a peer (-1: it names none); `url_whole` says that the whole of it has another use.
    `labels` are the labels of edges whose values come from the traffic.
    """

    def __init__(self, graph: Graph, policy: Policy, label_length: int) -> None:
        self._graph = graph
        self._label_length = label_length
        self._dimensions = [(dimension, tuple(policy.places(dimension))) for dimension in graph.dimensions]
        self._rewriters = [policy.rewriter(dimension) for dimension in graph.dimensions]
        self._attributes = list(policy.attributes[Source.SPAN])
        self.databases = self._positions(graph.database_attributes)
        self.database_servers = self._positions(DATABASE_SERVERS)
        self.peers = self._positions(graph.peer_attributes)
        self.peer_service = self._positions((PEER_SERVICE,))[0]
        read = [at for dimension in graph.dimensions if Source.SPAN in dimension.sources for at in dimension.attributes]
        self.span_dimensions = self._positions(dict.fromkeys(read))
        self.url = self._attributes.index(URL) if URL in graph.peer_attributes else -1
        self.url_whole = URL in (*read, *graph.database_attributes)
        self.span_attributes = tuple(self._attributes)
        prefixes = (names.CLIENT_PREFIX, names.SERVER_PREFIX)
        dimensions = (f"{prefix}{dimension.label}" for prefix in prefixes for dimension in graph.dimensions)
        self.labels = (names.CLIENT, names.SERVER, *dimensions)

    def _positions(self, attributes: Sequence[str] | dict[str, None]) -> tuple[int, ...]:
        for attribute in attributes:
            if attribute not in self._attributes:
                self._attributes.append(attribute)
        return tuple(map(self._attributes.index, attributes))

    # --- sides --------------------------------------------------------------------------------------------------------

    def side(
        self,
        context: Context,
        kind: int,
        values: Sequence[str],
        marks: Sequence[int],
        host: MarkedText,
        is_database: bool,
    ) -> Named:
        """Describes a span's half.  `values`: texts by `span_attributes`, "" for none; `host`: that of its URL.

        `marks`: what was done to the values.  `is_database`: it calls one, whose name may be among what no label shows.
        """
        said = list(zip(values, marks, strict=True))
        peer, mark = self._database(said) if is_database else self._peer(kind, said, host)
        dimensions = [self._dimension(number, context, values, marks) for number in range(len(self._dimensions))]
        return Named(
            context.service,
            tuple(text for text, _ in dimensions),
            peer if is_database else "",
            peer,
            kind in (PRODUCER, CONSUMER),
            (context.resource_marks[0], mark, *(mark for _, mark in dimensions)),
        )

    def _dimension(self, number: int, context: Context, values: Sequence[str], marks: Sequence[int]) -> MarkedText:
        dimension, places = self._dimensions[number]
        found = looked_up(places, self._rewriters[number], (values, context.resource, context.scope))
        mark = mark_of(found, places, (marks, context.resource_marks, context.scope_marks))
        return found.text if found.place else dimension.default, mark

    def _database(self, said: Sequence[MarkedText]) -> MarkedText:
        service, server, address, port = (said[at] for at in self.database_servers)
        joined = self._joined(address, port)
        return _first([service, server, joined, *(said[at] for at in self.databases), (names.UNKNOWN_NAME, 0)])

    def _joined(self, address: MarkedText, port: MarkedText) -> MarkedText:
        whole = _joined(address[0], port[0])
        shown = cut(whole, self._label_length)
        return shown, address[1] | port[1] | (CUT if shown != whole else 0)

    def _peer(self, kind: int, said: Sequence[MarkedText], host: MarkedText) -> MarkedText:
        if kind in (SERVER, CONSUMER):
            return said[self.peer_service]
        return _first([host if at == self.url else said[at] for at in self.peers])

    # --- label texts --------------------------------------------------------------------------------------------------

    def edge(self, client: Named | None, server: Named | None) -> bytes:
        """Label texts of the edge between two halves; the one that was never seen is None."""
        nobody = ("",) * len(self._dimensions)
        labels = [
            (names.CLIENT, client.service if client else (server and server.peer) or names.USER),
            (names.SERVER, server.service if server else (client and client.peer) or ""),
            (names.CONNECTION_TYPE, _connection_type(client, server)),
        ]
        for prefix, side in ((names.CLIENT_PREFIX, client), (names.SERVER_PREFIX, server)):
            values = side.dimensions if side else nobody
            labels += [(f"{prefix}{d.label}", value) for (d, _), value in zip(self._dimensions, values, strict=True)]
        return _rendered(labels + self._virtual(client, server))

    def marked(self, client: Named | None, server: Named | None) -> Marked | None:
        """What was done to the values of that edge's labels."""
        ends = (
            client.marks[0] if client else server.marks[1] if server else 0,
            server.marks[0] if server else client.marks[1] if client else 0,
        )
        nobody = (0,) * len(self._dimensions)
        dimensions = (mark for side in (client, server) for mark in (side.marks[2:] if side else nobody))
        return marked_of(dict(zip(self.labels, (*ends, *dimensions), strict=True)))

    def edge_beyond(self, client: Named | None, server: Named | None) -> bytes:
        """The same where there are too many edges: the end that was not seen is `__other__`, the server if both were.

        Without dimensions, so that services alone bound how many such edges there are.
        """
        seen = not (server is None or client is None)
        labels = [
            (names.CLIENT, client.service if client else names.OTHER),
            (names.SERVER, server.service if server and not seen else names.OTHER),
            (names.CONNECTION_TYPE, _connection_type(client, server)),
        ]
        return _rendered(labels + self._virtual(client, server))

    def _virtual(self, client: Named | None, server: Named | None) -> list[tuple[str, str]]:
        if self._graph.virtual_node_label and not (client and (server or client.database)):
            return [(names.VIRTUAL_NODE, "server" if client else "client")]
        return []

    def lost(self, service: str, kind: int | None, reason: str) -> bytes:
        """Label texts of the counter of halves that make no edge; without a kind the side is not told."""
        side = "" if kind is None else "client" if kind in (CLIENT, PRODUCER) else "server"
        return _rendered([(names.SERVICE, service), (names.SIDE, side), (names.REASON, reason)])

    def service(self, service: str) -> bytes:
        """Label texts of a node."""
        return _rendered([(names.SERVICE, service)])


def _connection_type(client: Named | None, server: Named | None) -> str:
    if client and client.database:
        return names.CONNECTION_DATABASE
    if not (client and server):
        return names.CONNECTION_VIRTUAL
    return names.CONNECTION_MESSAGING if client.messaging or server.messaging else ""


def _joined(address: str, port: str) -> str:
    if not (address and port):
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _first(said: Sequence[MarkedText]) -> MarkedText:
    """The first text that there is; of those before it counts that they were hidden whole."""
    hidden = 0
    for text, mark in said:
        if text:
            return text, hidden | mark
        hidden |= mark & REDACTED
    return "", hidden


def _rendered(labels: Sequence[tuple[str, str]]) -> bytes:
    return "".join(pair(name, value) for name, value in labels if value).encode()
