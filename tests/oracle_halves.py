"""What a span is to the service graph: halves of edges, a whole edge to a database, or a step on the way to a client.

Read by the rules of the semantics' §2 alone.  Where these leave a choice:

- A span whose trace id or own id is invalid makes no edge and is no half; its service is seen all the same.
- A parent id that is absent or eight zeros makes a root.  One of another length is a parent that cannot be found: such
  a half is unpaired at once, there is nothing to wait for.
- A consumer with links is a half for each of them, repeated links included (each stands for a message), and its parent
  plays no part.  Links with an invalid id are passed over; without any other the parent rule holds.
- A database's and a peer's attributes are looked for on the span alone: the resource says who sends.  An attribute
  that is empty is as good as absent.
- A half without a whole time (start or end is 0) is observed nowhere, not in a message's latency either; an end before
  the start is a duration of 0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

from span2metrics.engine.plan import MS, Dimension, Plan, Source
from tests.oracle_filters import dimension_of
from tests.oracle_page import Exemplar, Pairs
from tests.oracle_spans import Place, duration_of, is_id
from tests.twins import parse

INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = range(1, 6)
URL = "url.full"
PEER_SERVICE = "peer.service"

#: Trace id, span id.
Key = tuple[bytes, bytes]


@dataclass(frozen=True)
class Settings:
    """What the graph is told; `service_graph` in the configuration, and two settings that all labels share."""

    wait_ns: int = 10_000 * MS
    max_items: int = 100_000
    bounds_ns: tuple[int, ...] = tuple(100 * MS << k for k in range(8))
    dimensions: tuple[Dimension, ...] = ()
    through_internal: bool = False
    database_attributes: tuple[str, ...] = ("db.namespace", "db.name", "db.system.name", "db.system")
    peer_attributes: tuple[str, ...] = (PEER_SERVICE, "server.address", URL)
    virtual_node_label: bool = False
    connection_info: bool = False
    messaging_latency: bool = False
    exemplars: bool = True
    label_value_length: int = 256

    @classmethod
    def of(cls, plan: Plan) -> Settings:
        """Those of a plan that has a graph."""
        assert plan.graph
        own = {field.name: getattr(plan.graph, field.name) for field in fields(plan.graph)}
        return cls(**own, exemplars=plan.exemplars, label_value_length=plan.label_value_length)


@dataclass(frozen=True)
class Half:
    """One end of an edge as its span tells it.

    meets      a client's own key; the key of the client that a server looks for; None: it looks for none
    root       a server without parent and links
    messaging  it is a PRODUCER or CONSUMER
    took       nanoseconds; None without a whole time
    peer       what it calls its other end, "" if nothing; to a root server, its client
    database   the server's name where this is a whole edge to a database
    """

    side: str
    service: str
    span: Key
    meets: Key | None
    root: bool
    messaging: bool
    failed: bool
    start: int
    end: int
    took: int | None
    dimensions: Pairs
    peer: str = ""
    database: str = ""

    def told(self, value: int | None = None) -> Exemplar | None:
        """The exemplar that this half makes of a value, its duration by default."""
        if self.took is None:
            return None
        return Exemplar(self.end, *self.span, self.took if value is None else value)


@dataclass(frozen=True)
class Forward:
    """An INTERNAL span on the way from a server to its client; `parent` is None where the way ends."""

    key: Key
    parent: Key | None


def service_of(place: Place) -> str:
    return place.text("service.name", Source.RESOURCE, set()) or "unknown_service"


def read(place: Place, settings: Settings) -> Iterator[Half | Forward]:
    """What a span takes part with: nothing, one half, a half for each link, or a step."""
    span = place.span
    if not (is_id(span.trace_id, 16) and is_id(span.span_id, 8)):
        return
    key = (span.trace_id, span.span_id)
    if span.kind == INTERNAL and settings.through_internal:
        yield Forward(key, _parent(span))
    elif span.kind in (CLIENT, PRODUCER):
        database = _database(place, settings) if span.kind == CLIENT else ""
        yield _half(place, settings, "client", key, peer=_peer(place, settings), database=database)
    elif span.kind in (SERVER, CONSUMER):
        links = _links(span) if span.kind == CONSUMER else []
        root = not links and span.parent_span_id in (b"", bytes(8))
        named = _text(place, PEER_SERVICE) or "user"  # read of all of them, so that its faults refuse a request
        peer = named if root else ""
        for meets in links or [_parent(span)]:
            yield _half(place, settings, "server", meets, root=root, peer=peer)


def _half(place: Place, settings: Settings, side: str, meets: Key | None, root: bool = False, **names: str) -> Half:
    span = place.span
    limit = settings.label_value_length
    dimensions = ((f"{side}_{d.label}", dimension_of(place, d, limit, set())[0]) for d in settings.dimensions)
    return Half(
        side=side,
        service=service_of(place),
        span=(span.trace_id, span.span_id),
        meets=meets,
        root=root,
        messaging=span.kind in (PRODUCER, CONSUMER),
        failed=span.status.code == 2,
        start=span.start_time_unix_nano,
        end=span.end_time_unix_nano,
        took=duration_of(span, set()),
        dimensions=tuple((label, text) for label, text in dimensions if text),
        **names,
    )


def _parent(span: Any) -> Key | None:
    return (span.trace_id, span.parent_span_id) if is_id(span.parent_span_id, 8) else None


def _links(span: Any) -> list[Key]:
    links = [parse("Link", raw) for raw in span.links]
    return [(link.trace_id, link.span_id) for link in links if is_id(link.trace_id, 16) and is_id(link.span_id, 8)]


# --- names of what sends no spans -------------------------------------------------------------------------------------


def _text(place: Place, key: str) -> str:
    return place.text(key, Source.SPAN, set())


def _database(place: Place, settings: Settings) -> str:
    """The name of the database that a CLIENT span talks to; "" if it talks to none."""
    told = [place.raw(key, Source.SPAN, set()) for key in settings.database_attributes]
    shown = [_text(place, key) for key in settings.database_attributes]
    names = [_text(place, PEER_SERVICE), _text(place, "server.address"), _network_peer(place), *shown, "unknown"]
    return next(filter(None, names)) if any(told) else ""


def _network_peer(place: Place) -> str:
    """`address`, or `address:port` where there is a port; an IPv6 address then stands in brackets."""
    address, port = (_text(place, f"network.peer.{part}") for part in ("address", "port"))
    if not (address and port):
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _peer(place: Place, settings: Settings) -> str:
    texts = [(key, _text(place, key)) for key in settings.peer_attributes]
    return next(filter(None, (place.host(key, host_of) if key == URL else text for key, text in texts)), "")


_AUTHORITY = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://([^/?#]*)")


def host_of(url: str) -> str:
    """The host of an absolute URL as it is written, without port and user, an IPv6 address without its brackets (so
    that it is the peer that `server.address` names); "" if there is none."""
    found = _AUTHORITY.match(url)
    if not found:
        return ""
    host = found[1].rpartition("@")[2]
    if not host.startswith("["):
        return host.partition(":")[0]
    inside, closed, _ = host[1:].partition("]")
    return inside if closed else ""
