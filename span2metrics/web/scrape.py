"""Answers one scrape: headers to format and encoding, a page to a stream, an end that cannot be mistaken.

A page that breaks in the middle must not look whole.  Chunked transfer tells a scraper so by the missing last chunk,
but a proxy or an HTTP/1.0 client may take the end of the connection for the end of the page: the connection is reset.
What fails before the first byte is an ordinary 500.  Each scrape is counted once, when its fate is known: complete (all
of it with the kernel), aborted (the client went, or the daemon did), error (ours, logged).
"""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Callable
from contextlib import aclosing
from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from span2metrics import names
from span2metrics.engine.core import Engine
from span2metrics.engine.plan import Format, Now
from span2metrics.faults import FaultLog
from span2metrics.telemetry import Telemetry
from span2metrics.web import replies
from span2metrics.web.negotiate import Encoding, choose_encoding, choose_format
from span2metrics.web.page import Chunks, gzipped, page
from span2metrics.web.selection import Selection

if TYPE_CHECKING:
    from span2metrics.config import models

SELECTING = "name[]"
_LINGER_NOT = struct.pack("ii", 1, 0)  # closing discards what is unsent and sends RST


class Scrape:
    """The handler of one metrics path: with the span series if `engine` is given, with our own metrics if `own`."""

    def __init__(
        self, title: str, engine: Engine | None, telemetry: Telemetry, clock: Callable[[], Now], *, own: bool
    ) -> None:
        self.title = title
        self._engine = engine
        self._telemetry = telemetry
        self._clock = clock
        self._shown = telemetry if own else None
        self._faults = FaultLog("a metrics page broke off")

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        format = choose_format(",".join(request.headers.getall(hdrs.ACCEPT, ())))
        encoding = choose_encoding(",".join(request.headers.getall(hdrs.ACCEPT_ENCODING, ())))
        response = _response(format, encoding)
        if request.method == hdrs.METH_HEAD:
            return response
        return await self._counted(request, response, format, encoding)

    async def _counted(
        self, request: web.BaseRequest, response: web.StreamResponse, format: Format, encoding: Encoding
    ) -> web.StreamResponse:
        began, outcome = time.monotonic(), names.SCRAPE_ERROR
        try:
            await _send(self._chunks(format, encoding, _selection(request)), request, response)
            outcome = names.SCRAPE_COMPLETE
        except ConnectionError:
            outcome = names.SCRAPE_ABORTED
        except asyncio.CancelledError:
            outcome = names.SCRAPE_ABORTED
            _reset(request)
            raise
        except Exception as error:
            self._faults.report(error)
            if not response.prepared:
                return replies.plain(500)
            _reset(request)
        finally:
            self._telemetry.scraped(format, outcome, time.monotonic() - began)
        return response

    def _chunks(self, format: Format, encoding: Encoding, selection: Selection | None) -> Chunks:
        chunks = page(self._engine, self._shown, format, self._clock(), selection)
        return gzipped(chunks) if encoding is Encoding.GZIP else chunks


def scrapes(config: models.Web, engine: Engine, telemetry: Telemetry, clock: Callable[[], Now]) -> dict[str, Scrape]:
    """The metrics pages by path: one for everything, or one for the span series and one for the daemon's own."""
    spans, own = config.telemetry_path, config.exporter_telemetry_path
    if spans == own:
        return {spans: Scrape("Metrics", engine, telemetry, clock, own=True)}
    return {
        spans: Scrape("Metrics of spans", engine, telemetry, clock, own=False),
        own: Scrape("Metrics of the daemon", None, telemetry, clock, own=True),
    }


def _selection(request: web.BaseRequest) -> Selection | None:
    named = request.query.getall(SELECTING, [])
    return Selection(named) if named else None


def _response(format: Format, encoding: Encoding) -> web.StreamResponse:
    response = web.StreamResponse(headers=replies.SERVER | {hdrs.CONTENT_TYPE: format.content_type})
    if encoding is not Encoding.IDENTITY:
        response.headers[hdrs.CONTENT_ENCODING] = encoding.value
    return response


async def _send(chunks: Chunks, request: web.BaseRequest, response: web.StreamResponse) -> None:
    _drain_fully(request)
    async with aclosing(chunks) as body:
        async for chunk in body:
            await response.prepare(request)
            await response.write(chunk)
    await response.prepare(request)
    await response.write_eof()


def _drain_fully(request: web.BaseRequest) -> None:
    """Makes "written" mean handed to the kernel: a page's memory is one chunk, and its end survives our exit."""
    if request.transport is not None:
        request.transport.set_write_buffer_limits(0)


def _reset(request: web.BaseRequest) -> None:
    transport = request.transport
    if transport is None:
        return
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    transport.abort()
