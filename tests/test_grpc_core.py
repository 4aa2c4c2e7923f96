"""What gRPC is told before it is imported."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import metadata

import pytest

from span2metrics import grpc_core


@pytest.mark.parametrize(
    ("version", "touched"),
    [("1.66.0", True), ("1.85.3", True), ("1.65.9", False), ("1.86.0rc1", False), ("2.70.0", False), ("dev", False)],
)
def test_the_experiment_is_touched_only_in_versions_that_are_known_to_have_it(version: str, touched: bool) -> None:
    environ: dict[str, str] = {}
    grpc_core.prepare(environ, version)
    assert environ == {"GRPC_VERBOSITY": "ERROR"} | ({"GRPC_EXPERIMENTS": "-event_engine_listener"} if touched else {})


@pytest.mark.parametrize("name", ["GRPC_VERBOSITY", "GRPC_EXPERIMENTS"])
@pytest.mark.parametrize("value", ["", "something"])
def test_the_operators_own_words_win(name: str, value: str) -> None:
    environ = {name: value}
    grpc_core.prepare(environ, "1.70.0")
    assert environ[name] == value


def test_the_installed_grpc_takes_it_without_a_word() -> None:
    environ = dict(os.environ)
    environ.pop("GRPC_VERBOSITY", None)
    environ.pop("GRPC_EXPERIMENTS", None)
    grpc_core.prepare(environ, metadata.version("grpcio"))
    code = "import grpc; grpc.insecure_channel('127.0.0.1:1').close()"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environ)
    assert done.stderr == ""
