"""What pages cost: learnt from whole and cut ones, forgotten by refusals."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from span2metrics.web import costs
from span2metrics.web.costs import Costs, Making
from span2metrics.web.page import Chunks


def test_a_kind_that_was_never_made_is_tried() -> None:
    learnt = Costs()
    learnt.whole("text", 100.0)
    assert learnt.exceed("openmetrics", 0.001) is None


def test_a_page_that_just_fits_is_tried() -> None:
    learnt = Costs()
    learnt.whole("text", 10.0)
    assert learnt.exceed("text", 10.0) is None


def test_the_last_whole_page_counts() -> None:
    learnt = Costs()
    learnt.whole("text", 100.0)
    learnt.whole("text", 1.0)
    assert learnt.exceed("text", 2.0) is None


@pytest.mark.parametrize("cost", [2.0, 12.0, 1e6])
@pytest.mark.parametrize("seconds", [1e-6, 1.0])
def test_no_page_is_refused_for_ever(cost: float, seconds: float) -> None:
    learnt = Costs()
    learnt.whole("text", cost)
    refusals = list(
        itertools.takewhile(lambda told: told is not None, (learnt.exceed("text", seconds) for _ in range(99)))
    )
    assert refusals[0] == cost
    assert len(refusals) < 50


def test_a_page_that_never_fits_is_tried_every_other_time() -> None:
    learnt, tried = Costs(), []
    for _ in range(6):
        tried.append(learnt.exceed("text", 9.75) is None)
        if tried[-1]:
            learnt.cut("text", 9.7, 9.75)
    assert tried == [True, False, True, False, True, False]


def test_a_cut_page_does_not_cheapen_what_is_known() -> None:
    learnt = Costs()
    learnt.whole("text", 30.0)
    learnt.cut("text", 10.0, 10.0)
    assert learnt.exceed("text", 25.0) == 30.0


def test_nothing_is_learnt_from_a_reader_that_let_its_deadline_pass() -> None:
    learnt = Costs()
    learnt.cut("text", 4.0, 60.0)
    assert learnt.exceed("text", 0.001) is None


async def three() -> Chunks:
    for chunk in (b"a", b"b", b"c"):
        yield chunk


async def slow_reader(chunks: Chunks, wait: Callable[[], object]) -> list[bytes]:
    read = []
    async for chunk in chunks:
        read.append(chunk)
        wait()
    return read


def test_the_time_of_the_reader_is_not_the_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count()  # a second a look
    monkeypatch.setattr(costs, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    making = Making()
    read = asyncio.run(slow_reader(making.timed(three()), lambda: [next(clock) for _ in range(1000)]))
    assert read == [b"a", b"b", b"c"]
    assert making.seconds == 4  # three chunks and the end
