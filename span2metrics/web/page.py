"""A metrics page as a stream of chunks, and the same stream compressed.

A page can have two million lines.  It is never in memory as a whole, and after each chunk of some 256 KiB the loop gets
a turn: a write to a socket that has room gives none, and without one a scrape stalls ingestion for its whole length
(measured: 140 ms against less than one).  Compression runs in a thread, where it does not hold the interpreter, on
blocks large enough that the hand-over costs little.

Span series come first, then the daemon's own metrics, then what ends a page of the format.  Who reads the page, and
what happens when it breaks in the middle, is `scrape`'s business; which families were asked for is `selection`'s.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import aclosing
from typing import TYPE_CHECKING

from isal import isal_zlib

from span2metrics.engine.core import Engine
from span2metrics.engine.families import write_families
from span2metrics.engine.plan import Now
from span2metrics.telemetry import Telemetry
from span2metrics.web.negotiate import Negotiated
from span2metrics.web.selection import Selection

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

#: Bytes handed to the compressing thread at once.  Going there and back costs about 0.1 ms of CPU, so that blocks of
#: 256 KiB made a page half as dear again as these; larger ones gain nothing.
BLOCK = 1024 * 1024
_GZIP_WINDOW = 16 + 15  # zlib's way to ask for gzip's header and trailer, with the largest window
_FASTEST = 1

Chunks = AsyncGenerator[bytes, None]


async def page(
    engine: Engine | None,
    telemetry: Telemetry | None,
    chosen: Negotiated,
    now: Now,
    selection: Selection | None = None,
) -> Chunks:
    """The page's chunks, none of them empty: the span series unless `engine` is None, our own unless `telemetry` is.

    With a `selection`, those families alone that it names; the engine is not asked for what is not needed.
    """
    if engine is not None:
        for chunk in _spans(engine, telemetry, chosen, now, selection):
            if chunk:
                yield chunk
            await asyncio.sleep(0)
    own: Iterable[Metric] = () if telemetry is None else telemetry.collect()
    if end := write_families(own if selection is None else selection.of(own), chosen.format) + chosen.format.trailer:
        yield end


def _spans(
    engine: Engine, telemetry: Telemetry | None, chosen: Negotiated, now: Now, selection: Selection | None
) -> Iterator[bytes]:
    chunks = engine.render(chosen.format.body, now, chosen.escaping)
    if selection is None:
        return chunks
    return selection.without(() if telemetry is None else telemetry.collect()).of_page(chunks)


async def gzipped(chunks: Chunks) -> Chunks:
    """The same stream as one gzip member."""
    loop = asyncio.get_running_loop()
    compressor = isal_zlib.compressobj(level=_FASTEST, wbits=_GZIP_WINDOW)
    block: list[bytes] = []
    size = 0
    async with aclosing(chunks) as plain:
        async for chunk in plain:
            block.append(chunk)
            size += len(chunk)
            if size >= BLOCK:
                if compressed := await loop.run_in_executor(None, _compress, compressor, block):
                    yield compressed
                block, size = [], 0
    last = await loop.run_in_executor(None, _compress, compressor, block)
    yield last + compressor.flush()


def _compress(compressor: isal_zlib.Compress, block: list[bytes]) -> bytes:
    return compressor.compress(b"".join(block))
