"""Text of values, as label values show them.

Owns number, byte and length rules (semantics "value text"); knows nothing of labels or the wire.  Called for keys that
are new, never for each span.  Numbers follow ECMAScript's Number::toString, which is how JSON writers print doubles.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Iterator

ELLIPSIS = "…"
_ELLIPSIS_BYTES = len(ELLIPSIS.encode())
_PAIR = re.compile(rb'([^="]+)="((?:[^"\\]|\\.)*)",')
_ESCAPED = re.compile(rb"\\.")


def double_text(value: float) -> str:
    """Shortest text that reads back as the same double: `200`, `0.25`, `1e+21`, `1e-7`, `NaN`, `-Infinity`."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    digits, point = _shortest(abs(value))
    return sign + _placed(digits, point)


def _shortest(value: float) -> tuple[str, int]:
    """Digits without zeros at either end, and the place of the point: value = 0.DIGITS x 10^point."""
    mantissa, _, exponent = repr(value).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    return digits.rstrip("0"), point


def _placed(digits: str, point: int) -> str:
    if len(digits) <= point <= 21:
        return digits.ljust(point, "0")
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"0.{'0' * -point}{digits}"
    mantissa = digits[0] + (f".{digits[1:]}" if len(digits) > 1 else "")
    return f"{mantissa}e{point - 1:+d}"


def base64_text(value: bytes) -> str:
    return base64.b64encode(value).decode()


def cut(text: str, limit: int) -> str:
    """The text itself, or so much of it that it has at most `limit` bytes of UTF-8 together with a trailing `…`."""
    if len(text) * 4 <= limit:
        return text
    encoded = text.encode()
    if len(encoded) <= limit:
        return text
    return encoded[: max(0, limit - _ELLIPSIS_BYTES)].decode(errors="ignore") + ELLIPSIS


def bound_text(nanoseconds: int, unit: int) -> str:
    """A bound in units of so many nanoseconds, as OpenMetrics' canonical number: `0.002`, `1.0`, `5e-05`, `1e+06`."""
    value = nanoseconds / unit
    digits, point = _shortest(value)
    if point <= 6:
        return repr(value)
    return f"{digits[0]}{'.' * (len(digits) > 1)}{digits[1:]}e+{point - 1:02d}"


def pairs_of(labels: bytes) -> Iterator[tuple[str, str]]:
    """Label and value of each pair of a series' rendered labels, `a="x",b="y",`."""
    for label, value in _PAIR.findall(labels):
        yield label.decode(), (_ESCAPED.sub(_unescaped, value) if b"\\" in value else value).decode()


def _unescaped(match: re.Match[bytes]) -> bytes:
    return b"\n" if match[0] == b"\\n" else match[0][1:]
