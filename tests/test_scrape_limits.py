"""Scrapes that are too many, too late or too slow: told so or cut, at nobody else's cost."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web

from span2metrics import names
from span2metrics.engine.core import Engine
from span2metrics.engine.plan import Escaping, Format, Now, Plan
from span2metrics.intake import Intake
from span2metrics.web import costs, transfer
from tests.payloads import Placed, request
from tests.sites import (
    CHUNK,
    NOISE,
    OPENMETRICS,
    Rendering,
    Run,
    Site,
    endless,
    on_both_loops,
    raw_get,
    settings,
    site,
    talk,
)

pytestmark = on_both_loops

TIMEOUT = "X-Prometheus-Scrape-Timeout-Seconds"


def within(seconds: str, **more: str) -> dict[str, str]:
    return {TIMEOUT: seconds, **more}


def raw(path: str, version: str = "1.1", **headers: str) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return raw_get(path, version)[:-2] + f"{lines}\r\n".encode()


@asynccontextmanager
async def under_way(s: Site, path: str = "/metrics") -> AsyncIterator[asyncio.Transport]:
    """A page that has begun and does not end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", s.port)
    writer.write(raw_get(path))
    await reader.readexactly(1000)
    yield writer.transport
    writer.transport.abort()


# --- too many ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/spans", "/own"])
def test_a_scrape_too_many_is_told_to_come_back_whatever_its_path(run: Run, path: str) -> None:
    async def scenario() -> None:
        engine = Rendering(endless)
        async with site(engine, settings("/spans", "/own", max_scrapes=2)) as s:
            async with under_way(s, "/spans"), under_way(s, "/spans"):
                async with s.get(path, headers=OPENMETRICS) as response:
                    assert (response.status, response.headers["Retry-After"]) == (503, "1")
                    assert response.content_type == "text/plain"
                    told = await response.text()
                assert told == "2 pages are under way, as many as may be at once (web.max_scrapes)\n"
                assert s.telemetry.ended.get_nowait() == names.SCRAPE_REJECTED
                assert await s.text("/-/healthy")
                async with s.client.head(f"http://{s.web.address}{path}") as response:
                    assert response.status == 200
            own = "span2metrics_scrapes_total", ("openmetrics", "rejected")
            families = {sample.name: sample for f in s.telemetry.collect() for sample in f.samples if sample.value}
            assert tuple(families[own[0]].labels.values()) == own[1]

    run(scenario)


def breaking() -> Iterator[bytes]:
    yield NOISE
    raise RuntimeError


ENDS: dict[str, tuple[Callable[[], Iterator[bytes]], dict[str, str]]] = {
    names.SCRAPE_COMPLETE: (lambda: iter([CHUNK]), {}),
    names.SCRAPE_ERROR: (breaking, {}),
    names.SCRAPE_REJECTED: (lambda: itertools.repeat(b""), {TIMEOUT: "0.05"}),
}


@pytest.mark.parametrize("outcome", ENDS)
def test_a_place_is_free_again_however_its_page_ended(run: Run, outcome: str) -> None:
    chunks, headers = ENDS[outcome]

    async def scenario() -> None:
        async with site(Rendering(chunks), settings("/spans", "/own", max_scrapes=1)) as s:
            try:
                await talk(s.port, raw("/spans", **headers))
            except ConnectionResetError:
                pass
            assert await s.telemetry.ended.get() == outcome
            assert "span2metrics_build_info" in await s.text("/own")

    run(scenario)


def test_a_client_that_goes_leaves_its_place(run: Run) -> None:
    async def scenario() -> None:
        web = settings("/spans", "/own", max_scrapes=1)
        async with site(Rendering(endless), web) as s, under_way(s, "/spans") as client:
            client.abort()
            assert await s.telemetry.ended.get() == names.SCRAPE_ABORTED
            assert "span2metrics_build_info" in await s.text("/own")

    run(scenario)


