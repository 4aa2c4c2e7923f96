"""Admission: order, budget, deadlines, faults, and exactly one outcome a request."""

from __future__ import annotations

import asyncio
import gc
import itertools
import logging
import weakref
from contextlib import suppress
from typing import Any

import pytest

from span2metrics import names
from span2metrics.engine.plan import Now
from span2metrics.errors import Abandoned, DecodeError, Overloaded
from span2metrics.faults import INTERVAL, FaultLog
from span2metrics.intake import TURN_NS, Intake
from span2metrics.names import RECEIVER_HTTP as HTTP
from tests.conftest import Run
from tests.edges import SECRET, SPAN, Counts, Fleeting, Told, intake_with


def raising(error: Exception) -> Told:
    def act(_: bytes) -> None:
        raise error

    return Told(act)


def submitted(intake: Intake, *bodies: bytes) -> list[asyncio.Task[Any]]:
    return [asyncio.ensure_future(intake.submit(body, HTTP)) for body in bodies]


# --- order and outcome ----------------------------------------------------------------------------------------------


def test_requests_are_applied_in_the_order_in_which_they_came(run: Run) -> None:
    async def scenario() -> None:
        engine, telemetry = Told(), Counts()
        bodies = [bytes([n]) for n in range(20)]
        await asyncio.gather(*submitted(intake_with(engine, telemetry), *bodies))
        assert engine.applied == bodies
        assert telemetry.outcomes() == {names.ACCEPTED: 20}

    run(scenario())


def test_the_engine_gets_the_clock_of_the_moment(run: Run) -> None:
    async def scenario() -> None:
        engine, clock = Told(), itertools.count(1)
        intake = intake_with(engine, Counts(), clock=lambda: Now(7, next(clock)))
        await intake.submit(b"a", HTTP)
        await intake.submit(b"b", HTTP)
        assert [reading.wall_ns for reading in engine.readings] == [7, 7]
        assert engine.readings[0].mono_ns < engine.readings[1].mono_ns

    run(scenario())


def test_a_malformed_request_is_the_senders_to_mend(run: Run) -> None:
    async def scenario() -> None:
        telemetry = Counts()
        intake = intake_with(raising(DecodeError("byte 3")), telemetry)
        with pytest.raises(DecodeError, match="byte 3"):
            await intake.submit(b"a", HTTP)
        assert telemetry.outcomes() == {names.MALFORMED: 1}
        assert intake.bytes == 0

    run(scenario())


