"""Inflating within bounds: every encoding, every way of being wrong, bombs, and the budget."""

from __future__ import annotations

import asyncio
import gzip
import random
import tracemalloc
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from backports import zstd

from span2metrics.errors import DecodeError, Overloaded, TooLarge, UnsupportedEncoding
from span2metrics.intake import Intake, Reservation
from span2metrics.receivers import body
from span2metrics.receivers.body import INLINE_BODY, INLINE_OUTPUT, MIB, STRETCH, Inflation, check_encoding, inflate
from tests.edges import Counts, Told, intake_with

CHUNK = 256 << 10
LIMIT = 4 * MIB


def raw_deflate(content: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(content) + compressor.flush()


def zstd_window(content: bytes, log: int) -> bytes:
    return zstd.compress(content, options={zstd.CompressionParameter.window_log: log})


COMPRESS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("x-gzip", gzip.compress),
    "gzip, two members": ("gzip", lambda content: gzip.compress(content[:7]) + gzip.compress(content[7:])),
    "gzip, an empty member": ("gzip", lambda content: gzip.compress(b"") + gzip.compress(content)),
    "deflate": ("deflate", zlib.compress),
    "deflate, bare": ("deflate", raw_deflate),
    "zstd": ("zstd", zstd.compress),
    "zstd, two frames": ("zstd", lambda content: zstd.compress(content[:7]) + zstd.compress(content[7:])),
    "zstd, window of 8 MiB": ("zstd", lambda content: zstd_window(content, 23)),
}
each_way = pytest.mark.parametrize(("encoding", "compress"), COMPRESS.values(), ids=COMPRESS)
NOISE = random.Random(0).randbytes
CONTENTS = {
    "nothing": b"",
    "a byte": b"x",
    "some": b"span " * 1000,
    "more than starts on the loop": bytes(INLINE_OUTPUT + 1),
    "hard to compress": NOISE(INLINE_BODY + CHUNK),
    "exactly the limit": bytes(LIMIT),
}


def inflated(content: bytes, encoding: str, limit: int = LIMIT, intake: Intake | None = None) -> bytes:
    async def scenario() -> bytes:
        with (intake or budget()).reserve() as held:
            held.resize(len(content))
            result = await inflate(content, encoding, limit, held)
            assert held.size == len(content) + len(result)
            return result

    return asyncio.run(scenario())


def budget(max_bytes: int = 256 * MIB) -> Intake:
    return intake_with(Told(), Counts(), max_bytes)


# --- encodings --------------------------------------------------------------------------------------------------------


@each_way
@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_the_content_comes_back(encoding: str, compress: Callable[[bytes], bytes], content: bytes) -> None:
    assert inflated(compress(content), encoding) == content


@pytest.mark.parametrize(
    ("given", "name"),
    [("", ""), ("identity", ""), ("gzip", "gzip"), (" GZIP ", "gzip"), ("X-Gzip", "x-gzip"), ("Zstd", "zstd")],
)
def test_encodings_are_known_by_name(given: str, name: str) -> None:
    assert check_encoding(given) == name


@pytest.mark.parametrize("given", ["br", "gzip, gzip", "gzip,identity", "compress", "gzip;q=1", "snappy"])
def test_other_encodings_are_unsupported(given: str) -> None:
    with pytest.raises(UnsupportedEncoding) as caught:
        check_encoding(given)
    assert given not in str(caught.value)


# --- damage -----------------------------------------------------------------------------------------------------------


@each_way
@pytest.mark.parametrize("content", [b"x", b"span " * 1000, bytes(2 * MIB)], ids=["a byte", "some", "much"])
def test_a_body_cut_short_anywhere_is_malformed(
    encoding: str, compress: Callable[[bytes], bytes], content: bytes
) -> None:
    whole = compress(content)
    # A cut between two members leaves a valid body; so does one in bare deflate's last, padded byte never.
    whole_members = {len(compress(content[:7])), len(gzip.compress(b"")), len(gzip.compress(content[:7]))}
    whole_members |= {len(zstd.compress(content[:7]))}
    for cut in {0, 1, 2, len(whole) // 2, len(whole) - 5, len(whole) - 1} - whole_members:
        with pytest.raises(DecodeError):
            inflated(whole[: max(cut, 0)], encoding)


@each_way
@pytest.mark.parametrize("garbage", [b"\0", b"x", b"garbage " * 20])
def test_what_trails_is_malformed(encoding: str, compress: Callable[[bytes], bytes], garbage: bytes) -> None:
    with pytest.raises(DecodeError):
        inflated(compress(b"span " * 1000) + garbage, encoding)


def flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :]


