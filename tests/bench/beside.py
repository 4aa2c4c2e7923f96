"""The page at three sizes, in each format, plain and compressed, beside the collector's page where its binary is given.

Both servers hold the same label sets, and take turns.  The collector's own work between pages (it flushes every few
seconds, whether or not anybody asks) is measured while nothing else goes on, and is not held against its page.  A page
that takes longer than its write timeout it breaks off; what was spent until then is the least that such a page costs.
"""

from __future__ import annotations

import contextlib
import http.client
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tests.bench.page import ACCEPT, send
from tests.bench.requests import Builder, Shape
from tests.bench.servers import Server, collector, cpu_seconds, daemon, fetch
from tests.bench.table import Row, alternated

#: Label sets, and pages in a measurement: enough for many of the kernel's ticks of 10 ms.
SIZES = {1_000: 100, 10_000: 12, 100_000: 3}
#: The collector's pages cost so much more that a few will do.
SELDOM = 6
#: Seconds over which a server's cost of doing nothing is measured: several flushes.
IDLE = 15.0


class Kind(NamedTuple):
    """A page that is asked for: a format in an encoding."""

    format: str
    encoding: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Accept": ACCEPT[self.format], "Accept-Encoding": self.encoding}

    def __str__(self) -> str:
        return f"{self.format}{', gzip' if self.encoding == 'gzip' else ''}"


KINDS = tuple(Kind(format, encoding) for format in ACCEPT for encoding in ("identity", "gzip"))


@dataclass
class Asked:
    """A server that holds label sets: `samples` of its page, CPU seconds a second that it spends with nothing to do."""

    server: Server
    samples: int
    idle: float = 0.0
    broken_off: bool = False

    def cost(self, kind: Kind, pages: int) -> float:
        """CPU microseconds a sample, over one connection, as scrapers do."""
        connection = http.client.HTTPConnection(self.server.metrics, timeout=60)
        before, began = cpu_seconds(self.server.pid), time.monotonic()
        for _ in range(pages):
            connection.request("GET", "/metrics", headers=kind.headers)
            try:
                connection.getresponse().read()
            except http.client.IncompleteRead:
                self.broken_off = True
                connection.close()
        connection.close()
        spent = cpu_seconds(self.server.pid) - before - self.idle * (time.monotonic() - began)
        return spent / pages / self.samples * 1e6


def rows(binary: Path | None, peer_config: Path | None, rounds: int) -> Iterator[Row]:
    for label_sets, pages in SIZES.items():
        with contextlib.ExitStack() as stack:
            ours = filled(stack.enter_context(daemon()), label_sets)
            theirs = None
            if binary is not None and peer_config is not None:
                theirs = filled(stack.enter_context(collector(binary, peer_config)), label_sets)
                theirs.idle = idle_share(theirs.server)
            for kind in KINDS:
                what = f"page of {label_sets:,} label sets, {kind}"
                if theirs is None or kind.format == "protobuf":  # which the collector's exporter has not
                    cost = statistics.median(ours.cost(kind, pages) for _ in range(rounds))
                    yield Row(what, cost, "us/sample")
                else:
                    yield compared(what, kind, ours, theirs, pages, rounds)


def compared(what: str, kind: Kind, ours: Asked, theirs: Asked, pages: int, rounds: int) -> Row:
    theirs.broken_off = False
    cost, theirs_cost, ratio = alternated(
        lambda: ours.cost(kind, pages), lambda: theirs.cost(kind, max(1, pages // SELDOM)), rounds
    )
    against = f"collector {'more than ' if theirs.broken_off else ''}{theirs_cost:.2f} us/sample"
    return Row(what, cost, "us/sample", ratio, against, 1 / 30 if kind.format == "text" else None)


def filled(server: Server, label_sets: int) -> Asked:
    """The server, once it was sent so many label sets and shows all of them."""
    send(server, Builder(Shape(services=label_sets // 100, names=100, errors=0)).every_label_set())
    seen, samples = -1, 0
    while samples != seen or samples < label_sets:
        time.sleep(1)
        seen, samples = samples, fetch(server.metrics, "/metrics", Accept=ACCEPT["text"])[1].count(b"\n")
    return Asked(server, samples)


def idle_share(server: Server) -> float:
    before = cpu_seconds(server.pid)
    time.sleep(IDLE)
    return (cpu_seconds(server.pid) - before) / IDLE
