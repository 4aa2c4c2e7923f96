"""What a sender is told: the one table from errors to gRPC status, HTTP code and counted outcome.

Who reads it decides by it whether to send the same data again, so the rows follow the OTLP specification's list of
what may be retried (https://opentelemetry.io/docs/specs/otlp/#failures): a fault of the data is final, lack of room and
our own bugs are not.  Too large is RESOURCE_EXHAUSTED without RetryInfo, which says "never again".  Any exception that
the table does not know is our bug: it is reported and the sender may come back.

`google.rpc.Status` is written by hand: three fields, and no dependency.  No message quotes anything that was sent.
"""

from __future__ import annotations

import json
import math
from typing import Final, NamedTuple

from span2metrics import names
from span2metrics.errors import Abandoned, DecodeError, Overloaded, TooLarge, UnsupportedEncoding
from span2metrics.protobuf import LENGTH, VARINT, delimited, tag, varint

#: The numbers of google.rpc.Code that are answered.
INVALID_ARGUMENT, DEADLINE_EXCEEDED, NOT_FOUND, RESOURCE_EXHAUSTED, UNIMPLEMENTED, UNAVAILABLE = 3, 4, 5, 8, 12, 14

#: The media type of `grpc-status-details-bin` and of protobuf's HTTP answers.
PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"
TEXT: Final = "text/plain; charset=utf-8"


class Reply(NamedTuple):
    """A refusal.  `retry_after` in seconds, None where sending the same again is of no use; `outcome` is counted."""

    code: int
    http: int
    outcome: str
    message: str
    retry_after: float | None = None

    def status(self) -> bytes:
        """`google.rpc.Status`, with RetryInfo where retrying is of use."""
        status = _CODE + varint(self.code) + delimited(_MESSAGE, self.message.encode())
        return status if self.retry_after is None else status + delimited(_DETAILS, _retry_info(self.retry_after))

    def retry_seconds(self) -> str:
        """The value of `Retry-After`: whole seconds, at least one."""
        return str(max(1, math.ceil(self.retry_after or 0)))

    def body(self, media_type: str) -> bytes:
        """The HTTP body in that type: `google.rpc.Status`, or the bare message where the type is none of ours."""
        if media_type == PROTOBUF:
            return self.status()
        if media_type == JSON:
            return json.dumps({"code": self.code, "message": self.message}).encode()
        return self.message.encode() + b"\n"


class _Row(NamedTuple):
    error: type[Exception]
    code: int
    http: int
    outcome: str
    retry_after: float | None = None


_ROWS: Final = (
    _Row(DecodeError, INVALID_ARGUMENT, 400, names.MALFORMED),
    _Row(TooLarge, RESOURCE_EXHAUSTED, 413, names.TOO_LARGE),
    _Row(UnsupportedEncoding, INVALID_ARGUMENT, 415, names.UNSUPPORTED),
    _Row(Overloaded, UNAVAILABLE, 503, names.OVERLOADED, 1.0),
    _Row(Abandoned, DEADLINE_EXCEEDED, 503, names.ABANDONED, 1.0),
)

NO_SUCH_METHOD: Final = Reply(UNIMPLEMENTED, 405, names.UNSUPPORTED, "this path takes POST only")
NO_SUCH_CALL: Final = Reply(UNIMPLEMENTED, 404, names.UNSUPPORTED, "only spans are taken, by TraceService/Export")
INTERNAL_FAULT: Final = Reply(UNAVAILABLE, 503, names.INTERNAL, "internal fault", 1.0)


def no_such_path(path: str) -> Reply:
    """To what came to another path than this one: an endpoint given without it, or metrics and logs of an SDK."""
    return Reply(NOT_FOUND, 404, names.UNSUPPORTED, f"there is nothing at this path; only spans are taken, at {path}")


def to(error: Exception) -> Reply:
    """The answer to a request that ended in `error`; `INTERNAL_FAULT` itself for what nobody raises on purpose."""
    for row in _ROWS:
        if isinstance(error, row.error):
            retry_after = error.retry_after if isinstance(error, Overloaded) else row.retry_after
            return Reply(row.code, row.http, row.outcome, str(error), retry_after)
    return INTERNAL_FAULT


_CODE, _MESSAGE, _DETAILS = tag(1, VARINT), tag(2, LENGTH), tag(3, LENGTH)
_TYPE_URL, _ANY_CONTENT, _DELAY = tag(1, LENGTH), tag(2, LENGTH), tag(1, LENGTH)
_SECONDS, _NANOS = tag(1, VARINT), tag(2, VARINT)


def _retry_info(seconds: float) -> bytes:
    """`google.protobuf.Any` of a `google.rpc.RetryInfo`."""
    whole, part = divmod(round(seconds * 1e9), 1_000_000_000)
    delay = _SECONDS + varint(whole) + _NANOS + varint(part)
    type_url = b"type.googleapis.com/google.rpc.RetryInfo"
    return delimited(_TYPE_URL, type_url) + delimited(_ANY_CONTENT, delimited(_DELAY, delay))
