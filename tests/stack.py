"""The stack of `config/compose.yaml` outside of containers: the same commands, files and environment as processes.

Each service is a process on loopback, with a folder that stands for its root.  What its command and its files say is
kept, but for addresses and paths: where it listens on a port it gets a free one, and whoever asks for that port by the
service's name is led there.  An address at which nobody listens, and a path at which nothing is mounted, are errors
here as they are there.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path

from tests.bench.servers import free_ports
from tests.compose import ADDRESS, ITSELF, ROOT, Address, Mount, Service, is_made, services
from tests.jaeger import VARIABLE as JAEGER
from tests.processes import PATIENCE
from tests.programs import built, program
from tests.prometheus import eventually
from tests.scrapers import VARIABLE as PROMETHEUS3

#: An absolute path in a word, alone or after a flag's `=`.
PATH = re.compile(r"(?<![^=])/[\w./-]+")
INTERVALS = re.compile(r"\b(scrape_interval|evaluation_interval): \w+")
#: Programs of our image, by where they are in it.
DAEMON = [sys.executable, "-m", "span2metrics"]
INSTALLED = {"/opt/span2metrics/bin/span2metrics": DAEMON, "/opt/span2metrics/bin/python": [sys.executable]}
#: What our image sets for all that runs in it.
(CONFIG_FILE,) = re.findall(r"SPAN2METRICS_CONFIG_FILE=(\S+)", (ROOT / "Dockerfile").read_text())

Places = Mapping[Address, str]


@dataclass(frozen=True, slots=True)
class Running:
    """The services that run, and where each of their ports is now."""

    places: Places
    processes: Mapping[str, subprocess.Popen[bytes]]


@contextmanager
def stack(folder: Path) -> Iterator[Running]:
    """All services whose programs are here, each healthy before those that need it are started.

    Prometheus scrapes and evaluates every second, so that a test need not wait; nothing else is otherwise.
    """
    listened = [(service.name, port) for service in services().values() for port in sorted(service.listens)]
    ports = free_ports(len(listened))
    places = {address: f"127.0.0.1:{port}" for address, port in zip(listened, ports, strict=True)}
    processes: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for service in in_order():
            words = _program(service)
            if words is None:
                continue
            outside = Outside(service, folder / service.name, places)
            outside.make()
            processes[service.name] = process = outside.start(words)
            if service.probe:
                eventually(lambda process=process, outside=outside: _lives(process, outside) and outside.healthy())
        yield Running(places, processes)
    finally:
        for process in reversed(processes.values()):
            process.terminate()
        for process in processes.values():
            process.wait(PATIENCE)


def in_order() -> list[Service]:
    """What is needed before who needs it; a circle is an error."""
    known = services()
    needs = {name: service.needs for name, service in known.items()}
    return [known[name] for name in TopologicalSorter(needs).static_order()]


def _lives(process: subprocess.Popen[bytes], outside: Outside) -> bool:
    """True; one that has ended by itself is an error, with what it said."""
    assert process.poll() is None, f"{outside.service.name} has ended: {outside.log.read_text()[-2000:]}"
    return True


def _program(service: Service) -> list[str] | None:
    """What the image runs; None where it is not to be had here."""
    if service.image == "span2metrics":
        return [] if "entrypoint" in service.settings else DAEMON
    if service.image == "prometheus":
        return [built("prometheus", PROMETHEUS3) or program("prometheus", "apt-get install prometheus")]
    if service.image == "alertmanager":
        return [program("prometheus-alertmanager", "apt-get install prometheus-alertmanager")]
    jaeger = built(service.image, JAEGER) if service.image == "jaeger" else None
    return jaeger and [jaeger]


@dataclass(frozen=True, slots=True)
class Outside:
    """A service that has `root` for its file system and finds the others at `places`."""

    service: Service
    root: Path
    places: Places

    @property
    def log(self) -> Path:
        return self.root.with_suffix(".log")

    def make(self) -> None:
        """Everything that is mounted; files that have addresses as copies."""
        self.root.mkdir()
        for mount in self.service.mounts:
            self._mount(mount, Path(f"{self.root}{mount.path}"))

    def start(self, program: list[str]) -> subprocess.Popen[bytes]:
        with open(self.log, "wb") as log:
            words = [*program, *self.words(self.service.words)]
            return subprocess.Popen(words, stdout=log, stderr=log, env=self._environment())

    def healthy(self) -> bool:
        """What its health check says."""
        words = self.words(self.service.probe)
        if words[0] == "promtool":
            beside = Path(_program(self.service)[0]).with_name("promtool")
            words[0] = str(beside) if beside.exists() else program("promtool", "apt-get install prometheus")
        if words[0] == "wget":
            words[0] = program("wget", "apt-get install wget")
        return subprocess.run(words, check=False, capture_output=True, timeout=PATIENCE).returncode == 0

    def words(self, said: list[str]) -> list[str]:
        """A command as it is said here."""
        led = [INSTALLED.get(word) or [PATH.sub(self._path, self.led(word))] for word in said]
        return [word for words in led for word in words]

    def led(self, text: str) -> str:
        """Every address in it as a place on loopback."""

        def place(match: re.Match[str]) -> str:
            host, port = match[1], int(match[2])
            return self.places[self.service.name if host in ITSELF else host, port]

        return ADDRESS.sub(place, text)

    def _mount(self, mount: Mount, at: Path) -> None:
        at.parent.mkdir(parents=True, exist_ok=True)
        if mount.source is None:
            at.mkdir()
        elif is_made(mount.source):
            at.write_text(INTERVALS.sub(r"\1: 1s", self.led(mount.source.read_text())))
        else:
            at.symlink_to(mount.source)

    def _path(self, match: re.Match[str]) -> str:
        path = match[0]
        if path == "/dev/null":
            return path
        assert any(Path(path).is_relative_to(mount.path) for mount in self.service.mounts), f"nothing is at {path}"
        return f"{self.root}{path}"

    def _environment(self) -> dict[str, str]:
        own = self.service.environment | ({"SPAN2METRICS_CONFIG_FILE": CONFIG_FILE} if self._is_daemon() else {})
        return os.environ | {name: PATH.sub(self._path, self.led(value)) for name, value in own.items()}

    def _is_daemon(self) -> bool:
        return self.service.image == "span2metrics" and "entrypoint" not in self.service.settings
