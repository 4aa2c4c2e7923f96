"""The rooms of the design: imports point down, the core is pure, files are short."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tests.imports import SUFFIXES, cycles, graph, imports, sources

ROOT = Path(__file__).parent.parent
PACKAGE = "span2metrics"

#: The floors, from the top; a room imports from lower ones, from its own floor, and from itself.
FLOORS = [
    {"__main__", "cli", "daemon", "grpc_core", "garbage", "logs", "malloc"},  # process
    {"demo"},  # beside the edges, see APART
    {"receivers", "web", "recorded", "generate"},  # edges
    {"formats"},  # translation
    {"intake", "ticks", "telemetry", "cardinality", "faults", "memory"},  # flow
    {"config"},  # words
    {"engine"},  # core
    {"names", "errors", "protobuf", "_build", ""},  # ground; "" is the package itself
]
#: Rooms that stand beside the others, and all that they may know.
APART = {"demo": {"names", "errors", "config"}}
#: What the core must not know: clocks, files, sockets, threads, logs, the configuration.
OUTSIDE_THE_CORE = {
    *("asyncio", "concurrent", "datetime", "io", "logging", "multiprocessing", "os", "pathlib", "select", "selectors"),
    *("signal", "socket", "subprocess", "sys", "tempfile", "threading", "time", "posix", "libc.time", "libc.stdio"),
    *("span2metrics.config", "yaml", "grpc", "aiohttp", "uvloop"),
}
LONGEST_FILE = 380


def room(module: str) -> str:
    return module.removeprefix(PACKAGE).lstrip(".").partition(".")[0]


def floor(module: str) -> int:
    return next((n for n, rooms in enumerate(FLOORS) if room(module) in rooms), -1)


def wrong_ways(edges: dict[str, set[str]]) -> list[str]:
    """Imports that point up, or out of a room that stands apart."""
    return [
        f"{module} imports {target}"
        for module, targets in sorted(edges.items())
        for target in sorted(targets)
        if floor(target) < floor(module)
        or (room(module) in APART and room(target) not in {room(module), *APART[room(module)]})
    ]


def rooms_of(edges: dict[str, set[str]]) -> dict[str, set[str]]:
    """The same graph between rooms."""
    merged: dict[str, set[str]] = {}
    for module, targets in edges.items():
        merged.setdefault(room(module), set()).update({room(target) for target in targets} - {room(module)})
    return merged


def outside(root: Path) -> list[str]:
    """What the core imports and must not; a library's types are no code."""
    return [
        f"{path.name} imports {found.target}"
        for module, paths in sources(root, PACKAGE).items()
        if room(module) == "engine"
        for path in paths
        for found in imports(path, f"{PACKAGE}.engine")
        if any(f"{found.target}.".startswith(f"{name}.") for name in OUTSIDE_THE_CORE)
        or (found.target.startswith("prometheus_client") and not found.typing)
    ]


EDGES = graph(ROOT, PACKAGE)


def test_every_module_has_its_floor() -> None:
    assert {room(module) for module in EDGES if floor(module) < 0} == set()


def test_imports_point_down() -> None:
    assert len(EDGES) > 20
    assert wrong_ways(EDGES) == []


def test_no_module_imports_itself_by_a_detour() -> None:
    assert cycles(EDGES) == []


def test_no_room_imports_itself_by_a_detour() -> None:
    assert cycles(rooms_of(EDGES)) == []


def test_the_core_knows_neither_clocks_nor_files_nor_sockets() -> None:
    assert outside(ROOT) == []


def test_the_core_is_seen_whole() -> None:
    included = {path.stem for path in (ROOT / PACKAGE / "engine").glob("*.pyx")} - {"core"}
    assert {f"{PACKAGE}.engine.{stem}" for stem in included} <= EDGES[f"{PACKAGE}.engine.core"]


def test_a_change_to_any_part_of_the_core_builds_it_anew() -> None:
    [module] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["ext-modules"]
    parts = {str(path.relative_to(ROOT)) for path in (ROOT / PACKAGE / "engine").glob("*.pyx")}
    assert {*module["sources"], *module["depends"]} == parts


