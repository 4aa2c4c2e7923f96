"""From options to values: the configuration that the file and the flags make together, and durations of flags.

Every fault is a `ConfigError`, whose problems name the flag or the place in the file.
"""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

from span2metrics import config
from span2metrics.cli.flags import CONFIG_VARIABLE, KEYS
from span2metrics.config.scalars import NS_PER_SECOND, parse_duration
from span2metrics.errors import ConfigError, Problem


def load(options: Namespace, default: Path | None = None) -> config.Config:
    """The configuration in force; `default` is the file where none is given.  An empty endpoint switches its receiver
    off.
    """
    name = options.config_file or os.environ.get(CONFIG_VARIABLE)
    return config.load(Path(name) if name else default, dict(_overrides(options)))


def seconds(text: str, flag: str) -> float:
    """The duration given to a flag."""
    try:
        return parse_duration(text) / NS_PER_SECOND
    except ValueError as fault:
        raise ConfigError([Problem(flag, 0, "", str(fault))]) from None


def _overrides(options: Namespace) -> Iterator[tuple[str, str]]:
    for key in KEYS:
        value = getattr(options, key, None)
        if value == "" and key.endswith(".endpoint"):
            yield key.removesuffix(".endpoint"), "null"
        elif value is not None:
            yield key, value
