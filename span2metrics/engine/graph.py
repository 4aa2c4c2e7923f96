"""How edges of the service graph are named: from a span's values to the label texts of an edge, in plain Python.

Called once for each side and for each edge that was never seen, never once a span.  Owns which attributes name a
database or a peer, how a half is described, and which labels an edge has.  Knows nothing of pairing and of time.

Rules: semantics §2; families and labels are those of Tempo's metrics-generator.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from span2metrics import names
from span2metrics.engine.plan import Graph, Source
from span2metrics.engine.policy import Context, Policy, looked_up, pair
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
    """

    service: str
    dimensions: tuple[str, ...]
    database: str
    peer: str
    messaging: bool


class GraphPolicy:
    """Names sides and edges for a plan.

    `span_attributes` is what the core must read of a span: those of `policy` first, then the graph's own.  Positions
    in it: `databases` (any tells a database), `database_servers`, `peers`, `span_dimensions`, `peer_service`, and
    `url`, of which the host names a peer (-1: it names none); `url_whole` says that the whole of it has another use.
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

    def _positions(self, attributes: Sequence[str] | dict[str, None]) -> tuple[int, ...]:
        for attribute in attributes:
            if attribute not in self._attributes:
                self._attributes.append(attribute)
        return tuple(map(self._attributes.index, attributes))

    # --- sides --------------------------------------------------------------------------------------------------------

    def side(self, context: Context, kind: int, values: Sequence[str], host: str, is_database: bool) -> Named:
        """Describes a span's half.  `values`: texts by `span_attributes`, "" for none; `host`: that of its URL.

        `is_database`: it calls one, whose name may be among what no label shows.
        """
        database = self._database(values) if is_database else ""
        return Named(
            context.service,
            self._values(context, values),
            database,
            database or self._peer(kind, values, host),
            kind in (PRODUCER, CONSUMER),
        )

    def _values(self, context: Context, values: Sequence[str]) -> tuple[str, ...]:
        """Of the dimensions."""
        found = (values, context.resource, context.scope)
        texts = []
        for (dimension, places), rewriter in zip(self._dimensions, self._rewriters, strict=True):
            text, place, _ = looked_up(places, rewriter, found)
            texts.append(text if place else dimension.default)
        return tuple(texts)

    def _database(self, values: Sequence[str]) -> str:
        matched = _first(values, self.databases) or names.UNKNOWN_NAME
        service, server, address, port = (values[at] for at in self.database_servers)
        return service or server or cut(_joined(address, port), self._label_length) or matched

    def _peer(self, kind: int, values: Sequence[str], host: str) -> str:
        if kind in (SERVER, CONSUMER):
            return values[self.peer_service]
        return next(filter(None, (host if at == self.url else values[at] for at in self.peers)), "")

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


def _first(values: Sequence[str], positions: Sequence[int]) -> str:
    return next((values[at] for at in positions if values[at]), "")


def _rendered(labels: Sequence[tuple[str, str]]) -> bytes:
    return "".join(pair(name, value) for name, value in labels if value).encode()
