"""The company's pods as exporters that know nothing of each other: the halves of an edge arrive in any order.

Each pod sends over a connection of its own, all at once, its spans shuffled and in batches of any size.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from http.client import HTTPConnection

from span2metrics.demo.encode import encode
from span2metrics.demo.span import Span
from tests.processes import PATIENCE, Running

MOST = 40  # spans in a batch
HEADERS = {"Content-Type": "application/x-protobuf"}

#: To which of some daemons a span goes.
Route = Callable[[Span], int]


def send(spans: Iterable[Span], daemons: Sequence[Running], seed: int, route: Route = lambda _: 0) -> None:
    """Over OTLP/HTTP; returns when everything was accepted, raises `AssertionError` for what was not."""
    outboxes: dict[tuple[str, int], list[Span]] = {}
    for span in spans:
        outboxes.setdefault((span.pod.name, route(span)), []).append(span)
    refused: list[int] = []
    start = threading.Barrier(len(outboxes))
    exporters = []
    for (pod, number), outbox in outboxes.items():
        settings = str(daemons[number].otlp_http), list(_batches(outbox, f"{seed}/{pod}")), start, refused
        exporters.append(threading.Thread(target=_export, args=settings))
    for exporter in exporters:
        exporter.start()
    for exporter in exporters:
        exporter.join()
    assert refused == []


def _batches(outbox: list[Span], seed: str) -> Iterator[bytes]:
    rng = random.Random(seed)
    left = rng.sample(outbox, len(outbox))
    while left:
        size = rng.randint(1, MOST)
        yield encode(left[:size])
        left = left[size:]


def _export(address: str, batches: list[bytes], start: threading.Barrier, refused: list[int]) -> None:
    """Statuses other than 200 go into `refused`; 0 stands for a connection that broke."""
    connection = HTTPConnection(address, timeout=PATIENCE)
    start.wait(PATIENCE)
    try:
        for batch in batches:
            connection.request("POST", "/v1/traces", batch, HEADERS)
            response = connection.getresponse()
            response.read()
            if response.status != 200:
                refused.append(response.status)
    except OSError:
        refused.append(0)
    finally:
        connection.close()
