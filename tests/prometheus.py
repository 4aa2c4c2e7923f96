"""A real Prometheus on a free port: scrapes one page a second and answers PromQL."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bench.servers import free_ports
from tests.processes import PATIENCE
from tests.programs import program

CONFIG = """\
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: span2metrics
    static_configs: [{{targets: ["{target}"]}}]
"""

Labels = tuple[str, ...]


class Prometheus:
    def __init__(self, address: str) -> None:
        self._address = address

    def get(self, path: str, **parameters: str) -> Any:
        url = f"http://{self._address}{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=PATIENCE) as response:
            return json.load(response)["data"]

    def query(self, promql: str, *by: str) -> dict[Labels, float]:
        """The instant vector of a query: values of the labels `by` → value."""
        found = self.get("/api/v1/query", query=promql)["result"]
        return {tuple(r["metric"].get(label, "") for label in by): float(r["value"][1]) for r in found}


@contextmanager
def prometheus(target: str, folder: Path, features: str = "exemplar-storage") -> Iterator[Prometheus]:
    """Prometheus that scrapes `target`, ready; with `native-histograms` among the features it asks for protobuf."""
    binary = program("prometheus", "apt-get install prometheus")
    config = folder / "prometheus.yml"
    config.write_text(CONFIG.format(target=target))
    address = f"127.0.0.1:{free_ports(1)[0]}"
    command = [binary, f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}"]
    command.append(f"--enable-feature={features}")
    with open(folder / "prometheus.log", "wb") as log:
        process = subprocess.Popen([*command, f"--web.listen-address={address}"], stdout=log, stderr=log)
        try:
            server = Prometheus(address)
            eventually(lambda: server.get("/api/v1/targets")["activeTargets"])
            yield server
        finally:
            process.terminate()
            process.wait(PATIENCE)


def eventually(probe: Callable[[], Any], wanted: Callable[[Any], bool] = bool) -> Any:
    """What `probe` returns once that is wanted; connection errors count as not yet."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            seen = probe()
            if wanted(seen):
                return seen
        except OSError as error:
            seen = error
        if time.monotonic() > end:
            raise AssertionError(f"not within {PATIENCE:g} s; last seen: {seen!r}")
        time.sleep(0.1)
