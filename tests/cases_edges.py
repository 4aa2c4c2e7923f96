"""What a case of the service graph is: spans that arrive, settings, and the edges that they must come to.

The tables are in `cases_edges_pairs` (who meets whom), `cases_edges_peers` (databases and nodes that send no spans),
`cases_edges_labels` (ids, times, labels) and `cases_edges_time` (age, room, exemplars).  `feedings` gives each case in
every order of arrival, in one request and in many; an engine's test feeds the calls and compares its page with
`Case.families` and `Case.exemplars`.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, permutations
from typing import NamedTuple

from span2metrics.engine.plan import MS, Now
from tests.oracle_families import Exemplars, Families, Observed, Record, families
from tests.oracle_halves import Settings
from tests.oracle_page import Labels
from tests.payloads import CLIENT, CONSUMER, INTERNAL, NOW, PRODUCER, SERVER, START, Placed, request

SECOND = 1000 * MS
DEFAULTS = Settings()
#: Orders in which a case is fed, at most; those of five spans are all.
ORDERS = 120


def id_of(number: int) -> bytes:
    """A span id."""
    return number.to_bytes(2, "big") * 4


def trace_of(number: int) -> bytes:
    return bytes([number]) * 16


# --- spans ------------------------------------------------------------------------------------------------------------

#: shop calls stock: 5 ms there, 3 ms here.
CALL = Placed(kind=CLIENT, service="shop", span_id=id_of(1), took=5 * MS)
SERVED = Placed(kind=SERVER, service="stock", span_id=id_of(2), parent_id=id_of(1), took=3 * MS)
#: shop tells mail, which takes the message 10 ms after the producer's end.
SENT = CALL.but(kind=PRODUCER)
TAKEN = SERVED.but(kind=CONSUMER, service="mail", start=START + 15 * MS)
LINKED = TAKEN.but(parent_id=b"", links=[(SENT.trace_id, SENT.span_id)], trace_id=trace_of(9))
#: A step on the way from shop to stock.
STEP = Placed(kind=INTERNAL, service="shop", span_id=id_of(3), parent_id=id_of(1))
#: A user calls shop.
ROOT = Placed(kind=SERVER, service="shop", span_id=id_of(4), took=7 * MS)


# --- what they come to ------------------------------------------------------------------------------------------------


def edge(client: str, server: str, kind: str = "", **more: str) -> Labels:
    """An edge's labels; empty ones are left out."""
    labels = {"client": client, "server": server, "connection_type": kind, **more}
    return frozenset((label, text) for label, text in labels.items() if text)


def record(
    requests: int = 1,
    failed: int = 0,
    server: Iterable[int] = (),
    client: Iterable[int] = (),
    messaging: Iterable[int] = (),
) -> Record:
    """Counts, and what was observed in nanoseconds."""
    seen = ([Observed(ns) for ns in observed] for observed in (server, client, messaging))
    return Record(requests, failed, *seen)


SHOP_STOCK = edge("shop", "stock")
SHOP_MAIL = edge("shop", "mail", "messaging_system")
#: What CALL and SERVED come to; SENT and TAKEN, with and without the latency of messages.
PAIR = record(server=[3 * MS], client=[5 * MS])
MESSAGE = record(server=[3 * MS], client=[5 * MS], messaging=[10 * MS])


class Step(NamedTuple):
    """Spans that arrive together, so long after the first ones."""

    after_ns: int
    spans: Sequence[Placed]


@dataclass(frozen=True)
class Case:
    """What arrives, and what it has come to when all has expired.

    edges      by labels
    unpaired   by service, side, reason
    dropped    by service, reason
    services   None: those of the spans
    early      requests by edge when the last step has arrived, where the case is about that
    exemplars  by family, labels and `le`, where the case is about them
    ordered    the order within a step is what the case is about
    """

    promise: str
    steps: Sequence[Placed] | Sequence[Step]
    edges: Mapping[Labels, Record] = field(default_factory=dict)
    settings: Settings = DEFAULTS
    unpaired: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    dropped: Mapping[tuple[str, str], int] = field(default_factory=dict)
    services: frozenset[str] | None = None
    early: Mapping[Labels, int] | None = None
    exemplars: Exemplars | None = None
    ordered: bool = False

    @property
    def arrivals(self) -> list[Step]:
        steps = [step for step in self.steps if isinstance(step, Step)]
        return steps or [Step(0, [span for span in self.steps if isinstance(span, Placed)])]

    def families(self) -> Families:
        """What the page must have at the end."""
        seen = {span.service or "unknown_service" for step in self.arrivals for span in step.spans}
        services = seen if self.services is None else self.services
        return families(self.edges, self.unpaired, self.dropped, services, self.settings)


# --- ways of feeding --------------------------------------------------------------------------------------------------


class Call(NamedTuple):
    """What the graph is given: a request to consume, or None: to expire what is overdue."""

    now: Now
    request: bytes | None


@dataclass(frozen=True)
class Feeding:
    """How a case arrives: after `calls`, whose last is a tick, its `early` holds, after `last` all the rest."""

    way: str
    calls: Sequence[Call]
    last: Call


def at(after_ns: int) -> Now:
    return Now(NOW.wall_ns + after_ns, NOW.mono_ns + after_ns)


def feedings(case: Case) -> Iterator[Feeding]:
    """Every order of arrival (or `ORDERS` of them), each in one request a step and in one a span, some with ticks.

    A case with an order has a request for each span: those of one request arrive at once.
    """
    steps = case.arrivals
    last = Call(at(steps[-1].after_ns + case.settings.wait_ns), None)
    longest = max(len(step.spans) for step in steps)
    count = 1 if case.ordered else min(ORDERS, math.factorial(longest))
    orders = [list(_orders(step.spans, count)) for step in steps]
    for number in range(count):
        shuffled = [Step(step.after_ns, made[number % len(made)]) for step, made in zip(steps, orders, strict=True)]
        if not case.ordered:
            yield Feeding(f"order {number}, a request a step", [*_calls(shuffled, whole=True, ticks=False)], last)
        yield Feeding(
            f"order {number}, a request a span", [*_calls(shuffled, whole=False, ticks=bool(number % 2))], last
        )


def _orders(spans: Sequence[Placed], count: int) -> Iterator[Sequence[Placed]]:
    """Up to `count` orders, the given one first."""
    if math.factorial(len(spans)) <= count or count == 1:
        yield from islice(permutations(spans), count)
        return
    yield from (spans, spans[::-1])
    dice = random.Random(len(spans))
    yield from (dice.sample(spans, len(spans)) for _ in range(count - 2))


def _calls(steps: Iterable[Step], whole: bool, ticks: bool) -> Iterator[Call]:
    for step in steps:
        now = at(step.after_ns)
        bodies = [request(step.spans)] if whole else [request([span]) for span in step.spans]
        for body in bodies:
            yield Call(now, body)
            if ticks:
                yield Call(now, None)
    yield Call(now, None)
