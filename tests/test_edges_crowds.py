"""Halves in crowds: more than the engine's queues hold at first, most of which leave out of turn.

A half that has left leaves a gap in the order of arrival, and thousands of gaps are closed at once; whoever stays must
be found, evicted and ended as if nothing had been moved.  The oracle keeps plain dicts.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from span2metrics.engine.plan import Format
from tests.cases_edges import CALL, SECOND, SERVED, Call, at
from tests.graph_page import parsed, read
from tests.oracle_edges import Edges
from tests.oracle_halves import Settings
from tests.payloads import Placed, request
from tests.test_edges import engine_of, page

CALLS, REQUESTS = 6_000, 24
SERVICES = ("shop", "stock", "mail", "bank")


def halves_of(rng: random.Random, number: int) -> Iterator[tuple[int, Placed]]:
    """When a call's halves come, by number of the request: one without the other, in either order, some twice."""
    trace = number.to_bytes(16, "big")
    first, later = rng.randrange(1, REQUESTS), min(rng.choice((0, 0, 1, 3, 9)) + rng.randrange(2), REQUESTS)
    sent = CALL.but(trace_id=trace, service=rng.choice(SERVICES))
    served = SERVED.but(trace_id=trace, service=rng.choice(SERVICES))
    one, other = rng.choice([(sent, served), (served, sent), (served, sent)])
    yield first, one
    if rng.random() < 0.9:
        yield min(first + later, REQUESTS), other
    if rng.random() < 0.2:
        yield rng.randrange(first, REQUESTS), served.but(span_id=b"\7" * 8)


def requests(seed: int) -> list[list[Placed]]:
    rng = random.Random(seed)
    placed = [half for number in range(1, CALLS + 1) for half in halves_of(rng, number)]
    return [[span for place, span in placed if place == number] for number in range(REQUESTS + 1)]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("max_items", [600, 1_500, 2_500, 100_000], ids="room for {}".format)
def test_who_stays_in_a_crowd_is_found_evicted_and_ended_in_its_turn(max_items: int, seed: int) -> None:
    settings = Settings(max_items=max_items)
    engine, oracle = engine_of(settings), Edges(settings)
    for number, spans in enumerate(requests(seed)):
        now = at(number * SECOND)
        engine.consume(request(spans), now)
        oracle.consume(request(spans), now)
        assert engine.stats().pending_edges == oracle.pending
    last = Call(at((REQUESTS + 10) * SECOND), None)
    while engine.expire(last.now):
        pass
    oracle.expire(last.now)
    assert engine.stats().pending_edges == oracle.pending == 0
    assert read(page(engine, Format.TEXT, last), Format.TEXT) == parsed(oracle.families())


def test_one_that_nobody_answers_stays_while_thousands_come_and_go() -> None:
    settings = Settings(max_items=10_000)
    engine, oracle = engine_of(settings), Edges(settings)
    lonely = CALL.but(trace_id=b"\xff" * 16, attributes={"peer.service": "far"})
    feeding = [[lonely]]
    for number in range(1, 41):
        traces = [(number * 1_000 + i).to_bytes(16, "big") for i in range(200)]
        feeding.append([SERVED.but(trace_id=trace) for trace in traces])
        feeding.append([CALL.but(trace_id=trace) for trace in traces])
    for number, spans in enumerate(feeding):
        now = at(number * SECOND // 10)
        engine.consume(request(spans), now)
        oracle.consume(request(spans), now)
        assert engine.stats().pending_edges == oracle.pending
    last = Call(at(30 * SECOND), None)
    while engine.expire(last.now):
        pass
    oracle.expire(last.now)
    assert read(page(engine, Format.TEXT, last), Format.TEXT) == parsed(oracle.families())
