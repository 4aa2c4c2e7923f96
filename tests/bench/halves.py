"""What halves that wait take in a process of its own: memory a half, none beyond the most; and where each half is."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from typing import NamedTuple

from span2metrics import names
from span2metrics.engine.core import Engine
from span2metrics.engine.plan import Format, Graph, Now, Plan
from tests.bench.calls import Kind, Stream
from tests.bench.engine import rss_mib
from tests.bench.graph import FAST, SLOW, fill
from tests.bench.samples import total
from tests.bench.table import Row

MOST = Graph().max_items
FLOOD = 1_000_000
MIB = 1 << 20
#: The 16 MiB that the configuration's reference promises; what else the process does meanwhile.
BUDGET, NOISE = 16 * MIB / MOST, 1.0
#: So few requests at once that they leave no trace in the memory.
AT_ONCE = 512 * 8


class Fate(NamedTuple):
    """MiB that the first MOST halves took, and the flood; halves that were sent, and where the page has them."""

    filled: float
    flooded: float
    sent: int
    pending: int
    unpaired: float
    dropped: float
    virtual: float


def rows() -> Iterator[Row]:
    for kind in (Kind.CLIENTS, Kind.SERVERS):
        fate = in_child(kind)
        yield Row(f"{kind.value}, {MOST:,} wait: RSS grows", fate.filled * MIB / MOST, "bytes/half", most=BUDGET)
        yield Row(f"{kind.value}, {FLOOD:,} more: RSS grows", fate.flooded, "MiB", most=NOISE)
        yield Row(f"{kind.value}: wait now", fate.pending, "halves", most=MOST)
        yield Row(f"{kind.value}: dropped", fate.dropped, "halves")
        yield Row(f"{kind.value}: unpaired", fate.unpaired, "halves")
        yield Row(f"{kind.value}: edges to virtual nodes", fate.virtual, "halves")
        lost = fate.sent - fate.pending - fate.unpaired - fate.dropped - fate.virtual
        yield Row(f"{kind.value}: sent, but in none of these", abs(lost), "halves", most=0)


def in_child(kind: Kind) -> Fate:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(flooded, (kind,))


def flooded(kind: Kind) -> Fate:
    """Half of the flood comes slowly enough to be over in time, half pushes out.  What is named once, is so before."""
    engine = Engine(Plan())
    fast, slow = Stream(FAST, kind), Stream(SLOW, kind)
    for stream in (fast, slow):
        send(engine, stream, 1)
    slow.now = fast.now = later(fast.now)
    engine.expire(fast.now)
    before = rss_mib()
    send(engine, fast, MOST)
    filled = rss_mib()
    send(engine, slow, FLOOD // 2)
    fast.now = slow.now
    send(engine, fast, FLOOD // 2)
    pending = engine.stats().pending_edges
    grown = rss_mib() - filled
    page = b"".join(engine.render(Format.TEXT, fast.now)).decode()
    counts = (
        total(page, f"{family.name}_total") for family in (names.UNPAIRED_SPANS, names.GRAPH_DROPPED, names.REQUEST)
    )
    return Fate(filled - before, grown, fast.sent + slow.sent, pending, *counts)


def later(now: Now) -> Now:
    """When everything is over that waits now."""
    return Now(now.wall_ns + Graph().wait_ns, now.mono_ns + Graph().wait_ns)


def send(engine: Engine, stream: Stream, spans: int) -> None:
    end = stream.sent + spans
    while stream.sent < end:
        fill(engine, stream.requests(min(AT_ONCE, end - stream.sent)))
