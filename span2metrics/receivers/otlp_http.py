"""OTLP over HTTP: `POST /v1/traces` with protobuf or JSON, and the answers that exporters understand.

Owns connections, methods, media types, encodings.  What a request says is `formats`' and the engine's business, what an
error means to the sender is `reply`'s.  It stands directly on aiohttp's protocol, because there is one path, and a
router would cost more than all else that is done here.

A body is read piece by piece: what is declared or found too large is refused before it is there, what comes too slowly
is given up, and what is held counts against the intake's budget.  A sender that hangs up cancels its handler, and so
takes its request out of the intake's queue.  https://opentelemetry.io/docs/specs/otlp/#otlphttp
"""

from __future__ import annotations

import asyncio
import socket
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from aiohttp import HttpVersion11, hdrs, web

from span2metrics import memory, names
from span2metrics.engine.stats import Outcome
from span2metrics.errors import Abandoned, DecodeError, TooLarge, UnsupportedEncoding
from span2metrics.formats import otlp_json
from span2metrics.intake import Intake, Reservation
from span2metrics.receivers import body, listen, partial_success, reply
from span2metrics.receivers.arrivals import Arrivals
from span2metrics.receivers.cors import Cors
from span2metrics.receivers.refusals import Refusals
from span2metrics.receivers.reply import Reply
from span2metrics.telemetry import Telemetry

if TYPE_CHECKING:
    from span2metrics.config.models import HttpReceiver

#: Seconds that an idle connection, or one that is slow with its headers, is kept; Go's clients keep theirs for 90.
IDLE_SECONDS: Final = 120.0
#: Seconds to read on and throw away after a refusal, so that the sender sees the answer before the connection closes.
LINGER_SECONDS: Final = 2.0
#: JSON up to this size is translated on the loop, in a few milliseconds.
INLINE_JSON: Final = 64 << 10
#: With less for requests under way, what is read ahead on a connection is bounded: 64 of them would take 16 MiB.
_AMPLE: Final = 128 << 20
_READ_AHEAD: Final = 64 << 10
#: Seconds for connections to close once nothing is under way on them.
_CLOSING: Final = 1.0
_BACKLOG: Final = 1024

_MEDIA_TYPES: Final = frozenset({reply.PROTOBUF, reply.JSON})
_CHARSETS: Final = frozenset({"", "charset=utf-8", "charset=utf8", "charset=us-ascii"})


class OtlpHttp:
    """The receiver.  `address` as bound once it has started; `max_request_size` in bytes after decompression."""

    def __init__(self, config: HttpReceiver, intake: Intake, telemetry: Telemetry, *, max_request_size: int) -> None:
        self._config = config
        self._limits = {reply.PROTOBUF: max_request_size, reply.JSON: min(max_request_size, config.max_json_size)}
        self._intake = intake
        self._refusals = Refusals(names.RECEIVER_HTTP, telemetry)
        self._cors = Cors(config.cors) if config.cors else None
        self._no_such_path = reply.no_such_path(config.path)
        self._arrivals = Arrivals(intake.limit // 2, max_request_size, lambda: intake.bytes, memory.ceiling())
        self._translating = asyncio.Lock()
        self._server: web.Server | None = None
        self._listeners: list[asyncio.Server] = []
        self._busy: set[asyncio.Task[object]] = set()
        self.address = str(config.endpoint)

    async def start(self) -> None:
        """Raises `StartupError` where the address cannot be had; nothing is left open then."""
        sockets = listen.bind(self._config.endpoint, "receivers.otlp.http.endpoint")
        if self._intake.limit < _AMPLE:
            for sock in sockets:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _READ_AHEAD)
        self._server = web.Server(self._handle, handler_cancellation=True)
        try:
            for sock in sockets:
                self._listeners.append(await _listen(self._server, sock))
        except BaseException:
            for sock in sockets:
                sock.close()
            await self.stop(0)
            raise
        self.address = listen.address(sockets[0])

    async def stop(self, grace: float) -> None:
        """Takes no new connections, gives requests under way `grace` seconds, cuts the rest."""
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
        server, self._server = self._server, None
        if server is None:
            return
        if self._busy:
            _, late = await asyncio.wait(self._busy, timeout=grace)
            for task in late:
                task.cancel()
        server.pre_shutdown()
        await server.shutdown(_CLOSING)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        task = asyncio.current_task()
        assert task is not None
        self._busy.add(task)
        try:
            response = await self._answer(request)
        finally:
            self._busy.discard(task)
        if self._cors:
            response.headers.update(self._cors.headers(request))
        if self._server is None:
            response.force_close()
        return response

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        if request.path != self._config.path:
            return self._refuse(request, self._no_such_path)
        if request.method != hdrs.METH_POST:
            return self._other_method(request)
        try:
            outcome = await self._export(request)
        except Exception as error:
            return _refusal(request, reply.to(error))
        media_type = _media_type(request)
        return _response(200, media_type, partial_success.answer(outcome, media_type))

    def _other_method(self, request: web.BaseRequest) -> web.Response:
        if self._cors and request.method == hdrs.METH_OPTIONS:
            return web.Response(status=204, headers={hdrs.SERVER: "span2metrics", **self._cors.preflight(request)})
        response = self._refuse(request, reply.NO_SUCH_METHOD)
        response.headers[hdrs.ALLOW] = "POST, OPTIONS" if self._cors else "POST"
        return response

    def _refuse(self, request: web.BaseRequest, answer: Reply) -> web.Response:
        self._refusals.count(answer.outcome)
        return _refusal(request, answer)

    async def _export(self, request: web.BaseRequest) -> Outcome:
        with self._intake.reserve() as held:
            with self._refusals.counting():
                content = await self._content(request, held)
            return await self._intake.submit(content, names.RECEIVER_HTTP, held=held)

    async def _content(self, request: web.BaseRequest, held: Reservation) -> bytes:
        """The request as OTLP."""
        media_type = _media_type(request)
        encoding = body.check_encoding(",".join(request.headers.getall(hdrs.CONTENT_ENCODING, ())))
        limit = self._limits[media_type]
        content = await self._read(request, limit, held)
        if encoding:
            content = await body.inflate(content, encoding, limit, held)
        if media_type == reply.JSON:
            content = await self._translate(content)
        return content

    async def _read(self, request: web.BaseRequest, limit: int, held: Reservation) -> bytes:
        """The body as it was sent.  Raises `TooLarge`, `Overloaded`, `DecodeError`, `Abandoned`."""
        if (request.content_length or 0) > limit:
            raise TooLarge(limit)
        try:
            if request.content.is_eof():  # as with most: the body came along with the headers
                whole = request.content.read_nowait()
                held.resize(len(whole))
                return whole
            return await self._arrivals.receive(lambda: _read_pieces(request, limit, held))
        except web.RequestPayloadError:
            raise DecodeError("the body is badly framed or cut short") from None
        except ConnectionError:
            raise Abandoned("the sender is gone") from None

    async def _translate(self, content: bytes) -> bytes:
        if len(content) <= INLINE_JSON:
            return otlp_json.to_request(content)
        # One at a time: they cannot run side by side, and what is parsed takes many times its size.
        async with self._translating:
            return await asyncio.to_thread(otlp_json.to_request, content)


