"""What all tests share: that the engine is built, how hypothesis runs, and how a scenario runs on a loop."""

from __future__ import annotations

import asyncio
import importlib.util
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop
from hypothesis import settings

# No deadline: a test never asserts wall-clock time.  In CI the examples are the same at each run.
settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")

BUILD = "run: pip install -e '.[test]'"
Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture
def run() -> Run:
    """Runs a scenario to its end on the daemon's kind of loop."""

    def run_scenario(scenario: Coroutine[Any, Any, None]) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(scenario)

    return run_scenario


def pytest_configure() -> None:
    if importlib.util.find_spec("span2metrics.engine.core") is None:
        raise pytest.UsageError(f"the engine is not built; {BUILD}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """An engine that is older than its sources passes for the new one otherwise."""
    if newer := newer_than_the_engine():
        terminalreporter.write_line(f"{', '.join(newer)} changed since the engine was built; {BUILD}", yellow=True)


def newer_than_the_engine() -> list[str]:
    """Names of the Cython files that the engine under test was not built from, or may not have been."""
    spec = importlib.util.find_spec("span2metrics.engine.core")
    assert spec is not None and spec.origin is not None
    built = Path(spec.origin)
    return sorted(path.name for path in built.parent.glob("*.pyx") if path.stat().st_mtime > built.stat().st_mtime)
