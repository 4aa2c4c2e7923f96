"""The command line: what each command prints, where, and with which exit code."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from span2metrics import config, demo, logs
from span2metrics.cli import flags, main

BROKEN = """\
metrics:
  buckets: [4ms, 2ms]
  colour: red
web: {listen_address: nowhere}
"""


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `main` puts there goes away again; what the tester has there does not count."""
    for name in ("GRPC_VERBOSITY", "GRPC_EXPERIMENTS"):
        monkeypatch.setenv(name, "")
    monkeypatch.delenv(flags.CONFIG_VARIABLE, raising=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "span2metrics.yaml"
    path.write_text('web: {listen_address: ":9999"}\nmetrics: {namespace: shop}\n')
    return path


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    path = tmp_path / "broken.yaml"
    path.write_text(BROKEN)
    return path


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    assert main(["config", "print", *words]) == 0
    return yaml.safe_load(capsys.readouterr().out)


def help_of(command: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main([command, "--help"]) == 0
    return " ".join(capsys.readouterr().out.split())


@pytest.fixture
def silent_address() -> Iterator[str]:
    """An address that is taken and where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


def test_version_goes_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("span2metrics ")


@pytest.mark.parametrize("command", ["serve", "check", "config", "healthcheck", "demo"])
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert help_of(command, capsys).startswith("usage: span2metrics ")


def test_the_help_page_lists_flags_and_commands(capsys: pytest.CaptureFixture[str]) -> None:
    page = help_of("serve", capsys)
    for word in ("--config.file FILE", "--otlp.grpc.endpoint HOST:PORT", "--shutdown.grace DURATION", "healthcheck"):
        assert word in page


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["--colour=red"], "unrecognized arguments: --colour=red"),
        (["--config.fil=x"], "unrecognized arguments: --config.fil=x (did you mean --config.file?)"),
        (["serve", "--config-file", "x"], "unrecognized arguments: --config-file x (did you mean --config.file?)"),
        (["--log.level=loud"], "argument --log.level: invalid choice: 'loud'"),
        (["chek"], "unknown command: chek"),
        (["check"], "arguments are required: FILE"),
        (["check", "--web.listen-address=:1", "x"], "unrecognized arguments: --web.listen-address=:1"),
        (["config", "eat"], "invalid choice: 'eat'"),
        (["demo", "--rate=0"], "argument --rate: invalid"),
    ],
)
def test_wrong_usage_is_told_with_the_usage_and_2(
    words: list[str], fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    errors = capsys.readouterr().err
    assert errors.startswith("usage: span2metrics ")
    assert fault in errors.splitlines()[-1]


def test_check_says_a_line_for_each_sound_file(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(file), str(file)]) == 0
    assert capsys.readouterr() == (f"{file}: ok\n{file}: ok\n", "")


NOTES = {
    "histograms: both": ["metrics.histograms: a Prometheus that takes native histograms drops the classic buckets"],
    "histograms: native": ["metrics.histograms: only a Prometheus that asks for protobuf sees the buckets"],
    "histograms: native, buckets: [1s]": ["metrics.histograms: only", "metrics.buckets: with native histograms"],
    "histograms: native, native: {factor: 2}": ["metrics.histograms: only"],
    "native: {factor: 2}": ["metrics.native: there are no native histograms"],
    "histograms: classic, buckets: [1s]": [],
}


@pytest.mark.parametrize(("metrics", "begins"), NOTES.items())
def test_check_notes_what_may_surprise_and_exits_with_0(
    metrics: str, begins: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "noted.yaml"
    path.write_text(f"metrics: {{{metrics}}}\n")
    assert main(["check", str(path)]) == 0
    sound, *notes = capsys.readouterr().out.splitlines()
    assert sound == f"{path}: ok"
    assert [note.startswith(f"{path}: note: {begin}") for note, begin in zip(notes, begins, strict=True)] == [
        True for _ in begins
    ]


def test_check_says_what_keeps_the_classic_buckets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "both.yaml"
    path.write_text("metrics: {histograms: both}\n")
    main(["check", str(path)])
    assert "always_scrape_classic_histograms: true" in capsys.readouterr().out


def test_check_says_every_problem_of_every_file_on_a_line_of_its_own(
    file: Path, broken: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(broken), str(tmp_path / "absent.yaml"), str(file)]) == 1
    out, errors = capsys.readouterr()
    assert out == f"{file}: ok\n"
    assert [line.split(": ")[0] for line in errors.splitlines()] == [
        f"{broken}:2",
        f"{broken}:3",
        f"{broken}:4",
        f"{tmp_path}/absent.yaml",
    ]


@pytest.mark.parametrize("command", ["serve", "demo", "healthcheck"])
def test_a_bad_configuration_ends_with_all_its_problems_and_1(
    command: str, broken: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, f"--config.file={broken}"]) == 1
    out, errors = capsys.readouterr()
    assert (out, len(errors.splitlines())) == ("", 3)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["serve", "--shutdown.grace=5"], "--shutdown.grace: has no unit"),
        (["serve", "--shutdown.grace=-5s"], "--shutdown.grace: is negative"),
        (["demo", "--duration=soon"], "--duration: is not a duration"),
        (["serve", "--otlp.grpc.endpoint=x"], "--otlp.grpc.endpoint: "),
        (
            ["serve", "--otlp.grpc.endpoint=", "--otlp.http.endpoint="],
            "--otlp.grpc.endpoint: receivers.otlp: both receivers are off",
        ),
        (["demo", "--otlp.grpc.endpoint="], "span2metrics: the demo sends over gRPC"),
    ],
)
def test_a_bad_value_of_a_flag_is_one_line_and_1(
    words: list[str], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert problem in line


def test_flags_come_before_the_file_and_the_file_before_the_defaults(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [f"--config.file={file}", "--web.listen-address", "[::1]:1", "--otlp.http.endpoint=:2"]
    shown = printed(capsys, *words)
    assert shown["web"]["listen_address"] == "[::1]:1"
    assert shown["receivers"]["otlp"]["http"]["endpoint"] == ":2"
    assert shown["metrics"]["namespace"] == "shop"
    assert shown["web"]["telemetry_path"] == "/metrics"


def test_the_environment_names_the_file_where_no_flag_does(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPAN2METRICS_CONFIG_FILE", str(file))
    (tmp_path / "other.yaml").write_text("metrics: {namespace: other}")
    assert printed(capsys)["metrics"]["namespace"] == "shop"
    assert printed(capsys, "--config.file", str(tmp_path / "other.yaml"))["metrics"]["namespace"] == "other"


@pytest.mark.parametrize(("flag", "receiver"), [("--otlp.grpc.endpoint", "grpc"), ("--otlp.http.endpoint", "http")])
def test_an_empty_endpoint_switches_a_receiver_off(
    flag: str, receiver: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert printed(capsys, flag, "")["receivers"]["otlp"][receiver] is None


def test_config_print_masks_what_came_from_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "secret").write_text("hush")
    (tmp_path / "c.yaml").write_text(f"metrics: {{namespace: '${{file:{tmp_path}/secret}}'}}")
    assert main(["config", "print", "--config.file", str(tmp_path / "c.yaml")]) == 0
    assert "hush" not in capsys.readouterr().out


def test_config_schema_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "schema"]) == 0
    assert json.loads(capsys.readouterr().out) == config.schema()


def test_healthcheck_says_in_one_line_that_nobody_answers(
    silent_address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["healthcheck", f"--web.listen-address={silent_address}"]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"{silent_address}: ")


@pytest.mark.parametrize("address", ["nowhere", "127.0.0.1:0", "127.0.0.1:x", "127.0.0.1:99999"])
def test_healthcheck_says_in_one_line_that_an_address_is_none(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["healthcheck", f"--web.listen-address={address}"]) == 1
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_the_help_page_tells_the_defaults_in_force(capsys: pytest.CaptureFixture[str]) -> None:
    held = config.load(None)
    assert held.receivers.otlp.grpc
    assert held.receivers.otlp.http
    endpoints = (held.web.listen_address, held.receivers.otlp.grpc.endpoint, held.receivers.otlp.http.endpoint)
    page = help_of("serve", capsys)
    for value in (*endpoints, held.web.telemetry_path, held.web.exporter_telemetry_path):
        assert f"({value})" in page
    assert str(held.web.listen_address) == flags.DEFAULT_ADDRESS
    assert f"{{{','.join(logs.LEVELS)}}}" in page
    assert f"{{{','.join(logs.FORMATS)}}}" in page


def test_the_demos_help_page_tells_the_defaults_in_force(capsys: pytest.CaptureFixture[str]) -> None:
    page = help_of("demo", capsys)
    for text in (
        f"{{{','.join(demo.INCIDENTS)}}}",
        f"({demo.DEFAULT_RATE:g})",
        f"({demo.DEFAULT_SEED})",
        f"({demo.DEFAULT_INCIDENT}",
    ):
        assert text in page


@pytest.mark.parametrize(
    ("words", "unwanted"),
    [
        (["--version"], {"grpc", "aiohttp", "yaml"}),
        (["--help"], {"grpc", "aiohttp", "yaml"}),
        (["healthcheck", "--web.listen-address=127.0.0.1:0"], {"grpc", "aiohttp", "yaml"}),
        (["check", "absent.yaml"], {"grpc", "aiohttp"}),
    ],
)
def test_light_commands_load_no_servers(words: list[str], unwanted: set[str]) -> None:
    code = "import sys; from span2metrics.cli import main; main(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code, *words], check=True, capture_output=True, text=True)
    loaded = set(done.stderr.splitlines()[-1].split())
    assert "span2metrics.cli" in loaded
    assert not unwanted & loaded
