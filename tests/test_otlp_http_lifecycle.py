"""OTLP/HTTP and its connections: senders that hang up, start and stop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import uvloop

from span2metrics import names
from span2metrics.config.models import Endpoint, HttpReceiver
from span2metrics.errors import StartupError
from span2metrics.receivers.otlp_http import OtlpHttp
from tests.conftest import Run
from tests.edges import (
    LOCAL,
    MIB,
    SPAN,
    Counts,
    Told,
    http,
    intake_with,
    on_loop,
    until,
)


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """On both loops: the protocol is aiohttp's, and must not care."""
    return on_loop(request.param)


# --- those who hang up ------------------------------------------------------------------------------------------------


def test_a_sender_that_hangs_up_while_sending_is_counted_as_gone(run: Run) -> None:
    async def scenario() -> None:
        async with http() as edge:
            host, port = edge.receiver.address.split(":")
            _, writer = await asyncio.open_connection(host, int(port))
            writer.write(
                b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
                b"Content-Length: 100\r\n\r\nabc"
            )
            await until(lambda: edge.intake.bytes == 3)
            writer.transport.abort()
            await until(lambda: edge.outcomes == {names.ABANDONED: 1})
            assert edge.intake.bytes == 0

    run(scenario())


def test_a_sender_that_hangs_up_while_it_waits_takes_its_request_along(run: Run) -> None:
    async def scenario() -> None:
        async with http() as edge:
            turn = edge.intake._take_turn
            edge.intake._take_turn = lambda: None  # type: ignore[method-assign]
            host, port = edge.receiver.address.split(":")
            _, writer = await asyncio.open_connection(host, int(port))
            writer.write(
                b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
                + b"Content-Length: %d\r\n\r\n" % len(SPAN)
                + SPAN
            )
            await until(lambda: edge.intake.bytes == len(SPAN))
            writer.transport.abort()
            await until(lambda: edge.outcomes == {names.ABANDONED: 1})
            turn()
            assert (edge.received, edge.intake.bytes) == (0, 0)

    run(scenario())


# --- start and stop ---------------------------------------------------------------------------------------------------


def receiver(endpoint: Endpoint) -> OtlpHttp:
    telemetry = Counts()
    return OtlpHttp(HttpReceiver(endpoint=endpoint), intake_with(Told(), telemetry), telemetry, max_request_size=MIB)


def test_a_port_in_use_is_one_clear_line(run: Run) -> None:
    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(StartupError) as caught:
                await receiver(Endpoint("127.0.0.1", port)).start()
        assert str(caught.value) == (
            f"receivers.otlp.http.endpoint: cannot listen on 127.0.0.1:{port}: address already in use"
            "; stop what listens there, or choose another port"
        )

    run(scenario())


def test_localhost_is_both_loopbacks_on_one_port(run: Run) -> None:
    async def scenario() -> None:
        async with http(endpoint=Endpoint("localhost", 0)) as edge:
            port = edge.receiver.address.rpartition(":")[2]
            assert edge.receiver.address == f"127.0.0.1:{port}"
            for host in ("127.0.0.1", "::1") if has_ipv6() else ("127.0.0.1",):
                _, writer = await asyncio.open_connection(host, int(port))
                writer.close()

    run(scenario())


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except (OSError, aiohttp.ClientError):
        return False


def test_stop_is_safe_without_start_and_twice_and_frees_the_port(run: Run) -> None:
    async def scenario() -> None:
        one = receiver(LOCAL)
        await one.stop(1)
        await one.start()
        port = int(one.address.rpartition(":")[2])
        await one.stop(1)
        await one.stop(1)
        again = receiver(Endpoint("127.0.0.1", port))
        await again.start()
        await again.stop(1)

    run(scenario())


def test_a_stop_lets_what_is_under_way_come_to_its_end(run: Run) -> None:
    async def scenario() -> None:
        async with http() as edge:
            half = asyncio.Event()

            async def slowly() -> AsyncIterator[bytes]:
                yield SPAN[:5]
                await half.wait()
                yield SPAN[5:]

            sending = asyncio.ensure_future(edge.post(slowly()))
            await until(lambda: edge.intake.bytes == 5)
            stopping = asyncio.ensure_future(edge.receiver.stop(30))
            await asyncio.sleep(0)
            half.set()
            answer = await sending
            await stopping
            assert (answer.status, edge.received) == (200, 1)
            assert answer.headers["Connection"] == "close"

    run(scenario())


def test_a_stop_cuts_what_does_not_end(run: Run) -> None:
    async def scenario() -> None:
        async with http() as edge:

            async def never() -> AsyncIterator[bytes]:
                yield SPAN[:5]
                await asyncio.Event().wait()

            sending: asyncio.Future[Any] = asyncio.ensure_future(edge.post(never()))
            await until(lambda: edge.intake.bytes == 5)
            await edge.receiver.stop(0)
            await until(lambda: edge.outcomes == {names.ABANDONED: 1})
            with pytest.raises((OSError, aiohttp.ClientError)):
                await sending
            assert edge.intake.bytes == 0

    run(scenario())
