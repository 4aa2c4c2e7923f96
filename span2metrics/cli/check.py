"""`check FILE ...`: every mistake of every file, one a line, each with its place.  Nothing is started.

What is right and may surprise is a note, after the line of its file; it does not change the exit code.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from span2metrics.config import compile_plan, load, notes
from span2metrics.errors import ConfigError


def run(options: Namespace) -> int:
    sound = [_sound(name) for name in options.files]
    return int(not all(sound))


def _sound(name: str) -> bool:
    try:
        config = load(Path(name))
        compile_plan(config)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return False
    print(f"{name}: ok")
    for note in notes(config):
        print(f"{name}: note: {note}")
    return True
