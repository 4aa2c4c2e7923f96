"""Single values of OTLP/JSON, checked and made into what protobuf carries.

Each reader takes a parsed value that is there (not null) and raises `FieldError`, which says what was expected and, as
it climbs, where; it never quotes the value.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any, Final

_SURROGATE: Final = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]")
_DECIMAL: Final = re.compile(r"-?[0-9]{1,20}", re.ASCII)
#: What numbers JSON has no literal for are called.
_NAMED: Final = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
_STANDARD: Final = str.maketrans("-_", "+/")


class FieldError(Exception):
    """Something is not as it must be; `path` is from the outermost object that has seen it."""

    def __init__(self, expected: str) -> None:
        super().__init__(expected)
        self.path = ""

    def within(self, place: str) -> FieldError:
        """The same fault, seen from one level further out."""
        dot = "." if self.path and not self.path.startswith("[") else ""
        self.path = f"{place}{dot}{self.path}"
        return self


def text(value: Any) -> bytes:
    """A string as UTF-8, with one byte 0xFF for each lone surrogate."""
    if type(value) is not str:
        raise FieldError("must be a string")
    try:
        return value.encode()
    except UnicodeEncodeError:
        return _SURROGATE.sub(b"\xff", value.encode("utf-8", "surrogatepass"))


def integer(value: Any, low: int, high: int) -> int:
    """A whole number within bounds, as a number or as a string of digits."""
    kind = type(value)
    if (kind is str and _DECIMAL.fullmatch(value)) or (kind is float and value.is_integer()):
        value = int(value)
    elif kind is not int:
        raise FieldError("must be an integer")
    if not low <= value <= high:
        raise FieldError("is out of range")
    return value  # type: ignore[no-any-return]


def unsigned64(value: Any) -> int:
    """Times, mostly: strings of 19 digits."""
    if type(value) is str and len(value) < 20 and value.isascii() and value.isdigit():
        return int(value)
    return integer(value, 0, (1 << 64) - 1)


def unsigned32(value: Any) -> int:
    return integer(value, 0, (1 << 32) - 1)


def signed64(value: Any) -> int:
    return integer(value, -(1 << 63), (1 << 63) - 1)


def enum(value: Any, numbers: Mapping[str, int]) -> int:
    """An enum's number; its name is tolerated, and so are numbers that have none."""
    if type(value) is str and value in numbers:
        return numbers[value]
    return integer(value, -(1 << 31), (1 << 31) - 1)


def double(value: Any) -> float:
    """A number, or the name of one that JSON cannot write."""
    if type(value) is str and value in _NAMED:
        return _NAMED[value]
    if type(value) is bool:
        raise FieldError("must be a number")
    try:
        return float(value)
    except (TypeError, ValueError):
        raise FieldError("must be a number") from None
    except OverflowError:
        raise FieldError("is out of range") from None


def boolean(value: Any) -> bool:
    if type(value) is not bool:
        raise FieldError("must be true or false")
    return value


def hexadecimal(value: Any) -> bytes:
    """An id; its length is the engine's business."""
    try:
        return binascii.unhexlify(value)
    except (TypeError, ValueError):
        raise FieldError("must be a string of hexadecimal digits") from None


def base64_bytes(value: Any) -> bytes:
    """Base64 in the standard or the URL alphabet, padded or not."""
    if type(value) is not str:
        raise FieldError("must be a base64 string")
    bare = value.rstrip("=").translate(_STANDARD)
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except ValueError:
        raise FieldError("must be a base64 string") from None
