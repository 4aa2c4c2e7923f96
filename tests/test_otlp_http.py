"""OTLP over HTTP on real sockets: what is taken, what each refusal looks like, and what hostile senders achieve."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import logging
import zlib
from collections.abc import AsyncIterator, Callable

import pytest
import uvloop
from backports import zstd
from google.rpc.status_pb2 import Status

from span2metrics import names
from span2metrics.errors import Overloaded
from span2metrics.receivers import otlp_http
from tests.conftest import Run
from tests.edges import (
    JSON,
    PROTOBUF,
    SECRET,
    SPAN,
    Answer,
    Edge,
    Told,
    http,
    on_loop,
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

            edge.intake.submit = submit  # type: ignore[method-assign, assignment]
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
            answer = await edge.post(SPAN, {"Content-Type": ""})
            assert answer.status == 404
            assert answer.body == b"there is nothing at this path; only spans are taken, at /otlp\n"

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
