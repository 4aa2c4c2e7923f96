"""`preview FILE ...`: what the configuration makes of recorded spans, in numbers.  Nothing is started."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from pathlib import Path

from span2metrics.cli import settings
from span2metrics.config import compile_plan
from span2metrics.errors import DecodeError, StartupError
from span2metrics.recorded import preview_text, spans
from span2metrics.recorded.preview import preview


def run(options: Namespace) -> int:
    plan = compile_plan(settings.load(options))
    try:
        found = preview(plan, spans.read(map(Path, options.files)), options.top)
        for line in preview_text.text(found, options.values):
            print(line)
    except BrokenPipeError:  # whoever reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (DecodeError, OSError) as error:
        raise StartupError(str(error)) from None
    return 0
