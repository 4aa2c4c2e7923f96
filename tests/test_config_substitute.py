"""Substitution in scalars: what is put in, what is refused, and that neither is ever told."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from span2metrics.config import Config, dump, load
from span2metrics.config.substitute import FILE_LIMIT, Expansion, expand
from span2metrics.errors import ConfigError

ENVIRON = {"HOST": "example.com", "EMPTY": "", "NESTED": "${HOST}", "_1": "x"}
EXPANDED = {
    "plain": Expansion("plain"),
    "$HOST $ {HOST} }": Expansion("$HOST $ {HOST} }"),
    "${HOST}": Expansion("example.com", private=True),
    "${_1}": Expansion("x", private=True),
    "a${HOST}:${PORT:-80}b": Expansion("aexample.com:80b", private=True),
    "${EMPTY}": Expansion("", private=True),
    "${EMPTY:-default}": Expansion("default", private=True),
    "${ABSENT:-}": Expansion("", private=True),
    "${ABSENT:-a:-b c}": Expansion("a:-b c", private=True),
    "${NESTED}": Expansion("${HOST}", private=True),
    "$${HOST}": Expansion("${HOST}"),
    "$${": Expansion("${"),
    "$$${HOST}": Expansion("$${HOST}"),
    "$${A}${HOST}": Expansion("${A}example.com", private=True),
}


@pytest.mark.parametrize(("text", "expansion"), EXPANDED.items())
def test_variables_and_defaults_are_put_in_once(text: str, expansion: Expansion) -> None:
    assert expansion == expand(text, ENVIRON)


FAULTS = {
    "${ABSENT}": ["the environment variable ABSENT is not set"],
    "${ABSENT}${GONE}": ["the environment variable ABSENT is not set", "the environment variable GONE is not set"],
    "${HOST": ["`${` begins a substitution that does not end"],
    "${A:-${HOST}}": ["`${` begins a substitution that does not end"],
    "${}": ["`${…}` holds neither"],
    "${1A}": ["`${…}` holds neither"],
    "${HOST-x}": ["`${…}` holds neither"],
    "${env:HOST}": ["`${…}` holds neither"],
    "${file:relative}": ["${file:relative} is not an absolute path"],
    "${file:/nonexistent/x}": ["the file /nonexistent/x cannot be used: No such file or directory"],
    "${file:/dev/zero}": ["the file /dev/zero cannot be used: it is not a regular file"],
}


@pytest.mark.parametrize(("text", "faults"), FAULTS.items())
def test_every_fault_is_told_with_its_remedy(text: str, faults: list[str]) -> None:
    found = expand(text, ENVIRON).faults
    assert len(faults) == len(found)
    for expected, fault in zip(faults, found, strict=True):
        assert fault.startswith(expected)


@pytest.mark.parametrize(
    ("content", "text"), [(b"s3cret\n", "s3cret"), (b"a\nb\r\n", "a\nb"), (b"", ""), ("ä${X}".encode(), "ä${X}")]
)
def test_a_file_is_put_in_without_its_line_end(tmp_path: Path, content: bytes, text: str) -> None:
    file = tmp_path / "secret"
    file.write_bytes(content)
    assert Expansion(f"<{text}>", private=True, secret=True) == expand(f"<${{file:{file}}}>", {})


@pytest.mark.parametrize(
    ("content", "fault"), [(b"x" * (FILE_LIMIT + 1), "it is larger than"), (b"\xff", "it is not UTF-8 text")]
)
def test_a_file_that_is_no_short_text_is_refused(tmp_path: Path, content: bytes, fault: str) -> None:
    file = tmp_path / "secret"
    file.write_bytes(content)
    (found,) = expand(f"${{file:{file}}}", {}).faults
    assert fault in found


def test_a_pipe_is_refused_instead_of_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    (found,) = expand(f"${{file:{pipe}}}", {}).faults
    assert "it is not a regular file" in found


def loaded(directory: Path, text: str) -> Config:
    file = directory / "config.yaml"
    file.write_text(text)
    return load(file)


TYPED = """
web: {listen_address: "${S2M_HOST}:${S2M_PORT:-80}"}
intake: {max_bytes: "${S2M_SIZE:-auto}"}
receivers: {otlp: {grpc: "${S2M_NULL:-~}"}}
metrics:
  errors_zero: ${S2M_ZERO}
  unit: ${S2M_UNIT:-ms}
  buckets: ["${S2M_BOUND}", 2s]
  dimensions:
    - name: ${S2M_NUMBER}
      default: ${S2M_EMPTY:-}
    - name: x$${literal}
"""


def test_a_value_that_was_put_in_has_the_type_that_its_setting_wants(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {"HOST": "*", "SIZE": "4096", "ZERO": "false", "BOUND": "1.5s", "NUMBER": "42", "PORT": ""}
    for name, value in values.items():
        monkeypatch.setenv(f"S2M_{name}", value)
    config = loaded(tmp_path, TYPED)
    assert str(config.web.listen_address) == ":80"
    assert config.intake.max_bytes == 4096
    assert config.receivers.otlp.grpc is None
    assert config.metrics.errors_zero is False
    assert config.metrics.unit.suffix == "milliseconds"
    assert config.metrics.buckets == (1_500_000_000, 2_000_000_000)
    assert [d.name for d in config.metrics.dimensions] == ["42", "x${literal}"]
    assert config.metrics.dimensions[0].default == ""


UNTOLD = """
receivers: {otlp: {grpc: {endpoint: "${S2M}", max_request_size: "${S2M}", keepalive: "${S2M}"}}}
web: {telemetry_path: "${S2M}", exporter_telemetry_path: "${file:FILE}"}
metrics:
  namespace: "${S2M}"
  unit: "${S2M}"
  buckets: ["${S2M}", "${file:FILE}"]
  errors_zero: "${S2M}"
  exclude: ["${S2M}", "${file:FILE}"]
  errors_zero_drop: ["span_${S2M_NAME}", "span_${S2M_NAME}"]
  dimensions:
    - {name: "__${S2M}"}
    - {name: "${S2M}"}
    - {name: "${file:FILE}"}
    - {name: s3cret_value}
    - {name: "x", label: "span_${S2M_NAME}"}
    - {name: "y", from: ["${S2M}"]}
    - "${S2M}"
limits: ${S2M}
"""


def test_no_message_quotes_what_was_put_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S2M", "s3cret-value")
    monkeypatch.setenv("S2M_NAME", "name")
    (tmp_path / "secret").write_text("s3cret-value\n")
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, UNTOLD.replace("FILE", str(tmp_path / "secret")))
    told = "\n".join(problem.message for problem in caught.value.problems)
    assert len(caught.value.problems) > 18
    assert "s3cret" not in told
    assert "span_name`" not in told


def test_what_came_from_a_file_is_not_dumped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S2M", "shown")
    (tmp_path / "secret").write_text("s3cret")
    config = loaded(
        tmp_path,
        """
metrics:
  namespace: ${file:FILE}
  dimensions: [{name: a, default: "x-${file:FILE}"}, {name: b, default: "${S2M}"}]
  resource_labels: ["${file:FILE}"]
""".replace("FILE", str(tmp_path / "secret")),
    )
    dumped = dump(config)
    assert config.metrics.namespace == "s3cret"
    assert "s3cret" not in dumped
    assert "namespace: <secret>" in dumped
    assert "{name: a, default: <secret>}" in dumped
    assert "{name: b, default: shown}" in dumped
    assert "resource_labels: [<secret>]" in dumped
