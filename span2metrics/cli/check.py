"""`check FILE ...`: every mistake of every file, one a line, each with its place.  Nothing is started."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from span2metrics.config import compile_plan, load
from span2metrics.errors import ConfigError


def run(options: Namespace) -> int:
    sound = [_sound(name) for name in options.files]
    return int(not all(sound))


def _sound(name: str) -> bool:
    try:
        compile_plan(load(Path(name)))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return False
    print(f"{name}: ok")
    return True
