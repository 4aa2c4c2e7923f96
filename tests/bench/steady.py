"""Calls that come at a steady rate, through the whole daemon: each becomes an edge, and memory stays as it is.

Both halves of a call come in requests of their own, 0.1 to 2 s apart.  The graph keeps the client's for its whole wait,
but no more than it may: at 20,000 calls a second those that have met their server's go after half of it, and nothing
is lost by that.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

from span2metrics import names
from span2metrics.engine.plan import Graph
from tests.bench.overload import settled_calls
from tests.bench.samples import total
from tests.bench.servers import Server, cpu_seconds, daemon, fetch, rss_mib
from tests.bench.table import Row

RATE = 20_000
#: Seconds between two looks at the daemon.
EVERY = 1.0
#: What else the daemon does with its memory, in MiB.
NOISE = 4.0
#: The rate is held if no more time passes than this.
LATE = 1.05


class Look(NamedTuple):
    """A running daemon: seconds since the start, resident MiB, halves that are kept."""

    seconds: float
    rss: float
    pending: float


class Fate(NamedTuple):
    """`calls` sent in `seconds`; requests by answer; spans counted; halves by outcome; CPU seconds; what was seen."""

    calls: int
    seconds: float
    requests: dict[str, int]
    spans: float
    outcomes: dict[str, float]
    dropped: float
    cpu: float
    looks: list[Look]


def rows(seconds: float) -> Iterator[Row]:
    fate = called(seconds, RATE)
    what = f"{RATE:,} calls a second"
    yield Row(f"{what}: sent", fate.calls, "calls")
    yield Row(f"{what}: seconds that it took to send them", fate.seconds, "s", most=seconds * LATE + 1)
    other = {outcome: count for outcome, count in fate.requests.items() if outcome != "acknowledged"}
    yield Row(f"{what}: any answer but yes", sum(other.values()), "requests", most=0, against=" ".join(other))
    yield Row(f"{what}: spans not counted", abs(2 * fate.calls - fate.spans), "spans", most=0)
    yield Row(f"{what}: not paired", abs(fate.calls - fate.outcomes[names.EDGE_PAIRED]), "calls", most=0)
    alone = sum(count for outcome, count in fate.outcomes.items() if outcome != names.EDGE_PAIRED)
    yield Row(f"{what}: became anything else", alone, "halves", most=0)
    yield Row(f"{what}: dropped", fate.dropped, "halves", most=0)
    yield Row(f"{what}: kept at once", max(look.pending for look in fate.looks), "halves", most=Graph().max_items)
    early = next(look for look in fate.looks if look.seconds >= seconds / 3 or look is fate.looks[-1])
    late = fate.looks[-1]
    grown = f"{what}: RSS grows from {early.seconds:.0f} s to {late.seconds:.0f} s"
    yield Row(grown, late.rss - early.rss, "MiB", most=NOISE, against=f"{early.rss:.1f} MiB")
    yield Row(f"{what}: CPU of the daemon", fate.cpu / fate.calls * 1e6, "us/call")


def called(seconds: float, rate: float) -> Fate:
    with daemon() as server:
        command = [sys.executable, "-m", "tests.bench.callers", "--transport", "grpc", "--endpoint", server.grpc]
        command += ["--rate", str(rate), "--calls", str(int(rate * seconds))]
        before = cpu_seconds(server.pid)
        with subprocess.Popen(command, stdout=subprocess.PIPE) as sender:
            looks = list(seen(server, sender))
            assert sender.stdout is not None
            sent = json.loads(sender.stdout.read())
        spans = settled_calls(server)
        cpu = cpu_seconds(server.pid) - before
        page = text(server)
        edges = f"{names.EDGES_MADE.name}_total"
        outcomes = {outcome: total(page, edges, outcome=outcome) for outcome in names.EDGE_OUTCOMES}
        dropped = total(page, f"{names.GRAPH_DROPPED.name}_total")
        return Fate(sent["calls"], sent["seconds"], sent["requests"], spans, outcomes, dropped, cpu, looks)


def seen(server: Server, sender: subprocess.Popen[bytes]) -> Iterator[Look]:
    """The daemon as it is every second until the sender ends."""
    began = time.monotonic()
    while True:
        pending = total(text(server), names.PENDING_EDGES.name)
        yield Look(time.monotonic() - began, rss_mib(server.pid), pending)
        try:
            sender.wait(EVERY)
        except subprocess.TimeoutExpired:
            continue
        return


def text(server: Server) -> str:
    return fetch(server.metrics, "/metrics")[1].decode()