# --- too late ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def page_of_120_seconds(monkeypatch: pytest.MonkeyPatch) -> Rendering:
    """By the clock of the costs: three pieces of 40 seconds, a chunk of spans, the rest and the end."""
    clock = itertools.count(0, 40)
    monkeypatch.setattr(costs, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    return Rendering(lambda: iter([CHUNK]))


async def statuses(s: Site, headers: list[dict[str, str]]) -> list[int]:
    found = []
    for each in headers:
        async with s.get("/metrics", headers=each) as response:
            await response.read()
            found.append(response.status)
    return found


NOW_AND_AGAIN = {
    "no deadline": ([{}, {}, {}], [200, 200, 200]),
    "unknown cost": ([within("30")], [200]),
    "long enough": ([{}, within("130")], [200, 200]),
    "short by the network's share": ([{}, within("120.2")], [200, 503]),
    "tried after refusals, and refused by what it cost": (
        [{}, *[within("30")] * 8],
        [200, 503, 503, 503, 200, 503, 503, 503, 200],
    ),
    "of this format": ([{}, OPENMETRICS | within("30"), within("30")], [200, 200, 503]),
    "of this encoding": ([{}, within("30", **{"Accept-Encoding": "gzip"}), within("30")], [200, 200, 503]),
    "nonsense": ([{}, within("nan"), within("-1"), within("0"), within("soon")], [200] * 5),
}


@pytest.mark.parametrize("case", NOW_AND_AGAIN)
def test_a_page_that_cannot_be_there_in_time_is_refused_but_not_for_ever(
    run: Run, page_of_120_seconds: Rendering, case: str
) -> None:
    headers, expected = NOW_AND_AGAIN[case]

    async def scenario() -> None:
        async with site(page_of_120_seconds) as s:
            assert await statuses(s, headers) == expected
            outcomes = [s.telemetry.ended.get_nowait() for _ in expected]
        assert outcomes == [names.SCRAPE_COMPLETE if status == 200 else names.SCRAPE_REJECTED for status in expected]
        assert page_of_120_seconds.rendered == expected.count(200)

    run(scenario)


def test_a_refusal_says_what_a_page_takes(run: Run, page_of_120_seconds: Rendering) -> None:
    async def scenario() -> None:
        async with site(page_of_120_seconds) as s:
            await s.text("/metrics")
            async with s.get("/metrics", headers=within("10")) as response:
                assert (response.status, response.headers["Retry-After"]) == (503, "1")
                told = await response.text()
            assert told == "the scrape's timeout leaves 9.75 s; such a page takes some 120 s\n"

    run(scenario)


def test_a_part_of_a_page_is_not_judged_by_the_whole_nor_the_whole_by_it(
    run: Run, page_of_120_seconds: Rendering
) -> None:
    async def scenario() -> None:
        async with site(page_of_120_seconds) as s:
            part = {"headers": within("30"), "params": {"name[]": "anything"}}
            for _ in range(2):
                async with s.get("/metrics", **part) as response:
                    assert response.status == 200
            assert await statuses(s, [within("30"), within("30")]) == [200, 503]
            async with s.get("/metrics", **part) as response:
                assert response.status == 200

    run(scenario)


@pytest.fixture
def deadlines(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float | None, asyncio.Timeout]]:
    """The deadlines of pages and, after each, the end of patience: seconds, and what a test can bring forward."""
    found: list[tuple[float | None, asyncio.Timeout]] = []

    def noting(seconds: float | None) -> asyncio.Timeout:
        found.append((seconds, asyncio.timeout(seconds)))
        return found[-1][1]

    monkeypatch.setattr(transfer, "asyncio", SimpleNamespace(timeout=noting, get_running_loop=asyncio.get_running_loop))
    return found


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_a_page_that_is_not_whole_at_the_deadline_is_reset_and_leaves_its_place(
    run: Run, deadlines: list[tuple[float | None, asyncio.Timeout]], version: str, encoding: str
) -> None:
    async def scenario() -> None:
        engine = Rendering(lambda: itertools.repeat(NOISE))
        async with site(engine, settings("/spans", "/own", max_scrapes=1)) as s:
            reader, writer = await asyncio.open_connection("127.0.0.1", s.port)
            writer.write(raw("/spans", version, **within("3600", **{"Accept-Encoding": encoding})))
            await reader.readexactly(1000)
            seconds, deadline = deadlines[0]
            assert seconds == 3599.75
            deadline.reschedule(asyncio.get_running_loop().time())
            with pytest.raises(ConnectionResetError):
                await reader.read()
            writer.close()
            assert await s.telemetry.ended.get() == names.SCRAPE_ABORTED
            assert "span2metrics_build_info" in await s.text("/own")

    run(scenario)


