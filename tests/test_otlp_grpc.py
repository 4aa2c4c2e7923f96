"""OTLP over gRPC on real sockets: what is taken, what each refusal carries, and what hostile senders achieve."""

from __future__ import annotations

import asyncio
import gc
import gzip
import random
import weakref
import zlib
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest
import uvloop
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from span2metrics import names
from span2metrics.engine.stats import Outcome
from span2metrics.errors import Overloaded
from span2metrics.receivers.otlp_grpc import SERVICE
from tests.conftest import Run
from tests.edges import (
    EXPORT,
    MIB,
    SECRET,
    SPAN,
    Edge,
    Fleeting,
    Refusal,
    Told,
    on_loop,
    over_grpc,
    until,
)

GZIP, DEFLATE = grpc.Compression.Gzip, grpc.Compression.Deflate
OK, UNAVAILABLE = grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE
INVALID, TOO_LARGE = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.RESOURCE_EXHAUSTED
NOISE = random.Random(0).randbytes


@pytest.fixture
def run() -> Run:
    """On the daemon's loop."""
    return on_loop(uvloop.new_event_loop)


def refused(answer: Refusal | bytes) -> Refusal:
    assert isinstance(answer, Refusal)
    return answer


# --- what is taken ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_an_export_is_answered_with_the_empty_message(new_loop: Any) -> None:
    async def scenario() -> None:
        async with over_grpc() as edge:
            assert await edge.export(SPAN) == b""
            assert await edge.export(b"") == b""
            assert (edge.received, edge.outcomes) == (1, {names.ACCEPTED: 2})

    on_loop(new_loop)(scenario())


@pytest.mark.parametrize("compression", [GZIP, DEFLATE, grpc.Compression.NoCompression], ids=str)
@pytest.mark.parametrize("spans", [1, 10, 40_000])
def test_every_compression_is_taken(run: Run, compression: Any, spans: int) -> None:
    async def scenario() -> None:
        async with over_grpc(limit=64 * MIB) as edge:
            assert await edge.export(SPAN * spans, compression=compression) == b""
            assert (edge.received, edge.intake.bytes) == (spans, 0)

    run(scenario())


@pytest.mark.parametrize("compress", [gzip.compress, lambda body: zlib.compress(body, 1), zlib.compress, bytes])
def test_a_message_that_was_compressed_elsewhere_is_taken(run: Run, compress: Any) -> None:
    """Go's gzip marks even an empty message as compressed; this is what the receiver then sees."""

    async def scenario() -> None:
        async with over_grpc() as edge:
            for body, spans in ((b"", 0), (SPAN, 1), (SPAN * 3, 4)):
                assert await edge.export(compress(body)) == b""
                assert edge.received == spans

    run(scenario())


def test_a_plain_message_that_begins_like_zlib_is_read_as_it_is(run: Run) -> None:
    unknown_field = b"\x78\x9c\x01"  # field 15, a varint
    assert zlib.compress(b"")[:2] == unknown_field[:2]

    async def scenario() -> None:
        async with over_grpc() as edge:
            assert await edge.export(unknown_field + SPAN) == b""
            assert edge.received == 1

    run(scenario())


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "code", "outcome"),
    [
        (b"\xff", INVALID, names.MALFORMED),
        (SPAN[:-1], INVALID, names.MALFORMED),
        (gzip.compress(SPAN)[:-1], INVALID, names.MALFORMED),
        (gzip.compress(SPAN) + b"x", INVALID, names.MALFORMED),
        (gzip.compress(b"\xff"), INVALID, names.MALFORMED),
        (zlib.compress(SPAN)[:-1], INVALID, names.MALFORMED),
        (bytes(1001), TOO_LARGE, names.TOO_LARGE),
        (gzip.compress(bytes(1001)), TOO_LARGE, names.TOO_LARGE),
        (zlib.compress(bytes(1001)), TOO_LARGE, names.TOO_LARGE),
    ],
)
def test_a_fault_of_the_sender_is_final(run: Run, message: bytes, code: grpc.StatusCode, outcome: str) -> None:
    async def scenario() -> None:
        async with over_grpc(limit=1000) as edge:
            answer = refused(await edge.export(message))
            assert answer.code == code
            assert answer.message
            assert "grpc-status-details-bin" not in answer.trailers
            assert edge.outcomes == {outcome: 1}
            assert (edge.received, edge.intake.bytes) == (0, 0)

    run(scenario())


def test_a_message_far_beyond_the_limit_is_refused_by_grpc_itself(run: Run) -> None:
    async def scenario() -> None:
        async with over_grpc(limit=MIB) as edge:
            answer = refused(await edge.export(NOISE(2 * MIB)))
            assert answer.code == TOO_LARGE
            assert "grpc-status-details-bin" not in answer.trailers
            await until(lambda: sum(edge.outcomes.values()) == 1)
            assert edge.intake.bytes == 0

    run(scenario())


