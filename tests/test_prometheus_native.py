"""Real scrapers keep native histograms of the demo: their quantiles are those of the spans, to within a bucket."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPConnection
from itertools import product
from typing import NamedTuple

import pytest

from tests import sent
from tests.metrics_proto import read_messages
from tests.processes import FREE_PORTS, PATIENCE, running
from tests.prometheus import Prometheus, launched
from tests.questions import DURATION
from tests.scrapers import DEBIAN, PROTOBUF, SCRAPERS, needed
from tests.sent import SPANS

#: Settings of `metrics`, the schema that they begin with, and whether some series must be coarser.
SETTINGS = {
    "native": ("{histograms: native}", 3, False),
    "lowered": ("{histograms: native, native: {factor: 1.01, max_buckets: 8}}", 7, True),
    "both": ("{histograms: both}", 3, False),
}
#: Scrapers that ask for protobuf and keep what it carries.
KEEPERS = ("2.42 protobuf", "3.16 protobuf")


class Scraped(NamedTuple):
    """What a Prometheus has seen: `schemas` of the series on the daemon's page."""

    server: Prometheus
    version: str
    settings: str
    schemas: set[int]


def durations() -> dict[str, list[float]]:
    """Seconds by service, ascending."""
    found = defaultdict(list)
    for span in SPANS:
        found[span.service].append((span.end_ns - span.start_ns) / 1e9)
    return {service: sorted(took) for service, took in found.items()}


TOOK = durations()


def schemas(address: str) -> set[int]:
    connection = HTTPConnection(address, timeout=PATIENCE)
    connection.request("GET", "/metrics", headers={"Accept": PROTOBUF})
    families = read_messages(connection.getresponse().read())
    connection.close()
    return {metric.histogram.schema for family in families if family.name == DURATION for metric in family.metric}


@pytest.fixture(scope="module", params=product(KEEPERS, SETTINGS), ids="-".join)
def scraped(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scraped]:
    """Prometheus, after it has scraped a daemon to which the company has sent all that it has."""
    name, settings = request.param
    scraper = SCRAPERS[name]
    binary, folder = needed(scraper), tmp_path_factory.mktemp("prometheus")
    config = folder / "span2metrics.yaml"
    config.write_text(f"metrics: {SETTINGS[settings][0]}")
    with ExitStack() as stack:
        daemon = stack.enter_context(running("serve", f"--config.file={config}", *FREE_PORTS)).ready()
        server = stack.enter_context(
            launched(daemon.web, folder, scraper.features, binary=binary, settings=scraper.settings)
        )
        sent.send(daemon.otlp_grpc)
        server.wait_for(f"sum(histogram_count({DURATION}))", len(SPANS))
        yield Scraped(server, scraper.version, settings, schemas(daemon.web))


def test_the_resolution_is_the_one_asked_for_or_lowered(scraped: Scraped) -> None:
    _, start, lowered = SETTINGS[scraped.settings]
    assert max(scraped.schemas) <= start
    assert (min(scraped.schemas) < start) == lowered


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.9, 0.99, 1])
def test_a_quantile_is_within_a_bucket_of_the_exact_one(scraped: Scraped, quantile: float) -> None:
    query = f"histogram_quantile({quantile}, sum by (service_name) ({DURATION}))"
    answer = scraped.server.query(query, "service_name")
    growth = 2**2 ** -min(scraped.schemas)
    assert answer.keys() == {(service,) for service in TOOK}
    for (service,), estimate in answer.items():
        exact = TOOK[service][math.ceil(quantile * len(TOOK[service])) - 1]
        assert exact / growth <= estimate * (1 + 1e-9)
        assert estimate <= exact * growth * (1 + 1e-9)


def test_counts_and_sums_are_exact(scraped: Scraped) -> None:
    for function, of in (("count", len), ("sum", sum)):
        answer = scraped.server.query(f"sum by (service_name) (histogram_{function}({DURATION}))", "service_name")
        assert answer == {(service,): pytest.approx(of(took), rel=1e-9) for service, took in TOOK.items()}


def test_classic_buckets_are_kept_by_those_who_can_keep_both(scraped: Scraped) -> None:
    """Debian's Prometheus keeps the native histogram alone where it is shown both."""
    kept = scraped.settings == "both" and scraped.version != DEBIAN
    assert bool(scraped.server.query(f"{DURATION}_bucket")) == kept


def test_exemplars_are_of_traces_that_were_sent(scraped: Scraped) -> None:
    """Debian's Prometheus knows the exemplars of buckets only, not those that a native histogram has by itself."""
    found = scraped.server.get("/api/v1/query_exemplars", query=DURATION, start="0", end="4000000000")
    told = {exemplar["labels"]["trace_id"] for series in found for exemplar in series["exemplars"]}
    assert bool(told) == (scraped.settings == "both" or scraped.version != DEBIAN)
    assert told <= {span.trace_id.hex() for span in SPANS}
