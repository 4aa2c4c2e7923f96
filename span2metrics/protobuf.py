"""Protobuf's wire format, written by hand: the few primitives that translations, answers and metrics pages need.

Varints carry lengths and small numbers, fixed64 times and doubles, length-delimited fields everything else.
https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

import struct
from typing import Final

_U64: Final = (1 << 64) - 1
VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5

pack_fixed32 = struct.Struct("<I").pack
pack_fixed64 = struct.Struct("<Q").pack
pack_double = struct.Struct("<d").pack


def tag(field: int, wire_type: int) -> bytes:
    """The key before a field's content."""
    return varint(field << 3 | wire_type)


def varint(number: int) -> bytes:
    """Any integer modulo 2^64, so that negative ones take ten bytes, as protobuf has it."""
    if 0 <= number < len(_SMALL):
        return _SMALL[number]
    return _spell(number & _U64)


def double(key: bytes, number: float) -> bytes:
    """A double field; `key` from `tag(field, FIXED64)`."""
    return key + pack_double(number)


def delimited(key: bytes, content: bytes) -> bytes:
    """A string, bytes or message field; `key` from `tag(field, LENGTH)`."""
    size = len(content)
    return key + (_SMALL[size] if size < len(_SMALL) else _spell(size)) + content


def _spell(number: int) -> bytes:
    raw = bytearray()
    while number > 0x7F:
        raw.append(number & 0x7F | 0x80)
        number >>= 7
    raw.append(number)
    return bytes(raw)


_SMALL: Final = tuple(map(_spell, range(2048)))
