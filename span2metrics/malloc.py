"""glibc's allocator, told to keep the memory of large requests.

By default glibc maps each buffer of megabytes afresh and gives it back at once, so that a large request pays for page
faults all over again.  With higher thresholds requests of 8,192 spans cost a third less CPU, for some 47 MiB more of
resident memory; hence only where there is no memory limit, or a roomy one.  `SPAN2METRICS_MALLOC=default` leaves the
allocator alone, `=tuned` overrules the memory limit.  Other C libraries are left alone.
"""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Mapping
from typing import Final

from span2metrics.errors import StartupError

VARIABLE: Final = "SPAN2METRICS_MALLOC"
ROOMY: Final = 512 << 20
# From malloc.h: parameter → bytes.
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_THRESHOLDS: Final = {_M_MMAP_THRESHOLD: 64 << 20, _M_TRIM_THRESHOLD: 256 << 20}

_log = logging.getLogger(__name__)


def tune(environ: Mapping[str, str], memory_limit: int | None) -> bool:
    """Sets the thresholds where that is wanted; says whether it did.  Call it before the first large allocation.

    `memory_limit` in bytes, None for none.  Raises `StartupError` where the variable holds another word.
    """
    mode = environ.get(VARIABLE, "")
    if mode not in ("", "default", "tuned"):
        raise StartupError(f"{VARIABLE}={mode}: must be default or tuned")
    wanted = mode == "tuned" if mode else memory_limit is None or memory_limit >= ROOMY
    tuned = wanted and _set_thresholds()
    _log.debug("allocator", extra={"mode": mode or "auto", "memory_limit": memory_limit, "tuned": tuned})
    return tuned


def _set_thresholds() -> bool:
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "gnu_get_libc_version"):
        return False
    # mallopt answers 0 for a value that it refuses; older glibc takes no mmap threshold above 32 MiB.
    return all(libc.mallopt(parameter, size) for parameter, size in _THRESHOLDS.items())
