"""A real Prometheus scrapes the demo: what it answers is what the company sent."""

from __future__ import annotations

import subprocess
import sys
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from itertools import accumulate, count
from typing import Any

import pytest

from span2metrics import names
from span2metrics.demo.incident import INCIDENTS
from span2metrics.demo.span import Span, Status
from span2metrics.demo.traffic import Traffic, arrival_s
from span2metrics.engine.plan import DEFAULT_BOUNDS_NS
from tests.processes import PATIENCE, running
from tests.prometheus import Prometheus, eventually, prometheus

SEED, RATE, SECONDS, INCIDENT = 7, 40.0, 6.0, "cycle"
BASE_NS = 1_700_000_000_000_000_000
CALLS = "traces_span_metrics_calls_total"
DURATION = "traces_span_metrics_duration_seconds"


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


SPANS = list(sent())


#: What makes Debian's Prometheus ask for a format.
FEATURES = {"openmetrics": "exemplar-storage", "protobuf": "exemplar-storage,native-histograms"}


@pytest.fixture(scope="module", params=FEATURES)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Prometheus, after it has scraped a daemon to which the company has sent all that it has."""
    with running("serve") as daemon:
        daemon.ready()
        with prometheus(daemon.web, tmp_path_factory.mktemp("prometheus"), FEATURES[request.param]) as found:
            options = [f"--seed={SEED}", f"--rate={RATE}", f"--duration={SECONDS}", f"--incident={INCIDENT}"]
            command = [sys.executable, "-m", "span2metrics.demo", daemon.otlp_grpc, *options]
            subprocess.run(command, check=True, timeout=PATIENCE * 2)
            eventually(lambda: found.query(f"sum({CALLS})").get(()), lambda calls: calls == len(SPANS))
            yield found


def expected(of: Any) -> dict[tuple[str, ...], float]:
    return dict(Counter(map(of, SPANS)))


def test_calls_are_the_spans_that_were_sent_by_service_and_kind(server: Prometheus) -> None:
    answer = server.query(f"sum by (service_name, span_kind) ({CALLS})", "service_name", "span_kind")
    assert answer == expected(lambda span: (span.service, names.SPAN_KINDS[span.kind]))


def test_errors_are_the_failed_spans_and_zero_where_nothing_failed(server: Prometheus) -> None:
    answer = server.query(f'sum by (service_name) ({CALLS}{{status_code="STATUS_CODE_ERROR"}})', "service_name")
    failed = Counter((span.service,) for span in SPANS if span.status is Status.ERROR)
    assert answer == {(span.service,): failed[span.service,] for span in SPANS}


def test_time_spent_is_exact(server: Prometheus) -> None:
    answer = server.query(f"sum by (service_name) ({DURATION}_sum)", "service_name")
    spent: Counter[tuple[str, ...]] = Counter()
    for span in SPANS:
        spent[span.service,] += span.end_ns - span.start_ns
    assert answer == {labels: pytest.approx(ns / 1e9, rel=1e-9) for labels, ns in spent.items()}


def test_buckets_hold_the_durations_up_to_their_bound(server: Prometheus) -> None:
    answer = server.query(f"sum by (le) ({DURATION}_bucket)", "le")
    counts = [0] * (len(DEFAULT_BOUNDS_NS) + 1)
    for span in SPANS:
        counts[bisect_left(DEFAULT_BOUNDS_NS, span.end_ns - span.start_ns)] += 1
    by_bound = {float(le): value for (le,), value in answer.items()}
    assert by_bound == dict(
        zip([*(ns / 1e9 for ns in DEFAULT_BOUNDS_NS), float("inf")], accumulate(counts), strict=True)
    )


def test_what_was_received_is_what_was_aggregated_and_counted(server: Prometheus) -> None:
    received = server.query("sum(span2metrics_received_spans_total)")
    assert received == server.query("sum(span2metrics_aggregated_spans_total)") == server.query(f"sum({CALLS})")


def test_the_target_is_up_and_told_apart_by_its_version(server: Prometheus) -> None:
    assert server.query("up", "job") == {("span2metrics",): 1}
    assert list(server.query("span2metrics_build_info", "job").values()) == [1]


def test_the_format_is_the_one_asked_for(server: Prometheus, request: pytest.FixtureRequest) -> None:
    scrapes = eventually(lambda: server.query('span2metrics_scrapes_total{outcome="complete"} > 0', "format"))
    assert set(scrapes) == {(request.node.callspec.params["server"],)}


def test_exemplars_are_of_traces_that_were_sent(server: Prometheus) -> None:
    now = time.time()
    found = server.get("/api/v1/query_exemplars", query=f"{DURATION}_bucket", start=str(now - 3600), end=str(now + 60))
    told = {exemplar["labels"]["trace_id"] for series in found for exemplar in series["exemplars"]}
    assert told
    assert told <= {span.trace_id.hex() for span in SPANS}
