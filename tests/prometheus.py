"""A real Prometheus on a free port: scrapes its targets and answers PromQL."""

from __future__ import annotations

import json
import re
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bench.servers import free_ports
from tests.processes import PATIENCE
from tests.programs import program

JOB = "span2metrics"
CONFIG = '  - {{job_name: {job}, scrape_interval: {interval}, static_configs: [{{targets: ["{target}"]}}]{settings}}}\n'
#: What a log line has that is about a scrape, or worse than news.  An exemplar that is still the latest comes again.
TROUBLE = re.compile(rb"(?i)^(?!.*duplicate exemplar).*(?:scrape_pool=|level=(?:warn|error)|level=debug.*exemplar)")

Labels = tuple[str, ...]


class Prometheus:
    def __init__(self, address: str, log: Path) -> None:
        self.address = address
        self._log = log

    def get(self, path: str, **parameters: str) -> Any:
        url = f"http://{self.address}{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=PATIENCE) as response:
                return json.load(response)["data"]
        except urllib.error.HTTPError as error:
            with error:
                error.add_note(error.read().decode())
                raise

    def query(self, promql: str, *by: str, at: float | None = None) -> dict[Labels, float]:
        """The instant vector of a query, now or `at` a time: values of the labels `by` → value."""
        return {tuple(labels.get(label, "") for label in by): value for labels, value in self.vector(promql, at)}

    def vector(self, promql: str, at: float | None = None) -> list[tuple[dict[str, str], float]]:
        """The instant vector of a query: all labels of each element, and its value."""
        when = {} if at is None else {"time": f"{at:.3f}"}
        found = self.get("/api/v1/query", query=promql, **when)["result"]
        return [(element["metric"], float(element["value"][1])) for element in found]

    def samples(self, selector: str, window: str = "1h") -> list[tuple[dict[str, str], list[tuple[float, float]]]]:
        """Series as they are stored: labels, and (time in seconds, value) of each sample within the window."""
        found = self.get("/api/v1/query", query=f"{selector}[{window}]")["result"]
        return [(series["metric"], [(at, float(value)) for at, value in series["values"]]) for series in found]

    def wait_for(self, promql: str, value: float) -> None:
        """Until a query whose answer has no labels answers `value`."""
        eventually(lambda: self.query(promql).get(()), lambda seen: seen == value)

    def last_scrape(self, job: str = JOB) -> float:
        """When the samples of the last scrape were taken; a query at that time extrapolates nothing beyond it."""
        return self.query(f'timestamp(up{{job="{job}"}})')[()]

    def complaints(self) -> list[str]:
        """What it has logged about its targets, at any level, and every warning."""
        return [line.decode() for line in self._log.read_bytes().splitlines() if TROUBLE.search(line)]


@contextmanager
def prometheus(target: str | Mapping[str, str], folder: Path, *words: str, **settings: Any) -> Iterator[Prometheus]:
    """Like `launched`, ready: it knows its targets."""
    with launched(target, folder, *words, **settings) as server:
        jobs = 1 if isinstance(target, str) else len(target)
        eventually(lambda: len(server.get("/api/v1/targets")["activeTargets"]) == jobs)
        yield server


@contextmanager
def launched(
    target: str | Mapping[str, str],
    folder: Path,
    features: str = "exemplar-storage",
    *,
    binary: str | None = None,
    settings: str = "",
    interval: str = "1s",
    rules: Path | None = None,
) -> Iterator[Prometheus]:
    """Debian's Prometheus, or `binary`, that will scrape one target, or some by their jobs' names.

    With `native-histograms` among the features Debian's asks for protobuf.  `settings` are further keys of every job,
    `rules` a folder of rule files, evaluated every second.
    """
    binary = binary or program("prometheus", "apt-get install prometheus")
    jobs = {JOB: target} if isinstance(target, str) else target
    more = settings and f", {settings}"
    lines = [CONFIG.format(job=job, target=at, interval=interval, settings=more) for job, at in jobs.items()]
    config, log = folder / "prometheus.yml", folder / "prometheus.log"
    head = f"global: {{evaluation_interval: 1s}}\nrule_files: ['{rules}/*.yml']\n" if rules else ""
    config.write_text(f"{head}scrape_configs:\n" + "".join(lines))
    address = f"127.0.0.1:{free_ports(1)[0]}"
    command = [binary, f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}", "--log.level=debug"]
    command += [f"--enable-feature={features}", f"--web.listen-address={address}"]
    with open(log, "wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            yield Prometheus(address, log)
        finally:
            process.terminate()
            process.wait(PATIENCE)


def eventually(probe: Callable[[], Any], wanted: Callable[[Any], bool] = bool, patience: float = PATIENCE) -> Any:
    """What `probe` returns once that is wanted; connection errors count as not yet."""
    end = time.monotonic() + patience
    while True:
        try:
            seen = probe()
            if wanted(seen):
                return seen
        except OSError as error:
            seen = error
        if time.monotonic() > end:
            raise AssertionError(f"not within {patience:g} s; last seen: {seen!r}")
        time.sleep(0.1)
