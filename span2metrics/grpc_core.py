"""What gRPC's core reads from the environment when it is imported; the operator's own words win.

GRPC_VERBOSITY      lines of the core's own kind do not belong between ours on stderr, but for its errors
GRPC_EXPERIMENTS    the older listener costs a request an eighth less CPU (8 and 64 spans a request, grpcio 1.85).  It
                    is an internal switch that may vanish, so it is touched only in versions that are known to have it.
                    `GRPC_EXPERIMENTS=` (empty) leaves gRPC as it comes.
"""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from importlib import metadata
from typing import Final

EXPERIMENT: Final = "-event_engine_listener"
#: grpcio: from what we need at least, up to and including what was tried.
KNOWN: Final = ((1, 66), (1, 85))


def prepare(environ: MutableMapping[str, str], grpcio: str | None = None) -> None:
    """Call it before grpc is imported.  `grpcio` is its version, by default the installed one's."""
    environ.setdefault("GRPC_VERBOSITY", "ERROR")
    first, last = KNOWN
    if first <= _minor(grpcio or metadata.version("grpcio")) <= last:
        environ.setdefault("GRPC_EXPERIMENTS", EXPERIMENT)


def _minor(version: str) -> tuple[int, int]:
    found = re.match(r"(\d+)\.(\d+)", version)
    return (int(found[1]), int(found[2])) if found else (0, 0)
