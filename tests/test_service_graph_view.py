"""Grafana's service graph view over the demo's incident, on real Prometheis: right nodes, edges, rates and shares.

The pods send as they like.  Series begin at 0 and the queries are asked at the instant of a scrape, so that `rate` has
nothing to extrapolate and is exact.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from span2metrics.demo.company import NAMESPACE
from span2metrics.demo.span import Kind, Span, Status
from span2metrics.engine.plan import DEFAULT_BOUNDS_NS
from tests import buckets, pods
from tests.cases_edges import edge
from tests.cases_service_graph import (
    BOTH,
    FAILED,
    NATIVE,
    NODES,
    QUERIES,
    RANGE_S,
    RECORDS,
    SECONDS,
    SENT,
    TOTAL,
    Query,
    failed,
    filled,
    kinds,
    rates,
    seconds,
    summed,
    total,
)
from tests.node_graph import Line, Node, frames
from tests.oracle_families import SECOND
from tests.processes import FREE_PORTS, Running, running
from tests.prometheus import Prometheus, launched
from tests.scrapers import BUILT, SCRAPERS, needed

#: Partners are awaited for longer than the pods take.  A series is young for so long that every scraper comes by, on a
#: busy machine too, where scrapes run into their timeout of a second.
CONFIG = """\
metrics: {{dialects: [otel, tempo], zero_first: 15s, histograms: {histograms}}}
service_graph:
  wait: 8s
  messaging_latency: true
  dimensions: [{{name: service.namespace}}]
