"""The first spans of a new series: `increase()` misses them, unless the series begins at 0 or tells when it began.

Queries are asked at the instant of a scrape, over a window that reaches back before the series.  From a sample of 0
Prometheus extrapolates to neither side then (a counter cannot have been below 0 before), so the increase is exact.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

import pytest

from tests.payloads import ERROR, Placed, request
from tests.processes import FREE_PORTS, Running, running
from tests.programs import built, there
from tests.prometheus import Prometheus, launched
from tests.questions import CALLS, DURATION
from tests.scrapers import REMEDY, VARIABLE

#: Two scrapers with different intervals; `zero_first` is two of the longer one.
INTERVALS = ("1s", "2s")
DAEMONS = {"plain": "metrics: {created: true}", "zero_first": "metrics: {zero_first: 4s}"}
SPANS = 7 * [Placed()] + 2 * [Placed(status=ERROR)]
FIRST = {("STATUS_CODE_UNSET",): 7, ("STATUS_CODE_ERROR",): 2}
#: Family → what else picks one sample of each series.
FAMILIES = {CALLS: "", f"{DURATION}_count": "", f"{DURATION}_bucket": ', le="0.004"'}
#: Prometheus 3 reads start times in these protocols.
PROTOCOLS = ("PrometheusProto", "OpenMetricsText1.0.0")


class Born(NamedTuple):
    """Servers by interval or protocol; the spans were sent between the two times, in seconds."""

    servers: dict[str, Prometheus]
    sending: float
    sent: float


@pytest.fixture(scope="module")
def daemons(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Running]]:
    with ExitStack() as stack:
        found = {}
        for name, text in DAEMONS.items():
            config = tmp_path_factory.mktemp("daemon") / "config.yaml"
            config.write_text(text)
            found[name] = stack.enter_context(running("serve", f"--config.file={config}", *FREE_PORTS)).ready()
        yield found


@pytest.fixture(scope="module")
def born(daemons: dict[str, Running], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Born]:
    """All have scraped every daemon before the spans came, and all spans since."""
    targets = {name: daemon.web for name, daemon in daemons.items()}
    third = built("prometheus", VARIABLE)
    with ExitStack() as stack:

        def launch(**settings: Any) -> Prometheus:
            folder = tmp_path_factory.mktemp("prometheus")
            return stack.enter_context(launched(targets, folder, **settings))

        servers = {interval: launch(interval=interval) for interval in INTERVALS}
        for protocol in PROTOCOLS if third else ():
            features, settings = "created-timestamp-zero-ingestion", f"scrape_protocols: [{protocol}]"
            servers[protocol] = launch(binary=third, features=features, settings=settings)
        for server in servers.values():
            server.wait_for("count(up == 1)", len(targets))
        sending = time.time()
        assert {daemon.send(request(SPANS)) for daemon in daemons.values()} == {200}
        sent = time.time()
        for server in servers.values():
            server.wait_for(f"count(sum by (job) ({DURATION}_count) == {len(SPANS)})", len(targets))
        yield Born(servers, sending, sent)


def increase(server: Prometheus, family: str, job: str) -> dict[tuple[str, ...], float]:
    selector = f'{family}{{job="{job}"{FAMILIES[family]}}}'
    return server.query(f"increase({selector}[10m])", "status_code", at=server.last_scrape(job))


@pytest.mark.parametrize("interval", INTERVALS)
@pytest.mark.parametrize("family", FAMILIES)
def test_where_series_begin_at_0_every_scraper_counts_the_first_spans(born: Born, interval: str, family: str) -> None:
    assert increase(born.servers[interval], family, "zero_first") == FIRST


@pytest.mark.parametrize("interval", INTERVALS)
@pytest.mark.parametrize("family", FAMILIES)
def test_elsewhere_the_first_spans_are_missed(born: Born, interval: str, family: str) -> None:
    """As with any exporter; if this fails, the test above it proves nothing."""
    assert increase(born.servers[interval], family, "plain") == dict.fromkeys(FIRST, 0)


@pytest.mark.parametrize("interval", INTERVALS)
def test_a_series_goes_from_0_to_all_at_once(born: Born, interval: str) -> None:
    for labels, samples in born.servers[interval].samples(f'{CALLS}{{job="zero_first"}}'):
        assert [*dict.fromkeys(value for _, value in samples)] == [0, FIRST[labels["status_code"],]]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_scraper_that_reads_start_times_counts_the_first_spans(born: Born, protocol: str, family: str) -> None:
    there(built("prometheus", VARIABLE), REMEDY)
    server = born.servers[protocol]
    assert increase(server, family, "plain") == FIRST
    assert increase(server, family, "zero_first") == FIRST


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_start_time_is_when_the_first_span_came(born: Born, protocol: str) -> None:
    there(built("prometheus", VARIABLE), REMEDY)
    for _, [(began, value), *_] in born.servers[protocol].samples(f'{CALLS}{{job="plain"}}'):
        assert value == 0
        assert int(born.sending * 1000) / 1000 <= began <= born.sent
    assert born.servers[protocol].query('{__name__=~".+_created", job="plain"}') == {}


def test_none_of_them_complains(born: Born) -> None:
    assert [server.complaints() for server in born.servers.values()] == [[] for _ in born.servers]