def test_a_page_that_has_not_begun_at_the_deadline_is_a_503(run: Run) -> None:
    async def scenario() -> None:
        async with site(Rendering(lambda: itertools.repeat(b""))) as s:
            async with s.get("/metrics", headers=within("0.05")) as response:
                assert (response.status, response.headers["Retry-After"]) == (503, "1")
                assert await response.text() == "the page could not be begun within the scrape's timeout\n"
            assert await s.telemetry.ended.get() == names.SCRAPE_REJECTED

    run(scenario)


# --- too slow ---------------------------------------------------------------------------------------------------------


class Stalling:
    """An engine whose first page does not end; the rest is an engine's."""

    def __init__(self) -> None:
        self._engine = Engine(Plan())
        self.first = Rendering(endless)
        self._pages = itertools.chain([self.first.render], itertools.repeat(self._engine.render))

    def render(self, format: Format, now: Now, escaping: Escaping) -> Iterator[bytes]:
        return next(self._pages)(format, now, escaping)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)


@pytest.fixture
def transports(monkeypatch: pytest.MonkeyPatch) -> list[asyncio.Transport]:
    """The server's ends of the connections that asked for a page, in order."""
    found: list[asyncio.Transport] = []
    drain_fully = transfer._drain_fully

    def noting(request: web.BaseRequest) -> None:
        assert request.transport is not None
        found.append(request.transport)
        drain_fully(request)

    monkeypatch.setattr(transfer, "_drain_fully", noting)
    return found


def reading_nothing(s: Site) -> socket.socket:
    """A client that asks for a page and never reads a byte."""
    client = socket.create_connection(("127.0.0.1", s.port))
    client.sendall(raw_get("/metrics"))
    return client


def read_to_the_end(client: socket.socket) -> None:
    while client.recv(1 << 20):
        pass


async def stalled(s: Site, engine: Rendering) -> None:
    """Returns when no more of the page is rendered."""
    before = -1
    while engine.rendered > before or not before:
        before = engine.rendered
        for _ in range(5):
            await s.text("/-/healthy")


def test_a_reader_of_nothing_stalls_nobody_and_holds_one_chunk(run: Run, transports: list[asyncio.Transport]) -> None:
    async def scenario() -> None:
        engine: Any = Stalling()
        async with site(engine) as s:
            intake = Intake(engine, s.telemetry, max_bytes=1 << 20)
            intake.start()
            with reading_nothing(s):
                await stalled(s, engine.first)
                await intake.submit(request([Placed(name="GET /cart")]), names.RECEIVER_HTTP)
                for headers in ({}, OPENMETRICS):
                    assert 'span_name="GET /cart"' in await s.text("/metrics", headers=headers)
                assert "Ready" in await s.text("/")
                assert transports[0].get_write_buffer_size() <= len(CHUNK) + 1000
            assert [s.telemetry.ended.get_nowait() for _ in range(2)] == [names.SCRAPE_COMPLETE] * 2
            await intake.stop(0)

    run(scenario)


@pytest.mark.parametrize("headers", [{}, within("3600")], ids=["no deadline", "an hour"])
def test_a_reader_of_nothing_is_reset_and_leaves_its_place(
    run: Run, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str]
) -> None:
    monkeypatch.setattr(transfer, "STALLED", 0.1)

    async def scenario() -> None:
        async with site(Rendering(endless), settings("/spans", "/own", max_scrapes=1)) as s:
            with socket.create_connection(("127.0.0.1", s.port)) as client:
                client.sendall(raw("/spans", **headers))
                assert await s.telemetry.ended.get() == names.SCRAPE_ABORTED
                monkeypatch.undo()
                assert "span2metrics_build_info" in await s.text("/own")
                with pytest.raises(ConnectionResetError):
                    read_to_the_end(client)

    run(scenario)


def test_a_small_page_is_whole_even_if_nobody_reads_it(run: Run) -> None:
    async def scenario() -> None:
        async with site() as s:
            with reading_nothing(s):
                assert await s.telemetry.ended.get() == names.SCRAPE_COMPLETE

    run(scenario)
