"""Grafana's Tempo data source finds what it asks for on a page of dialect `tempo`, in a real Prometheus.

Series begin at 0 and the queries are asked at the instant of a scrape, so that the rates are exact.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from span2metrics.names import TEMPO_FAMILIES
from tests.cases_tempo import NATIVE, QUERIES, SPANS, Query
from tests.payloads import request
from tests.processes import FREE_PORTS, running
from tests.prometheus import Prometheus, prometheus

CONFIG = "metrics: {dialects: [tempo], zero_first: 3s}"


class Scraped(NamedTuple):
    server: Prometheus
    at: float


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scraped]:
    folder = tmp_path_factory.mktemp("tempo")
    config = folder / "config.yaml"
    config.write_text(CONFIG)
    with (
        running("serve", f"--config.file={config}", *FREE_PORTS) as daemon,
        prometheus(daemon.ready().web, folder) as server,
    ):
        server.wait_for("count(up == 1)", 1)
        assert daemon.send(request(SPANS)) == 200
        server.wait_for("sum(traces_spanmetrics_latency_count)", len(SPANS))
        yield Scraped(server, server.last_scrape())


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_each_query_is_answered_with_its_labels_and_the_right_numbers(scraped: Scraped, query: Query) -> None:
    answer = scraped.server.vector(query.sent, scraped.at)
    assert [set(labels) for labels, _ in answer] == len(query.answer) * [set(query.labels)]
    by_labels = {tuple(labels[label] for label in query.labels): value for labels, value in answer}
    assert by_labels == pytest.approx(query.answer, rel=1e-9)


@pytest.mark.parametrize("query", NATIVE.values(), ids=NATIVE)
def test_a_query_for_native_histograms_finds_no_classic_ones(scraped: Scraped, query: str) -> None:
    """So that those who ask for one kind after the other do not take the one for the other."""
    assert scraped.server.vector(Query(query, (), {}).sent, scraped.at) == []


def test_the_families_have_the_labels_that_queries_name(scraped: Scraped) -> None:
    calls, latency, size = (family.name for family in TEMPO_FAMILIES)
    of_the_scrape = {"__name__", "job", "instance"}
    builtin = {"service", "span_name", "span_kind", "status_code"}
    for name in (f"{calls}_total", f"{latency}_count", f"{latency}_sum", f"{size}_total"):
        found = scraped.server.vector(name, scraped.at)
        assert found
        assert {frozenset(set(labels) - of_the_scrape) for labels, _ in found} == {frozenset(builtin)}


def test_prometheus_does_not_complain(scraped: Scraped) -> None:
    assert scraped.server.complaints() == []
