"""Request bodies, inflated within a bound.

A few bytes may stand for gigabytes, so the size is checked while the output is made: it never passes the limit by more
than one chunk.  What is held, compressed and inflated, counts against the intake's budget, which is asked before each
stretch of output is made.  The first MiB of a small body is inflated at once; everything beyond goes to a thread, in
stretches (the libraries let go of the GIL), so that neither a large body nor a bomb holds up the loop.

Bodies may consist of several members or frames, as gzip and zstd allow; anything cut short, damaged or trailing is the
sender's mistake.  `deflate` is zlib's format (RFC 9110); the bare one that some clients send is told by its first
bytes.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from isal import igzip_lib

from span2metrics.errors import DecodeError, TooLarge, UnsupportedEncoding
from span2metrics.intake import Reservation

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

KIB: Final = 1 << 10
MIB: Final = 1 << 20

#: Compressed bodies up to here begin on the loop, and stay there for so much output (about half a millisecond).
INLINE_BODY: Final = 256 * KIB
INLINE_OUTPUT: Final = MIB
#: Output made in one visit to a thread.
STRETCH: Final = 8 * MIB
#: One step of a decompressor: compressed bytes in, inflated bytes out, at most.
_SLICE: Final = 64 * KIB
_CHUNK: Final = 256 * KIB
#: Each costs a new decompressor, and an empty one takes 20 bytes.
_MAX_MEMBERS: Final = 10_000
#: What RFC 9659 lets a sender of zstd ask for: 8 MiB.
_ZSTD_WINDOW_LOG: Final = 23


class Decompressor(Protocol):
    """What gzip's, zlib's and zstd's decompressors have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes | memoryview, max_length: int = -1, /) -> bytes: ...


def _gzip(_: bytes) -> Decompressor:
    return igzip_lib.IgzipDecompressor(igzip_lib.DECOMP_GZIP)


def _deflate(body: bytes) -> Decompressor:
    return igzip_lib.IgzipDecompressor(igzip_lib.DECOMP_ZLIB if is_zlib(body) else igzip_lib.DECOMP_DEFLATE)


def _zstd(_: bytes) -> Decompressor:
    return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG})


_CODECS: Final[dict[str, Callable[[bytes], Decompressor]]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "zstd": _zstd,
}
_FAILURES: Final[tuple[type[Exception], ...]] = (igzip_lib.IsalError, zstd.ZstdError)  # type: ignore[assignment]


def check_encoding(encoding: str) -> str:
    """The name of a `Content-Encoding` as `inflate` wants it, "" for none.  Raises `UnsupportedEncoding`."""
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return ""
    if name not in _CODECS:
        raise UnsupportedEncoding("the content encoding must be one of gzip, deflate, zstd, identity")
    return name


def is_zlib(body: bytes) -> bool:
    """Do the first two bytes pass for zlib's header?  One in five hundred of others do, too."""
    return len(body) > 1 and body[0] & 0x0F == 8 and (body[0] << 8 | body[1]) % 31 == 0


async def inflate(body: bytes, encoding: str, limit: int, held: Reservation) -> bytes:
    """The body's content.  Raises `TooLarge`, `DecodeError` and, where the budget is used up, `Overloaded`.

    encoding    as `check_encoding` returned it, not ""
    held        counts the body already and counts the content, too, on return
    """
    inflation = Inflation(body, encoding, limit)
    if len(body) <= INLINE_BODY:
        held.resize(len(body) + INLINE_OUTPUT)
        inflation.advance(INLINE_OUTPUT)
    while not inflation.done:
        held.resize(len(body) + inflation.size + STRETCH)
        await asyncio.to_thread(inflation.advance, STRETCH)
    return join(inflation.pieces, inflation.size, held, beside=len(body))


def inflate_small(body: bytes, encoding: str, limit: int) -> bytes:
    """The same, at once and outside of any budget, for what is a few bytes if it is honest."""
    inflation = Inflation(body, encoding, limit)
    while not inflation.done:
        inflation.advance(_CHUNK)
    return b"".join(inflation.pieces)


def join(pieces: list[bytes], size: int, held: Reservation, *, beside: int = 0) -> bytes:
    """The pieces as one, `size` bytes, which are there twice for a moment; `held` counts `beside` bytes more."""
    if len(pieces) == 1:
        held.resize(beside + size)
        return pieces[0]
    held.resize(beside + 2 * size)
    content = b"".join(pieces)
    pieces.clear()
    held.resize(beside + size)
    return content


class Inflation:
    """A body that is inflated piece by piece: `pieces`, of `size` bytes so far; `done` when all of it is there."""

    def __init__(self, body: bytes, encoding: str, limit: int) -> None:
        self.size = 0
        self.done = False
        self._limit = limit
        self.pieces: list[bytes] = []
        self._inflated = _inflated(body, _CODECS[encoding])

    def advance(self, size: int) -> None:
        """Makes `size` bytes more, or a little beyond.  Raises `TooLarge` or `DecodeError`."""
        target = self.size + size
        while self.size < target:
            piece = next(self._inflated, None)
            if piece is None:
                self.done = True
                return
            self.size += len(piece)
            if self.size > self._limit:
                raise TooLarge(self._limit)
            self.pieces.append(piece)


def _inflated(body: bytes, codec: Callable[[bytes], Decompressor]) -> Iterator[bytes]:
    """The content in pieces of at most `_CHUNK` bytes."""
    rest = memoryview(body)
    for _ in range(_MAX_MEMBERS):
        decompressor = codec(body)
        try:
            while not decompressor.eof:
                data = rest[:_SLICE] if decompressor.needs_input else rest[:0]
                if decompressor.needs_input and not data:
                    raise DecodeError("the compressed body is cut short")
                rest = rest[len(data) :]
                if piece := decompressor.decompress(data, _CHUNK):
                    yield piece
        except _FAILURES:
            raise DecodeError("the compressed body is damaged") from None
        rest = memoryview(body)[len(body) - len(rest) - len(decompressor.unused_data) :]
        if not rest:
            return
    raise DecodeError("the compressed body has too many members")
