"""An attack on cardinality: every span has a name, a dimension's value and a resource that no other has.

What it may cost is bounded: memory, CPU a span, and nothing of anybody else's.  A bystander sends the same spans all
the while; its series must be as if nothing were.  Values are of 20 bytes, and of 10 KiB, of which a label shows the
first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from http.client import HTTPConnection

from span2metrics import names
from tests.bench.overload import settled_calls
from tests.bench.samples import total
from tests.bench.servers import Server, cpu_seconds, daemon, fetch, rss_mib
from tests.bench.table import Row
from tests.payloads import Placed, request

CONFIG = "metrics: {dimensions: [{name: tier}]}"
#: Letters that stand for the number of a span; no template makes anything of them.
DIGITS = b"ghijklmnopqrstuv"
WIDTH = 8
#: Spans a request by bytes of a value; and how often the bystander sends.
SPANS = {20: 1024, 10240: 64}
BYSTANDER = request([Placed(service="bystander", name=f"work {letter}") for letter in "abcdefghij"])
EVERY = 50
#: MiB, and microseconds a span of 20 bytes: 100,000 spans a second.
GROWS, COSTS = 150, 10


def rows(spans: int) -> Iterator[Row]:
    """`spans` of 20 bytes, and a tenth as many of 10 KiB, of one service and of as many services."""
    for size in SPANS:
        for own in (False, True):
            yield from attacked(spans if size == 20 else spans // 10, size, own)


def attacked(spans: int, size: int, own: bool) -> Iterator[Row]:
    """`own`: each span is of a service of its own."""
    what = f"{spans:,} spans of {size:,} bytes, {'a service each' if own else 'one service'}"
    with daemon(CONFIG) as server:
        post = Sender(server)
        post(BYSTANDER)
        before, cpu = rss_mib(server.pid), cpu_seconds(server.pid)
        bystander, sent, most = 1, 0, before
        for number, body in enumerate(bodies(spans, size, own)):
            post(body)
            sent += SPANS[size]
            if number % EVERY == 0:
                post(BYSTANDER)
                bystander += 1
                most = max(most, rss_mib(server.pid))
        settled_calls(server)
        spent = cpu_seconds(server.pid) - cpu
        page = fetch(server.metrics, "/metrics")[1].decode()
        most = max(most, rss_mib(server.pid))
    yield Row(f"{what}: CPU", spent / sent * 1e6, "us/span", most=COSTS if size == 20 else None)
    yield Row(f"{what}: RSS grows", most - before, "MiB", most=GROWS)
    calls = f"{names.NAMESPACE}_{names.CALLS}_total"
    counted = total(page, calls)
    yield Row(f"{what}: sent, and not counted", abs(sent + 10 * bystander - counted), "spans", most=0)
    yield Row(f"{what}: the bystander's series that are wrong", wrong(page, calls, bystander), "series", most=0)
    victim = "__other__" if own else "victim"
    told = total(page, f"{names.OVERFLOWED_SPANS.name}_total", service_name=victim)
    yield Row(f"{what}: told to have met a limit", 100 * told / sent, "%")


class Sender:
    """Posts bodies over one connection; any answer but yes ends the bench."""

    def __init__(self, server: Server) -> None:
        self._connection = HTTPConnection(server.http)

    def __call__(self, body: bytes) -> None:
        self._connection.request("POST", "/v1/traces", body, {"Content-Type": "application/x-protobuf"})
        answer = self._connection.getresponse()
        answer.read()
        assert answer.status == 200, answer.status


def bodies(spans: int, size: int, own: bool) -> Iterator[bytes]:
    """Requests whose spans have numbers of their own, where their name, value, resource and service have a mark."""
    count = SPANS[size]
    marks = [f"<{i:0{WIDTH - 2}}>" for i in range(count)]
    filler = "V" * (size - WIDTH)
    template = request(
        [
            Placed(
                service=f"s{mark}" if own else "victim",
                name=f"op {mark}",
                resource={"k8s.pod.name": f"pod-{mark}"},
                attributes={"tier": mark + filler},
            )
            for mark in marks
        ]
    )
    body = bytearray(template)
    places = [(match.start(), int(match[0][1:-1])) for match in re.finditer(rb"<\d+>", template)]
    for first in range(0, spans, count):
        letters = [lettered(first + i) for i in range(count)]
        for at, number in places:
            body[at : at + WIDTH] = letters[number]
        yield bytes(body)


def lettered(number: int) -> bytes:
    return bytes(DIGITS[number >> (4 * i) & 15] for i in range(WIDTH))


def wrong(page: str, calls: str, bystander: int) -> int:
    """Of the bystander's ten series those that have another count, or are not there."""
    counts = re.findall(rf'^{calls}{{service_name="bystander".*?UNSET"}} (\d+)$', page, re.MULTILINE)
    return 10 - sum(int(count) == bystander for count in counts)
