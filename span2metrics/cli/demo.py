"""`demo`: the daemon in this process, and beside it a child process with a small company that sends to it.

Ends with 0 at a signal or after `--duration`; a company that fails by itself ends the daemon too, with its code.
"""

from __future__ import annotations

import asyncio
from argparse import Namespace
from typing import Any

from span2metrics import demo, names
from span2metrics.cli import serve, settings
from span2metrics.daemon import Daemon, stop_on_signals
from span2metrics.errors import StartupError

#: Seconds for the company to send what has ended.
GRACE = 3.0


def run(options: Namespace) -> int:
    given = {name: getattr(options, name) for name in ("rate", "seed", "incident")}
    company = {name: value for name, value in given.items() if value is not None}
    if options.duration is not None:
        company["duration"] = settings.seconds(options.duration, "--duration")
    config = settings.load(options, demo.CONFIG)
    if config.receivers.otlp.grpc is None:
        raise StartupError("the demo sends over gRPC; leave that receiver on")
    return serve.loop(_play(serve.prepare(options, config), company))


async def _play(daemon: Daemon, company: dict[str, Any]) -> int:
    stopping = stop_on_signals()
    await daemon.start()
    try:
        incident = company.get("incident", demo.DEFAULT_INCIDENT)
        print(demo.banner(daemon.web_address, daemon.receivers(), incident), flush=True)
        child = demo.Child(daemon.receivers()[names.RECEIVER_GRPC], **company)
        return await _until_over(child, stopping)
    finally:
        await daemon.stop()


async def _until_over(child: demo.Child, stopping: asyncio.Event) -> int:
    await child.start()
    over = asyncio.create_task(child.wait())
    asked = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait([over, asked], return_when=asyncio.FIRST_COMPLETED)
        return over.result() if over.done() and not asked.done() else 0
    finally:
        asked.cancel()
        await child.stop(GRACE)
        await over
