"""OTLP over HTTP on real sockets: what is taken, what each refusal looks like, and what hostile senders achieve."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import logging
import socket
import zlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import psutil
import pytest
import uvloop
from backports import zstd
from google.rpc.status_pb2 import Status

from span2metrics import names
from span2metrics.config.models import Cors, Endpoint, HttpReceiver
from span2metrics.errors import Overloaded, StartupError
from span2metrics.receivers import otlp_http
from span2metrics.receivers.otlp_http import OtlpHttp
from tests.conftest import Run
from tests.edges import (
    JSON,
    LOCAL,
    MIB,
    PROTOBUF,
    SECRET,
    SPAN,
    Answer,
    Counts,
    Edge,
    Told,
    http,
    intake_with,
    on_loop,
    until,
)
from tests.test_otlp_json import EVERYTHING, as_json, of_span

SPAN_JSON = json.dumps(of_span({"name": "pay"})).encode()
SPANS_JSON = json.dumps(as_json(EVERYTHING)).encode()


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """On both loops: the protocol is aiohttp's, and must not care."""
    return on_loop(request.param)


def gzipped(body: bytes) -> io.BytesIO:
    return io.BytesIO(gzip.compress(body))


def encoded(encoding: str, media_type: dict[str, str] | None = None) -> dict[str, str]:
    return {**(media_type or PROTOBUF), "Content-Encoding": encoding}


def status_of(answer: Answer) -> tuple[int, str]:
    """`google.rpc.Status` as the answer has it: code and message."""
    if answer.headers["Content-Type"] == "application/json":
        body = json.loads(answer.body)
        assert body.keys() == {"code", "message"}
        return body["code"], body["message"]
    status = Status.FromString(answer.body)
    return status.code, status.message


# --- what is taken ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [SPAN, b""], ids=["a span", "nothing"])
def test_protobuf_is_answered_in_protobuf(run: Run, body: bytes) -> None:
    async def scenario() -> None:
        async with http() as edge:
            answer = await edge.post(body)
            assert (answer.status, answer.body) == (200, b"")
            assert answer.headers["Content-Type"] == "application/x-protobuf"
            assert edge.received == bool(body)
            assert edge.outcomes == {names.ACCEPTED: 1}

    run(scenario())


@pytest.mark.parametrize(
    "media_type",
    ["application/json", "application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"', "application/json;"],
)
def test_json_is_answered_in_json(run: Run, media_type: str) -> None:
    async def scenario() -> None:
        async with http() as edge:
            answer = await edge.post(SPAN_JSON, {"Content-Type": media_type})
            assert (answer.status, answer.body) == (200, b"{}")
            assert answer.headers["Content-Type"] == "application/json"
            assert edge.received == 1

    run(scenario())


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("zstd", zstd.compress), ("identity", bytes)],
)
@pytest.mark.parametrize(("media_type", "body"), [(PROTOBUF, SPAN), (JSON, SPAN_JSON)], ids=["protobuf", "json"])
def test_every_encoding_is_taken(
    run: Run, encoding: str, compress: Callable[[bytes], bytes], media_type: dict[str, str], body: bytes
) -> None:
    async def scenario() -> None:
        async with http() as edge:
            assert (await edge.post(compress(body), encoded(encoding, media_type))).status == 200
            assert edge.received == 1

    run(scenario())


@pytest.mark.parametrize("compressed", [False, True])
def test_a_chunked_body_is_taken_piece_by_piece(run: Run, compressed: bool) -> None:
    body = gzip.compress(SPAN * 1000) if compressed else SPAN * 1000

    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(body), 1000):
            yield body[at : at + 1000]
            await asyncio.sleep(0)

    async def scenario() -> None:
        async with http() as edge:
            answer = await edge.post(pieces(), encoded("gzip") if compressed else PROTOBUF)
            assert answer.status == 200
            assert edge.received == 1000
            assert edge.intake.bytes == 0

    run(scenario())


