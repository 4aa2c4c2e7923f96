"""OTLP/HTTP at its limits: other origins, bounds, senders that hang up, start and stop."""

from __future__ import annotations

import asyncio
import gzip
import io
import zlib
from collections.abc import AsyncIterator

import aiohttp
import psutil
import pytest
import uvloop

from span2metrics import names
from span2metrics.config.models import Cors
from span2metrics.receivers import arrivals, otlp_http
from tests.conftest import Run
from tests.edges import (
    MIB,
    PROTOBUF,
    SPAN,
    Edge,
    http,
    on_loop,
    until,
)


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """On both loops: the protocol is aiohttp's, and must not care."""
    return on_loop(request.param)


def encoded(encoding: str, media_type: dict[str, str] | None = None) -> dict[str, str]:
    return {**(media_type or PROTOBUF), "Content-Encoding": encoding}


async def raw(edge: Edge, request: bytes) -> bytes:
    """What the server says until it closes the connection."""
    host, port = edge.receiver.address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request)
    answer = await reader.read()
    writer.close()
    return answer


# --- cross-origin -----------------------------------------------------------------------------------------------------

PAGE = "https://app.example.com"
PREFLIGHT = {"Origin": PAGE, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}


@pytest.mark.parametrize("origins", [(PAGE,), ("https://other.example", PAGE), ("*",)])
def test_pages_of_listed_origins_may_send(run: Run, origins: tuple[str, ...]) -> None:
    async def scenario() -> None:
        async with http(cors=Cors(allowed_origins=origins, allowed_headers=("X-Token",), max_age=60)) as edge:
            preflight = await edge.post(b"", PREFLIGHT, method="OPTIONS")
            assert preflight.status == 204
            assert {k: v for k, v in preflight.headers.items() if k.startswith("Access-Control-")} == {
                "Access-Control-Allow-Origin": PAGE,
                "Access-Control-Allow-Methods": "POST",
                "Access-Control-Allow-Headers": "content-type, content-encoding, x-token",
                "Access-Control-Max-Age": "60",
                "Access-Control-Expose-Headers": "Retry-After",
            }
            for body, status in ((SPAN, 200), (b"\xff", 400)):
                answer = await edge.post(body, {**PROTOBUF, "Origin": PAGE})
                assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (status, PAGE)
                assert answer.headers["Vary"] == "Origin"

    run(scenario())


def test_pages_of_other_origins_get_no_leave(run: Run) -> None:
    async def scenario() -> None:
        async with http(cors=Cors(allowed_origins=(PAGE,))) as edge:
            for headers in (PREFLIGHT | {"Origin": f"{PAGE}.evil"}, {}):
                answer = await edge.post(b"", headers, method="OPTIONS")
                assert answer.status == 204
                assert not [name for name in answer.headers if name.startswith("Access-Control-")]
            assert edge.outcomes == {}

    run(scenario())


# --- bounds -----------------------------------------------------------------------------------------------------------


def test_a_declared_size_beyond_the_limit_is_refused_before_the_body_comes(run: Run) -> None:
    async def scenario() -> None:
        async with http(limit=1000) as edge:
            head = "POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
            head += "Content-Length: {}\r\n\r\n"
            host, port = edge.receiver.address.split(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(head.format(5 << 30).encode())
            assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 413 ")
            writer.close()
            assert edge.outcomes == {names.TOO_LARGE: 1}

    run(scenario())


def test_a_sender_that_asks_first_is_told_to_go_on(run: Run) -> None:
    async def scenario() -> None:
        async with http(limit=1000) as edge:
            head = (
                "POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
                "Expect: 100-continue\r\nContent-Length: {}\r\n\r\n"
            )
            host, port = edge.receiver.address.split(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(head.format(len(SPAN)).encode())
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            writer.write(SPAN)
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
            writer.write(head.format(1001).encode())
            assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 413 ")
            writer.close()

    run(scenario())


def test_a_chunked_body_is_refused_where_it_passes_the_limit(run: Run) -> None:
    given = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal given
        while True:
            given += 65536
            yield bytes(65536)

    async def scenario() -> None:
        async with http(limit=MIB) as edge:
            try:
                assert (await edge.post(endless())).status == 413
            except (OSError, aiohttp.ClientError):
                pass  # the sender noticed the end of the connection before the answer
            await until(lambda: edge.outcomes == {names.TOO_LARGE: 1})
            assert edge.intake.bytes == 0

    run(scenario())


def test_a_bomb_is_refused_and_leaves_no_trace_in_memory(run: Run) -> None:
    limit = 64 * MIB
    compressor = zlib.compressobj(9, wbits=31)
    bomb = b"".join(compressor.compress(bytes(MIB)) for _ in range(192)) + compressor.flush()

    async def scenario() -> None:
        async with http(limit=limit) as edge:
            process = psutil.Process()
            before = process.memory_info().rss
            answer = await edge.post(io.BytesIO(bomb), encoded("gzip"))
            assert answer.status == 413
            assert process.memory_info().rss - before < 100 * MIB
            assert edge.intake.bytes == 0

    run(scenario())


def test_bodies_on_their_way_share_the_budget(run: Run) -> None:
    """Many senders of large bodies at once: some are taken, the others told to come back, and the budget holds."""
    body = SPAN * (MIB // len(SPAN))

    async def scenario() -> None:
        async with http(limit=MIB, max_bytes=4 * MIB) as edge:
            most = 0
            charge = edge.intake.charge

            def watched(more: int, own: int) -> None:
                nonlocal most
                charge(more, own)
                most = max(most, edge.intake.bytes)

            edge.intake.charge = watched  # type: ignore[method-assign]
            compressed = gzip.compress(body)
            sends = [edge.post(io.BytesIO(body)) for _ in range(16)]
            sends += [edge.post(io.BytesIO(compressed), encoded("gzip")) for _ in range(16)]
            answers = [answer.status for answer in await asyncio.gather(*sends)]
            assert set(answers) <= {200, 503}
            assert answers.count(200) >= 1
            assert most <= 4 * MIB
            assert edge.outcomes.get(names.OVERLOADED, 0) == answers.count(503)
            assert edge.outcomes[names.ACCEPTED] == answers.count(200)
            assert edge.intake.bytes == 0

    run(scenario())


def test_a_body_that_does_not_come_is_given_up(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "SECONDS", 0.05)
    monkeypatch.setattr(otlp_http, "LINGER_SECONDS", 0.01)

    async def scenario() -> None:
        async with http() as edge:
            answer = await raw(
                edge,
                b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
                b"Content-Length: 100\r\n\r\nabc",
            )
            assert answer.startswith(b"HTTP/1.1 503 ")
            assert b"Retry-After: 1\r\n" in answer
            assert edge.outcomes == {names.ABANDONED: 1}
            assert edge.intake.bytes == 0

    run(scenario())


@pytest.mark.parametrize("rest", [b"zz\r\n", b"5\r\nab"], ids=["no size", "cut"])
def test_a_badly_framed_body_is_malformed_or_abandoned(run: Run, rest: bytes) -> None:
    async def scenario() -> None:
        async with http() as edge:
            host, port = edge.receiver.address.split(":")
            _, writer = await asyncio.open_connection(host, int(port))
            writer.write(
                b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
                b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"
            )
            await until(lambda: edge.intake.bytes == 2)
            writer.write(rest)
            writer.write_eof()
            await until(lambda: sum(edge.outcomes.values()))
            assert edge.outcomes.keys() <= {names.MALFORMED, names.ABANDONED}
            writer.close()
            assert edge.received == 0

    run(scenario())
