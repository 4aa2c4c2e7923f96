"""Prometheus and Alertmanager with the project's own files, addresses apart, and a webhook that keeps what it hears."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from tests.bench.servers import free_ports
from tests.processes import PATIENCE
from tests.programs import program
from tests.prometheus import Prometheus, eventually

FILES = Path(__file__).parent.parent / "config" / "prometheus"
#: Addresses in those files: the daemon's page, Alertmanager's, and of the webhooks the host and port.
PAGE, ALERTMANAGER, WEBHOOKS = "localhost:10464", "localhost:9093", re.compile(r"http://localhost:\d+")


@dataclass(frozen=True, slots=True)
class Notification:
    """One alert as a receiver was told of it, `at` seconds since the epoch."""

    at: float
    receiver: str
    status: str
    labels: dict[str, str]
    annotations: dict[str, str]

    @property
    def name(self) -> str:
        return self.labels["alertname"]


class Webhook:
    """Keeps every notification; `told` grows while others read it."""

    def __init__(self) -> None:
        self.told: list[Notification] = []
        handler = type("Handler", (_Handler,), {"told": self.told})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    told: list[Notification]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        now = time.time()
        for alert in body["alerts"]:
            self.told.append(
                Notification(now, body["receiver"], alert["status"], alert["labels"], alert["annotations"])
            )
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: what is told is kept."""


@dataclass(frozen=True, slots=True)
class Watch:
    """What looks after a daemon."""

    folder: Path
    prometheus: Prometheus
    webhook: Webhook
    processes: dict[str, subprocess.Popen[bytes]]

    def alerts(self) -> list[dict[str, Any]]:
        """Those that are pending or firing in Prometheus."""
        return list(self.prometheus.get("/api/v1/alerts")["alerts"])

    def firing(self) -> set[str]:
        return {alert["labels"]["alertname"] for alert in self.alerts() if alert["state"] == "firing"}

    def restart_prometheus(self) -> None:
        """As an operator does it: the data stay."""
        self.processes["prometheus"].terminate()
        self.processes["prometheus"].wait(PATIENCE)
        self.processes["prometheus"] = _prometheus(self.folder, self.prometheus.address)
        _ready(self.prometheus.address)


@contextmanager
def watch(page: str, folder: Path, *, quick: bool = False) -> Iterator[Watch]:
    """A Prometheus that scrapes `page`, an Alertmanager and a webhook, all ready.

    `quick`: what they do in intervals they do every two seconds, so that a test need not wait.
    """
    with ExitStack() as stack:
        webhook = Webhook()
        stack.callback(webhook.close)
        prometheus, alertmanager = (f"127.0.0.1:{port}" for port in free_ports(2))
        _copy(folder, {PAGE: page, ALERTMANAGER: alertmanager}, webhook.address, quick)
        processes = {
            "alertmanager": _alertmanager(folder, alertmanager),
            "prometheus": _prometheus(folder, prometheus),
        }
        stack.callback(_end, processes)
        for address in (alertmanager, prometheus):
            _ready(address)
        yield Watch(folder, Prometheus(prometheus, folder / "prometheus.log"), webhook, processes)


def _copy(folder: Path, addresses: dict[str, str], webhook: str, quick: bool) -> None:
    """Our files with others' addresses."""
    shutil.copytree(FILES, folder, dirs_exist_ok=True)
    for path in (folder / "prometheus.yml", folder / "alertmanager.yml"):
        text = WEBHOOKS.sub(f"http://{webhook}", path.read_text())
        for ours, theirs in addresses.items():
            text = text.replace(ours, theirs)
        if quick:
            text = re.sub(
                r"\b(group_wait|group_interval|scrape_interval|scrape_timeout|evaluation_interval): \w+",
                r"\1: 2s",
                text,
            )
        path.write_text(text)


def _prometheus(folder: Path, address: str) -> subprocess.Popen[bytes]:
    words = [program("prometheus", "apt-get install prometheus"), f"--config.file={folder / 'prometheus.yml'}"]
    words += [f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address={address}"]
    return _start([*words, "--enable-feature=exemplar-storage"], folder / "prometheus.log")


def _alertmanager(folder: Path, address: str) -> subprocess.Popen[bytes]:
    words = [program("prometheus-alertmanager", "apt-get install prometheus-alertmanager")]
    words += [f"--config.file={folder / 'alertmanager.yml'}", f"--storage.path={folder / 'alerts'}"]
    return _start([*words, f"--web.listen-address={address}", "--cluster.listen-address="], folder / "alertmanager.log")


def _start(words: list[str], log: Path) -> subprocess.Popen[bytes]:
    with open(log, "ab") as output:
        return subprocess.Popen(words, stdout=output, stderr=output)


def _end(processes: dict[str, subprocess.Popen[bytes]]) -> None:
    for process in processes.values():
        process.terminate()
    for process in processes.values():
        process.wait(PATIENCE)


def _ready(address: str) -> None:
    def asked() -> bool:
        with urlopen(f"http://{address}/-/ready", timeout=PATIENCE) as answer:
            return bool(answer.status == 200)

    eventually(asked)