def test_large_json_is_translated_in_a_thread_and_all_of_it_counts(run: Run) -> None:
    body = json.dumps({"resourceSpans": [as_json(EVERYTHING)["resourceSpans"][0]] * 20}).encode()
    assert len(body) > otlp_http.INLINE_JSON

    async def scenario() -> None:
        async with http() as edge:
            answers = await asyncio.gather(*(edge.post(io.BytesIO(body), JSON) for _ in range(4)))
            assert [answer.status for answer in answers] == [200] * 4
            assert edge.received == 4 * 40

    run(scenario())


def test_a_connection_serves_many_requests(run: Run) -> None:
    async def scenario() -> None:
        async with http() as edge:
            for body, status in ((SPAN, 200), (b"\xff", 400), (SPAN, 200)):
                assert (await edge.post(body)).status == status
            connector = edge.session.connector if edge.session else None
            assert connector is not None
            assert sum(map(len, connector._conns.values())) == 1
            assert edge.received == 2

    run(scenario())


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "headers", "status", "code", "outcome"),
    [
        (b"\xff", PROTOBUF, 400, 3, names.MALFORMED),
        (b"{", JSON, 400, 3, names.MALFORMED),
        (json.dumps(of_span({"name": 5})).encode(), JSON, 400, 3, names.MALFORMED),
        (b"not gzip", encoded("gzip"), 400, 3, names.MALFORMED),
        (gzip.compress(SPAN)[:-1], encoded("gzip", JSON), 400, 3, names.MALFORMED),
        (bytes(1001), PROTOBUF, 413, 8, names.TOO_LARGE),
        (gzip.compress(bytes(1001)), encoded("gzip"), 413, 8, names.TOO_LARGE),
        (b" " * 501, JSON, 413, 8, names.TOO_LARGE),
        (gzip.compress(b" " * 501), encoded("gzip", JSON), 413, 8, names.TOO_LARGE),
        (SPAN, encoded("br"), 415, 3, names.UNSUPPORTED),
        (SPAN, encoded("gzip, gzip", JSON), 415, 3, names.UNSUPPORTED),
    ],
)
def test_refusals_are_google_rpc_status_in_the_type_of_the_request(
    run: Run, body: bytes, headers: dict[str, str], status: int, code: int, outcome: str
) -> None:
    async def scenario() -> None:
        async with http(limit=1000, max_json_size=500) as edge:
            answer = await edge.post(body, headers)
            assert answer.status == status
            assert answer.headers["Content-Type"] == headers["Content-Type"]
            assert status_of(answer)[0] == code
            assert status_of(answer)[1]
            assert "Retry-After" not in answer.headers
            assert edge.outcomes == {outcome: 1}
            assert (edge.received, edge.intake.bytes) == (0, 0)

    run(scenario())


@pytest.mark.parametrize("headers", [PROTOBUF, JSON], ids=["protobuf", "json"])
@pytest.mark.parametrize(
    ("error", "outcome", "retry_after"),
    [(Overloaded("full", 2.5), None, "3"), (ValueError(SECRET), names.INTERNAL, "1")],
)
def test_lack_of_room_and_our_own_faults_say_when_to_come_back(
    run: Run, headers: dict[str, str], error: Exception, outcome: str | None, retry_after: str
) -> None:
    async def scenario() -> None:
        async with http() as edge:

            async def submit(*_: object, **__: object) -> None:
                raise error

            edge.intake.submit = submit  # type: ignore[method-assign]
            answer = await edge.post(SPAN if headers is PROTOBUF else SPAN_JSON, headers)
            assert answer.status == 503
            assert answer.headers["Retry-After"] == retry_after
            assert status_of(answer)[0] == 14
            assert SECRET not in status_of(answer)[1]

    run(scenario())


def test_a_fault_of_the_engine_is_503_and_counted_once(run: Run) -> None:
    def act(_: bytes) -> None:
        raise RuntimeError(SECRET)

    async def scenario() -> None:
        async with http(engine=Told(act)) as edge:
            answer = await edge.post(SPAN)
            assert (answer.status, status_of(answer)) == (503, (14, "internal fault"))
            assert edge.outcomes == {names.INTERNAL: 1}

    run(scenario())


