"""More than the daemon can take, over many connections: what becomes of each span, and how much memory it takes.

Two runs a transport.  In the first, senders wait for every answer: spans in `calls_total` are exactly those that were
acknowledged, and the rest was refused with a retryable status.  In the second they give a call up after two seconds
and send it again, while the daemon is stopped for three seconds now and then: what was applied, but whose
acknowledgement came too late, is in excess of what was acknowledged.  That is what "at least once" costs.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

from tests.bench.cgroup import memory_limit
from tests.bench.samples import total
from tests.bench.servers import Server, daemon, fetch
from tests.bench.table import Row

MIB = 1 << 20
#: The memory limit; a quarter of it is for requests under way.  Where no cgroup can be made, the daemon is told so.
LIMIT = 128 * MIB
CONFIG = f"""
intake: {{max_bytes: {LIMIT // 4}}}
receivers: {{otlp: {{grpc: {{max_request_size: {LIMIT // 8}}}, http: {{max_request_size: {LIMIT // 8}}}}}}}
"""
CONNECTIONS, SENDERS = 64, 2
SPANS = 8192
PATIENCE, STALL, BETWEEN = 2.0, 3.0, 2.0


class Fate(NamedTuple):
    """Requests by what became of them, spans that the page counts, and the most memory in MiB; in a cgroup?"""

    requests: dict[str, int]
    calls: float
    peak: float
    limited: bool


def rows(seconds: float) -> Iterator[Row]:
    for transport in ("grpc", "http"):
        name = f"OTLP/{transport}"
        fate = flooded(transport, seconds, [])
        yield from shared(f"{name}, overload", fate)
        yield Row(f"{name}, overload: calls_total less acknowledged", fate.calls - acknowledged(fate), "spans", most=0)
        fate = flooded(transport, seconds, ["--patience", str(PATIENCE)])
        yield from shared(f"{name}, senders give up", fate)
        excess = fate.calls - acknowledged(fate)
        yield Row(f"{name}, senders give up: lost, though acknowledged", max(0.0, -excess), "spans", most=0)
        yield Row(f"{name}, senders give up: excess, acknowledged too late", max(0.0, excess), "spans")


def shared(what: str, fate: Fate) -> Iterator[Row]:
    for outcome in ("acknowledged", "refused", "given_up"):
        yield Row(f"{what}: {outcome}", fate.requests.get(outcome, 0), "requests")
    other = {outcome: count for outcome, count in fate.requests.items() if outcome.startswith("other")}
    yield Row(f"{what}: any other answer", sum(other.values()), "requests", most=0, against=" ".join(other))
    yield Row(f"{what}: memory at its peak", fate.peak, "MiB", most=LIMIT / MIB if fate.limited else None)


def acknowledged(fate: Fate) -> float:
    return fate.requests.get("acknowledged", 0) * SPANS


def flooded(transport: str, seconds: float, options: list[str]) -> Fate:
    with memory_limit(LIMIT) as group, daemon("" if group else CONFIG, group) as server:
        endpoint = server.grpc if transport == "grpc" else server.http
        command = [sys.executable, "-m", "tests.bench.flood", "--transport", transport, "--endpoint", endpoint]
        command += ["--connections", str(CONNECTIONS // SENDERS), "--spans", str(SPANS), "--seconds", str(seconds)]
        senders = [
            subprocess.Popen([*command, *options, "--seed", str(n)], stdout=subprocess.PIPE) for n in range(SENDERS)
        ]
        if options:
            stall(server, seconds)
        requests: dict[str, int] = {}
        for sender in senders:
            for outcome, count in json.loads(sender.communicate()[0]).items():
                requests[outcome] = requests.get(outcome, 0) + count
        return Fate(requests, settled_calls(server), peak_mib(server.pid), group is not None)


def stall(server: Server, seconds: float) -> None:
    """Stops the daemon for a while, again and again, as a busy machine or a paused container does."""
    end = time.monotonic() + seconds - STALL
    with contextlib.suppress(ProcessLookupError):
        while time.monotonic() < end:
            time.sleep(BETWEEN)
            os.kill(server.pid, signal.SIGSTOP)
            time.sleep(STALL)
            os.kill(server.pid, signal.SIGCONT)


def settled_calls(server: Server) -> float:
    """Σ `calls_total`, once two pages say the same."""
    seen = -1.0
    while seen != (now := calls(server)):
        seen = now
        time.sleep(0.5)
    return seen


def calls(server: Server) -> float:
    return total(fetch(server.metrics, "/metrics")[1].decode(), "traces_span_metrics_calls_total")


def peak_mib(pid: int) -> float:
    """The most that the process ever had resident, without its files (code and libraries), which are shared."""
    with open(f"/proc/{pid}/status") as f:
        kib = {line.split()[0]: int(line.split()[1]) for line in f if line.startswith(("VmHWM", "RssFile"))}
    return (kib["VmHWM:"] - kib["RssFile:"]) / 1024
