"""Calls between services over real transports: server CPU a span of ours, with the graph, beside the collector's.

The collector makes span metrics alone, which is less: its connector for graphs is not in every build.  Both halves of a
call come in requests of their own.  No bound but the wire's own: what is asked is the ratio.
"""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.bench.calls import Kind
from tests.bench.servers import Server, collector, cpu_seconds, daemon
from tests.bench.table import Row, alternated

#: Spans a request.
SIZES = (512, 8192)
#: Calls in a measurement, for about 1 s of CPU; the collector needs fewer.
OURS, THEIRS = 400_000, 150_000
#: Calls before any measurement: every name is known then, and the graph keeps all that it may.
BEFORE = 150_000


def rows(binary: Path | None, peer_config: Path | None, rounds: int) -> Iterator[Row]:
    for transport in ("grpc", "http"):
        for spans in SIZES:
            what = f"calls, OTLP/{transport}, {spans:,} spans a request"
            with contextlib.ExitStack() as stack:
                ours = stack.enter_context(daemon())
                cost(ours, transport, spans, BEFORE)
                if binary is None or peer_config is None:
                    alone = statistics.median(cost(ours, transport, spans, OURS) for _ in range(rounds))
                    yield Row(what, alone, "us/span")
                    continue
                theirs = stack.enter_context(collector(binary, peer_config))
                cost(theirs, transport, spans, BEFORE)
                yield compared(what, transport, spans, ours, theirs, rounds)


def compared(what: str, transport: str, spans: int, ours: Server, theirs: Server, rounds: int) -> Row:
    value, theirs_value, ratio = alternated(
        lambda: cost(ours, transport, spans, OURS), lambda: cost(theirs, transport, spans, THEIRS), rounds
    )
    return Row(what, value, "us/span", ratio, f"collector, no graph {theirs_value:.2f} us/span")


def cost(server: Server, transport: str, spans: int, calls: int, kind: Kind = Kind.IN_TWO) -> float:
    """Server CPU microseconds a span; there are two for each of the calls, halves of that kind."""
    endpoint = server.grpc if transport == "grpc" else server.http
    command = [sys.executable, "-m", "tests.bench.callers", "--transport", transport, "--endpoint", endpoint]
    before = cpu_seconds(server.pid)
    command += ["--spans", str(spans), "--calls", str(calls), "--kind", kind.name]
    sent = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    spent = cpu_seconds(server.pid) - before
    if set(sent["requests"]) != {"acknowledged"}:
        raise SystemExit(f"calls were not taken: {sent['requests']}")
    return spent / (sum(sent["requests"].values()) * spans) * 1e6
