"""Servers under measurement: our daemon and, given its binary, the collector; each a process with known addresses."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Server:
    """A running server: its process id and the `host:port` of its receivers and page."""

    pid: int
    grpc: str
    http: str
    metrics: str


@contextlib.contextmanager
def daemon(config: str = "", group: Path | None = None) -> Iterator[Server]:
    """Our daemon, with a configuration given as YAML, ready; in the control group whose `cgroup.procs` is given."""
    grpc, otlp, web = (f"127.0.0.1:{port}" for port in free_ports(3))
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "span2metrics", "serve", "--log.level=warn", "--shutdown.grace=0s"]
        command += [f"--otlp.grpc.endpoint={grpc}", f"--otlp.http.endpoint={otlp}", f"--web.listen-address={web}"]
        if config:
            path = Path(folder, "bench.yaml")
            path.write_text(config)
            command.append(f"--config.file={path}")
        with running(command, group) as process:
            wait_for(web, "/-/ready")
            yield Server(process.pid, grpc, otlp, web)


@contextlib.contextmanager
def collector(binary: Path, config: Path) -> Iterator[Server]:
    """The OpenTelemetry Collector on the ports that its configuration for this bench names."""
    with running([str(binary), f"--config={config}"]) as process:
        server = Server(process.pid, "127.0.0.1:14317", "127.0.0.1:14318", "127.0.0.1:18889")
        wait_for(server.metrics, "/metrics")
        yield server


@contextlib.contextmanager
def running(command: list[str], group: Path | None = None) -> Iterator[subprocess.Popen[bytes]]:
    quiet = subprocess.DEVNULL
    if group:
        command = ["sh", "-c", 'echo $$ > "$0" && exec "$@"', str(group), *command]
    process = subprocess.Popen(command, stdout=quiet, stderr=quiet)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def wait_for(address: str, path: str, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if fetch(address, path)[0] == 200:
                return
        time.sleep(0.05)
    raise SystemExit(f"{address}{path} did not answer within {seconds:g} s")


def fetch(address: str, path: str, **headers: str) -> tuple[int, bytes]:
    host, _, port = address.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=60)
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def cpu_seconds(pid: int) -> float:
    """User and system CPU seconds of a process with all its threads; the kernel counts in ticks of 10 ms."""
    with open(f"/proc/{pid}/stat", "rb") as f:
        fields = f.read().rpartition(b")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mib(pid: int) -> float:
    with open(f"/proc/{pid}/statm", "rb") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
