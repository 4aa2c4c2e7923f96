"""`serve`: the daemon, until a signal."""

from __future__ import annotations

import asyncio
import os
from argparse import Namespace
from collections.abc import Coroutine
from typing import TypeVar

import uvloop

from span2metrics import garbage, logs, malloc, memory
from span2metrics.cli import settings
from span2metrics.cli.version import version
from span2metrics.config import Config
from span2metrics.daemon import Daemon, stop_on_signals

T = TypeVar("T")


def run(options: Namespace) -> int:
    loop(_serve(prepare(options, settings.load(options))))
    return 0


def prepare(options: Namespace, config: Config) -> Daemon:
    """Readies the process, as the flags say, and makes the daemon.  Starts nothing."""
    grace = settings.seconds(options.shutdown_grace, "--shutdown.grace")
    logs.set_up(options.log_level, options.log_format)
    malloc.tune(os.environ, memory.memory_limit())
    return Daemon(config, version=version(), shutdown_grace=grace)


def loop(main: Coroutine[None, None, T]) -> T:
    """Runs `main` on the daemon's kind of loop."""
    garbage.collect_seldom()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


async def _serve(daemon: Daemon) -> None:
    await daemon.run(stop_on_signals())
