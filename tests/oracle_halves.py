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
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Any

from span2metrics.engine.plan import MS, Dimension, Plan, Source
from tests.oracle_cards import Hiding
from tests.oracle_filters import dimension_of
from tests.oracle_page import Exemplar, Pairs
from tests.oracle_spans import Place, duration_of, is_id
from tests.twins import parse

INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = range(1, 6)
URL = "url.full"
PEER_SERVICE = "peer.service"

#: Trace id, span id.
Key = tuple[bytes, bytes]
#: A text and what is odd about it.
Said = tuple[str, set[str]]
NOTHING: Said = ("", set())


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
    odd        what is odd about its service (""), its peer or database ("peer") and the dimensions, by their labels
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
    odd: tuple[tuple[str, frozenset[str]], ...] = ()

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
    return _service(place)[0]


def _service(place: Place) -> Said:
    odd: set[str] = set()
    return place.text("service.name", Source.RESOURCE, odd) or "unknown_service", odd


def read(place: Place, settings: Settings) -> Iterator[Half | Forward]:
    """What a span takes part with: nothing, one half, a half for each link, or a step."""
    span = place.span
    if not (is_id(span.trace_id, 16) and is_id(span.span_id, 8)):
        return
    key = (span.trace_id, span.span_id)
    if span.kind == INTERNAL and settings.through_internal:
        yield Forward(key, _parent(span))
    elif span.kind in (CLIENT, PRODUCER):
        database = _database(place, settings) if span.kind == CLIENT else NOTHING
        yield _half(place, settings, "client", key, peer=_peer(place, settings), database=database)
    elif span.kind in (SERVER, CONSUMER):
        links = _links(span) if span.kind == CONSUMER else []
        root = not links and span.parent_span_id in (b"", bytes(8))
        named = _first([_said(place, PEER_SERVICE), ("user", set())])  # of all of them: its faults refuse a request
        peer = named if root else NOTHING
        for meets in links or [_parent(span)]:
            yield _half(place, settings, "server", meets, root=root, peer=peer)


def _half(
    place: Place,
    settings: Settings,
    side: str,
    meets: Key | None,
    root: bool = False,
    peer: Said = NOTHING,
    database: Said = NOTHING,
) -> Half:
    span = place.span
    service, of_service = _service(place)
    odd = {"": of_service, "peer": database[1] if database[0] else peer[1]}
    dimensions = []
    for dimension in settings.dimensions:
        label = f"{side}_{dimension.label}"
        odd[label] = set()
        text, is_cut = dimension_of(place, dimension, settings.label_value_length, odd[label])
        odd[label] |= {Hiding.CUT} if is_cut else set()
        dimensions.append((label, text))
    return Half(
        side=side,
        service=service,
        span=(span.trace_id, span.span_id),
        meets=meets,
        root=root,
        messaging=span.kind in (PRODUCER, CONSUMER),
        failed=span.status.code == 2,
        start=span.start_time_unix_nano,
        end=span.end_time_unix_nano,
        took=duration_of(span, set()),
        dimensions=tuple((label, text) for label, text in dimensions if text),
        peer=peer[0],
        database=database[0],
        odd=tuple((label, frozenset(found)) for label, found in odd.items()),
    )


def _parent(span: Any) -> Key | None:
    return (span.trace_id, span.parent_span_id) if is_id(span.parent_span_id, 8) else None


def _links(span: Any) -> list[Key]:
    links = [parse("Link", raw) for raw in span.links]
    return [(link.trace_id, link.span_id) for link in links if is_id(link.trace_id, 16) and is_id(link.span_id, 8)]


# --- names of what sends no spans -------------------------------------------------------------------------------------


def _said(place: Place, key: str) -> Said:
    odd: set[str] = set()
    return place.text(key, Source.SPAN, odd), odd


def _first(said: Iterable[Said]) -> Said:
    """The first that is a text; odd about it, too, is that others were left out because they had to be hidden."""
    hidden: set[str] = set()
    for text, odd in said:
        if text:
            return text, odd | hidden
        hidden |= odd & {Hiding.REDACTED}
    return "", hidden


def _database(place: Place, settings: Settings) -> Said:
    """The name of the database that a CLIENT span talks to; "" if it talks to none."""
    told = [place.raw(key, Source.SPAN, set()) for key in settings.database_attributes]
    shown = [_said(place, key) for key in settings.database_attributes]
    names = [_said(place, PEER_SERVICE), _said(place, "server.address"), _network_peer(place), *shown]
    return _first([*names, ("unknown", set())]) if any(told) else NOTHING


def _network_peer(place: Place) -> Said:
    """`address`, or `address:port` where there is a port; an IPv6 address then stands in brackets."""
    (address, odd), (port, odd_too) = (_said(place, f"network.peer.{part}") for part in ("address", "port"))
    if not (address and port):
        return address, odd | odd_too
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}", odd | odd_too


def _peer(place: Place, settings: Settings) -> Said:
    said = [(key, _said(place, key)) for key in settings.peer_attributes]
    return _first([_host(place, key) if key == URL else of_key for key, of_key in said])


def _host(place: Place, key: str) -> Said:
    odd: set[str] = set()
    return place.host(key, host_of, odd), odd


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
