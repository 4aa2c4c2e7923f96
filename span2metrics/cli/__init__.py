"""The command line.  `flags` reads the words; each command is a module with `run(options) -> exit code`.

A command's module is imported by its name, once it is known: `check`, `healthcheck` and `--version` start in a few
tens of milliseconds because they never load gRPC or aiohttp.  What the operator must mend ends with one line a problem
on stderr and 1, wrong usage with 2; no other errors are caught, they are bugs.  Only `main`'s caller exits.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

from span2metrics.cli import flags
from span2metrics.errors import ConfigError, StartupError

_WITH_GRPC = ("serve", "demo")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command that `argv` (by default the process's) names; returns the exit code."""
    try:
        options = flags.parse(sys.argv[1:] if argv is None else argv)
        if options.command in _WITH_GRPC:
            importlib.import_module("span2metrics.grpc_core").prepare(os.environ)
        return int(importlib.import_module(f"{__name__}.{options.command}").run(options))
    except ConfigError as error:
        print(error, file=sys.stderr)
    except StartupError as error:
        print(f"span2metrics: {error}", file=sys.stderr)
    except SystemExit as end:  # argparse has printed
        return end.code if isinstance(end.code, int) else 0
    return 1
