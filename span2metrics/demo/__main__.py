"""`python -m span2metrics.demo ENDPOINT...`: the demo's traffic alone, to any OTLP/gRPC endpoints."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Sequence

from span2metrics.demo.incident import INCIDENTS
from span2metrics.demo.room import DEFAULT_INCIDENT, DEFAULT_RATE, DEFAULT_SEED, run


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise ValueError
    return number


_positive.__name__ = "number above 0"  # argparse says: invalid number above 0 value


def main(argv: Sequence[str] | None = None) -> int:
    """Parses the flags and runs; returns the exit code."""
    parser = argparse.ArgumentParser(
        "python -m span2metrics.demo", description="A small payments company that sends its spans to each ENDPOINT."
    )
    parser.add_argument("endpoints", nargs="*", metavar="endpoint", help="OTLP/gRPC receivers (localhost:4317)")
    parser.add_argument("--rate", type=_positive, default=DEFAULT_RATE, help="traces a second (%(default)s)")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help="same seed, same traces (%(default)s)")
    parser.add_argument("--duration", type=_positive, help="seconds to run; default: until stopped")
    parser.add_argument("--incident", choices=sorted(INCIDENTS), default=DEFAULT_INCIDENT, help="(%(default)s)")
    parser.add_argument("--until-eof", action="store_true", help="stop when standard input ends")
    options = vars(parser.parse_args(argv))
    if options.pop("until_eof"):
        threading.Thread(target=_terminate_at_eof, name="stdin", daemon=True).start()
    return run(*(options.pop("endpoints") or ["localhost:4317"]), **options)


def _terminate_at_eof() -> None:
    """Waits for the parent's end of the pipe to close, then ends this process as SIGTERM does."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
