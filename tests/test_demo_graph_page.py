"""The demo's true graph is the one on the daemon's page, edge by edge, whoever sends the spans and in whatever order.

The daemon is a process and its receivers are real.  Partners are waited for longer than a test takes, so what waits is
ended by the stop, before the last scrape.
"""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from span2metrics import names
from span2metrics.demo.company import SERVICES
from span2metrics.demo.graph import DATABASE, DIRECT, MESSAGING, VIRTUAL, Edge
from span2metrics.demo.span import Span
from tests import pods, sent
from tests.cases_edges import edge
from tests.graph_page import Parsed
from tests.oracle_edges import Edges
from tests.oracle_families import DROPPED, SERVICE_INFO, UNPAIRED
from tests.processes import FREE_PORTS, Running, running
from tests.sent_graph import CALM, INCIDENT, Counts, Sent, failures, modelled, of_self, on_page, requests, shown

CONFIG = "service_graph: {wait: 1h}"


@contextmanager
def started(folder: Path, settings: str = CONFIG) -> Iterator[Running]:
    config = folder / "config.yaml"
    config.write_text(settings)
    with running("serve", f"--config.file={config}", "--shutdown.grace=1h", *FREE_PORTS) as daemon:
        yield daemon.ready()


def stopped(daemon: Running) -> str:
    """The last page of a daemon that is told to stop."""
    daemon.signal(signal.SIGTERM)
    daemon.record("drained; waiting for a last scrape")
    page = daemon.get("/metrics")[1]
    assert daemon.wait() == 0
    return page


# --- one daemon -------------------------------------------------------------------------------------------------------


def by_the_demo(daemon: Running) -> Sent:
    """Over gRPC, in the time that the spans take."""
    sent.send(str(daemon.otlp_grpc))
    return CALM


def apart(seed: int) -> Callable[[Running], Sent]:
    """Over HTTP, each pod for itself and as fast as it can."""

    def send(daemon: Running) -> Sent:
        pods.send(INCIDENT.spans, [daemon], seed)
        return INCIDENT

    return send


SENDERS = {"the demo": by_the_demo, **{f"each pod for itself, {seed}": apart(seed) for seed in (1, 2, 3)}}


class Pages(NamedTuple):
    """What was sent, and the pages before the stop and after."""

    sent: Sent
    early: str
    last: str

    @property
    def graph(self) -> Parsed:
        return on_page(self.last)