"""
REQUESTS = sum(map(total, SENT.graph))
MESSAGES = sum(len(record.messaging) for record in RECORDS.values())
SERVED = sum(len(record.server) for record in RECORDS.values())


class Scraped(NamedTuple):
    """A server that has seen everything; `at`: the time of such a scrape."""

    server: Prometheus
    at: float
    version: str
    histograms: str


#: Who scrapes daemons with which histograms: text, and protobuf with what is beside it; who keeps native ones.
CLASSIC = [("classic", "2.42 openmetrics"), ("classic", "3.16 protobuf")]
NATIVES = [(histograms, name) for histograms in ("native", "both") for name in ("2.42 protobuf", "3.16 protobuf")]


def daemon(stack: ExitStack, folder: Path, histograms: str) -> Running:
    config = folder / f"{histograms}.yaml"
    config.write_text(CONFIG.format(histograms=histograms))
    return stack.enter_context(running("serve", f"--config.file={config}", *FREE_PORTS)).ready()


def scraper(stack: ExitStack, name: str, target: Running, folder: Path) -> Prometheus:
    found = SCRAPERS[name]
    how: Any = launched(target.web, folder, found.features, binary=found.binary, settings=found.settings)
    server: Prometheus = stack.enter_context(how)
    return server


def wait_for_all(server: Prometheus, histograms: str) -> float:
    """Until the server has scraped everything; the time of that scrape."""
    server.wait_for("span2metrics_pending_edges", 0)
    server.wait_for(f"sum({TOTAL})", REQUESTS)
    server.wait_for("sum(traces_spanmetrics_calls_total)", len(SENT.spans))
    messaging = "traces_service_graph_request_messaging_system_seconds"
    for family, count in ((NATIVE, SERVED), (messaging, MESSAGES)):
        server.wait_for(f"sum({family}_count)" if histograms == "classic" else f"sum(histogram_count({family}))", count)
    return server.last_scrape()


@pytest.fixture(scope="module")
def all_scraped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[tuple[str, str], Scraped]]:
    """By histograms and scraper, for every scraper that is there."""
    folder = tmp_path_factory.mktemp("daemons")
    with ExitStack() as stack:
        targets = {histograms: daemon(stack, folder, histograms) for histograms in ("classic", "native", "both")}
        servers = {
            (histograms, name): scraper(stack, name, targets[histograms], tmp_path_factory.mktemp("prometheus"))
            for histograms, name in CLASSIC + NATIVES
            if SCRAPERS[name].binary
        }
        for server in servers.values():
            server.wait_for("count(up == 1)", 1)
        for target in targets.values():
            pods.send(SENT.spans, [target], seed=5)
        yield {
            (histograms, name): Scraped(server, wait_for_all(server, histograms), SCRAPERS[name].version, histograms)
            for (histograms, name), server in servers.items()
        }


# --- classic histograms -----------------------------------------------------------------------------------------------


@pytest.fixture(params=CLASSIC, ids="-".join)
def scraped(request: pytest.FixtureRequest, all_scraped: dict[tuple[str, str], Scraped]) -> Scraped:
    needed(SCRAPERS[request.param[1]])
    return all_scraped[request.param]


def test_what_is_stored_is_the_demos_true_graph(scraped: Scraped) -> None:
    for metric, true in ((TOTAL, SENT.requests), (FAILED, SENT.failed)):
        stored = scraped.server.query(metric, "client", "server", "connection_type", at=scraped.at)
        assert {edge(*labels): value for labels, value in stored.items()} == true


def test_nothing_is_unpaired(scraped: Scraped) -> None:
    for counter in ("unpaired", "dropped"):
        assert scraped.server.vector(f"traces_service_graph_{counter}_spans_total", scraped.at) == []


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_each_query_is_answered_with_its_labels_and_the_right_numbers(scraped: Scraped, query: Query) -> None:
    answer = scraped.server.vector(query.sent, scraped.at)
    assert {label for labels, _ in answer for label in labels} <= set(query.labels)
    by_labels = {tuple(labels.get(label, "") for label in query.labels): value for labels, value in answer}
    assert len(by_labels) == len(answer)
    assert by_labels == pytest.approx(query.answer, rel=1e-9)


def test_the_look_for_native_histograms_finds_none(scraped: Scraped) -> None:
    assert scraped.server.get("/api/v1/series", **{"match[]": NATIVE}) == []


# --- the panel --------------------------------------------------------------------------------------------------------


def panel(scraped: Scraped, namespaces: bool = False) -> tuple[dict[str, Node], dict[str, Line]]:
    vectors = [
        scraped.server.vector(filled(rates(metric, namespaces=namespaces)), scraped.at)
        for metric in (TOTAL, SECONDS, FAILED)
    ]
    return frames(*vectors)


def true_nodes() -> dict[str, Node]:
    """By name: what the edges that end there have had; who only asks has nothing to show."""
    asked, lost = (summed(value, ("server",)) for value in (total, failed))
    took = summed(seconds, ("server",))
    found = {}
    for name in {node for along in SENT.graph for node in (along.client, along.server)}:
        count, share = asked.get((name,), 0), lost.get((name,), 0) / asked.get((name,), 1)
        average = took[(name,)] * 1000 / count if (name,) in took else math.nan
        rate = round(count / RANGE_S, 2) if count else math.nan
        found[name] = Node(name, "", average, rate, 1 - share, share)
    return found


def true_lines() -> dict[str, Line]:
    asked, took = summed(total, BOTH), summed(seconds, BOTH)
    found = {}
    for (client, server), count in asked.items():
        average = took[client, server] * 1000 / count if (client, server) in took else math.nan
        found[f"{client}_{server}"] = Line(client, server, average, round(count / RANGE_S, 2))
    return found


def about(rows: Iterable[tuple[str, tuple[Any, ...]]]) -> dict[str, Any]:
    """Rows that numbers equal to within 1e-9."""
    return {
        key: tuple(field if isinstance(field, str) else pytest.approx(field, rel=1e-9, nan_ok=True) for field in row)
        for key, row in rows
    }


def test_the_panel_has_the_true_nodes_and_edges(scraped: Scraped) -> None:
    nodes, lines = panel(scraped)
    assert nodes.keys() == NODES | {"user", "postgres", "features", "10.8.0.17:6379"} | {
        "card-network",
        "kafka",
        "api.mailer.example",
    }
    assert nodes == about(true_nodes().items())
    assert lines == about(true_lines().items())


def test_a_node_that_sends_no_spans_shows_rate_and_failures_but_no_duration(scraped: Scraped) -> None:
    """Its side was never seen; 0 ms would be a lie."""
    nodes, _ = panel(scraped)
    cards = nodes["card-network"]
    assert math.isnan(cards.mainstat)
    assert (cards.secondarystat > 0, cards.arc__failed > 0.1) == (True, True)
    assert math.isnan(nodes["user"].secondarystat)


def test_with_namespaces_the_same_nodes_have_longer_ids(scraped: Scraped) -> None:
    plain, _ = panel(scraped)
    nodes, _ = panel(scraped, namespaces=True)
    expected = {
        f"{NAMESPACE}/{name}" if name in NODES else name: (name, NAMESPACE if name in NODES else "", *node[2:])
        for name, node in plain.items()
    }
    assert nodes == about(expected.items())


# --- the table beneath ------------------------------------------------------------------------------------------------

Wanted = Callable[[Span], bool]


def by_name(wanted: Wanted) -> Counter[str]:
    return Counter(span.name for span in SENT.spans if wanted(span))


def test_the_table_has_the_busiest_operations_with_their_errors_and_durations(scraped: Scraped) -> None:
    """Three rounds of queries: the rates, then for the names that they tell the errors and each one's duration."""
    served = by_name(lambda span: span.kind is Kind.SERVER)
    failures = by_name(lambda span: span.status is Status.ERROR)
    five = "topk(5, sum(rate(traces_spanmetrics_calls_total{%s}[$__range])) by (span_name))"
    rate = scraped.server.query(filled(five % 'span_kind="SPAN_KIND_SERVER"'), "span_name", at=scraped.at)
    names = [name for (name,) in rate]
    assert sorted(served[name] for name in names) == sorted(served.values())[-5:]
    assert rate == pytest.approx({(name,): served[name] / RANGE_S for name in names}, rel=1e-9)
    named = "|".join(name.replace("{", r"\\{").replace("}", r"\\}").replace(".", r"\\.") for name in names)
    asked = f'status_code="STATUS_CODE_ERROR",span_name=~"{named}"'
    errors = scraped.server.query(filled(five % asked), "span_name", at=scraped.at)
    assert errors == pytest.approx({(name,): failures[name] / RANGE_S for name in names}, rel=1e-9)
    for name, escaped in zip(names, named.split("|"), strict=True):
        duration = (
            f'histogram_quantile(.9, sum(rate(traces_spanmetrics_latency_bucket{{span_name=~"{escaped}"}}[$__range]))'
            " by (le))"
        )
        took = [span.end_ns - span.start_ns for span in SENT.spans if span.name == name]
        assert scraped.server.query(filled(duration), at=scraped.at) == pytest.approx(
            {(): buckets.quantile(0.9, took, DEFAULT_BOUNDS_NS)}, rel=1e-9
        )


