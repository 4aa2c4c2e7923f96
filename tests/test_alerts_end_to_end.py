"""From a span to a page: the daemon, Prometheus and Alertmanager with our files, and a webhook.

Everything is real but the time: a minute of the files is five seconds.  The company's card network goes down and comes
back; whoever is on call hears of the card network, of nobody who suffers from it, and that it is over.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from span2metrics.demo.encode import encode
from span2metrics.demo.incident import CALM, CARD_NETWORK_DOWN, Incident
from span2metrics.demo.traffic import Traffic
from tests.bench.servers import free_ports
from tests.processes import FREE_PORTS, PATIENCE, Running, running
from tests.programs import program
from tests.prometheus import Prometheus, eventually
from tests.scrapers import SCRAPERS, needed

FOLDER = Path(__file__).parent.parent / "config" / "prometheus"
#: Seconds that a minute of the files takes.
MINUTE_S = 5
TRACES_A_SECOND = 40
#: Whether the card network is down → what that is like.
WORLDS = {True: CARD_NETWORK_DOWN, False: CALM}


def hastened(text: str) -> str:
    """With the durations of rules and of notifications shortened; those of history stay what they are."""
    text = re.sub(r"(\[|\b(?:for|keep_firing_for|group_wait|group_interval|interval): )(\d+)m\b", shorter, text)
    return text.replace("group_wait: 30s", f"group_wait: {MINUTE_S // 2}s").replace("_interval: 15s", "_interval: 1s")


def shorter(match: re.Match[str]) -> str:
    return f"{match[1]}{int(match[2]) * MINUTE_S}s"


class Company:
    """Sends traces to the daemon until told to stop; `down` says whether the card network is."""

    def __init__(self, daemon: Running) -> None:
        self.down = True
        self._daemon = daemon
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._send)

    def __enter__(self) -> Company:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _send(self) -> None:
        number = 0
        worlds = {down: Traffic(1, Incident("", 1, ((0, world),), "")) for down, world in WORLDS.items()}
        while not self._stopping.wait(0.5):
            began_ns = time.time_ns() - 10_000_000_000
            for _ in range(TRACES_A_SECOND // 2):
                self._daemon.send(encode(worlds[self.down].trace(number, began_ns, 0)))
                number += 1


class Pager(HTTPServer):
    """A webhook; `told` are (path, status, alert) of each alert, as they come."""

    def __init__(self, port: int) -> None:
        self.told: list[tuple[str, str, dict[str, Any]]] = []
        super().__init__(("127.0.0.1", port), _Hook)

    def names(self, path: str, status: str) -> set[tuple[str, str]]:
        return {
            (alert["labels"]["alertname"], alert["labels"]["service_name"])
            for where, what, alert in list(self.told)
            if (where, what) == (path, status)
        }


class _Hook(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Pager)
        for alert in json.loads(self.rfile.read(int(self.headers["Content-Length"])))["alerts"]:
            self.server.told.append((self.path, alert["status"], alert))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def listening(pager: Pager) -> Iterator[None]:
    thread = threading.Thread(target=pager.serve_forever)
    thread.start()
    try:
        yield
    finally:
        pager.shutdown()
        thread.join()
        pager.server_close()


@contextmanager
def process(log: Path, *command: str) -> Iterator[None]:
    with open(log, "wb") as output:
        started = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        yield
    finally:
        started.terminate()
        started.wait(PATIENCE)


def placed(folder: Path, addresses: dict[str, str]) -> Path:
    """Our files with other addresses, and hastened."""
    shutil.copytree(FOLDER, folder)
    for file in folder.rglob("*.yml"):
        text = hastened(file.read_text())
        for ours, theirs in addresses.items():
            text = text.replace(ours, theirs)
        file.write_text(text)
    return folder


@pytest.mark.parametrize("scraper", ["2.42 openmetrics", "3.16 protobuf"])
def test_who_is_on_call_hears_of_the_cause_alone_and_of_its_end(scraper: str, tmp_path: Path) -> None:
    prometheus = needed(SCRAPERS[scraper])
    alertmanager = program("prometheus-alertmanager", "apt-get install prometheus-alertmanager")
    asked, manager, hook = (f"127.0.0.1:{port}" for port in free_ports(3))
    (tmp_path / "daemon.yaml").write_text("service_graph: {wait: 1s}")
    pager = Pager(int(hook.rpartition(":")[2]))
    with ExitStack() as stack:
        stack.enter_context(listening(pager))
        daemon = stack.enter_context(running("serve", f"--config.file={tmp_path / 'daemon.yaml'}", *FREE_PORTS)).ready()
        addresses = {"localhost:10464": daemon.web, "localhost:9093": manager, "localhost:9094": hook}
        files = placed(tmp_path / "files", addresses)
        company = stack.enter_context(Company(daemon))
        stack.enter_context(
            process(
                *(tmp_path / "alertmanager.log", alertmanager, f"--config.file={files / 'alertmanager.yml'}"),
                *(f"--storage.path={tmp_path / 'am'}", f"--web.listen-address={manager}", "--cluster.listen-address="),
            )
        )
        stack.enter_context(
            process(
                *(tmp_path / "prometheus.log", prometheus, f"--config.file={files / 'prometheus.yml'}"),
                *(f"--storage.tsdb.path={tmp_path / 'data'}", f"--web.listen-address={asked}"),
            )
        )
        server = Prometheus(asked, tmp_path / "prometheus.log")
        page = {("DependencyFailing", "card-network")}
        firing = 'ALERTS{alertname="ServiceErrors",alertstate="firing"}'
        eventually(
            lambda: server.query(firing, "service_name"), lambda seen: {("gateway",), ("payments",)} <= set(seen)
        )
        eventually(lambda: pager.names("/page", "firing"), lambda seen: seen >= page)
        company.down = False
        eventually(lambda: server.query('ALERTS{alertname!~"Span2metrics.*"}', "alertname"), lambda seen: not seen)
        eventually(lambda: pager.names("/page", "resolved"), lambda seen: seen >= page)
    assert pager.names("/page", "firing") == page
    assert pager.names("/ticket", "firing") <= {("ServiceSlow", "card-network")}
    alert = next(alert for _, status, alert in pager.told if status == "firing")
    summary = r"card-network fails [0-9.]+% of the requests of (payments|settlement)\."
    assert re.fullmatch(summary, alert["annotations"]["summary"])
    assert alert["annotations"]["runbook_url"] == f"http://{daemon.web}/runbooks#dependencyfailing"