@pytest.fixture(scope="module", params=SENDERS.values(), ids=list(SENDERS))
def pages(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pages:
    with started(tmp_path_factory.mktemp("daemon")) as daemon:
        return Pages(request.param(daemon), daemon.get("/metrics")[1], stopped(daemon))


def test_each_edge_has_the_requests_and_failures_that_the_script_says_and_there_is_no_other(pages: Pages) -> None:
    assert requests(pages.graph) == pages.sent.requests
    assert failures(pages.graph) == pages.sent.failed


def test_nothing_stays_unpaired_and_nothing_is_dropped(pages: Pages) -> None:
    assert {UNPAIRED, DROPPED} & pages.graph.keys() == set()
    made = of_self(pages.last, "span2metrics_edges_total")
    assert made == {f'outcome="{outcome}"': count for outcome, count in pages.sent.outcomes().items()}
    assert of_self(pages.last, "span2metrics_pending_edges") == {"": 0}


def test_every_service_is_a_node(pages: Pages) -> None:
    assert pages.graph[SERVICE_INFO] == {frozenset({("service", service.name)}): 1 for service in SERVICES}


def test_the_whole_graph_is_the_oracles_durations_included(pages: Pages) -> None:
    assert pages.graph == shown(modelled(pages.sent.spans))


def test_edges_that_are_whole_are_shown_while_others_wait(pages: Pages) -> None:
    true = pages.sent.requests
    whole = {labels: count for labels, count in true.items() if ("connection_type", VIRTUAL) not in labels}
    assert requests(on_page(pages.early)) == whole
    assert of_self(pages.early, "span2metrics_pending_edges")[""] >= sum(true.values()) - sum(whole.values()) > 0


#: Edges of every kind, and whether some of their requests fail during the incident.
EXAMPLES = {
    Edge("user", "gateway", VIRTUAL): True,
    Edge("payments", "card-network", VIRTUAL): True,  # each attempt of a retry is one
    Edge("payments", "risk", DIRECT): True,  # a retried call has two server spans
    Edge("ledger", "postgres", DATABASE): True,
    Edge("auth", "10.8.0.17:6379", DATABASE): False,
    Edge("payments", "settlement", MESSAGING): True,  # of one producer with two consumers
    Edge("payments", "notifications", MESSAGING): False,
}


def test_what_is_compared_has_something_of_everything() -> None:
    true = INCIDENT.graph
    assert min(true[along].requests for along in EXAMPLES) > 20
    assert {along: true[along].failed > 0 for along in EXAMPLES} == EXAMPLES


def test_where_it_is_switched_off_there_is_none(tmp_path: Path) -> None:
    with started(tmp_path, "service_graph: {enabled: false}") as daemon:
        pods.send(CALM.spans, [daemon], seed=1)
        page = stopped(daemon)
    assert "traces_span_metrics_calls_total{" in page
    assert names.GRAPH_PREFIX not in page


# --- two replicas -----------------------------------------------------------------------------------------------------

HALF = {service.name for service in SERVICES[::2]}


def by_service(span: Span) -> int:
    return span.service in HALF


def by_trace(span: Span) -> int:
    """As the Collector's load balancing by trace id: a trace goes to one replica as a whole."""
    return span.trace_id[-1] % 2


class Replicas(NamedTuple):
    """The graphs on their last pages, and in their models."""

    graphs: list[Parsed]
    models: list[Edges]

    def unpaired(self) -> set[tuple[str, str]]:
        """Service and side."""
        return {(service, side) for model in self.models for service, side, _ in model.unpaired}

    def calls(self) -> Counts:
        """Between services, on both pages."""
        total: Counter[frozenset[tuple[str, str]]] = Counter()
        for page in self.graphs:
            total.update({labels: int(count) for labels, count in requests(page).items() if is_call(labels)})
        return dict(total)


def is_call(labels: frozenset[tuple[str, str]]) -> bool:
    return "connection_type" not in dict(labels)


def replicas(route: pods.Route, factory: pytest.TempPathFactory) -> Replicas:
    with ExitStack() as stack:
        daemons = [stack.enter_context(started(factory.mktemp("replica"))) for _ in range(2)]
        pods.send(INCIDENT.spans, daemons, seed=7, route=route)
        parts = [[span for span in INCIDENT.spans if route(span) == number] for number in range(2)]
        return Replicas([on_page(stopped(daemon)) for daemon in daemons], [modelled(part) for part in parts])


@pytest.fixture(scope="module")
def split_by_service(tmp_path_factory: pytest.TempPathFactory) -> Replicas:
    return replicas(by_service, tmp_path_factory)


@pytest.fixture(scope="module")
def split_by_trace(tmp_path_factory: pytest.TempPathFactory) -> Replicas:
    return replicas(by_trace, tmp_path_factory)


def test_each_replica_shows_what_its_own_spans_come_to(split_by_service: Replicas, split_by_trace: Replicas) -> None:
    """What stays unpaired included, by service and side."""
    for found in (split_by_service, split_by_trace):
        assert found.graphs == [shown(model) for model in found.models]


def test_halves_at_different_replicas_stay_unpaired(split_by_service: Replicas) -> None:
    """The client's half becomes an edge to whom it names, as if that sent no spans: its requests are not lost."""
    servers = {"auth", "payments", "risk", "ledger", "notifications"}
    assert split_by_service.unpaired() == {(service, "server") for service in servers}
    assert split_by_service.calls().keys() == {edge("gateway", "ledger")}
    named = [requests(page).get(edge("gateway", "auth", VIRTUAL), 0) for page in split_by_service.graphs]
    assert sum(named) == INCIDENT.requests[edge("gateway", "auth")]


def test_together_replicas_that_get_whole_traces_have_every_call(split_by_trace: Replicas) -> None:
    assert split_by_trace.calls() == {labels: count for labels, count in INCIDENT.requests.items() if is_call(labels)}


def test_all_that_they_miss_is_messages_whose_taker_is_in_a_trace_of_its_own(split_by_trace: Replicas) -> None:
    takers = {span.service for span in INCIDENT.spans if span.links and not span.parent_id}
    assert split_by_trace.unpaired() == {(taker, "server") for taker in takers}