def test_files_are_short() -> None:
    files = [path for room in (PACKAGE, "tests") for path in (ROOT / room).rglob("*") if path.suffix in SUFFIXES]
    long = {
        str(path.relative_to(ROOT)): n for path in files if (n := len(path.read_bytes().splitlines())) > LONGEST_FILE
    }
    assert long == {}


# --- the checks themselves find what they look for --------------------------------------------------------------------


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / PACKAGE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


@pytest.mark.parametrize(
    ("file", "line", "target"),
    [
        ("engine/policy.py", "from span2metrics.config import load", "config"),
        ("engine/policy.py", "import span2metrics.web.page", "web.page"),
        ("engine/policy.py", "def f():\n    from span2metrics import web", "web"),
        ("engine/policy.py", "from ..config import load", "config"),
        ("engine/policy.py", "if TYPE_CHECKING:\n    from span2metrics import config", "config"),
        ("engine/core.pyx", "from span2metrics.config cimport load", "config"),
        ("engine/core.pxd", "cimport span2metrics.config", "config"),
        ("engine/spans.pyx", "from span2metrics.config import (\n    load,\n)", "config"),
        ("formats/zipkin.py", "from span2metrics.receivers import body", "receivers"),
        ("names.py", "from span2metrics.errors import X\nfrom span2metrics.engine import plan", "engine"),
        ("intake.py", "from span2metrics.web import page", "web.page"),
        ("demo/span.py", "from span2metrics.web import page", "web.page"),
        ("demo/span.py", "from span2metrics import engine", "engine"),
    ],
)
def test_an_import_the_wrong_way_is_found(tmp_path: Path, file: str, line: str, target: str) -> None:
    rooms = ("config", "engine", "formats", "receivers", "web", "demo")
    files = {f"{name}/__init__.py": "" for name in rooms} | {"web/page.py": "", "errors.py": "", "__init__.py": ""}
    edges = graph(tree(tmp_path, files | {file: line}), PACKAGE)
    module = f"{PACKAGE}.{file.rpartition('.')[0].replace('/', '.')}"
    assert wrong_ways(edges) == [f"{module} imports {PACKAGE}.{target}"]


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("engine/policy.py", "import time"),
        ("engine/policy.py", "from os import path"),
        ("engine/policy.py", "def f():\n    import logging.handlers"),
        ("engine/policy.py", "import prometheus_client"),
        ("engine/core.pyx", "import json, socket"),
        ("engine/core.pyx", "from libc.time cimport time"),
        ("engine/core.pxd", "from posix.time cimport clock_gettime"),
        ("engine/core.pyx", "cdef f():\n    import threading"),
    ],
)
def test_a_core_that_looks_outside_is_found(tmp_path: Path, file: str, line: str) -> None:
    assert len(outside(tree(tmp_path, {file: line}))) == 1


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("engine/policy.py", "import timeit_like"),
        ("engine/policy.py", "if TYPE_CHECKING:\n    import prometheus_client"),
        ("engine/policy.py", "from json import encoder"),
        ("engine/core.pyx", "from libc.string cimport memcmp"),
        ("web/page.py", "import time"),
    ],
)
def test_a_core_that_keeps_to_itself_is_let_be(tmp_path: Path, file: str, line: str) -> None:
    assert outside(tree(tmp_path, {file: line})) == []


def test_a_cycle_is_found(tmp_path: Path) -> None:
    files = {
        "engine/a.py": "from span2metrics.engine import b",
        "engine/b.pyx": 'include "c.pxi"',
        "engine/c.pxi": "def f():\n    from span2metrics.engine.a import x",
        "engine/d.py": "from span2metrics.engine import a",
    }
    a, b, c = (f"{PACKAGE}.engine.{name}" for name in "abc")
    assert cycles(graph(tree(tmp_path, files), PACKAGE)) == [[a, b, c, a]]
