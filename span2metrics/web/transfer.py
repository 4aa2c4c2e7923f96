"""A page's way to its scraper: chunk after chunk, no faster than they are taken, and an end that cannot be mistaken.

A page that breaks in the middle must not look whole.  Chunked transfer tells a scraper so by the missing last chunk,
but a proxy or an HTTP/1.0 client may take the end of the connection for the end of the page: the connection is reset.

No reader holds more of the daemon than a few chunks, and none for longer than `STALLED` a chunk, whether it told a
deadline or not: a scraper that hangs would keep its place among the pages under way for ever.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import aclosing

from aiohttp import hdrs, web
from aiohttp.abc import AbstractStreamWriter

from span2metrics.web.page import Chunks

#: Seconds in which a reader takes a chunk.  What the kernels of both sides hold moves in lumps of a MiB or so, so that
#: some 20 KiB a second are enough, less than any line has over which there is a point in scraping.
STALLED = 60.0

_LINGER_NOT = struct.pack("ii", 1, 0)  # closing discards what is unsent and sends RST


async def send(chunks: Chunks, request: web.BaseRequest, response: web.StreamResponse, seconds: float | None) -> None:
    """Returns when all of the page is with the kernel.  Raises `TimeoutError` after `seconds`, or if the reader stalls.

    The response is prepared with the first chunk; until then another one can be sent in its place.
    """
    _drain_fully(request)
    to = _Body(response, request)
    async with asyncio.timeout(seconds), asyncio.timeout(None) as end, aclosing(chunks) as body:
        with _Patience(end) as patience:
            async for chunk in body:
                patience.begin()
                await to.write(chunk)
                patience.taken()
            if not response.prepared:
                await response.prepare(request)
            patience.begin()
            await response.write_eof()


class _Body:
    """A response's chunks in their transfer coding, in pieces that the loop hands to the kernel as they are.

    `StreamResponse.write` joins them first on older Pythons, which copies all of a page once more: a tenth of its CPU.
    The first chunk goes that way all the same, as only so it shares a system call with the headers.
    """

    def __init__(self, response: web.StreamResponse, request: web.BaseRequest) -> None:
        self._response = response
        self._request = request
        self._writer: AbstractStreamWriter | None = None
        self._chunked = False

    async def write(self, chunk: bytes) -> None:
        """Returns when the chunk, which must not be empty, is with the kernel."""
        if self._writer is None:
            self._writer = await self._response.prepare(self._request)
            self._chunked = hdrs.TRANSFER_ENCODING in self._response.headers
            return await self._response.write(chunk)
        transport = self._request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client has closed the connection")
        pieces = (b"%x\r\n" % len(chunk), chunk, b"\r\n") if self._chunked else (chunk,)
        if _gathers(transport):
            transport.writelines(pieces)
        else:
            transport.write(b"".join(pieces))
        await self._writer.drain()


def _gathers(transport: asyncio.Transport) -> bool:
    """Whether `writelines` can be relied on: asyncio's own did not pause in 3.12.0 to 3.13.1 (CVE-2024-12254)."""
    return type(transport).__module__.startswith("uvloop")


class _Patience:
    """Ends a timeout when a chunk was not taken for `STALLED`: one timer a page, as one a chunk costs a tenth of it."""

    def __init__(self, end: asyncio.Timeout) -> None:
        self._end = end
        self._loop = asyncio.get_running_loop()
        self._since: float | None = None
        self._timer = self._loop.call_later(STALLED / 8, self._look)

    def begin(self) -> None:
        """A chunk is offered to the reader."""
        self._since = self._loop.time()

    def taken(self) -> None:
        """It is with the kernel."""
        self._since = None

    def _look(self) -> None:
        now = self._loop.time()
        if self._since is not None and now - self._since >= STALLED:
            self._end.reschedule(now)
            return
        self._timer = self._loop.call_later(STALLED / 8, self._look)

    def __enter__(self) -> _Patience:
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()


def reset(request: web.BaseRequest) -> None:
    """Ends the connection in a way that nobody takes for the end of a page."""
    transport = request.transport
    if transport is None:
        return
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    transport.abort()


def _drain_fully(request: web.BaseRequest) -> None:
    """Makes "written" mean handed to the kernel: chunks do not pile up, and a page's end survives our exit."""
    if request.transport is not None:
        request.transport.set_write_buffer_limits(0)
