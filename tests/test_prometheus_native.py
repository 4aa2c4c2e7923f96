"""A real Prometheus scrapes native histograms of the demo: its quantiles are those of the spans, to within a bucket."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest

from span2metrics.demo.incident import INCIDENTS
from span2metrics.demo.span import Span
from span2metrics.demo.traffic import Traffic, arrival_s
from tests.metrics_proto import read_messages
from tests.processes import FREE_PORTS, PATIENCE, running
from tests.programs import missing
from tests.prometheus import Prometheus, eventually, prometheus

SEED, RATE, SECONDS, INCIDENT = 11, 40.0, 4.0, "cycle"
BASE_NS = 1_700_000_000_000_000_000
DURATION = "traces_span_metrics_duration_seconds"
ACCEPT = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
#: Settings of `metrics`, the schema that they begin with, and whether some series must be coarser.
SETTINGS = {
    "native": ("{histograms: native}", 3, False),
    "lowered": ("{histograms: native, native: {factor: 1.01, max_buckets: 8}}", 7, True),
    "both": ("{histograms: both}", 3, False),
}


class Scraped(NamedTuple):
    """What a Prometheus has seen: `schemas` of the series on the daemon's page."""

    server: Prometheus
    settings: str
    schemas: set[int]


def sent() -> Iterator[Span]:
    """Every span that the demo sends with these settings: whole traces only."""
    traffic = Traffic(SEED, INCIDENTS[INCIDENT])
    for number in count():
        since = arrival_s(number, RATE)
        if since > SECONDS:
            return
        spans = traffic.trace(number, BASE_NS + int(since * 1e9), since)
        if max(span.end_ns for span in spans) <= BASE_NS + int(SECONDS * 1e9):
            yield from spans


def durations() -> dict[str, list[float]]:
    """Seconds by service, ascending."""
    found = defaultdict(list)
    for span in sent():
        found[span.service].append((span.end_ns - span.start_ns) / 1e9)
    return {service: sorted(took) for service, took in found.items()}


TOOK = durations()
SPANS = sum(map(len, TOOK.values()))


def schemas(address: str) -> set[int]:
    connection = HTTPConnection(address, timeout=PATIENCE)
    connection.request("GET", "/metrics", headers={"Accept": ACCEPT})
    families = read_messages(connection.getresponse().read())
    connection.close()
    return {metric.histogram.schema for family in families if family.name == DURATION for metric in family.metric}


@pytest.fixture(scope="module")
def debians() -> Iterator[None]:
    """Debian's Prometheus before any other: later ones take native histograms by another setting."""
    if not Path("/usr/bin/prometheus").exists():
        missing("prometheus is not installed: apt-get install prometheus")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", "/usr/bin", prepend=os.pathsep)
        yield


@pytest.fixture(scope="module", params=SETTINGS)
def scraped(
    request: pytest.FixtureRequest, debians: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scraped]:
    """Prometheus, after it has scraped a daemon to which the company has sent all that it has."""
    folder: Path = tmp_path_factory.mktemp("prometheus")
    config = folder / "span2metrics.yaml"
    config.write_text(f"metrics: {SETTINGS[request.param][0]}")
    with running("serve", f"--config.file={config}", *FREE_PORTS) as daemon:
        daemon.ready()
        with prometheus(daemon.web, folder, "native-histograms,exemplar-storage") as server:
            options = [f"--seed={SEED}", f"--rate={RATE}", f"--duration={SECONDS}", f"--incident={INCIDENT}"]
            command = [sys.executable, "-m", "span2metrics.demo", daemon.otlp_grpc, *options]
            subprocess.run(command, check=True, timeout=PATIENCE * 2)
            eventually(lambda: server.query(f"sum(histogram_count({DURATION}))").get(()), lambda n: n == SPANS)
            yield Scraped(server, request.param, schemas(daemon.web))


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


def test_there_are_no_series_of_classic_buckets(scraped: Scraped) -> None:
    """Debian's Prometheus keeps the native histogram alone where it is shown both."""
    assert scraped.server.query(f"{DURATION}_bucket") == {}


def test_exemplars_beside_both_are_of_traces_that_were_sent(scraped: Scraped) -> None:
    """Debian's Prometheus knows the exemplars of buckets only, not those that a native histogram has by itself."""
    found = scraped.server.get("/api/v1/query_exemplars", query=DURATION, start="0", end="4000000000")
    told = {exemplar["labels"]["trace_id"] for series in found for exemplar in series["exemplars"]}
    assert bool(told) == (scraped.settings == "both")
    assert told <= {span.trace_id.hex() for span in sent()}
