"""The commented reference says what the declarations say: every key, its default, its reason."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from span2metrics.config import Config, compile_plan, load
from span2metrics.config.kinds import Kind, ListOf, Or
from span2metrics.config.models import ROOT
from span2metrics.config.section import Section, Setting

FILES = Path(__file__).parent.parent / "config"
REFERENCE = (FILES / "span2metrics.yaml").read_text()
#: An example, which stands in for the line above it.
EXAMPLE = re.compile(r"( *)#  (.*)")


def inner(kind: Kind[Any]) -> Kind[Any]:
    """The kind of what is inside a choice of nothing, or a list."""
    while isinstance(kind, Or | ListOf):
        kind = kind.kind if isinstance(kind, Or) else kind.item
    return kind


def keys(section: Section[Any], outer: str = "") -> Iterator[tuple[str, Setting]]:
    for key, declared in section.settings.items():
        path = f"{outer}.{key}" if outer else key
        yield path, declared
        kind = inner(declared.kind)
        if isinstance(kind, Section):
            yield from keys(kind, path)


KEYS = dict(keys(ROOT))


def with_examples() -> str:
    """The reference with each example in place of the line above it."""
    lines: list[str] = []
    replaced = False
    for line in REFERENCE.splitlines():
        example = EXAMPLE.fullmatch(line)
        if example and not replaced:
            lines.pop()
        lines.append(example[1] + example[2] if example else line)
        replaced = bool(example)
    return "\n".join(lines) + "\n"


def named(text: str) -> set[str]:
    """Dotted paths of the keys in a YAML text of blocks, by indentation."""
    found: set[str] = set()
    outer: list[tuple[int, str]] = []
    for line in text.splitlines():
        for match in re.finditer(r"(?:^|(?<=- )|(?<=[{ ]))([a-z_][a-z0-9_]*):(?= |$)", line.split("#")[0]):
            column = match.start(1)
            outer = [(at, key) for at, key in outer if at < column]
            outer.append((column, match[1]))
            found.add(".".join(key for _, key in outer))
    return found


def test_the_reference_has_the_defaults() -> None:
    assert Config() == load(FILES / "span2metrics.yaml")


def test_the_reference_names_every_key_with_its_examples_and_no_other() -> None:
    assert len(KEYS) > 40
    assert named(with_examples()) >= KEYS.keys() - EXAMPLES_LEAVE_OUT
    assert named(REFERENCE) >= {path for path in KEYS if not path.startswith(tuple(f"{of}." for of in ABSENT))}


#: Lists and sections of which the default has nothing in it.
ABSENT = [path for path, declared in KEYS.items() if declared.default in ((), None)]
#: The same entries as of metrics.dimensions, described there.
EXAMPLES_LEAVE_OUT = {
    path for path in KEYS if re.match(r"(metrics\.(calls|duration)|service_graph|measures)\.dimensions\.", path)
}


@pytest.mark.parametrize("path", KEYS)
def test_the_reference_gives_every_keys_reason(path: str) -> None:
    prose = " ".join(re.sub(r"^[ #]*# +", "", line) for line in REFERENCE.splitlines() if "#" in line)
    assert KEYS[path].doc in re.sub(r"\s+", " ", prose)


def test_the_examples_of_the_reference_can_be_used(tmp_path: Path) -> None:
    file = tmp_path / "examples.yaml"
    file.write_text(with_examples())
    config = load(file)
    assert config.receivers.otlp.http is not None
    assert config.receivers.otlp.http.cors is not None
    assert [d.label for d in config.metrics.dimensions] == ["", "http_method"]
    assert len(compile_plan(config).resource_labels) == 2
    assert [d.label for d in config.service_graph.dimensions] == ["env"]
    assert [(m.name, m.buckets, m.negative.value) for m in config.measures] == [
        ("payment_amount", (1_000_000, 9_990_000, 100_000_000, 1_000_000_000), "allow")
    ]
    assert [entry.name for entry in config.privacy.patterns] == ["", "account numbers (IBAN)"]


def test_the_minimal_file_is_a_start() -> None:
    plan = compile_plan(load(FILES / "minimal.yaml"))
    assert [d.label for d in plan.dimensions] == ["http_route", "http_response_status_code"]
    assert [d.label for d in plan.resource_labels] == ["deployment_environment_name"]
    assert plan.errors_zero_drop == {"http_response_status_code"}
