"""The demo as a child process: started beside the daemon, stopped with it.

It is a process group of its own, so that a Ctrl-C at the terminal reaches only the parent, which then stops it in
order; and it watches its standard input, which ends when the parent does, however that dies.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process

from span2metrics.demo.room import DEFAULT_INCIDENT, DEFAULT_RATE, DEFAULT_SEED


class Child:
    """`python -m span2metrics.demo`, with `run`'s arguments."""

    def __init__(
        self,
        endpoint: str,
        *,
        rate: float = DEFAULT_RATE,
        seed: int = DEFAULT_SEED,
        duration: float | None = None,
        incident: str = DEFAULT_INCIDENT,
    ) -> None:
        self._arguments = [endpoint, f"--rate={rate}", f"--seed={seed}", f"--incident={incident}", "--until-eof"]
        if duration is not None:
            self._arguments.append(f"--duration={duration}")
        self._process: Process | None = None

    async def start(self) -> None:
        """Starts the process; does not wait for its first span."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "span2metrics.demo", *self._arguments, stdin=PIPE, start_new_session=True
        )

    async def wait(self) -> int:
        """Until it ends by itself, as it does after its duration; its exit code."""
        if self._process is None:
            raise RuntimeError("not started")
        return await self._process.wait()

    async def stop(self, grace: float) -> None:
        """SIGTERM, and after `grace` seconds SIGKILL.  Safe without start and twice."""
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        process.terminate()
        if process.stdin is not None:
            process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), grace)
        except TimeoutError:
            process.kill()
            await process.wait()
