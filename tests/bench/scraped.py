"""How much a daemon takes in while 100,000 label sets are scraped, compressed, every ten seconds, and otherwise."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator

from tests.bench.page import ACCEPT, LABEL_SETS, send
from tests.bench.requests import Builder
from tests.bench.servers import Server, daemon, fetch
from tests.bench.table import Row, alternated

EVERY = 10.0
#: Long enough for three scrapes.
SECONDS = 3 * EVERY
CONNECTIONS, SPANS = 4, 8192


def rows(rounds: int) -> Iterator[Row]:
    with daemon() as server:
        send(server, Builder(LABEL_SETS).every_label_set())

        def scraped() -> float:
            with scraper(server):
                return seconds_a_million(server)

        busy, quiet, ratio = alternated(scraped, lambda: seconds_a_million(server), rounds)
        what = "ingest of a million spans, 100,000 label sets scraped"
        yield Row(what, busy, "s", ratio, f"not scraped {quiet:.3f} s", 1 / 0.9)


def seconds_a_million(server: Server) -> float:
    """Wall time, as what is asked is whether clients notice."""
    command = [sys.executable, "-m", "tests.bench.flood", "--transport", "grpc", "--endpoint", server.grpc]
    command += ["--connections", str(CONNECTIONS), "--spans", str(SPANS), "--seconds", str(SECONDS)]
    answered = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return SECONDS / (answered["acknowledged"] * SPANS / 1e6)


@contextlib.contextmanager
def scraper(server: Server) -> Iterator[None]:
    """Somebody who takes a compressed page every ten seconds."""
    end = threading.Event()

    def scrape() -> None:
        while not end.is_set():
            fetch(server.metrics, "/metrics", **{"Accept": ACCEPT["openmetrics"], "Accept-Encoding": "gzip"})
            end.wait(EVERY)

    thread = threading.Thread(target=scrape)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()