def test_a_fault_of_ours_is_overload_to_the_sender_and_logged_without_the_traffic(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        telemetry = Counts()
        intake = intake_with(raising(KeyError(SECRET)), telemetry)
        with pytest.raises(Overloaded, match="internal fault"):
            await intake.submit(SECRET.encode(), HTTP)
        await asyncio.gather(*submitted(intake, b"b", b"c"), return_exceptions=True)
        assert telemetry.outcomes() == {names.INTERNAL: 3}

    run(scenario())
    (record,) = (record for record in caplog.records if record.levelno == logging.ERROR)
    fields = vars(record)
    assert fields["fault"] == "KeyError"
    assert "in consume" in fields["trace"]
    assert SECRET not in str(fields)


def test_a_fault_log_says_how_much_it_held_back(caplog: pytest.LogCaptureFixture) -> None:
    now = 100.0
    log = FaultLog("something broke", clock=lambda: now)
    for at in (100.0, 100.5, 100.0 + INTERVAL - 0.01, 100.0 + INTERVAL, 100.0 + INTERVAL + 1):
        now = at
        log.report(ValueError(SECRET))
    assert [vars(record)["held_back"] for record in caplog.records] == [0, 2]
    assert SECRET not in caplog.text


def test_what_was_received_is_what_was_aggregated_or_dropped(run: Run) -> None:
    async def scenario() -> None:
        telemetry = Counts()
        intake = intake_with(telemetry._engine, telemetry)
        answers = await asyncio.gather(*submitted(intake, SPAN, b"\xff", SPAN, SPAN[:-1]), return_exceptions=True)
        assert [type(answer).__name__ for answer in answers] == ["Outcome", "DecodeError", "Outcome", "DecodeError"]
        aggregated = telemetry.total("span2metrics_aggregated_spans") + telemetry.total("span2metrics_dropped_spans")
        assert telemetry.total("span2metrics_received_spans") == aggregated == 2
        assert telemetry.total("span2metrics_received_bytes") == 2 * len(SPAN)
        assert telemetry.total("span2metrics_received_requests") == 4

    run(scenario())


def test_the_time_from_arrival_to_answer_is_observed(run: Run) -> None:
    async def scenario() -> None:
        ticks = itertools.count(0, 1_000_000)
        telemetry = Counts()
        intake = intake_with(Told(), telemetry, clock=lambda: Now(0, next(ticks)))
        await intake.submit(b"a", HTTP)
        assert telemetry.observed == [0.003]  # arrival, start of the turn, start of the request, its end

    run(scenario())


def test_no_error_outlives_its_request_and_keeps_the_body(run: Run) -> None:
    made: list[weakref.ref[Exception]] = []

    def act(_: bytes) -> None:
        raise Fleeting(made)

    async def scenario() -> None:
        intake = intake_with(Told(act), Counts())
        with suppress(DecodeError):
            await intake.submit(b"a", HTTP)
        await asyncio.sleep(0)  # the loop's own hold on the answer
        assert [ref() for ref in made] == [None]

    gc.disable()  # a cycle would be found sooner or later; bodies of megabytes cannot wait for that
    try:
        run(scenario())
    finally:
        gc.enable()


# --- those who leave or are late --------------------------------------------------------------------------------------


def test_a_cancelled_caller_leaves_the_queue(run: Run) -> None:
    async def scenario() -> None:
        engine, telemetry = Told(lambda body: None if body != b"a" else void(tasks[1].cancel())), Counts()
        intake = intake_with(engine, telemetry)
        tasks = submitted(intake, b"a", b"bb", b"c")
        await asyncio.wait(tasks)
        assert [task.cancelled() for task in tasks] == [False, True, False]
        assert engine.applied == [b"a", b"c"]
        assert telemetry.outcomes() == {names.ACCEPTED: 2, names.ABANDONED: 1}
        assert intake.bytes == 0

    run(scenario())


def test_a_caller_cancelled_after_its_request_was_applied_is_not_abandoned(run: Run) -> None:
    async def scenario() -> None:
        engine, telemetry = Told(lambda _: void(asyncio.get_running_loop().call_soon(task.cancel))), Counts()
        intake = intake_with(engine, telemetry)
        (task,) = submitted(intake, b"a")
        await asyncio.wait([task])
        assert engine.applied == [b"a"]
        assert telemetry.outcomes() == {names.ACCEPTED: 1}

    run(scenario())


def test_what_is_late_is_never_applied(run: Run) -> None:
    async def scenario() -> None:
        engine, telemetry = Told(), Counts()
        intake = intake_with(engine, telemetry)
        now = asyncio.get_running_loop().time()
        with pytest.raises(Abandoned):
            await intake.submit(b"late", HTTP, deadline=now - 1)
        await intake.submit(b"in time", HTTP, deadline=now + 3600)
        assert engine.applied == [b"in time"]
        assert telemetry.outcomes() == {names.ABANDONED: 1, names.ACCEPTED: 1}
        assert intake.bytes == 0

    run(scenario())


# --- the budget -------------------------------------------------------------------------------------------------------


def test_beyond_the_budget_requests_are_refused_until_there_is_room(run: Run) -> None:
    async def scenario() -> None:
        engine, telemetry = Told(), Counts()
        intake = intake_with(engine, telemetry, max_bytes=10)
        answers = await asyncio.gather(*submitted(intake, bytes(6), bytes(4), bytes(1)), return_exceptions=True)
        assert [type(answer).__name__ for answer in answers] == ["Outcome", "Outcome", "Overloaded"]
        await intake.submit(bytes(10), HTTP)
        assert telemetry.outcomes() == {names.ACCEPTED: 3, names.OVERLOADED: 1}
        assert intake.bytes == 0

    run(scenario())


def test_a_request_larger_than_the_budget_is_taken_alone_and_only_then(run: Run) -> None:
    async def scenario() -> None:
        intake = intake_with(Told(), Counts(), max_bytes=10)
        assert (await intake.submit(bytes(11), HTTP)).received == 1
        answers = await asyncio.gather(*submitted(intake, b"a", bytes(11)), return_exceptions=True)
        assert isinstance(answers[1], Overloaded)
        answers = await asyncio.gather(*submitted(intake, bytes(11), b"a"), return_exceptions=True)
        assert isinstance(answers[1], Overloaded)

    run(scenario())


def test_a_body_on_its_way_counts_and_hands_its_place_to_the_request(run: Run) -> None:
    async def scenario() -> None:
        intake = intake_with(Told(lambda _: seen.append(intake.bytes)), Counts(), max_bytes=10)
        seen: list[int] = []
        with intake.reserve() as held:
            held.resize(8)
            assert intake.bytes == 8
            with pytest.raises(Overloaded):
                await intake.submit(bytes(3), HTTP)
            await intake.submit(bytes(5), HTTP, held=held)
        assert seen == [0]  # a request that is being applied waits no more
        assert intake.bytes == 0

    run(scenario())


def test_a_reservation_grows_beyond_the_budget_only_while_it_is_alone() -> None:
    intake = intake_with(Told(), Counts(), max_bytes=10)
    with intake.reserve() as first, intake.reserve() as second:
        first.resize(11)
        with pytest.raises(Overloaded):
            second.resize(1)
        first.resize(4)
        second.resize(6)
        with pytest.raises(Overloaded):
            first.resize(5)
        assert (first.size, second.size, intake.bytes) == (4, 6, 10)
    assert intake.bytes == 0


# --- turns ------------------------------------------------------------------------------------------------------------


def test_the_loop_has_its_turn_while_requests_wait(run: Run) -> None:
    async def scenario() -> None:
        ticks = itertools.count(0, TURN_NS // 2)
        order: list[str] = []
        engine = Told(lambda body: order.append(body.decode()))
        intake = intake_with(engine, Counts(), clock=lambda: Now(0, next(ticks)))

        def other() -> None:
            order.append("-")
            if len(engine.applied) < 4:
                asyncio.get_running_loop().call_soon(other)

        tasks = submitted(intake, *b"a b c d".split())
        asyncio.get_running_loop().call_soon(other)
        await asyncio.wait(tasks)
        text = "".join(order)
        assert text.replace("-", "") == "abcd"
        assert all(f"{left}{right}" not in text for left, right in ("ab", "bc", "cd"))

    run(scenario())


def test_short_requests_share_a_turn(run: Run) -> None:
    async def scenario() -> None:
        turns: list[int] = []
        engine = Told()
        intake = intake_with(engine, Counts(), clock=lambda: Now(0, 0))

        def other() -> None:
            turns.append(len(engine.applied))
            if len(engine.applied) < 100:
                asyncio.get_running_loop().call_soon(other)

        tasks = submitted(intake, *[b"x"] * 100)
        asyncio.get_running_loop().call_soon(other)
        await asyncio.wait(tasks)
        assert set(turns) == {0, 100}

    run(scenario())


# --- start and stop ---------------------------------------------------------------------------------------------------


def test_it_takes_nothing_before_start_and_after_stop(run: Run) -> None:
    async def scenario() -> None:
        telemetry = Counts()
        intake = Intake(Told().as_engine, telemetry, max_bytes=10)
        with pytest.raises(Overloaded):
            await intake.submit(b"a", HTTP)
        assert await intake.stop(1) == 0
        intake.start()
        await intake.submit(b"b", HTTP)
        assert (await intake.stop(1), await intake.stop(1)) == (0, 0)
        with pytest.raises(Overloaded):
            await intake.submit(b"c", HTTP)
        assert telemetry.outcomes() == {names.OVERLOADED: 2, names.ACCEPTED: 1}

    run(scenario())


def test_a_stop_applies_what_waits(run: Run) -> None:
    async def scenario() -> None:
        ticks = itertools.count(0, TURN_NS)  # one request a turn
        engine = Told()
        intake = intake_with(engine, Counts(), clock=lambda: Now(0, next(ticks)))
        tasks = submitted(intake, *[b"x"] * 20)
        await asyncio.sleep(0)
        assert await intake.stop(30) == 0
        assert len(engine.applied) == 20
        await asyncio.gather(*tasks)

    run(scenario())


def test_a_stop_tells_those_whom_it_cuts_to_come_back(run: Run) -> None:
    async def scenario() -> None:
        engine, telemetry = Told(), Counts()
        intake = intake_with(engine, telemetry)
        tasks = submitted(intake, b"a", b"b", b"c")
        await asyncio.sleep(0)
        tasks[1].cancel()
        assert await intake.stop(0) == 2
        await asyncio.wait(tasks)
        assert [type(task.exception()).__name__ for task in (tasks[0], tasks[2])] == ["Overloaded", "Overloaded"]
        assert tasks[1].cancelled()
        assert engine.applied == []
        assert telemetry.outcomes() == {names.OVERLOADED: 2, names.ABANDONED: 1}
        assert intake.bytes == 0

    run(scenario())


def void(_: object) -> None:
    """What a lambda needs that is called for what it does."""
