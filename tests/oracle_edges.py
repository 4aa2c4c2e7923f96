"""What the service graph must be: a short, plain model of the semantics' §2, over the same twins as `oracle`.

Slow and only right, it shares no code with the engine.  Weights and the limits on services and edges are not here.
What a span says is read in `oracle_halves`; how the numbers are shown is in `oracle_families`.  Where the rules leave
a choice:

- All spans of a request arrive at its `now`.  First what is overdue leaves, then come the clients', producers' and
  internal spans in their order, and then those of servers and consumers.
- A half of age `wait` is overdue: two halves meet while the first is younger than that.  A client half's age counts
  from its arrival, not from its last match.
- A client half whose id is already known is the same span sent again: passed over.  A server half that comes again is
  another call served, for what has left is not remembered.  A database's client makes an edge each time.
- Every server half of a call meets the one client half: each edge counts the client's duration again, so that the
  client's count is the number of requests.
- A database client never waits, so a server half below it stays unpaired: the edge to the database is the call's.
- A service may call itself: an edge like any other.
- A consumer with links is no root.  Lonely, it is unpaired, for it has a client that was not seen.
- A matched client half leaves without a word.  Every other half ends as an edge, as unpaired or as dropped.
- With `through_internal`, a server half is followed over at most 64 INTERNAL spans, whatever their order of arrival,
  and waits by its own age.  Their entries take room and time out like halves, uncounted.
- Eviction: first client halves that have met, in the order in which they first did; then what came first, also a root
  server whose edge was still to be made.
- Exemplars: a span ends no later than the `now` at which the edge is made.  A counter's are those of both halves;
  a message's latency is told by its consumer.
- `connection_type` is `messaging_system` where either half is a message's; a virtual node's edge is `virtual_node`,
  and a database's `database`, whatever else.  The end that was not seen has no dimensions, not even their defaults.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from span2metrics.engine.plan import Now
from tests.oracle_cards import Hiding
from tests.oracle_families import (
    CLIENT_SECONDS,
    DROPPED,
    MESSAGING_SECONDS,
    REQUESTS,
    SERVER_SECONDS,
    UNPAIRED,
    Exemplars,
    Families,
    Observed,
    Record,
    exemplars,
    families,
)
from tests.oracle_halves import Forward, Half, Key, Settings, read, service_of
from tests.oracle_page import Exemplar, Labels, Pairs
from tests.oracle_spans import Place, cut, places_of
from tests.twins import parse

__all__ = ["Edges", "Settings"]

#: INTERNAL spans between a server and its client, at most.
STEPS = 64
DATABASE, MESSAGING, VIRTUAL = "database", "messaging_system", "virtual_node"
EXPIRED, INVALID_PARENT, MAX_ITEMS = "expired", "invalid_parent", "max_items"
#: A span's service, and what the span takes part with.
Parts = tuple[str, list[Half | Forward]]


@dataclass(eq=False)
class _Item:
    """What is kept: since when (monotonic), where it can be met, how far a server half was followed."""

    what: Half | Forward
    since: int
    meets: Key | None
    number: int
    steps: int = 0


@dataclass
class _Store:
    """Items by age and by key.  `known`: client halves and forwarding entries.  `waiting`: server halves.  `matched`:
    client halves that have met a server, in that order."""

    by_age: dict[int, _Item] = field(default_factory=dict)
    known: dict[Key, _Item] = field(default_factory=dict)
    waiting: dict[Key, list[_Item]] = field(default_factory=dict)
    matched: dict[int, _Item] = field(default_factory=dict)

    def discard(self, item: _Item) -> None:
        del self.by_age[item.number]
        self.matched.pop(item.number, None)
        if item.meets is None:
            return
        if self.known.get(item.meets) is item:
            del self.known[item.meets]
        if item in self.waiting.get(item.meets, []):
            self.waiting[item.meets].remove(item)


class Edges:
    """The edges of what was consumed.  `now` never goes back."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.redacted: Counter[str] = Counter()
        self.truncated: Counter[str] = Counter()
        self.unpaired: Counter[tuple[str, str, str]] = Counter()
        self.dropped: Counter[tuple[str, str]] = Counter()
        self.services: set[str] = set()
        self.born: dict[tuple[str, tuple[Any, ...]], Now] = {}
        self.records: dict[Pairs, Record] = {}
        self._store = _Store()
        self._numbers = count()
        self._now = Now(0, 0)

    def consume(self, request: bytes, now: Now) -> None:
        """Takes a request's spans; raises `BrokenError`, having taken none, where a fault is read."""
        self.take(self.read(places_of(parse("ExportTraceServiceRequest", request))), now)

    def read(self, places: Iterable[Place]) -> list[Parts]:
        """What a request's spans are to the graph; raises `BrokenError` where a fault is read."""
        return [(service_of(place), list(read(place, self.settings))) for place in places]

    def take(self, spans: Sequence[Parts], now: Now) -> None:
        self.expire(now)
        self.services.update(self._cut(service) for service, _ in spans)
        parts = [part for _, of_span in spans for part in of_span]
        for part in sorted(parts, key=lambda part: isinstance(part, Half) and part.side == "server"):
            self._take(part)

    def expire(self, now: Now) -> None:
        """Lets go what is overdue."""
        self._now = now
        for item in list(self._store.by_age.values()):
            if now.mono_ns - item.since < self.settings.wait_ns:
                break
            matched = item.number in self._store.matched
            self._store.discard(item)
            if not matched and isinstance(item.what, Half):
                self._give_up(item.what)

    @property
    def pending(self) -> int:
        """Halves and forwarding entries that are kept."""
        return len(self._store.by_age)

    @property
    def edges(self) -> dict[Labels, Record]:
        return {frozenset(pairs): record for pairs, record in self.records.items()}

    def families(self) -> Families:
        """Everything that a page shows of the graph."""
        return families(self.edges, self.unpaired, self.dropped, self.services, self.settings)

    def exemplars(self) -> Exemplars:
        return exemplars(self.edges, self.settings)

    # --- arrival ------------------------------------------------------------------------------------------------------

    def _take(self, part: Half | Forward) -> None:
        if isinstance(part, Half) and part.database:
            self._edge(part, None, DATABASE, named=part.database)
        elif isinstance(part, Half) and part.side == "server":
            self._take_server(part)
        else:
            self._take_known(part, part.key if isinstance(part, Forward) else part.span)
        self._trim()

    def _take_known(self, part: Half | Forward, key: Key) -> None:
        if key in self._store.known:
            return
        self._store.known[key] = self._keep(part, key)
        for server in self._store.waiting.pop(key, []):
            self._follow(server)

    def _take_server(self, half: Half) -> None:
        if half.meets is None and not half.root:
            self._count_unpaired(half, INVALID_PARENT)
        else:
            self._follow(self._keep(half, half.meets))

    def _keep(self, what: Half | Forward, meets: Key | None) -> _Item:
        item = _Item(what, self._now.mono_ns, meets, next(self._numbers))
        self._store.by_age[item.number] = item
        return item

    def _follow(self, server: _Item) -> None:
        """Leads a server half to its client, or as far as is known, and lets it wait there."""
        found = self._store.known.get(server.meets) if server.meets else None
        while found and isinstance(found.what, Forward) and server.steps < STEPS:
            server.meets, server.steps = found.what.parent, server.steps + 1
            found = self._store.known.get(server.meets) if server.meets else None
        if found and isinstance(found.what, Half):
            self._meet(found, found.what, server)
        elif server.meets:
            self._store.waiting.setdefault(server.meets, []).append(server)

    def _meet(self, item: _Item, client: Half, server: _Item) -> None:
        assert isinstance(server.what, Half)
        self._store.discard(server)
        self._store.matched.setdefault(item.number, item)
        kind = MESSAGING if client.messaging or server.what.messaging else ""
        self._edge(client, server.what, kind)

    # --- leaving ------------------------------------------------------------------------------------------------------

    def _trim(self) -> None:
        store = self._store
        while len(store.by_age) > self.settings.max_items:
            matched = bool(store.matched)
            victim = next(iter((store.matched or store.by_age).values()))
            store.discard(victim)
            if not matched and isinstance(victim.what, Half):
                key = (self._cut(victim.what.service), MAX_ITEMS)
                self.dropped[key] += 1
                self.born.setdefault((DROPPED, key), self._now)

    def _give_up(self, half: Half) -> None:
        if half.side == "client" and half.peer:
            self._edge(half, None, VIRTUAL, named=half.peer, virtual="server")
        elif half.root:
            self._edge(None, half, VIRTUAL, named=half.peer, virtual="client")
        else:
            self._count_unpaired(half, EXPIRED)

    def _count_unpaired(self, half: Half, reason: str) -> None:
        key = (self._cut(half.service), half.side, reason)
        self.unpaired[key] += 1
        self.born.setdefault((UNPAIRED, key), self._now)

    # --- edges --------------------------------------------------------------------------------------------------------

    def _edge(self, client: Half | None, server: Half | None, kind: str, *, named: str = "", virtual: str = "") -> None:
        """Counts an edge by its halves, as far as they were seen; `named` is the end that sends no spans."""
        halves = [half for half in (client, server) if half]
        labels = [
            ("client", self._cut(client.service if client else named)),
            ("server", self._cut(server.service if server else named)),
            ("connection_type", kind),
            *((label, self._cut(text)) for half in halves for label, text in half.dimensions),
            ("virtual_node", virtual if self.settings.virtual_node_label else ""),
        ]
        self._count_odd(client, server, named)
        pairs = tuple(pair for pair in labels if pair[1])
        record = self.records.setdefault(pairs, Record())
        failed = any(half.failed for half in halves)
        record.requests += 1
        record.failed += failed
        self._observe(record, client, client if kind == DATABASE else server, kind)
        seen = {SERVER_SECONDS: record.server, CLIENT_SECONDS: record.client, MESSAGING_SECONDS: record.messaging}
        for family in (REQUESTS, *(family for family, observed in seen.items() if observed)):
            self.born.setdefault((family, pairs), self._now)
        told = [exemplar for half in halves if (exemplar := self._told(half, None))]
        record.told += told
        record.told_failed += told if failed else []

    def _count_odd(self, client: Half | None, server: Half | None, named: str) -> None:
        """Counts the labels of an edge of whose values something is hidden, and those that are cut, once a request."""
        odd = {label: set(found) for half in (client, server) if half for label, found in half.odd}
        for label, half, other in (("client", client, server), ("server", server, client)):
            known = half or other
            assert known
            odd[label] = set(dict(known.odd)["" if half else "peer"])
            text = half.service if half else named
            odd[label] |= {Hiding.CUT} if self._cut(text) != text else set()
        del odd[""], odd["peer"]
        self.redacted.update(label for label, found in odd.items() if Hiding.REDACTED in found)
        self.truncated.update(label for label, found in odd.items() if Hiding.CUT in found)

    def _observe(self, record: Record, client: Half | None, server: Half | None, kind: str) -> None:
        record.client += self._observed(client, client and client.took)
        record.server += self._observed(server, server and server.took)
        if kind == MESSAGING and client and server and None not in (client.took, server.took):
            latency = server.start - client.end
            record.messaging += self._observed(server, latency) if latency > 0 else []

    def _observed(self, half: Half | None, value: int | None) -> list[Observed]:
        return [] if half is None or value is None else [Observed(value, self._told(half, value))]

    def _told(self, half: Half, value: int | None) -> Exemplar | None:
        exemplar = half.told(value)
        return exemplar if exemplar and exemplar.end <= self._now.wall_ns and self.settings.exemplars else None

    def _cut(self, text: str) -> str:
        return cut(text, self.settings.label_value_length)
