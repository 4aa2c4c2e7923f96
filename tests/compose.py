"""`config/compose.yaml` as it is read here: services, what is mounted where, who listens and who asks whom."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
FILE = ROOT / "config" / "compose.yaml"
#: What is made for this stack alone, addresses in it.
MADE = (FILE.parent / "compose", FILE.parent / "grafana" / "provisioning" / "datasources")
#: A host, which may be left out, and a port.
ADDRESS = re.compile(r"(?<![\w.:-])((?:[a-z][a-z0-9-]*|\d+(?:\.\d+){3})?):(\d{2,5})\b(?!:)")
#: Hosts by which a service calls itself.
ITSELF = {"", "0.0.0.0", "127.0.0.1", "localhost"}

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Mount:
    """What is at a path of a container: a file or folder of this repository, or None for a volume or tmpfs."""

    path: str
    source: Path | None
    writable: bool

    @property
    def files(self) -> list[Path]:
        if self.source is None:
            return []
        return sorted(self.source.iterdir()) if self.source.is_dir() else [self.source]


@dataclass(frozen=True, slots=True)
class Service:
    name: str
    settings: Mapping[str, Any]

    @property
    def image(self) -> str:
        """Without registry, folder and tag."""
        return str(self.settings["image"]).partition(":")[0].rpartition("/")[2]

    @property
    def tag(self) -> str:
        return str(self.settings["image"]).partition(":")[2]

    @property
    def words(self) -> list[str]:
        """What is said in the stead of the image's program, and after it."""
        return [*self.settings.get("entrypoint", ()), *self.settings.get("command", ())]

    @property
    def environment(self) -> dict[str, str]:
        return dict(self.settings.get("environment", {}))

    @property
    def probe(self) -> list[str]:
        """Its health check's command; empty where it has none."""
        first, *words = self.settings["healthcheck"].get("test", ["CMD"])
        assert first == "CMD", "there may be no shell"
        return words

    @property
    def needs(self) -> list[str]:
        return list(self.settings.get("depends_on", ()))

    @property
    def mounts(self) -> list[Mount]:
        bound = [_mount(text) for text in self.settings.get("volumes", ())]
        return bound + [Mount(text.partition(":")[0], None, True) for text in self.settings.get("tmpfs", ())]

    @property
    def made(self) -> list[Path]:
        """The mounted files that are made for this stack."""
        return [file for mount in self.mounts for file in mount.files if is_made(file)]

    @property
    def listens(self) -> set[int]:
        """The ports on which its command, its files and its environment make it listen."""
        named = {port for host, port in addresses([*self.words, *map(said, self.made)]) if host in ITSELF}
        return named | {int(value) for name, value in self.environment.items() if name.endswith("_PORT")}

    @property
    def asks(self) -> set[Address]:
        """Other services' addresses that it was told."""
        told = addresses([*self.words, *self.environment.values(), *map(said, self.made)])
        return {(host, port) for host, port in told if host not in ITSELF}


def services() -> dict[str, Service]:
    """By name; what they have in common is in each."""
    return {name: Service(name, settings) for name, settings in yaml.safe_load(FILE.read_text())["services"].items()}


def addresses(texts: Iterable[str]) -> set[Address]:
    return {(host, int(port)) for text in texts for host, port in ADDRESS.findall(text)}


def is_made(file: Path) -> bool:
    return any(file.is_relative_to(folder) for folder in MADE)


def said(file: Path) -> str:
    """A YAML file without its comments."""
    return re.sub(r"(?m)(^|\s)#.*$", "", file.read_text())


def _mount(text: str) -> Mount:
    source, path, *mode = text.split(":")
    local = (FILE.parent / source).resolve() if source.startswith(".") else None
    return Mount(path, local, mode != ["ro"])


def data_sources() -> dict[str, dict[str, Any]]:
    """Grafana's, by type."""
    files = sorted((FILE.parent / "grafana" / "provisioning" / "datasources").iterdir())
    found = [source for file in files for source in yaml.safe_load(file.read_text())["datasources"]]
    return {source["type"]: source for source in found}
