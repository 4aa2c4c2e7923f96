"""Real scrapers read a thousand payments in every format that they can ask for, and store sums exact to the cent."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack

import pytest

from tests.payloads import request
from tests.payments import SETTINGS, spans, wanted
from tests.processes import FREE_PORTS, PATIENCE, running
from tests.prometheus import Prometheus
from tests.scrapers import SCRAPERS, all_launched, needed

#: What a scrape adds to a target's labels.
OF_THE_SCRAPE = {"job", "instance"}


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Prometheus]]:
    """By name, every scraper that is there, of one daemon that has had the payments."""
    with ExitStack() as stack:
        config = tmp_path_factory.mktemp("daemon") / "span2metrics.yaml"
        config.write_text("web: {max_scrapes: 32}\n" + SETTINGS)
        daemon = stack.enter_context(running("serve", f"--config.file={config}", *FREE_PORTS)).ready()
        headers = {"Content-Type": "application/x-protobuf"}
        post = urllib.request.Request(f"http://{daemon.otlp_http}/v1/traces", request(spans()), headers)
        with urllib.request.urlopen(post, timeout=PATIENCE) as answer:
            assert answer.status == 200
        found = all_launched(daemon.web, tmp_path_factory.mktemp, stack)
        yield {name: server for name, (server, _) in found.items()}


@pytest.mark.parametrize("name", SCRAPERS)
def test_every_sum_is_stored_exact_to_the_cent(name: str, servers: Mapping[str, Prometheus]) -> None:
    needed(SCRAPERS[name])
    vector = servers[name].vector('{__name__=~"traces_span_metrics_payment_.+"}')
    found = {
        (labels.pop("__name__"), frozenset(item for item in labels.items() if item[0] not in OF_THE_SCRAPE)): value
        for labels, value in vector
    }
    assert found == {key: float(value) for key, value in wanted().items()}
    assert servers[name].complaints() == []


@pytest.mark.parametrize("name", SCRAPERS)
def test_money_in_failed_payments_can_be_asked_by_method(name: str, servers: Mapping[str, Prometheus]) -> None:
    needed(SCRAPERS[name])
    failed = 'traces_span_metrics_payment_amount_eur_sum{status_code="STATUS_CODE_ERROR", sign="positive"}'
    found = servers[name].query(f"sum by (payment_method) ({failed})", "payment_method")
    expected: dict[tuple[str, ...], float] = {}
    for (metric, pairs), value in wanted().items():
        labels = dict(pairs)
        if metric.endswith("amount_eur_sum") and labels["sign"] == "positive" and "ERROR" in labels["status_code"]:
            expected[(labels["payment_method"],)] = float(value)
    assert found == expected
    assert len(found) == 3
