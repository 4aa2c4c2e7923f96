"""What `config/compose.yaml` starts finds its files and each other, and a number leads to its trace."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.compose import FILE, data_sources
from tests.jaeger import REMEDY, VARIABLE
from tests.processes import PATIENCE
from tests.programs import built, there
from tests.prometheus import Prometheus, eventually
from tests.stack import Running, stack

SERVICES = {"auth", "gateway", "ledger", "notifications", "payments", "risk", "settlement"}
BUCKETS = "traces_span_metrics_duration_seconds_bucket"


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with stack(tmp_path_factory.mktemp("stack")) as running:
        yield running
    if "jaeger" in running.processes:  # a company that only half of its endpoints hear says so by its code
        assert {name: process.returncode for name, process in running.processes.items() if process.returncode} == {}


@pytest.fixture(scope="module")
def prometheus(started: Running) -> Prometheus:
    return Prometheus(started.places["prometheus", 9090], Path())


@pytest.fixture
def jaeger(started: Running) -> str:
    """Where it answers; a test that needs it is skipped where it was not built."""
    there(built("jaeger", VARIABLE), REMEDY)
    return started.places["jaeger", 16686]


def ask(address: str, path: str) -> Any:
    with urllib.request.urlopen(f"http://{address}{path}", timeout=PATIENCE) as response:
        return json.load(response)


def exemplars(prometheus: Prometheus) -> list[dict[str, str]]:
    """The labels of those of the last minute."""
    now = time.time()
    found = prometheus.get("/api/v1/query_exemplars", query=BUCKETS, start=f"{now - 60:.3f}", end=f"{now:.3f}")
    return [exemplar["labels"] for series in found for exemplar in series["exemplars"]]


def test_prometheus_scrapes_the_daemon_and_nothing_else(started: Running, prometheus: Prometheus) -> None:
    eventually(lambda: prometheus.query("up", "job"), lambda seen: seen == {("span2metrics",): 1})
    (target,) = prometheus.get("/api/v1/targets")["activeTargets"]
    assert target["scrapeUrl"] == f"http://{started.places['span2metrics', 10464]}/metrics"


def test_the_spans_of_all_services_are_counted(prometheus: Prometheus) -> None:
    eventually(
        lambda: prometheus.query("sum by (service_name) (traces_span_metrics_calls_total) > 0", "service_name"),
        lambda seen: {service for (service,) in seen} == SERVICES,
    )


def test_prometheus_has_all_rules_and_none_fails(prometheus: Prometheus) -> None:
    files = {path.name for folder in ("rules", "payments") for path in (FILE.parent / "prometheus" / folder).iterdir()}

    def groups() -> list[dict[str, Any]]:
        return list(prometheus.get("/api/v1/rules")["groups"])

    assert {Path(group["file"]).name for group in groups()} == files
    own = [group["name"] for group in groups() if group["interval"] > 1]  # evaluated by a clock of their own, minutes
    eventually(
        lambda: [group["lastEvaluation"] for group in groups() if group["name"] not in own],
        lambda seen: not any(at.startswith("0001") for at in seen),
    )
    rules = [rule for group in groups() for rule in group["rules"]]
    assert len(rules) > 100
    assert [rule["name"] for rule in rules if rule["health"] not in {"ok", "unknown"}] == []


def test_prometheus_and_alertmanager_know_each_other(started: Running, prometheus: Prometheus) -> None:
    place = started.places["alertmanager", 9093]
    known = eventually(lambda: prometheus.get("/api/v1/alertmanagers")["activeAlertmanagers"])
    assert known == [{"url": f"http://{place}/api/v2/alerts"}]
    config = yaml.safe_load(ask(place, "/api/v2/status")["config"]["original"])
    original = yaml.safe_load((FILE.parent / "prometheus" / "alertmanager.yml").read_text())
    assert [rule["target_matchers"] for rule in config["inhibit_rules"]] == [
        rule["target_matchers"] for rule in original["inhibit_rules"]
    ]


def test_an_exemplar_leads_to_a_trace_that_is_kept_and_has_its_span(prometheus: Prometheus, jaeger: str) -> None:
    (link,) = data_sources()["prometheus"]["jsonData"]["exemplarTraceIdDestinations"]
    assert link["datasourceUid"] == data_sources()["jaeger"]["uid"]
    labels = eventually(lambda: exemplars(prometheus), lambda seen: len(seen) > 50)
    for exemplar in labels[:50]:
        trace = f"/api/traces/{exemplar[link['name']]}"
        eventually(
            lambda trace=trace: [span["spanID"] for span in ask(jaeger, trace)["data"][0]["spans"]],
            lambda seen, span=exemplar["span_id"]: span in seen,
        )


def test_a_span_leads_to_its_numbers(prometheus: Prometheus, jaeger: str) -> None:
    link = data_sources()["jaeger"]["jsonData"]["tracesToMetrics"]
    assert link["datasourceUid"] == data_sources()["prometheus"]["uid"]
    (trace, *_) = eventually(lambda: ask(jaeger, "/api/traces?service=gateway&limit=1")["data"])
    for query in link["queries"]:
        for span in trace["spans"]:
            asked = query["query"].replace("$$", "$").replace("${__span.name}", span["operationName"])
            assert "$" not in asked
            eventually(lambda asked=asked: prometheus.vector(asked))


def test_jaeger_keeps_what_the_daemon_counts_and_nothing_else(jaeger: str) -> None:
    eventually(lambda: set(ask(jaeger, "/api/services")["data"]), lambda seen: seen == SERVICES)