class _Connection(web.RequestHandler):
    """aiohttp's connection, set up for us, with our manner of refusing what is no HTTP."""

    def __init__(self, server: web.Server, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            server,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]  # aiohttp's own way of saying none
            auto_decompress=False,
            keepalive_timeout=IDLE_SECONDS,
            lingering_time=LINGER_SECONDS,
        )

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Without `message`, which quotes the request, and without a line in the log, which would too."""
        response = _response(status, reply.TEXT, HTTPStatus(status).phrase.encode() + b"\n")
        response.force_close()
        return response


async def _listen(server: web.Server, sock: socket.socket) -> asyncio.Server:
    loop = asyncio.get_running_loop()
    return await loop.create_server(lambda: _Connection(server, loop), sock=sock, backlog=_BACKLOG)


def _media_type(request: web.BaseRequest) -> str:
    """One of `_MEDIA_TYPES`.  Raises `UnsupportedEncoding`."""
    value = request.headers.get(hdrs.CONTENT_TYPE, "")
    if value in _MEDIA_TYPES:
        return value
    media_type, _, parameter = value.lower().replace(" ", "").replace('"', "").partition(";")
    if media_type not in _MEDIA_TYPES:
        raise UnsupportedEncoding("the media type must be application/x-protobuf or application/json")
    if media_type == reply.JSON and parameter.rstrip(";") not in _CHARSETS:
        raise UnsupportedEncoding("the charset must be utf-8")
    return media_type


async def _read_pieces(request: web.BaseRequest, limit: int, held: Reservation) -> bytes:
    await _go_on(request)
    pieces: list[bytes] = []
    size = 0
    while piece := await request.content.readany():
        size += len(piece)
        if size > limit:
            raise TooLarge(limit)
        held.resize(size)
        pieces.append(piece)
    return body.join(pieces, size, held)


async def _go_on(request: web.BaseRequest) -> None:
    """Tells a sender that asks before it sends a large body."""
    if request.version >= HttpVersion11 and request.headers.get(hdrs.EXPECT, "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")


def _refusal(request: web.BaseRequest, answer: Reply) -> web.Response:
    try:
        media_type = _media_type(request)
    except UnsupportedEncoding:
        media_type = reply.TEXT
    response = _response(answer.http, media_type, answer.body(media_type))
    if answer.retry_after is not None:
        response.headers[hdrs.RETRY_AFTER] = answer.retry_seconds()
    return response


def _response(status: int, media_type: str, content: bytes) -> web.Response:
    return web.Response(
        status=status, body=content, headers={hdrs.CONTENT_TYPE: media_type, hdrs.SERVER: "span2metrics"}
    )
