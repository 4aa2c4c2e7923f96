"""How much memory the process may have, and what the defaults of the size limits are in it.

The limit is the cgroup's: version 2 where it says one, else version 1.  A group's ancestors bind it too, so the
smallest number on the way to the root counts.  Inside a container the group's own path may not be visible; the mount's
root is then the container's group.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

MIB: Final = 1 << 20
#: Version 1 says "no limit" with the largest multiple of a page that fits 63 bits.
_UNLIMITED: Final = 1 << 60
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


def memory_limit(root: Path = Path("/")) -> int | None:
    """Bytes that the cgroup grants; None where there is no limit.  `root` is where /proc and /sys are looked up."""
    unified, legacy = _groups(root / "proc/self/cgroup")
    limits = [
        *_limits(root / "sys/fs/cgroup", unified, "memory.max"),
        *_limits(root / "sys/fs/cgroup/memory", legacy, "memory.limit_in_bytes"),
    ]
    return min(limits, default=None)


def request_limit(configured: int | None) -> int:
    """Bytes of one request after decompression: an eighth of the memory, as its buffers may be there twice."""
    return configured or _share(64 * MIB, 8)


def intake_limit(configured: int | None) -> int:
    """Bytes of all requests under way: a quarter of the memory; the series need the rest."""
    return configured or _share(256 * MIB, 4)


def ceiling() -> int | None:
    """Bytes of resident memory from which on nothing large should be begun; None where there is no limit."""
    limit = memory_limit()
    return None if limit is None else limit - limit // 4


def resident() -> int:
    """Bytes of memory that the process occupies now; 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_bytes().split()[1]) * _PAGE
    except OSError:
        return 0


def give_back() -> None:
    """Asks the allocator to return freed memory to the system, where it knows how (glibc)."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _share(most: int, part: int) -> int:
    limit = memory_limit()
    return most if limit is None else min(most, limit // part)


def _groups(membership: Path) -> tuple[str, str]:
    """The process' path in the unified hierarchy and in version 1's memory hierarchy."""
    unified = legacy = "/"
    for line in _read(membership).splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if not controllers:
            unified = path
        elif "memory" in controllers.split(","):
            legacy = path
    return unified, legacy


def _limits(mount: Path, group: str, file: str) -> Iterator[int]:
    place = mount / group.strip("/")
    for directory in (place, *place.parents):
        if not directory.is_relative_to(mount):
            return
        text = _read(directory / file).strip()
        if text.isdecimal() and 0 < int(text) < _UNLIMITED:
            yield int(text)


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""