@pytest.mark.parametrize(
    ("error", "seconds", "nanos"),
    [(Overloaded("full", 2.5), 2, 500_000_000), (Overloaded("full"), 1, 0), (RuntimeError(SECRET), 1, 0)],
)
def test_lack_of_room_and_our_own_faults_carry_retry_info(run: Run, error: Exception, seconds: int, nanos: int) -> None:
    async def scenario() -> None:
        async with over_grpc() as edge:

            async def submit(*_: object) -> None:
                raise error

            edge.intake.submit = submit  # type: ignore[method-assign, assignment]
            answer = refused(await edge.export(SPAN))
            assert answer.code == UNAVAILABLE
            status, retry = Status.FromString(answer.trailers["grpc-status-details-bin"]), RetryInfo()
            assert (status.code, status.message) == (14, answer.message)
            assert status.details[0].Unpack(retry)
            assert (retry.retry_delay.seconds, retry.retry_delay.nanos) == (seconds, nanos)
            assert SECRET not in str(answer)

    run(scenario())


def test_a_full_intake_is_unavailable_and_counted_once(run: Run) -> None:
    async def scenario() -> None:
        async with over_grpc(max_bytes=1000) as edge:
            with edge.intake.reserve() as other:
                other.resize(990)
                for message in (SPAN, gzip.compress(SPAN)):
                    assert refused(await edge.export(message)).code == UNAVAILABLE
            assert edge.outcomes == {names.OVERLOADED: 2}
            assert await edge.export(SPAN) == b""

    run(scenario())


def test_a_fault_of_the_engine_is_unavailable_and_logged_without_the_traffic(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    def act(_: bytes) -> None:
        raise KeyError(SECRET)

    async def scenario() -> None:
        async with over_grpc(engine=Told(act)) as edge:
            answer = refused(await edge.export(SPAN))
            assert (answer.code, answer.message) == (UNAVAILABLE, "internal fault")
            assert edge.outcomes == {names.INTERNAL: 1}

    run(scenario())
    assert SECRET not in str([vars(record) for record in caplog.records])


def test_no_error_outlives_its_call_and_keeps_the_message(run: Run) -> None:
    made: list[weakref.ref[Exception]] = []

    def act(_: bytes) -> None:
        raise Fleeting(made)

    async def scenario() -> None:
        async with over_grpc(engine=Told(act)) as edge:
            assert refused(await edge.export(SPAN)).code == INVALID
            await until(lambda: made[0]() is None)

    gc.disable()
    try:
        run(scenario())
    finally:
        gc.enable()


@pytest.mark.parametrize(
    "method",
    [
        "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
        "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        f"/{SERVICE}/Import",
    ],
)
def test_other_methods_are_unimplemented_told_what_is_taken_and_counted(run: Run, method: str) -> None:
    async def scenario() -> None:
        async with over_grpc() as edge:
            for message in (SPAN, bytes(8 << 20)):
                answer = refused(await edge.export(message, method=method))
                assert answer.code == grpc.StatusCode.UNIMPLEMENTED
                assert answer.message == "only spans are taken, by TraceService/Export"
            assert edge.outcomes == {names.UNSUPPORTED: 2}
            assert (edge.received, edge.intake.bytes) == (0, 0)

    run(scenario())


def test_a_call_without_a_message_is_malformed(run: Run) -> None:
    async def nothing() -> AsyncIterator[bytes]:
        return
        yield b""

    async def scenario() -> None:
        async with over_grpc() as edge:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await edge.channel.stream_unary(EXPORT)(nothing())
            assert caught.value.code() == INVALID
            assert edge.outcomes == {names.MALFORMED: 1}

    run(scenario())


# --- those who leave --------------------------------------------------------------------------------------------------


def held_up(edge: Edge) -> Any:
    """Keeps the intake from its turns; the result is a turn."""
    turn = edge.intake._take_turn
    edge.intake._take_turn = lambda: None  # type: ignore[method-assign]
    return turn


@pytest.mark.parametrize("message", [SPAN, gzip.compress(SPAN)], ids=["plain", "gzip"])
def test_a_cancelled_call_takes_its_request_along(run: Run, message: bytes) -> None:
    async def scenario() -> None:
        async with over_grpc() as edge:
            turn = held_up(edge)
            call = edge.channel.unary_unary(EXPORT)(message)
            await until(lambda: edge.intake.bytes == len(SPAN))
            call.cancel()
            await until(lambda: edge.outcomes == {names.ABANDONED: 1})
            turn()
            assert (edge.received, edge.intake.bytes) == (0, 0)

    run(scenario())


def test_a_call_past_its_deadline_is_never_applied(run: Run) -> None:
    async def scenario() -> None:
        async with over_grpc() as edge:
            turn = held_up(edge)
            assert refused(await edge.export(SPAN, timeout=0.05)).code == grpc.StatusCode.DEADLINE_EXCEEDED
            turn()
            await until(lambda: edge.outcomes == {names.ABANDONED: 1})
            assert (edge.received, edge.intake.bytes) == (0, 0)

    run(scenario())


def test_the_deadline_goes_along_to_the_intake(run: Run) -> None:
    async def scenario() -> None:
        async with over_grpc() as edge:
            deadlines: list[float | None] = []

            async def submit(_: bytes, __: str, deadline: float | None, held: object = None) -> Outcome:
                deadlines.append(deadline)
                return Outcome(1, 1, {})

            edge.intake.submit = submit  # type: ignore[method-assign, assignment]
            now = asyncio.get_running_loop().time()
            call = edge.channel.unary_unary(EXPORT)
            for message in (SPAN, gzip.compress(SPAN)):
                await call(message, timeout=1000)
            await call(SPAN)
            first, second, none = deadlines
            assert none is None
            assert first is not None and second is not None
            assert all(now < deadline < now + 1100 for deadline in (first, second))

    run(scenario())
