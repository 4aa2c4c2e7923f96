"""Requests on their way in: how many at once, what becomes of the others, and what a growing memory means."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from span2metrics.errors import Abandoned, Overloaded
from span2metrics.receivers import arrivals
from span2metrics.receivers.arrivals import Arrivals
from tests.conftest import Run
from tests.edges import MIB, on_loop, until

LIMIT = 16 * MIB  # two requests of the size that is thought of at first, each there twice


@pytest.fixture
def run() -> Run:
    return on_loop(asyncio.new_event_loop)


class Process:
    """The memory of the process, as the test says; and requests that arrive when it says so."""

    def __init__(self, limit: int = LIMIT, ceiling: int | None = None) -> None:
        self.resident, self.counted = 1000 * MIB, 0
        self.looks = 0
        self.arrivals = Arrivals(limit, 64 * MIB, lambda: self.counted, ceiling, self._look)
        self.reading: list[asyncio.Future[bytes]] = []
        self.kept: list[asyncio.Task[bytes]] = []  # the loop ends them

    def _look(self) -> int:
        self.looks += 1
        return self.resident

    def send(self) -> asyncio.Task[bytes]:
        return asyncio.ensure_future(self.arrivals.receive(self._read))

    async def sent(self, count: int) -> int:
        """Sends so many; how many of all have begun to come."""
        self.kept += [self.send() for _ in range(count)]
        await settled()
        return len(self.reading)

    async def _read(self) -> bytes:
        self.reading.append(asyncio.get_running_loop().create_future())
        return await self.reading[-1]


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def outcomes(*tasks: asyncio.Task[bytes]) -> list[Any]:
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    return [answer if isinstance(answer, bytes) else type(answer) for answer in answers]


def test_while_there_is_room_nobody_waits_and_nobody_looks_at_the_memory(run: Run) -> None:
    async def scenario() -> None:
        process = Process()
        tasks = [process.send() for _ in range(2)]
        await settled()
        for read in process.reading:
            read.set_result(b"x")
        assert await outcomes(*tasks) == [b"x", b"x"]
        assert process.looks == 0

    run(scenario())


def test_beyond_that_each_begins_when_one_before_it_has_come(run: Run) -> None:
    async def scenario() -> None:
        process = Process()
        begun = [await process.sent(5)]
        for number in range(3):
            process.reading[number].set_result(bytes(4 * MIB))
            await settled()
            begun.append(len(process.reading))
        assert begun == [2, 3, 4, 5]

    run(scenario())


def test_small_requests_make_room_for_more(run: Run) -> None:
    async def scenario() -> None:
        process = Process()
        for _ in range(1500):
            task = process.send()
            await settled()
            process.reading[-1].set_result(b"small")
            await task
        del process.reading[:]
        assert await process.sent(100) == 100

    run(scenario())


def test_what_the_intake_holds_leaves_less_room(run: Run) -> None:
    async def scenario() -> None:
        process = Process(limit=32 * MIB)
        process.counted = 9 * MIB
        assert await process.sent(4) == 2

    run(scenario())


def test_slow_senders_do_not_keep_others_out_while_the_memory_stays(run: Run) -> None:
    async def scenario() -> None:
        process = Process()
        await process.sent(9)
        await until(lambda: len(process.reading) == 9)

    run(scenario())


@pytest.mark.parametrize(("ceiling", "grown"), [(None, 17), (1010 * MIB, 11)], ids=["", "ceiling"])
def test_when_the_memory_grows_all_but_the_first_are_told_to_come_back(
    run: Run, ceiling: int | None, grown: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_back: list[int] = []
    monkeypatch.setattr("span2metrics.memory.give_back", lambda: given_back.append(1))

    async def scenario() -> None:
        process = Process(ceiling=ceiling)
        tasks = [process.send() for _ in range(3)]
        await settled()
        process.resident += grown * MIB
        assert await outcomes(tasks[1]) == [Overloaded]
        assert not tasks[0].done()
        process.resident -= grown * MIB
        await until(lambda: given_back)
        await until(lambda: len(process.reading) == 3)
        for read in process.reading[::2]:
            read.set_result(b"x")
        assert await outcomes(tasks[0], tasks[2]) == [b"x", b"x"]

    run(scenario())


def test_after_a_cut_fewer_may_come_at_once(run: Run) -> None:
    async def scenario() -> None:
        process = Process()
        tasks = [process.send() for _ in range(3)]
        await settled()
        process.resident += 17 * MIB
        assert await outcomes(tasks[1]) == [Overloaded]
        await asyncio.sleep(0.03)
        assert len(process.reading) == 2  # the first, and the one that was cut: the third still waits

    run(scenario())


def test_whose_turn_does_not_come_is_told_to_come_back(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "PATIENCE", 0.05)

    async def scenario() -> None:
        process = Process()
        tasks = [process.send() for _ in range(3)]
        await settled()
        process.resident += 10 * MIB  # enough to let no more in, not enough to cut
        assert await outcomes(tasks[2]) == [Overloaded]
        assert len(process.reading) == 2

    run(scenario())


def test_what_does_not_come_is_given_up(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "SECONDS", 0.02)

    async def scenario() -> None:
        assert await outcomes(Process().send()) == [Abandoned]

    run(scenario())


@pytest.mark.parametrize("seed", range(20))
def test_senders_that_come_and_go_leave_no_place_taken(run: Run, seed: int) -> None:
    rng = random.Random(seed)

    async def scenario() -> None:
        process = Process()
        tasks = []
        for _ in range(200):
            tasks.append(process.send())
            for _ in range(rng.randrange(3)):
                await asyncio.sleep(0)
            if rng.random() < 0.5:
                rng.choice(tasks).cancel()
            ready = [read for read in process.reading if not read.done()]
            if ready and rng.random() < 0.5:
                rng.choice(ready).set_result(b"x")
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        del process.reading[:]
        assert await process.sent(2) == 2

    run(scenario())