@pytest.mark.parametrize("damage", [flipped(gzip.compress(b"span" * 99), at) for at in (0, 2, 12, -8, -4)])
def test_damaged_gzip_is_malformed(damage: bytes) -> None:
    with pytest.raises(DecodeError):
        inflated(damage, "gzip")


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (flipped(zlib.compress(b"span" * 99), -1), "deflate"),
        (flipped(zstd.compress(b"span" * 99), 0), "zstd"),
        (b"plain bytes", "gzip"),
        (b"plain bytes", "deflate"),
        (b"plain bytes", "zstd"),
        (zlib.compress(b"span" * 99), "gzip"),
        (gzip.compress(b"span" * 99), "zstd"),
    ],
)
def test_other_damage_is_malformed(content: bytes, encoding: str) -> None:
    with pytest.raises(DecodeError):
        inflated(content, encoding)


def test_a_zstd_window_that_would_cost_much_memory_is_malformed() -> None:
    with pytest.raises(DecodeError):
        inflated(zstd_window(bytes(20 * MIB), 24), "zstd", 64 * MIB)


@pytest.mark.parametrize(("encoding", "member"), [("gzip", gzip.compress(b"")), ("zstd", zstd.compress(b""))])
def test_members_without_end_are_malformed(encoding: str, member: bytes) -> None:
    assert inflated(member * 10_000, encoding) == b""
    with pytest.raises(DecodeError):
        inflated(member * 10_001, encoding)


# --- bounds -----------------------------------------------------------------------------------------------------------


@each_way
@pytest.mark.parametrize("limit", [0, 1, 1000, INLINE_OUTPUT, 3 * MIB])
def test_one_byte_beyond_the_limit_is_too_large(encoding: str, compress: Callable[[bytes], bytes], limit: int) -> None:
    content = compress(bytes(limit + 1))
    assert inflated(content, encoding, limit + 1) == bytes(limit + 1)
    with pytest.raises(TooLarge) as caught:
        inflated(content, encoding, limit)
    assert caught.value.limit == limit


@pytest.mark.parametrize(("encoding", "compress"), [COMPRESS[name] for name in ("gzip", "deflate", "zstd")])
def test_a_bomb_is_given_up_at_the_limit(encoding: str, compress: Callable[[bytes], bytes]) -> None:
    bomb = compress(bytes(100 * MIB))
    inflation = Inflation(bomb, encoding, LIMIT)
    with pytest.raises(TooLarge):
        inflation.advance(200 * MIB)
    assert LIMIT < inflation.size <= LIMIT + CHUNK
    limit = 16 * MIB
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            inflated(bomb, encoding, limit)
        assert tracemalloc.get_traced_memory()[1] < 1.3 * limit
    finally:
        tracemalloc.stop()


def in_threads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sizes of the stretches that are made in threads."""
    sizes: list[int] = []
    to_thread = asyncio.to_thread

    async def noted(function: Any, size: int) -> None:
        sizes.append(size)
        await to_thread(function, size)

    monkeypatch.setattr(asyncio, "to_thread", noted)
    return sizes


@pytest.mark.parametrize(
    ("content", "stretches"),
    [
        (b"few", 0),
        (bytes(INLINE_OUTPUT - 1), 0),
        (bytes(INLINE_OUTPUT + CHUNK), 1),
        (bytes(INLINE_OUTPUT + STRETCH + CHUNK), 2),
        (NOISE(INLINE_BODY), 1),  # its compressed form is a little larger
    ],
)
def test_only_the_first_piece_of_a_small_body_is_inflated_on_the_loop(
    content: bytes, stretches: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = in_threads(monkeypatch)
    assert inflated(gzip.compress(content), "gzip", 64 * MIB) == content
    assert sizes == [STRETCH] * stretches


@pytest.mark.parametrize("room", [0, 10_000, STRETCH, 2 * STRETCH])
def test_without_room_in_the_budget_inflating_stops(room: int) -> None:
    content = gzip.compress(bytes(32 * MIB))
    intake = budget(len(content) + room + 1)
    with intake.reserve() as other:
        other.resize(1)
        with pytest.raises(Overloaded):
            inflated(content, "gzip", 64 * MIB, intake)
        assert intake.bytes == 1


def test_pieces_are_counted_twice_while_they_are_joined() -> None:
    class Seen(Reservation):
        def resize(self, size: int) -> None:
            sizes.append(size)
            super().resize(size)

    sizes: list[int] = []
    assert body.join([b"ab", b"c"], 3, Seen(budget()), beside=10) == b"abc"
    assert body.join([b"abc"], 3, Seen(budget()), beside=10) == b"abc"
    assert sizes == [16, 13, 13]


@pytest.mark.parametrize(
    ("start", "is_zlib"),
    [(b"\x78\x9c", True), (b"\x78\x01", True), (b"\x78\xda", True), (b"\x78\x9d", False), (b"\x79\x9c", False)]
    + [(b"\x78", False), (b"", False), (b"\x1f\x8b", False), (b"\x0a\x10", False)],
)
def test_zlib_is_told_by_its_first_bytes(start: bytes, is_zlib: bool) -> None:
    assert body.is_zlib(start) == is_zlib
