"""`explain [FILE ...]`: which series each recorded span makes, and why.  Nothing is started."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

from span2metrics.cli import settings
from span2metrics.config import compile_plan
from span2metrics.errors import DecodeError, StartupError
from span2metrics.recorded import explain_text, spans
from span2metrics.recorded.explain import explain


def run(options: Namespace) -> int:
    plan = compile_plan(settings.load(options))
    try:
        for line in explain_text.text(explain(plan, _spans(options.files))):
            print(line)
    except BrokenPipeError:  # whoever reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (DecodeError, OSError) as error:
        raise StartupError(str(error)) from None
    return 0


def _spans(files: list[str]) -> Iterator[spans.Recorded]:
    if files:
        return spans.read(map(Path, files))
    return spans.parse(sys.stdin.buffer.read(), "standard input")
