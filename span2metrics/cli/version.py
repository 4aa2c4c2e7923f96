"""`--version`, and the version of the installed distribution."""

from __future__ import annotations

import platform
from argparse import Namespace
from importlib import metadata


def run(_options: Namespace) -> int:
    print(f"span2metrics {version()} (python {platform.python_version()})")
    return 0


def version() -> str:
    """As in `pyproject.toml`; "unknown" where the package runs from a tree that was never installed."""
    try:
        return metadata.version("span2metrics")
    except metadata.PackageNotFoundError:
        return "unknown"
