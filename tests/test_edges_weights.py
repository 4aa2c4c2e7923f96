"""Weights of edges: a request of a sampled trace counts for as many as its client's span stands for.

A weight that is a whole number is that many equal requests, which is what the cases of unweighted edges are held
against; halves that make no edge count as the spans they are.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from span2metrics.engine.plan import MS, Format
from tests.cases_edges import (
    CALL,
    LINKED,
    ROOT,
    SENT,
    SERVED,
    SHOP_MAIL,
    SHOP_STOCK,
    TAKEN,
    Case,
    Step,
    edge,
    feedings,
    record,
)
from tests.graph_page import parsed, read
from tests.oracle_families import Record
from tests.oracle_halves import Settings
from tests.payloads import ERROR, Placed
from tests.test_edges import engine_of, feed, page
from tests.test_oracle_edges import CASES

TWO, FOUR, ODD = "ot=th:8", "ot=th:c", "ot=th:4"
LATENCY = Settings(messaging_latency=True)
USER_SHOP = edge("user", "shop", "virtual_node")


def half(*spans: Placed) -> list[Placed]:
    """The spans with a weight of 2."""
    return [span.but(trace_state=TWO) for span in spans]


def twice(case: Case) -> Case:
    """The case with each span for two: what was counted of an edge doubles."""
    steps = [Step(step.after_ns, half(*step.spans)) for step in case.arrivals]
    edges = {
        labels: Record(2 * of.requests, 2 * of.failed, of.server * 2, of.client * 2, of.messaging * 2)
        for labels, of in case.edges.items()
    }
    return replace(case, steps=steps, edges=edges, early=None, exemplars=None)


SIDES = [
    Case(
        "an edge has its client's weight",
        [CALL.but(trace_state=TWO), SERVED.but(trace_state=FOUR)],
        {SHOP_STOCK: record(2, server=[3 * MS] * 2, client=[5 * MS] * 2)},
    ),
    Case(
        "a client that stands for itself alone, too",
        [CALL, SERVED.but(trace_state=FOUR)],
        {SHOP_STOCK: record(server=[3 * MS], client=[5 * MS])},
    ),
    Case(
        "a server's own weight counts where there is no client",
        [ROOT.but(trace_state=FOUR, status=ERROR)],
        {USER_SHOP: record(4, 4, server=[7 * MS] * 4)},
    ),
    Case(
        "a weighted client of two servers gives both its weight",
        [CALL.but(trace_state=FOUR), SERVED, SERVED.but(status=ERROR)],
        {SHOP_STOCK: record(8, 4, server=[3 * MS] * 8, client=[5 * MS] * 8)},
    ),
    Case(
        "a message's latency has the producer's weight, through a link too",
        [SENT.but(trace_state=TWO), TAKEN, LINKED.but(trace_state=FOUR)],
        {SHOP_MAIL: record(4, server=[3 * MS] * 4, client=[5 * MS] * 4, messaging=[10 * MS] * 4)},
        LATENCY,
    ),
    Case(
        "weighted requests and others of an edge add up",
        [CALL.but(trace_state=FOUR), SERVED, *[span.but(trace_id=b"\x07" * 16) for span in (CALL, SERVED)]],
        {SHOP_STOCK: record(5, server=[3 * MS] * 5, client=[5 * MS] * 5)},
    ),
]


@pytest.mark.parametrize("case", [*SIDES, *map(twice, CASES)], ids=lambda case: case.promise)
def test_a_weighted_request_counts_as_often_as_it_stands_for_others(case: Case) -> None:
    for feeding in feedings(case):
        engine = engine_of(case.settings)
        feed(engine, [*feeding.calls, feeding.last])
        for format in (Format.TEXT, Format.OPENMETRICS):
            assert read(page(engine, format, feeding.last), format) == parsed(case.families()), feeding.way


def test_a_weight_that_is_no_whole_number_is_counted_as_a_fraction() -> None:
    case = Case("", [CALL.but(trace_state=ODD), SERVED])
    [feeding, *_] = feedings(case)
    engine = engine_of(case.settings)
    feed(engine, [*feeding.calls, feeding.last])
    shown = read(page(engine, Format.TEXT, feeding.last), Format.TEXT)
    assert shown["traces_service_graph_request_total"] == {SHOP_STOCK: pytest.approx(4 / 3, rel=1e-12)}
    buckets, total, count = shown["traces_service_graph_request_client_seconds"][SHOP_STOCK]
    assert (total, count) == (pytest.approx(5e-3 * 4 / 3, rel=1e-12), pytest.approx(4 / 3, rel=1e-12))
    assert set(buckets.values()) == {count}
