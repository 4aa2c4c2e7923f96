"""Recorded spans: the bytes of a file, as OTLP requests.

What there is in the wild, told apart by its first bytes: a request in OTLP/JSON, or one a line as the Collector's
`file` exporter writes them; a request in protobuf, or several with a length of four bytes before each, as the same
exporter writes with `format: proto`; any of them in gzip.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator

from span2metrics.errors import DecodeError
from span2metrics.formats.otlp_json import to_request

_GZIP = b"\x1f\x8b"
_JSON = (b"{", b"\xef\xbb\xbf{")
_LENGTH = 4


def requests(data: bytes) -> Iterator[bytes]:
    """The requests of a recording, in order.  Raises `DecodeError` where it is none; the line is told of JSON."""
    if data.startswith(_GZIP):
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error):
            raise DecodeError("begins as gzip, but is broken or not whole") from None
    if data.lstrip().startswith(_JSON):
        yield from _json(data)
    elif data and (pieces := _pieces(data)):
        yield from pieces
    elif data.strip():
        yield data


def _json(data: bytes) -> Iterator[bytes]:
    """One request, however many lines it takes, or one a line."""
    lines = [(number, line) for number, line in enumerate(data.splitlines(), 1) if line.strip()]
    try:
        whole = to_request(data)
    except DecodeError:
        if len(lines) == 1:
            raise
    else:
        yield whole
        return
    for number, line in lines:
        try:
            yield to_request(line)
        except DecodeError as error:
            raise DecodeError(f"line {number}: {error}") from None


def _pieces(data: bytes) -> list[bytes]:
    """The requests that have a length before them; none where lengths do not add up to the whole.

    A request begins with the byte 0x0A: as a length it would be one of more than 160 MiB.
    """
    found, at = [], 0
    while at + _LENGTH <= len(data):
        size = int.from_bytes(data[at : at + _LENGTH], "big")
        found.append(data[at + _LENGTH : at + _LENGTH + size])
        at += _LENGTH + size
    return found if at == len(data) else []
