"""Programs that a test needs beside Python: found, or the test says what is missing.

In CI nothing may be missing but what takes minutes to build.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest


def program(name: str, remedy: str) -> str:
    """The program's path, the system's own before others.  Where it is not installed, skips with the remedy; in CI
    that is a failure.
    """
    path = shutil.which(name, path=f"/usr/bin:{os.environ.get('PATH', os.defpath)}")
    if path is None:
        missing(f"{name} is not installed: {remedy}")
    return str(path)


def built(name: str, variable: str) -> str | None:
    """The path of a program that takes minutes to build: what the environment's `variable` says, else Go's place."""
    path = os.environ.get(variable) or str(Path.home() / "go" / "bin" / name)
    return shutil.which(path)


def there(path: str | None, remedy: str) -> str:
    """The path of such a program; where it was not built the test is skipped, in CI too, with the remedy."""
    if path is None:
        pytest.skip(remedy)  # minutes to build: the only programs that CI does without
    return path


def missing(reason: str) -> None:
    """Ends the test: skipped, or failed in CI."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
