"""The bench can be run: a measurement that nobody can repeat says nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.bench import overload


def test_the_bench_finds_everything_it_needs() -> None:
    command = [sys.executable, "-m", "tests.bench", "--only", "no such section"]
    assert subprocess.run(command, check=True, capture_output=True).stdout == b""


@pytest.mark.parametrize("transport", ["grpc", "http"])
def test_every_span_under_overload_is_counted_or_refused(transport: str) -> None:
    fate = overload.flooded(transport, 0.5, [])
    assert fate.requests.keys() <= {"acknowledged", "refused"}
    assert fate.calls == overload.acknowledged(fate) > 0
