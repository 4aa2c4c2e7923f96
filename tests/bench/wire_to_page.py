"""Whole processes: server CPU a span over real transports, beside the collector where its binary is given."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.bench.servers import Server, collector, daemon
from tests.bench.table import Row


@dataclass(frozen=True)
class Case:
    """One way of sending; `most` is the share of the collector's CPU that it may take, `spans` enough for 1 s of it."""

    transport: str
    batch: int
    most: float | None
    spans: int
    gzip: bool = False

    def name(self) -> str:
        return f"OTLP/{self.transport}{' gzip' if self.gzip else ''}, {self.batch:,} spans a request"


CASES = (
    Case("grpc", 8, None, 40_000),
    Case("grpc", 64, 0.85, 240_000),
    Case("grpc", 512, 0.3, 1_000_000),
    Case("grpc", 8192, 0.2, 1_600_000),
    Case("grpc", 512, 0.5, 500_000, gzip=True),
    Case("http", 64, 0.3, 480_000),
    Case("http", 512, 0.2, 1_500_000),
    Case("http", 8192, 0.2, 1_600_000),
    Case("http", 512, 0.5, 500_000, gzip=True),
)


@dataclass(frozen=True)
class Sender:
    """The load generator: a script that prints one JSON line with the server's CPU a span."""

    script: Path

    def cost(self, case: Case, server: Server, share: float = 1.0) -> float:
        """Server CPU microseconds a span."""
        endpoint = server.grpc if case.transport == "grpc" else server.http
        command = [sys.executable, str(self.script), "--transport", case.transport, "--endpoint", endpoint]
        command += ["--batch", str(case.batch), "--spans", str(int(case.spans * share)), "--pid", str(server.pid)]
        command += ["--warmup", str(max(case.batch * 8, 20_000))] + (["--gzip"] if case.gzip else [])
        line = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        return float(line["server_cpu_us_per_span"])


def rows(script: Path, binary: Path | None, peer_config: Path, rounds: int, config: str = "") -> Iterator[Row]:
    sender = Sender(script)
    for case in CASES:
        with daemon(config) as ours:
            if binary is None:
                yield alone(sender, case, ours, rounds)
                continue
            with collector(binary, peer_config) as theirs:
                yield beside(sender, case, ours, theirs, rounds)


def alone(sender: Sender, case: Case, ours: Server, rounds: int) -> Row:
    return Row(case.name(), statistics.median(sender.cost(case, ours) for _ in range(rounds)), "us/span")


def beside(sender: Sender, case: Case, ours: Server, theirs: Server, rounds: int) -> Row:
    """In alternation; the collector needs fewer spans for as much CPU."""
    pairs = [(sender.cost(case, ours), sender.cost(case, theirs, 0.4)) for _ in range(rounds)]
    ratio = statistics.median(a / b for a, b in pairs)
    return Row(
        case.name(),
        statistics.median(a for a, _ in pairs),
        "us/span",
        ratio,
        f"collector {statistics.median(b for _, b in pairs):.2f} us/span",
        case.most,
    )
