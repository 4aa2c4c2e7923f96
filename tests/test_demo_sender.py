"""The demo's sender loses nothing that it can keep, whatever the receiver answers; its process stops cleanly."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from span2metrics.demo import Child
from span2metrics.demo import sender as sender_module
from span2metrics.demo.incident import CYCLE
from span2metrics.demo.room import Room, Settings
from span2metrics.demo.sender import Pace, Sender
from span2metrics.demo.span import Span
from span2metrics.demo.traffic import Traffic

AT = 1_700_000_000_000_000_000


def spans(count: int) -> list[Span]:
    """All spans of some traces."""
    traffic = Traffic(7, CYCLE)
    return [span for number in range(count) for span in traffic.trace(number, AT, 0.0)]


class Offered(list[Span]):
    """Stands for a sender."""

    offer = list.extend


Answer = Callable[[bytes], grpc.StatusCode]
QUICK = Pace(interval_s=0.01, backoff_s=(0.01, 0.02))


class Collector:
    """A tiny OTLP receiver: keeps the requests that `answer` says OK to."""

    def __init__(self, answer: Answer) -> None:
        self.requests: list[bytes] = []
        self.attempts = 0
        self.changed = asyncio.Condition()
        self._answer = answer

    async def export(self, body: bytes, context: grpc.aio.ServicerContext) -> bytes:
        code = self._answer(body)
        async with self.changed:
            self.attempts += 1
            if code is grpc.StatusCode.OK:
                self.requests.append(body)
            self.changed.notify_all()
        if code is not grpc.StatusCode.OK:
            await context.abort(code, "no")
        return b""

    async def until(self, true: Callable[[], bool]) -> None:
        async with self.changed:
            await asyncio.wait_for(self.changed.wait_for(true), 60)

    def span_ids(self) -> list[bytes]:
        requests = map(ExportTraceServiceRequest.FromString, self.requests)
        return sorted(s.span_id for q in requests for r in q.resource_spans for c in r.scope_spans for s in c.spans)


@asynccontextmanager
async def collector(answer: Answer = lambda _: grpc.StatusCode.OK):
    """Yields a Collector and its address."""
    kept, server = Collector(answer), grpc.aio.server()
    service, method = sender_module.METHOD.strip("/").split("/")
    handler = grpc.unary_unary_rpc_method_handler(kept.export)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {method: handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield kept, f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


async def sent_through(made: list[Span], answer: Answer, until: Callable[[Collector, Sender], bool]):
    """Sends spans to a collector until the condition holds, then stops; (collector, sender, lines said)."""
    said: list[str] = []
    async with collector(answer) as (kept, address):
        sender = Sender(address, said.append, QUICK)
        sender.start()
        sender.offer(made)
        await kept.until(lambda: until(kept, sender))
        await sender.stop(30.0)
        await sender.stop(30.0)
    return kept, sender, said


def everything(made: list[Span]) -> Callable[[Collector, Sender], bool]:
    return lambda kept, _: len(kept.span_ids()) >= len(made)


def ids(made: list[Span]) -> list[bytes]:
    return sorted(s.span_id for s in made)


def test_everything_is_delivered_and_each_request_comes_from_one_pod() -> None:
    made = spans(40)
    kept, sender, said = asyncio.run(sent_through(made, lambda _: grpc.StatusCode.OK, everything(made)))
    assert kept.span_ids() == ids(made)
    assert all(len(ExportTraceServiceRequest.FromString(body).resource_spans) == 1 for body in kept.requests)
    assert (sender.offered, sender.sent, sender.dropped, said) == (len(made), len(made), 0, [])


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED])
def test_what_is_refused_for_now_is_sent_again_and_told_of_once(code: grpc.StatusCode) -> None:
    made, refusals = spans(20), iter([code] * 40)
    answer = lambda _: next(refusals, grpc.StatusCode.OK)  # noqa: E731
    kept, sender, said = asyncio.run(sent_through(made, answer, everything(made)))
    assert kept.span_ids() == ids(made)
    assert kept.attempts == len(kept.requests) + 40
    assert (sender.sent, sender.dropped) == (len(made), 0)
    assert len(said) == 1
    assert code.name in said[0]


def test_what_is_refused_for_good_is_dropped_and_the_rest_goes_on() -> None:
    made, refusals = spans(20), iter([grpc.StatusCode.INVALID_ARGUMENT] * 3)
    answer = lambda _: next(refusals, grpc.StatusCode.OK)  # noqa: E731
    pods = len({s.pod.name for s in made})
    kept, sender, _ = asyncio.run(sent_through(made, answer, lambda kept, _: kept.attempts == pods))
    assert len(kept.requests) == pods - 3
    assert sender.sent == len(kept.span_ids())
    assert 0 < sender.dropped == len(made) - sender.sent


def test_stopping_sends_what_waits_at_once() -> None:
    made = spans(5)

    async def scenario() -> tuple[Collector, Sender]:
        async with collector() as (kept, address):
            sender = Sender(address, pytest.fail, Pace(interval_s=3600.0))
            sender.start()
            sender.offer(made)
            await sender.stop(30.0)
            return kept, sender

    kept, sender = asyncio.run(scenario())
    assert kept.span_ids() == ids(made)
    assert sender.dropped == 0


def test_a_sender_with_nobody_there_is_bounded_and_stops() -> None:
    one = spans(1)[0]

    async def scenario() -> Sender:
        sender = Sender("127.0.0.1:1", [].append, Pace(interval_s=3600.0))
        await sender.stop(0.0)
        sender = Sender("127.0.0.1:1", [].append, Pace(interval_s=3600.0))
        sender.start()
        sender.offer([one] * (sender_module.QUEUE_LIMIT + 5))
        assert sender.dropped == 5
        await sender.stop(30.0)
        return sender

    sender = asyncio.run(scenario())
    assert (sender.sent, sender.dropped) == (0, sender.offered)


# --- the process, and what it says ------------------------------------------------------------------------------------


def with_child(after_first: Callable[[Child], Awaitable[object]], **options: float) -> tuple[object, Collector]:
    """Starts a child that sends to a collector; waits for its first request and then for `after_first`."""

    async def scenario() -> tuple[object, Collector]:
        async with collector() as (kept, address):
            child = Child(address, **options)
            await child.stop(1.0)
            await child.start()
            try:
                await kept.until(lambda: kept.attempts > 0)
                return await after_first(child), kept
            finally:
                await child.stop(30.0)
                await child.stop(30.0)

    return asyncio.run(scenario())


def test_a_child_sends_whole_traces_for_its_duration_and_ends_well() -> None:
    code, kept = with_child(Child.wait, rate=50.0, duration=1.0, seed=3)
    assert code == 0
    offered = Offered()
    Room(Traffic(3, CYCLE), offered, Settings(rate=50.0, duration=1.0, base_ns=AT)).advance(1.0)
    assert kept.span_ids() == ids(offered)


async def _close_input(child: Child) -> int:
    child._process.stdin.close()
    return await child.wait()


async def _terminate(child: Child) -> int:
    child._process.terminate()
    return await child.wait()


@pytest.mark.parametrize("end", [_close_input, _terminate], ids=["its parent is gone", "SIGTERM"])
def test_a_child_without_duration_ends_well_when(end: Callable[[Child], Awaitable[int]]) -> None:
    assert with_child(end, rate=50.0)[0] == 0


def test_each_endpoint_gets_all_spans_and_one_that_takes_none_is_told_of() -> None:
    async def scenario() -> tuple[Collector, Collector, list[int | None]]:
        async with collector() as (first, one), collector() as (second, other):
            codes = [await _company(one, other), await _company(one, other, "127.0.0.1:1")]
            return first, second, codes

    first, second, codes = asyncio.run(scenario())
    assert first.span_ids() == second.span_ids()
    assert len(first.span_ids()) > 100
    assert codes == [0, 1]


async def _company(*endpoints: str) -> int | None:
    """The exit code of a process that sends to them for half a second."""
    words = [sys.executable, "-m", "span2metrics.demo", *endpoints, "--rate=50", "--duration=0.5"]
    process = await asyncio.create_subprocess_exec(*words, stderr=subprocess.DEVNULL)
    return await process.wait()
