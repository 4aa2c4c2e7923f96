"""Ticks: when the engine is told the time, what that shows without a request, and how it ends.

Time is the loop's own (`leaps`), so that each tick has an exact place in it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from span2metrics.engine.core import Engine
from span2metrics.engine.plan import Format, Graph, Now, Plan
from span2metrics.ticks import INTERVAL, Ticks
from tests.cases_edges import CALL, ROOT, at, edge, id_of
from tests.edges import SECRET
from tests.graph_page import read
from tests.leaps import current, leaping
from tests.oracle_families import REQUESTS
from tests.payloads import NOW, request

WAIT = 3 * INTERVAL
#: Of a call that nobody answers, and of a request that nobody is known to have sent.
ABROAD = edge("shop", "bank", "virtual_node")
FROM_A_USER = edge("user", "shop", "virtual_node")
LONELY = CALL.but(attributes={"peer.service": "bank"})


class Asked:
    """An engine that notes when it was told what time, and answers in turn from `more`, and then that this was all."""

    def __init__(self, more: Iterable[bool | Exception] = (), takes: float = 0.0) -> None:
        self.when: list[float] = []
        self.told: list[Now] = []
        self.concluded = 0
        self._more = iter(more)
        self._takes = takes

    def expire(self, now: Now) -> bool:
        self.when.append(current().time())
        self.told.append(now)
        current().pass_by(self._takes)
        answer = next(self._more, False)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def conclude(self, now: Now) -> bool:
        self.concluded += 1
        return self.expire(now)

    @property
    def as_engine(self) -> Any:
        return self


def loop_clock() -> Now:
    """`NOW`, later by the time of the loop."""
    return at(round(current().time() * 10**9))


def ticking(engine: Any, clock: Callable[[], Now] = loop_clock) -> Ticks:
    ticks = Ticks(engine, clock)
    ticks.start()
    return ticks


def requests_of(engine: Engine) -> dict[Any, Any]:
    """Requests by edge, as the page has them now."""
    page = b"".join(engine.render(Format.TEXT, loop_clock()))
    return dict(read(page, Format.TEXT).get(REQUESTS, {}))


def filled(spans: int) -> Engine:
    """An engine in which so many root spans wait."""
    engine = Engine(Plan())
    engine.consume(request([ROOT.but(span_id=number.to_bytes(8, "big")) for number in range(1, spans + 1)]), NOW)
    return engine


# --- when -------------------------------------------------------------------------------------------------------------


def test_the_engine_is_told_the_clocks_time_once_an_interval() -> None:
    async def scenario() -> None:
        engine = Asked()
        readings = iter([Now(70, 1), Now(60, 2), Now(80, 3)])
        ticking(engine.as_engine, lambda: next(readings))
        await asyncio.sleep(3.5 * INTERVAL)
        assert engine.when == [INTERVAL, 2 * INTERVAL, 3 * INTERVAL]
        assert engine.told == [Now(70, 1), Now(60, 2), Now(80, 3)]

    leaping(scenario())


def test_while_there_is_more_it_is_asked_again_at_once_with_the_time_of_then() -> None:
    async def scenario() -> None:
        engine = Asked([True, True, False, True], takes=INTERVAL / 8)
        ticking(engine.as_engine)
        await asyncio.sleep(2.9 * INTERVAL)
        after = INTERVAL * 10 / 8
        assert engine.when == [INTERVAL, INTERVAL * 9 / 8, after, after + INTERVAL * 9 / 8, after + INTERVAL * 10 / 8]
        assert engine.told == [at(round(when * 10**9)) for when in engine.when]

    leaping(scenario())


def test_others_have_their_turn_between_one_slice_and_the_next() -> None:
    async def scenario() -> None:
        engine = Asked([True] * 20)
        ticking(engine.as_engine)
        await asyncio.sleep(INTERVAL)
        turns = []
        for _ in range(30):
            turns.append(len(engine.when))
            await asyncio.sleep(0)
        assert {*range(2, 22)} <= {*turns}

    leaping(scenario())


def test_what_was_not_started_tells_the_engine_nothing() -> None:
    async def scenario() -> None:
        engine = Asked()
        Ticks(engine.as_engine, loop_clock)
        await asyncio.sleep(10 * INTERVAL)
        assert engine.when == []

    leaping(scenario())


# --- what it shows ----------------------------------------------------------------------------------------------------


def test_an_edge_that_nobody_answers_appears_without_a_further_request() -> None:
    async def scenario() -> None:
        engine = Engine(Plan(graph=Graph(wait_ns=round(WAIT * 10**9))))
        engine.consume(request([LONELY, ROOT]), loop_clock())
        ticking(engine)
        await asyncio.sleep(WAIT - INTERVAL / 2)
        assert (requests_of(engine), engine.stats().pending_edges) == ({}, 2)
        await asyncio.sleep(INTERVAL)
        assert (requests_of(engine), engine.stats().pending_edges) == ({ABROAD: 1, FROM_A_USER: 1}, 0)

    leaping(scenario())


def test_more_than_one_slice_of_edges_is_ended_at_the_same_tick() -> None:
    async def scenario() -> None:
        engine = filled(20_000)
        assert engine.expire(at(10 * 10**9))
        assert engine.stats().pending_edges > 0
        ticking(engine, lambda: at(10 * 10**9))
        await asyncio.sleep(1.5 * INTERVAL)
        assert (requests_of(engine), engine.stats().pending_edges) == ({FROM_A_USER: 20_000}, 0)

    leaping(scenario())


def test_without_a_service_graph_there_is_nothing_to_end() -> None:
    engine = Engine(Plan(graph=None))
    engine.consume(request([LONELY, ROOT]), NOW)
    assert not engine.expire(at(10**18))
    assert engine.stats().pending_edges == 0


# --- faults -----------------------------------------------------------------------------------------------------------


def test_a_fault_is_logged_without_the_traffic_and_ticking_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        engine = Asked([KeyError(SECRET), KeyError(SECRET), False])
        ticking(engine.as_engine)
        await asyncio.sleep(4.5 * INTERVAL)
        assert engine.when == [INTERVAL, 2 * INTERVAL, 3 * INTERVAL, 4 * INTERVAL]

    leaping(scenario())
    (record,) = (record for record in caplog.records if record.levelno == logging.ERROR)
    assert record.getMessage() == "internal fault: what is over could not be ended"
    fields = vars(record)
    assert fields["fault"] == "KeyError"
    assert "in expire" in fields["trace"]
    assert SECRET not in str(fields)


def test_a_fault_while_it_stops_is_logged_and_ends_it(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        engine = Asked([True, KeyError(SECRET), True])
        await ticking(engine.as_engine).stop(60)
        assert len(engine.when) == 2

    leaping(scenario())
    assert [vars(record)["fault"] for record in caplog.records] == ["KeyError"]


# --- stop -------------------------------------------------------------------------------------------------------------


def test_stop_ends_all_that_waits_however_long_it_could_have_waited() -> None:
    async def scenario() -> None:
        engine = Engine(Plan(graph=Graph(wait_ns=3600 * 10**9)))
        spans = [LONELY.but(trace_id=number.to_bytes(16, "big")) for number in range(1, 10_001)]
        engine.consume(request([*spans, ROOT, CALL.but(span_id=id_of(7))]), loop_clock())
        ticks = ticking(engine)
        assert (requests_of(engine), engine.stats().pending_edges) == ({}, 10_002)
        await ticks.stop(60)
        assert (requests_of(engine), engine.stats().pending_edges) == ({ABROAD: 10_000, FROM_A_USER: 1}, 0)
        assert engine.stats().edges["unpaired"] == 1

    leaping(scenario())


def test_stop_ends_what_waits_and_says_what_time_it_is() -> None:
    async def scenario() -> None:
        engine = Asked()
        await ticking(engine.as_engine).stop(60)
        (told,) = engine.told
        assert (told, engine.concluded) == (NOW, 1)

    leaping(scenario())


@pytest.mark.parametrize(("timeout", "slices"), [(0.0, 0), (0.5, 1), (3.0, 3), (3.5, 4)])
def test_stop_begins_nothing_once_its_timeout_has_passed(timeout: float, slices: int) -> None:
    async def scenario() -> None:
        engine = Asked([True] * 10, takes=1.0)
        await ticking(engine.as_engine).stop(timeout)
        assert engine.when == [float(second) for second in range(slices)]

    leaping(scenario())


@pytest.mark.parametrize("before", [INTERVAL / 2, INTERVAL, 1.5 * INTERVAL])
@pytest.mark.parametrize("more", [True, False])
def test_after_a_stop_no_tick_comes(before: float, more: bool) -> None:
    async def scenario() -> None:
        engine = Asked([more])
        ticks = ticking(engine.as_engine)
        await asyncio.sleep(before)
        await ticks.stop(0)
        asked = len(engine.when)
        await asyncio.sleep(10 * INTERVAL)
        assert len(engine.when) == asked

    leaping(scenario())


def test_others_have_their_turn_while_it_stops() -> None:
    async def scenario() -> None:
        engine = Asked([True] * 5)
        stopping = asyncio.ensure_future(ticking(engine.as_engine).stop(60))
        turns = []
        while not stopping.done():
            await asyncio.sleep(0)
            turns.append(len(engine.when))
        assert sorted(set(turns)) == [1, 2, 3, 4, 5, 6]

    leaping(scenario())


def test_stop_is_safe_without_start_and_twice() -> None:
    async def scenario() -> None:
        engine = Asked()
        ticks = Ticks(engine.as_engine, loop_clock)
        await ticks.stop(60)
        assert engine.when == []
        ticks.start()
        await ticks.stop(60)
        await ticks.stop(60)
        assert engine.when == [0.0]

    leaping(scenario())
