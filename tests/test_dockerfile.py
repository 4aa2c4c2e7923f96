"""The image's recipe: what it must say for the image to run without root, shell or a writable file system."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from span2metrics.config import load

ROOT = Path(__file__).parent.parent
PROGRAM = "/opt/span2metrics/bin/span2metrics"


def instructions() -> list[tuple[str, str]]:
    """(instruction, arguments) in order, continuation lines joined, comments left out."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines if line)]


def last_stage() -> dict[str, str]:
    found = instructions()
    start = max(i for i, (word, _) in enumerate(found) if word == "FROM")
    return dict(found[start:])


def test_hadolint_has_nothing_to_say() -> None:
    hadolint = shutil.which("hadolint") or shutil.which("hadolint", path=str(Path(sys.executable).parent))
    if hadolint is None:
        pytest.skip("hadolint is not installed")
    done = subprocess.run([hadolint, str(ROOT / "Dockerfile")], check=False, capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("", 0)


def test_every_stage_is_made_from_the_one_base() -> None:
    found = instructions()
    stages = [rest.split()[0] for word, rest in found if word == "FROM"]
    assert stages == ["${BASE}", "${BASE}"]
    assert found[0] == ("ARG", "BASE=python:3.11-slim-bookworm")


def test_it_runs_as_a_numbered_user_that_is_not_root() -> None:
    user, _, group = last_stage()["USER"].partition(":")
    assert int(user) > 0
    assert int(group) > 0


def test_it_starts_and_is_checked_without_a_shell() -> None:
    stage = last_stage()
    assert json.loads(stage["ENTRYPOINT"]) == [PROGRAM]
    assert json.loads(stage["HEALTHCHECK"].partition("CMD ")[2]) == [PROGRAM, "healthcheck"]
    assert stage["STOPSIGNAL"] == "SIGTERM"
    assert "RUN" not in stage


def test_its_configuration_listens_on_all_interfaces_on_the_ports_that_it_exposes() -> None:
    config = load(ROOT / "config" / "container.yaml")
    assert config.receivers.otlp.grpc
    assert config.receivers.otlp.http
    endpoints = [config.receivers.otlp.grpc.endpoint, config.receivers.otlp.http.endpoint, config.web.listen_address]
    assert {endpoint.host for endpoint in endpoints} == {""}
    assert [str(endpoint.port) for endpoint in endpoints] == last_stage()["EXPOSE"].split()


def test_what_it_copies_is_sent_to_the_build() -> None:
    copied = [
        source
        for word, rest in instructions()
        if word == "COPY" and "--from" not in rest
        for source in rest.split()[:-1]
    ]
    sent = (ROOT / ".dockerignore").read_text().splitlines()
    assert sorted(f"!{source}" for source in copied) == sorted(line for line in sent if line.startswith("!"))
