"""The page of a running daemon that holds 100,000 label sets: CPU a sample, and who is answered while it is sent."""

from __future__ import annotations

import http.client
import statistics
import threading
from collections.abc import Iterator

import grpc

from span2metrics.receivers.otlp_grpc import SERVICE
from tests.bench.requests import Builder, Shape
from tests.bench.servers import Server, cpu_seconds, daemon, fetch, rss_mib
from tests.bench.table import Row

EXPORT = f"/{SERVICE}/Export"
ACCEPT = {
    "text": "text/plain;version=0.0.4",
    "openmetrics": "application/openmetrics-text;version=1.0.0",
    "protobuf": "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
}
LABEL_SETS = Shape(services=1000, names=100, errors=0)


def rows(rounds: int) -> Iterator[Row]:
    with daemon() as server:
        send(server, Builder(Shape(services=1, names=10)).every_label_set())
        before = rss_mib(server.pid)
        send(server, Builder(LABEL_SETS).every_label_set())
        yield Row("daemon with 100,000 label sets: RSS grows", rss_mib(server.pid) - before, "MiB", most=85)
        for name, accept in ACCEPT.items():
            for encoding, most in (("identity", 0.1), ("gzip", 0.13)):
                yield page_row(server, name, accept, encoding, most, rounds)
        exports, healthy = answered_meanwhile(server)
        yield Row("exports of 8 spans answered while a page is sent", exports, "of 100")
        yield Row("health requests answered while a page is sent", healthy, "of 100")


def send(server: Server, requests: Iterator[bytes]) -> None:
    with grpc.insecure_channel(server.grpc) as channel:
        call = channel.unary_unary(EXPORT)
        for request in requests:
            call(request, timeout=60)


def page_row(server: Server, name: str, accept: str, encoding: str, most: float, rounds: int) -> Row:
    headers = {"Accept": accept, "Accept-Encoding": encoding}
    samples = fetch(server.metrics, "/metrics", Accept=ACCEPT["text"])[1].count(b"\n")  # the same in every format
    costs = []
    for _ in range(rounds):
        before = cpu_seconds(server.pid)
        for _ in range(3):
            fetch(server.metrics, "/metrics", **headers)
        costs.append((cpu_seconds(server.pid) - before) / 3 / samples * 1e6)
    what = f"page of {samples / 1e6:.1f} million samples, {name}{', gzip' if encoding == 'gzip' else ''}"
    return Row(what, statistics.median(costs), "us/sample", most=most)


def answered_meanwhile(server: Server) -> tuple[int, int]:
    """How many of 100 exports and of 100 health requests are answered between a page's first and last chunk."""
    export = Builder(Shape(spans=8, width=2)).request()
    counts = {"exports": 0, "healthy": 0}
    first, last = threading.Event(), threading.Event()

    def exports() -> None:
        with grpc.insecure_channel(server.grpc) as channel:
            call = channel.unary_unary(EXPORT)
            call(export, timeout=10)
            first.wait()
            for _ in range(100):
                call(export, timeout=10)
                counts["exports"] += not last.is_set()

    def health() -> None:
        connection = http.client.HTTPConnection(*server.metrics.split(":"), timeout=10)
        first.wait()
        for _ in range(100):
            connection.request("GET", "/-/healthy")
            connection.getresponse().read()
            counts["healthy"] += not last.is_set()

    threads = [threading.Thread(target=target) for target in (exports, health)]
    for thread in threads:
        thread.start()
    read_slowly(server, first, last)
    for thread in threads:
        thread.join()
    return counts["exports"], counts["healthy"]


def read_slowly(server: Server, first: threading.Event, last: threading.Event) -> None:
    connection = http.client.HTTPConnection(*server.metrics.split(":"), timeout=60)
    connection.request("GET", "/metrics", headers={"Accept": ACCEPT["openmetrics"]})
    response = connection.getresponse()
    response.read(65536)
    first.set()
    while response.read(1 << 20):
        pass
    last.set()
