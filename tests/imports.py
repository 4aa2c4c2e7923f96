"""Who imports whom in a source tree: Python by its syntax tree, Cython by its import and include lines."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

SUFFIXES = (".py", ".pyi", ".pyx", ".pxd", ".pxi")
_CYTHON_FROM = re.compile(r"^\s*from\s+([\w.]+)\s+c?import\s+\(?([\w\s,.*]+)", re.MULTILINE)
_CYTHON_IMPORT = re.compile(r"^\s*c?import\s+([\w.]+(?:\s*,\s*[\w.]+)*)", re.MULTILINE)
_CYTHON_INCLUDE = re.compile(r"""^\s*include\s+["']([^"']+)["']""", re.MULTILINE)


@dataclass(frozen=True)
class Import:
    """`target` has the imported name: `a.b.c` for `from a.b import c`.  `typing`: for type checkers alone."""

    target: str
    typing: bool = False


def sources(root: Path, package: str) -> dict[str, list[Path]]:
    """Module name to its files (a `.pyi` beside a `.pyx` is the same module); a package's name for its `__init__`."""
    modules: dict[str, list[Path]] = {}
    for path in sorted((root / package).rglob("*")):
        if path.suffix in SUFFIXES:
            parts = path.relative_to(root).with_suffix("").parts
            modules.setdefault(".".join(part for part in parts if part != "__init__"), []).append(path)
    return modules


def imports(path: Path, package: str) -> Iterator[Import]:
    """Every import of a file, those within functions too.  `package` resolves relative ones and includes."""
    text = path.read_text(encoding="utf-8")
    return _python(ast.parse(text), package) if path.suffix in (".py", ".pyi") else _cython(text, package)


def _python(tree: ast.AST, package: str, typing: bool = False) -> Iterator[Import]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            yield from _python(ast.Module(node.body, []), package, typing=True)
            yield from _python(ast.Module(node.orelse, []), package, typing)
        elif isinstance(node, ast.Import):
            yield from (Import(alias.name, typing) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _base(node.level, node.module, package)
            yield from (Import(f"{base}.{alias.name}", typing) for alias in node.names)
        else:
            yield from _python(node, package, typing)


def _base(level: int, module: str | None, package: str) -> str:
    above = package.split(".")[: len(package.split(".")) - level + 1] if level else []
    return ".".join([*above, *([module] if module else [])])


def _cython(text: str, package: str) -> Iterator[Import]:
    for base, names in _CYTHON_FROM.findall(text):
        yield from (Import(f"{base}.{name.split()[0]}") for name in names.split(",") if name.strip())
    for names in _CYTHON_IMPORT.findall(text):
        yield from (Import(name.strip()) for name in names.split(","))
    for file in _CYTHON_INCLUDE.findall(text):
        yield Import(f"{package}.{Path(file).stem}")


def graph(root: Path, package: str) -> dict[str, set[str]]:
    """Module to the modules of the same tree that it imports."""
    modules = sources(root, package)
    return {
        name: {
            target
            for path in paths
            for found in imports(path, _package_of(name, path))
            if (target := _module_of(found.target, modules)) and target != name
        }
        for name, paths in modules.items()
    }


def _package_of(name: str, path: Path) -> str:
    return name if path.stem == "__init__" else name.rpartition(".")[0]


def _module_of(target: str, modules: Mapping[str, object]) -> str | None:
    """The longest prefix that is a module."""
    while target and target not in modules:
        target = target.rpartition(".")[0]
    return target or None


def cycles(edges: Mapping[str, set[str]]) -> list[list[str]]:
    """One cycle for each node that a depth-first walk meets again below itself."""
    found: list[list[str]] = []
    done: set[str] = set()

    def walk(node: str, above: list[str]) -> None:
        if node in above:
            found.append([*above[above.index(node) :], node])
        elif node not in done:
            for below in sorted(edges.get(node, ())):
                walk(below, [*above, node])
            done.add(node)

    for node in sorted(edges):
        walk(node, [])
    return found