def test_prometheus_does_not_complain(scraped: Scraped) -> None:
    assert scraped.server.complaints() == []


# --- native histograms ------------------------------------------------------------------------------------------------


@pytest.fixture(params=NATIVES, ids="-".join)
def native(request: pytest.FixtureRequest, all_scraped: dict[tuple[str, str], Scraped]) -> Scraped:
    """Of scrapers that ask for protobuf and keep what it carries."""
    needed(SCRAPERS[request.param[1]])
    return all_scraped[request.param]


def test_the_look_for_native_histograms_finds_those_of_every_edge_with_a_server(native: Scraped) -> None:
    series = native.server.get("/api/v1/series", **{"match[]": NATIVE})
    found = {tuple(labels[end] for end in BOTH) for labels in series if labels["__name__"] == NATIVE}
    assert found == summed(seconds, BOTH).keys()


def test_native_histograms_have_the_true_counts_and_sums(native: Scraped) -> None:
    for function, value in (("count", lambda along: len(RECORDS[along].server) or None), ("sum", seconds)):
        answer = native.server.query(f"sum by (client, server) (histogram_{function}({NATIVE}))", *BOTH)
        assert answer == pytest.approx(summed(value, BOTH), rel=1e-9)


def test_the_rate_of_native_histograms_has_the_edges_and_their_kinds(native: Scraped) -> None:
    """The query that takes the place of the buckets'."""
    result = native.server.get("/api/v1/query", query=filled(rates(NATIVE)))["result"]
    assert {tuple(element["metric"][end] for end in BOTH) for element in result} == summed(seconds, BOTH).keys()
    assert all("histogram" in element for element in result)
    by = ("client", "connection_type", "server")
    assert native.server.query(kinds(NATIVE), *by) == dict.fromkeys(summed(seconds, by), 1)


def test_a_links_quantile_is_within_a_bucket_of_the_exact_one(native: Scraped) -> None:
    selector = '{client="gateway",server="payments"}'
    asked = f"histogram_quantile(0.9, sum(rate({NATIVE}{selector}[$__rate_interval])) by (le, client, server))"
    ((ends, estimate),) = native.server.query(filled(asked), *BOTH).items()
    took = sorted(o.value / SECOND for along in SENT.graph for o in RECORDS[along].server if along[:2] == ends)
    exact = took[math.ceil(0.9 * len(took)) - 1]
    growth = 2 ** (2**-3)
    assert exact / growth <= estimate <= exact * growth


def test_the_panels_average_needs_the_classic_sum_beside_them(native: Scraped) -> None:
    """Grafana asks for `_sum` with native histograms too: `both` has it, where the scraper keeps both."""
    answer = native.server.query(filled(rates(SECONDS)), *BOTH)
    kept = native.histograms == "both" and native.version == BUILT
    assert answer.keys() == (summed(seconds, BOTH).keys() if kept else set())
