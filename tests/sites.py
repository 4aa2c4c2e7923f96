"""A web server on a real socket for tests, what is behind it, and clients."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
import uvloop

from span2metrics import config
from span2metrics.engine.core import Engine
from span2metrics.engine.plan import Escaping, Format, Now, Plan
from span2metrics.engine.stats import Stats
from span2metrics.telemetry import Telemetry
from span2metrics.web import Web

CHUNK = b"# " + b"x" * 65533 + b"\n"
NOISE = random.Random(0).randbytes(65536)  # compressed it is as large as before
SECRET = "a-senders-secret"
OPENMETRICS = {"Accept": "application/openmetrics-text"}

Scenario = Callable[[], Awaitable[None]]
Run = Callable[[Scenario], None]


def _runner(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> Run:
    def run(scenario: Scenario) -> None:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(asyncio.wait_for(scenario(), 30))

    return run


#: `run(scenario)`, on the daemon's loop and on the standard library's.
on_both_loops = pytest.mark.parametrize(
    "run", [_runner(asyncio.new_event_loop), _runner(uvloop.new_event_loop)], ids=["asyncio", "uvloop"]
)


class Rendering:
    """An engine whose page a test decides; `rendered` counts the chunks taken."""

    def __init__(self, chunks: Callable[[], Iterator[bytes]] = lambda: iter(())) -> None:
        self._chunks = chunks
        self.rendered = 0

    def render(self, format: Format, now: Now, escaping: Escaping) -> Iterator[bytes]:
        for chunk in self._chunks():
            self.rendered += 1
            yield chunk

    def stats(self) -> Stats:
        return Engine(Plan()).stats()


class Watched(Telemetry):
    """Telemetry that tells a test when a scrape has ended."""

    def __init__(self, engine: Any) -> None:
        super().__init__(engine, version="1")
        self.ended: asyncio.Queue[str] = asyncio.Queue()

    def scraped(self, format: Format, outcome: str, seconds: float) -> None:
        super().scraped(format, outcome, seconds)
        self.ended.put_nowait(outcome)


@dataclass
class Site:
    """A running web server, what is behind it, and a client."""

    web: Web
    telemetry: Watched
    client: aiohttp.ClientSession
    unready: list[str] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(self.web.address.rpartition(":")[2])

    def get(self, path: str, **more: Any) -> Any:
        return self.client.get(f"http://{self.web.address}{path}", **more)

    async def text(self, path: str, **more: Any) -> str:
        async with self.get(path, **more) as response:
            return await response.text()


def settings(
    telemetry_path: str = "/metrics",
    exporter_telemetry_path: str = "/metrics",
    listen: str = "127.0.0.1",
    max_scrapes: int = 8,
) -> config.Web:
    return config.Web(config.Endpoint(listen, 0), telemetry_path, exporter_telemetry_path, max_scrapes)


@asynccontextmanager
async def site(engine: Any = None, web: config.Web | None = None, **more: Any) -> AsyncIterator[Site]:
    engine = engine or Engine(Plan())
    telemetry = more.pop("telemetry", None) or Watched(engine)
    unready: list[str] = []
    server = Web(
        web or settings(),
        engine,
        telemetry,
        unready=lambda: unready[0] if unready else None,
        version="1.2.3",
        receivers=lambda: {"otlp_grpc": "127.0.0.1:4317", "otlp_http": "127.0.0.1:4318"},
        **more,
    )
    await server.start()
    try:
        async with aiohttp.ClientSession(auto_decompress=False, headers={"Accept-Encoding": "identity"}) as client:
            yield Site(server, telemetry, client, unready)
    finally:
        await server.stop(0)


async def talk(port: int, request: bytes) -> bytes:
    """What a server answers on one connection until it ends it; raises `ConnectionResetError` where it is reset."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        return await reader.read()
    finally:
        writer.close()


def raw_get(path: str, version: str = "1.1") -> bytes:
    return f"GET {path} HTTP/{version}\r\nHost: test\r\nConnection: close\r\n\r\n".encode()


def endless() -> Iterator[bytes]:
    while True:
        yield CHUNK
