"""What a sender is told whose request was applied: nothing, or how many of its spans were refused.

Refused are spans that ended too long ago or too far in the future; what an operator's filters drop is none of a
sender's business.  The answer is an `ExportTraceServiceResponse` with a `partial_success`, written by hand: three
fields.  https://opentelemetry.io/docs/specs/otlp/#partial-success
"""

from __future__ import annotations

import json
from typing import Final

from span2metrics.engine.stats import Outcome
from span2metrics.protobuf import LENGTH, VARINT, delimited, tag, varint
from span2metrics.receivers import reply

_PARTIAL_SUCCESS, _REJECTED, _MESSAGE = tag(1, LENGTH), tag(1, VARINT), tag(2, LENGTH)
_WHOLE: Final = {reply.PROTOBUF: b"", reply.JSON: b"{}"}


def answer(outcome: Outcome, media_type: str = reply.PROTOBUF) -> bytes:
    """The response in that media type, protobuf or JSON."""
    rejected = outcome.too_old + outcome.too_new
    if not rejected:
        return _WHOLE[media_type]
    message = _message(outcome)
    if media_type == reply.JSON:
        # A 64-bit integer is a string there.
        told = {"rejectedSpans": str(rejected), "errorMessage": message}
        return json.dumps({"partialSuccess": told}).encode()
    return delimited(_PARTIAL_SUCCESS, _REJECTED + varint(rejected) + delimited(_MESSAGE, message.encode()))


def _message(outcome: Outcome) -> str:
    parts = {"ended too long ago": outcome.too_old, "end too far in the future": outcome.too_new}
    counts = " and ".join(f"{count} {what}" for what, count in parts.items() if count)
    return f"spans that were not counted: {counts}; see the clock and the queue of the sender, or time.slack here"
