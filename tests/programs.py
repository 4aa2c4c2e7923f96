"""Programs that a test needs beside Python: found, or the test says what is missing.  In CI nothing may be missing."""

from __future__ import annotations

import os
import shutil

import pytest


def program(name: str, remedy: str) -> str:
    """The program's path.  Where it is not installed, skips with the remedy; in CI that is a failure."""
    path = shutil.which(name)
    if path is None:
        missing(f"{name} is not installed: {remedy}")
    return str(path)


def missing(reason: str) -> None:
    """Ends the test: skipped, or failed in CI."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
