"""The configuration of what no label shows: patterns, what is done to a match, and a key that nothing gives away."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from span2metrics.config import Config, compile_plan, dump, load
from span2metrics.config.privacy import LEAST_KEY
from span2metrics.engine.plan import Action, Privacy
from span2metrics.errors import ConfigError

KEY = "correct horse battery staple 0123"


def loaded(directory: Path, privacy: str) -> Config:
    file = directory / "config.yaml"
    file.write_text(f"privacy: {privacy}")
    return load(file)


def test_cards_are_masked_by_default() -> None:
    assert compile_plan(Config()).privacy == Privacy(cards=True, patterns=(), action=Action.MASK, hmac_key=b"")


def test_patterns_are_texts_or_mappings(tmp_path: Path) -> None:
    config = loaded(tmp_path, "{cards: false, patterns: ['tok_[a-z]+', {pattern: x+, name: crosses}], action: drop}")
    assert [(entry.pattern, entry.name) for entry in config.privacy.patterns] == [("tok_[a-z]+", ""), ("x+", "crosses")]
    assert compile_plan(config).privacy == Privacy(cards=False, patterns=("tok_[a-z]+", "x+"), action=Action.DROP)


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_key_is_its_files_text_without_the_line_end(tmp_path: Path, end: str) -> None:
    (tmp_path / "key").write_bytes(f"{KEY}{end}".encode())
    config = loaded(tmp_path, f"{{action: hmac, hmac_key_file: {tmp_path}/key}}")
    assert compile_plan(config).privacy == Privacy(action=Action.HMAC, hmac_key=KEY.encode())


def test_a_key_may_be_any_bytes(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(bytes(range(128, 168)))
    config = loaded(tmp_path, f"{{hmac_key_file: {tmp_path}/key}}")
    assert compile_plan(config).privacy.hmac_key == bytes(range(128, 168))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("k" * (LEAST_KEY - 1) + "\n", "holds fewer than 32 bytes, which could be guessed"),
        ("", "holds fewer than 32 bytes"),
        ("k" * 70_000, "it is larger than 65536 bytes"),
    ],
)
def test_a_key_that_cannot_be_one_is_refused_and_not_quoted(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "key").write_text(content)
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, f"{{action: hmac, hmac_key_file: {tmp_path}/key}}")
    (problem,) = caught.value.problems
    assert (problem.line, problem.path) == (1, "privacy.hmac_key_file")
    assert message in problem.message and "kkk" not in problem.message


def test_no_dump_and_no_representation_has_the_key_and_a_dump_is_loaded_again(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY)
    config = loaded(tmp_path, f"{{action: hmac, hmac_key_file: {tmp_path}/key}}")
    shown = dump(config)
    assert f"hmac_key_file: {tmp_path}/key" in shown
    for text in (shown, repr(config), str(config), repr(compile_plan(config))):
        assert KEY not in text
    (tmp_path / "dumped.yaml").write_text(shown)
    assert load(tmp_path / "dumped.yaml") == config


def test_re2_is_loaded_where_there_is_a_pattern_alone() -> None:
    script = (
        "import sys; from span2metrics.config import Config, compile_plan; from span2metrics.engine.core import Engine;"
        "Engine(compile_plan(Config())); sys.exit('re2' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
