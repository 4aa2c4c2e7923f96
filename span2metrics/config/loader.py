"""A file and flags to a `Config`, or every mistake in them at once.

Order: compose the document, lay the flags over it, read it section by section, then hold the result against the
rules.  Each step goes on past mistakes.  Where there is no document to speak of, flags are still read, but not the
rules between them and what the file may say.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import yaml

from span2metrics.config import document, rules
from span2metrics.config.kinds import attempt
from span2metrics.config.models import ROOT, Config
from span2metrics.config.reading import Reading, Value
from span2metrics.errors import ConfigError, Problem

NO_FLAGS: Mapping[str, str] = MappingProxyType({})


def load(path: Path | None, overrides: Mapping[str, str] = NO_FLAGS) -> Config:
    """The configuration of the file (None: the defaults) with the overrides, by dotted path, in place of its values.

    Raises `ConfigError` with all problems.  An override's `Problem.file` is its flag (`--web.listen-address`), line 0.
    """
    reading = Reading(os.environ)
    root = document.read(path) if path else document.empty("defaults")
    if isinstance(root, Problem):
        reading.problems[root] = None
        _read(document.empty(str(path)), overrides, reading)
        raise ConfigError(reading.problems)
    config = _read(root, overrides, reading)
    rules.check(config, reading)
    if reading.problems:
        raise ConfigError(reading.problems)
    return dataclasses.replace(config, secrets=frozenset(at for at, place in reading.places.items() if place.secret))


def _read(root: yaml.Node, overrides: Mapping[str, str], reading: Reading) -> Config:
    for path, text in overrides.items():
        root = document.overlay(root, path, text)
    value = Value(reading, root, "", root.start_mark)
    return next(iter(attempt(ROOT, value)))
