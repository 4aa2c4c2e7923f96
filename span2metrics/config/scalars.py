"""How single values are written: durations, sizes, addresses.

Pure text in, exact integers out, and back.  A parser raises `ValueError` with a predicate (`is not a size; write …`)
and never with the text itself: whoever calls knows whether the text may be quoted.  No floating point: `1.4s` is
exactly 1,400,000,000 ns.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

NS_PER_SECOND = 1_000_000_000

#: Nanoseconds, from small to large.
DURATION_UNITS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "ms": 1_000_000,
    "s": NS_PER_SECOND,
    "m": 60 * NS_PER_SECOND,
    "h": 3600 * NS_PER_SECOND,
    "d": 86400 * NS_PER_SECOND,
}
SIZE_UNITS = {
    "B": 1,
    "kB": 10**3,
    "KB": 10**3,
    "KiB": 1 << 10,
    "MB": 10**6,
    "MiB": 1 << 20,
    "GB": 10**9,
    "GiB": 1 << 30,
    "TB": 10**12,
    "TiB": 1 << 40,
}
# The digits are bounded because Python refuses to convert very long ones.
_NUMBER = r"[0-9]{1,18}(?:\.[0-9]{1,18})?"
#: Patterns of the whole text, in the dialect that Python and JSON Schema share.
DURATION = rf"(?:{_NUMBER}(?:{'|'.join(DURATION_UNITS)}))+"
SIZE = rf"{_NUMBER}(?:{'|'.join(SIZE_UNITS)})?"
DECIMAL = _NUMBER
ENDPOINT = r"(?:\[[^\[\]]+\]|[^:\[\]/\s]*):[0-9]{1,5}"

_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9.])?")
_NOT_FINITE = re.compile(r"[-+]?\.?(?:inf|infinity|nan)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address to listen on.  `host` "" means all interfaces; `port` 0 lets the system choose."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_duration(text: str) -> int:
    """Nanoseconds of `250ms`, `1.4s`, `1h30m`; not negative."""
    if not re.fullmatch(DURATION, text):
        raise ValueError(_duration_fault(text))
    parts = re.findall(rf"({_NUMBER})({'|'.join(DURATION_UNITS)})", text)
    return sum(_exact(number, DURATION_UNITS[unit], "is finer than a nanosecond") for number, unit in parts)


def _duration_fault(text: str) -> str:
    if _NOT_FINITE.fullmatch(text):
        return "is not finite; write a duration such as 250ms or 10s"
    if text.startswith("-"):
        return "is negative; a duration is 0 or more"
    if re.fullmatch(_NUMBER, text):
        return "has no unit; write for example 250ms, 10s, 15m or 30d"
    return f"is not a duration; write a number and a unit ({', '.join(DURATION_UNITS)}), such as 250ms"


def format_duration(ns: int) -> str:
    """The duration in the largest unit that divides it: 1400000000 is `1400ms`."""
    if ns == 0:
        return "0s"
    unit = max((u for u in DURATION_UNITS if ns % DURATION_UNITS[u] == 0 and u != "µs"), key=DURATION_UNITS.__getitem__)
    return f"{ns // DURATION_UNITS[unit]}{unit}"


def parse_size(text: str) -> int:
    """Bytes of `64MiB`, `1.5GB`, `4096`."""
    if not re.fullmatch(SIZE, text):
        raise ValueError(f"is not a size; write bytes, or a number and a unit ({', '.join(SIZE_UNITS)}), such as 64MiB")
    number = text.rstrip("BKMGTik")
    return _exact(number, SIZE_UNITS[text[len(number) :] or "B"], "is not a whole number of bytes")


def format_size(size: int) -> str | int:
    """The size in the largest binary unit that divides it; plain bytes below a KiB."""
    units = [unit for unit, factor in SIZE_UNITS.items() if "i" in unit and size and size % factor == 0]
    return f"{size // SIZE_UNITS[units[-1]]}{units[-1]}" if units else size


def parse_decimal(text: str, decimals: int) -> int:
    """The number in units of 10^-decimals, exactly; not negative."""
    if not re.fullmatch(DECIMAL, text):
        raise ValueError(_decimal_fault(text))
    return _exact(text, 10**decimals, f"has more than {decimals} decimals")


def _decimal_fault(text: str) -> str:
    if _NOT_FINITE.fullmatch(text):
        return "is not finite; write a number such as 9.99"
    if text.startswith("-"):
        return "is negative; write 0 or more"
    return "is not a number; write digits and at most one point, such as 9.99"


def format_decimal(number: int, decimals: int) -> str:
    """The number of so many units of 10^-decimals, without zeros at its end: 9990000 is `9.99` of 10^-6."""
    whole, rest = divmod(number, 10**decimals)
    return f"{whole}.{rest:0{decimals}d}".rstrip("0").rstrip(".")


def parse_endpoint(text: str) -> Endpoint:
    """`host:port`; `:port` and `*:port` for all interfaces; IPv6 in brackets."""
    if "://" in text:
        raise ValueError("has a scheme; write host:port alone")
    if not re.fullmatch(ENDPOINT, text):
        raise ValueError("is not an address; write host:port, :port for all interfaces, or [::1]:port for IPv6")
    host, _, port = text.rpartition(":")
    if int(port) > 65535:
        raise ValueError("has a port above 65535")
    return Endpoint(_host(host), int(port))


def _host(host: str) -> str:
    if host in {"", "*"}:
        return ""
    try:
        if host.startswith("["):
            return str(ipaddress.IPv6Address(host[1:-1]))
        if re.fullmatch(r"[0-9.]+", host):
            return str(ipaddress.IPv4Address(host))
    except ValueError:
        raise ValueError("has an invalid IP address") from None
    if not _HOST.fullmatch(host):
        raise ValueError("has a host that is neither a name nor an IP address")
    return host.lower()


def _exact(number: str, unit: int, fault: str) -> int:
    whole, _, fraction = number.partition(".")
    scale: int = 10 ** len(fraction)
    value, rest = divmod(int(whole + fraction) * unit, scale)
    if rest:
        raise ValueError(fault)
    return value