def test_a_fault_of_the_translation_is_503_counted_and_logged_without_the_traffic(
    run: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: bytes) -> bytes:
        raise KeyError(SECRET)

    monkeypatch.setattr("span2metrics.formats.otlp_json.to_request", broken)

    async def scenario() -> None:
        async with http() as edge:
            answer = await edge.post(SPAN_JSON, JSON)
            assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
            assert edge.outcomes == {names.INTERNAL: 1}

    run(scenario())
    assert [record.levelno for record in caplog.records if record.levelno > logging.INFO] == [logging.ERROR]
    assert SECRET not in str([vars(record) for record in caplog.records])


@pytest.mark.parametrize(
    ("how", "headers", "status", "content_type"),
    [
        ({"path": "/"}, PROTOBUF, 404, "application/x-protobuf"),
        ({"path": "/v1/metrics"}, JSON, 404, "application/json"),
        ({"path": "/v1/traces/"}, {}, 404, "text/plain; charset=utf-8"),
        ({"path": f"/{SECRET}", "method": "GET"}, {}, 404, "text/plain; charset=utf-8"),
        ({"method": "GET"}, {}, 405, "text/plain; charset=utf-8"),
        ({"method": "PUT"}, JSON, 405, "application/json"),
        ({"method": "OPTIONS"}, {"Origin": "https://a.example"}, 405, "text/plain; charset=utf-8"),
        ({}, {"Content-Type": f"text/{SECRET}"}, 415, "text/plain; charset=utf-8"),
        ({}, {"Content-Type": "application/json; charset=utf-16"}, 415, "text/plain; charset=utf-8"),
        ({}, {"Content-Type": "application/x-protobuf-delimited"}, 415, "text/plain; charset=utf-8"),
    ],
)
def test_what_is_no_export_is_refused_plainly(
    run: Run, how: dict[str, str], headers: dict[str, str], status: int, content_type: str
) -> None:
    async def scenario() -> None:
        async with http() as edge:
            answer = await edge.post(b"", {"Content-Type": "", **headers}, **how)
            assert answer.status == status
            assert answer.headers["Content-Type"] == content_type
            assert answer.headers.get("Allow") == ("POST" if status == 405 else None)
            assert SECRET.encode() not in answer.body
            assert edge.outcomes == {names.UNSUPPORTED: 1}

    run(scenario())


def test_another_path_can_be_configured(run: Run) -> None:
    async def scenario() -> None:
        async with http(path="/otlp") as edge:
            assert (await edge.post(SPAN, path="/otlp?x=1")).status == 200
            assert (await edge.post(SPAN)).status == 404

    run(scenario())


@pytest.mark.parametrize(
    "noise", [b"\x16\x03\x01\x02\x00", b"POST /v1/traces HTTP/1.1\r\nX: " + b"a" * 20_000, b"GET\r\n\r\n"]
)
def test_what_is_no_http_is_refused_without_quoting_it(
    run: Run, noise: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with http() as edge:
            answer = await raw(edge, noise + SECRET.encode() + b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.0 400 ")
            assert b"aiohttp" not in answer
            assert SECRET.encode() not in answer
            assert edge.outcomes == {}

    run(scenario())
    assert SECRET not in caplog.text


def test_no_answer_tells_versions(run: Run) -> None:
    async def scenario() -> None:
        async with http() as edge:
            answers = [await edge.post(SPAN), await edge.post(b"\xff"), await edge.post(b"", {}, method="GET")]
            assert {answer.headers["Server"] for answer in answers} == {"span2metrics"}

    run(scenario())


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
    monkeypatch.setattr(otlp_http, "BODY_SECONDS", 0.05)
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
        assert str(caught.value) == f"receivers.otlp.http: cannot listen on 127.0.0.1:{port}: address already in use"

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
