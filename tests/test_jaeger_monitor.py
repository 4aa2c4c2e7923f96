"""Jaeger's Monitor tab over dialect `jaeger`: latencies, calls and errors, by service and by operation.

Spans come at a steady rate, the same ones in each request.  Series begin at 0 and Jaeger is asked at the instant of a
scrape, so that rates over a window longer than the stream are exact.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from span2metrics.engine.plan import MS
from tests.jaeger import Jaeger, jaeger, needed
from tests.payloads import CLIENT, ERROR, SERVER, Placed, request
from tests.processes import FREE_PORTS, Running, running
from tests.prometheus import Prometheus, prometheus

CONFIG = "metrics: {dialects: [jaeger], zero_first: 2s}"
PAY = Placed(service="shop", name="pay", kind=SERVER, took=3 * MS)
STATUS = Placed(service="shop", name="status", kind=SERVER, took=MS)
CHARGE = Placed(service="shop", name="charge", kind=CLIENT, took=7 * MS)
BOOK = Placed(service="bank", name="book", kind=SERVER, took=3 * MS)
REQUEST = [*3 * [PAY], PAY.but(status=ERROR, took=30 * MS), *4 * [STATUS], *2 * [CHARGE], *4 * [BOOK]]
REQUESTS, PAUSE_S = 40, 0.25
WINDOW_S = 600.0  # longer than the stream
EVERY_S = WINDOW_S / REQUESTS  # within the window, one request comes so often

BY_OPERATION = {"groupByOperation": "true"}
SHOP, BANK = ("shop",), ("bank",)


class Monitored(NamedTuple):
    """`at`: the time of a scrape that has seen all; `amid`: of one while the stream ran at `pace` requests a second."""

    jaeger: Jaeger
    at: float
    amid: float
    pace: float


@pytest.fixture(scope="module")
def monitored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Monitored]:
    needed()
    folder = tmp_path_factory.mktemp("jaeger")
    config = folder / "config.yaml"
    config.write_text(CONFIG)
    with (
        running("serve", f"--config.file={config}", *FREE_PORTS) as daemon,
        prometheus(daemon.ready().web, folder) as server,
        jaeger(server.address, folder) as found,
    ):
        server.wait_for("count(up == 1)", 1)
        amid, pace = stream(daemon, server)
        server.wait_for("sum(traces_span_metrics_duration_milliseconds_count)", REQUESTS * len(REQUEST))
        yield Monitored(found, server.last_scrape(), amid, pace)


def stream(daemon: Running, server: Prometheus) -> tuple[float, float]:
    """Sends all; the time of the last scrape meanwhile, and the pace in requests a second."""
    began = time.monotonic()
    for number in range(REQUESTS):
        time.sleep(max(0.0, began + number * PAUSE_S - time.monotonic()))
        assert daemon.send(request(REQUEST)) == 200
    return server.last_scrape(), (REQUESTS - 1) / (time.monotonic() - began)


def per_second(count: int) -> Any:
    """A second, of what each request has `count` of."""
    return pytest.approx(count / EVERY_S, rel=1e-9)


CALLS = {
    "of services": ({}, {SHOP: 8, BANK: 4}),
    "of operations": (BY_OPERATION, {("shop", "pay"): 4, ("shop", "status"): 4, ("bank", "book"): 4}),
    "to others": ({"spanKind": "client"}, {SHOP: 2}),
    "of no kind that came": ({"spanKind": "consumer"}, {}),
}


@pytest.mark.parametrize(("asked", "count"), CALLS.values(), ids=CALLS)
def test_calls_a_second(monitored: Monitored, asked: dict[str, str], count: dict[tuple[str, ...], int]) -> None:
    answer = monitored.jaeger.monitor("calls", monitored.at, WINDOW_S, "shop", "bank", **asked)
    assert answer == {labels: per_second(calls) for labels, calls in count.items()}


def test_calls_a_second_while_they_come_steadily(monitored: Monitored) -> None:
    """Over five scrapes Prometheus sees the steady rate to the nearest request or two."""
    answer = monitored.jaeger.monitor("calls", monitored.amid, 5.0, "shop", "bank")
    assert answer == {
        SHOP: pytest.approx(8 * monitored.pace, rel=0.25),
        BANK: pytest.approx(4 * monitored.pace, rel=0.25),
    }


ERRORS: dict[str, Any] = {
    "of services": ({}, {SHOP: 1 / 8, BANK: 0}),
    "of operations": (BY_OPERATION, {("shop", "pay"): 1 / 4, ("shop", "status"): 0, ("bank", "book"): 0}),
    "to others": ({"spanKind": "client"}, {SHOP: 0}),
}


@pytest.mark.parametrize(("asked", "share"), ERRORS.values(), ids=ERRORS)
def test_share_of_errors(monitored: Monitored, asked: dict[str, str], share: dict[tuple[str, ...], float]) -> None:
    answer = monitored.jaeger.monitor("errors", monitored.at, WINDOW_S, "shop", "bank", **asked)
    assert answer == pytest.approx(share, rel=1e-9)


#: Milliseconds, linear in the bucket where the rank falls: of shop's eight, four took up to 2, three more up to 4, one
#: between 10 and 50; bank's four took between 2 and 4, and its calls between 6 and 8.
LATENCIES: dict[str, Any] = {
    "median of services": ("0.5", {}, {SHOP: 2, BANK: 3}),
    "95th percentile of services": ("0.95", {}, {SHOP: 10 + 40 * 0.6, BANK: 3.9}),
    "median of operations": (
        "0.5",
        BY_OPERATION,
        {("shop", "pay"): 2 + 2 * 2 / 3, ("shop", "status"): 1, ("bank", "book"): 3},
    ),
    "95th percentile of operations": (
        "0.95",
        BY_OPERATION,
        {("shop", "pay"): 10 + 40 * 0.8, ("shop", "status"): 1.9, ("bank", "book"): 3.9},
    ),
    "95th percentile of calls to others": ("0.95", {"spanKind": "client"}, {SHOP: 7.9}),
}


@pytest.mark.parametrize(("quantile", "asked", "took"), LATENCIES.values(), ids=LATENCIES)
def test_latencies(
    monitored: Monitored, quantile: str, asked: dict[str, str], took: dict[tuple[str, ...], float]
) -> None:
    answer = monitored.jaeger.monitor("latencies", monitored.at, WINDOW_S, "shop", "bank", quantile=quantile, **asked)
    assert answer == pytest.approx(took, rel=1e-9)
