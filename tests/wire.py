"""Protobuf's wire format by hand, so that tests can write what no library would: overlong varints, groups, fields of
wrong type, singular messages sent twice, lengths that lie."""

from __future__ import annotations

from collections.abc import Iterator

from google.protobuf.descriptor import Descriptor, FieldDescriptor

VARINT, FIXED64, BYTES, GROUP, END_GROUP, FIXED32 = range(6)


def varint(number: int, width: int = 0) -> bytes:
    """`number` modulo 2^64, in at least `width` bytes (more than needed: overlong)."""
    number %= 1 << 64
    raw = bytearray()
    while number > 0x7F or len(raw) + 1 < width:
        raw.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(raw) + bytes([number])


def tag(field: int, wire_type: int, width: int = 0) -> bytes:
    return varint(field << 3 | wire_type, width)


def integer(field: int, number: int, width: int = 0) -> bytes:
    return tag(field, VARINT) + varint(number, width)


def fixed64(field: int, number: int) -> bytes:
    return tag(field, FIXED64) + number.to_bytes(8, "little")


def fixed32(field: int, number: int) -> bytes:
    return tag(field, FIXED32) + number.to_bytes(4, "little")


def field(number: int, *contents: bytes, width: int = 0) -> bytes:
    """A length-delimited field: a message, a string or bytes; its length in at least `width` bytes."""
    content = b"".join(contents)
    return tag(number, BYTES) + varint(len(content), width) + content


def group(number: int, *contents: bytes, end: int | None = None) -> bytes:
    """A group; `end` closes it with another field's number."""
    return tag(number, GROUP) + b"".join(contents) + tag(number if end is None else end, END_GROUP)


def read_varint(raw: bytes, at: int) -> tuple[int, int]:
    """The varint at `at` of a valid message, and where it ends."""
    number = shift = 0
    while True:
        number |= (raw[at] & 0x7F) << shift
        shift += 7
        at += 1
        if raw[at - 1] < 0x80:
            return number, at


def lengths(raw: bytes, message: Descriptor, start: int = 0, end: int | None = None) -> Iterator[int]:
    """Offsets of the length bytes of every length-delimited field of a valid message, nested ones too."""
    at, end = start, len(raw) if end is None else end
    while at < end:
        key, at = read_varint(raw, at)
        if key & 7 == BYTES:
            yield at
            length, at = read_varint(raw, at)
            known = message.fields_by_number.get(key >> 3)
            if known is not None and known.type == FieldDescriptor.TYPE_MESSAGE:
                yield from lengths(raw, known.message_type, at, at + length)
            at += length
        elif key & 7 == VARINT:
            at = read_varint(raw, at)[1]
        else:
            at += 8 if key & 7 == FIXED64 else 4
