"""Whatever stands in a file, loading it gives a configuration or problems with places, and never another error."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from span2metrics.config import compile_plan, dump, load, schema
from span2metrics.errors import ConfigError, Problem

DEFINITIONS = schema()["$defs"]
REFERENCE = (Path(__file__).parent.parent / "config" / "span2metrics.yaml").read_text()


def documents(definition: str, value: Any) -> Iterator[tuple[str, Any]]:
    """For every key that there is, its path and a document that has the value there."""
    for key, described in DEFINITIONS[definition].get("properties", {}).items():
        yield key, {key: value}
        for reference in references(described):
            for path, inner in documents(reference, value):
                yield f"{key}.{path}", {key: [inner] if "items" in described else inner}


def references(described: Any) -> Iterator[str]:
    if isinstance(described, dict):
        target = described.get("$ref", "").rpartition("/")[2]
        if target and target != "substituted":
            yield target
        for inner in described.values():
            yield from references(inner)
    elif isinstance(described, list):
        for inner in described:
            yield from references(inner)


def problems(file: Path) -> list[Problem]:
    try:
        config = load(file)
    except ConfigError as error:
        return error.problems
    compile_plan(config)
    assert dump(config)
    return []


ODD: dict[str, Any] = {
    "null": None,
    "boolean": True,
    "integer": -5,
    "number": 1e300,
    "text": "\u00e9 \U0001f600",
    "nothing": "",
    "list": [],
    "list of nothing": [None],
    "list of lists": [[], [[]]],
    "list of mappings": [{}, {"name": {}}, {1: 2}],
    "mapping": {},
    "mapping of lists": {"name": ["x"], "dimensions": [7], "grpc": [None], None: None},
}


@pytest.mark.parametrize("value", ODD.values(), ids=ODD)
def test_an_odd_value_anywhere_is_fine_or_told_with_its_line(value: Any, tmp_path: Path) -> None:
    cases = list(documents("Config", value))
    assert len(cases) > 40
    for path, document in cases:
        file = tmp_path / "config.yaml"
        file.write_text("# a first line\n" + yaml.safe_dump(document))
        for problem in problems(file):
            assert problem.file == str(file), path
            assert problem.line > 1, path
            assert problem.path.startswith(path.partition(".")[0]), path


@given(st.integers(0, len(REFERENCE)), st.integers(0, 40), st.text(st.characters(codec="utf-8"), max_size=5))
def test_a_damaged_file_is_fine_or_told(
    tmp_path_factory: pytest.TempPathFactory, start: int, length: int, text: str
) -> None:
    file = tmp_path_factory.getbasetemp() / "damaged.yaml"
    file.write_text(REFERENCE[:start] + text + REFERENCE[start + length :])
    assert all(problem.file == str(file) for problem in problems(file))


@given(st.binary(max_size=60))
def test_any_bytes_are_fine_or_told(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "bytes.yaml"
    file.write_bytes(content)
    assert all(problem.message for problem in problems(file))


def test_each_of_thousands_of_mistakes_is_told_once_and_held_against_few_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = 0
    equal = Problem.__eq__

    def counted(one: Problem, other: object) -> bool:
        nonlocal compared
        compared += 1
        return equal(one, other)

    monkeypatch.setattr(Problem, "__eq__", counted)
    file = tmp_path / "mistakes.yaml"
    file.write_text("".join(f"key_{n}: 1\n" for n in range(2000)))
    assert [problem.line for problem in problems(file)] == list(range(1, 2001))
    assert compared < 2000
