"""What the receivers' tests need: an engine that does as it is told, receivers on real sockets, and senders."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import grpc
import grpc.aio

from span2metrics import names
from span2metrics.config.models import Endpoint, GrpcReceiver, HttpReceiver
from span2metrics.engine.core import Engine
from span2metrics.engine.plan import Now, Plan
from span2metrics.engine.stats import Outcome
from span2metrics.errors import DecodeError
from span2metrics.intake import Intake
from span2metrics.receivers.otlp_grpc import SERVICE, OtlpGrpc
from span2metrics.receivers.otlp_http import OtlpHttp
from span2metrics.telemetry import Telemetry
from tests.payloads import Placed, request

#: Seconds; far beyond what anything here takes.
PATIENCE = 60.0
MIB = 1 << 20
SPAN = request([Placed(name="pay")])
LOCAL = Endpoint("127.0.0.1", 0)
EXPORT = f"/{SERVICE}/Export"
SECRET = "a-senders-secret"

PROTOBUF = {"Content-Type": "application/x-protobuf"}
JSON = {"Content-Type": "application/json"}


class Told:
    """An engine for the intake alone: it notes what it is given, and does what `act` does with it."""

    def __init__(self, act: Callable[[bytes], None] = lambda _: None) -> None:
        self.applied: list[bytes] = []
        self.readings: list[Now] = []
        self._act = act

    def consume(self, body: bytes, now: Now) -> Outcome:
        self._act(body)
        self.applied.append(body)
        self.readings.append(now)
        return Outcome(1, 1, {})

    @property
    def as_engine(self) -> Any:
        return self


class Fleeting(DecodeError):
    """An error that leaves a weak reference to itself, so that a test can see when it is gone."""

    def __init__(self, made: list[weakref.ref[Exception]]) -> None:
        super().__init__("no")
        made.append(weakref.ref(self))


class Counts(Telemetry):
    """Telemetry that tells what it counted."""

    def __init__(self, engine: Any = None) -> None:
        super().__init__(engine or Engine(Plan()), version="test")
        self.observed: list[float] = []

    def outcomes(self, receiver: str = names.RECEIVER_HTTP) -> dict[str, int]:
        """Outcome → requests, those at 0 left out."""
        return {outcome: n for outcome, n in self._received[receiver].outcomes.items() if n}

    def ingested(self, seconds: float) -> None:
        super().ingested(seconds)
        self.observed.append(seconds)

    def total(self, family: str) -> float:
        """The sum of a family's counters."""
        (found,) = (metric for metric in self.collect() if metric.name == family)
        return sum(sample.value for sample in found.samples if sample.name.endswith("_total"))


@dataclass
class Edge:
    """A receiver that listens, and what is behind it."""

    engine: Engine
    telemetry: Counts
    intake: Intake
    receiver: OtlpGrpc | OtlpHttp
    session: aiohttp.ClientSession | None = None
    channel: Any = None
    name: str = names.RECEIVER_HTTP

    @property
    def received(self) -> int:
        return self.engine.stats().received

    @property
    def outcomes(self) -> dict[str, int]:
        return self.telemetry.outcomes(self.name)

    async def post(self, body: Any, headers: Mapping[str, str] = PROTOBUF, **how: Any) -> Answer:
        assert self.session is not None
        method = how.get("method", "POST")
        url = f"http://{self.receiver.address}{how.get('path', '/v1/traces')}"
        async with self.session.request(method, url, data=body, headers=headers) as response:
            return Answer(response.status, dict(response.headers), await response.read())

    async def export(self, message: bytes, **how: Any) -> Refusal | bytes:
        """The answer's bytes, or what was said instead."""
        call = self.channel.unary_unary(how.pop("method", EXPORT))
        try:
            return await call(message, timeout=how.pop("timeout", PATIENCE), **how)  # type: ignore[no-any-return]
        except grpc.aio.AioRpcError as error:
            return Refusal(error.code(), error.details() or "", dict(error.trailing_metadata() or ()))


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Refusal:
    code: grpc.StatusCode
    message: str
    trailers: dict[str, Any]


def intake_with(engine: Any, telemetry: Telemetry, max_bytes: int = 256 * MIB, **how: Any) -> Intake:
    intake = Intake(engine, telemetry, max_bytes=max_bytes, **how)
    intake.start()
    return intake


@asynccontextmanager
async def http(
    *, engine: Any = None, limit: int = MIB, max_bytes: int = 256 * MIB, **config: Any
) -> AsyncIterator[Edge]:
    """OTLP/HTTP on a free port.  `config` as in HttpReceiver."""
    engine = engine or Engine(Plan())
    telemetry = Counts(engine if isinstance(engine, Engine) else None)
    intake = intake_with(engine, telemetry, max_bytes)
    receiver = OtlpHttp(HttpReceiver(**{"endpoint": LOCAL, **config}), intake, telemetry, max_request_size=limit)
    await receiver.start()
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        try:
            yield Edge(engine, telemetry, intake, receiver, session=session)
        finally:
            await receiver.stop(0)
            await intake.stop(0)


@asynccontextmanager
async def over_grpc(
    *, engine: Any = None, limit: int = MIB, max_bytes: int = 256 * MIB, **config: Any
) -> AsyncIterator[Edge]:
    """OTLP/gRPC on a free port.  `config` as in GrpcReceiver."""
    engine = engine or Engine(Plan())
    telemetry = Counts(engine if isinstance(engine, Engine) else None)
    intake = intake_with(engine, telemetry, max_bytes)
    receiver = OtlpGrpc(GrpcReceiver(**{"endpoint": LOCAL, **config}), intake, telemetry, max_request_size=limit)
    await receiver.start()
    async with grpc.aio.insecure_channel(receiver.address) as channel:
        try:
            yield Edge(engine, telemetry, intake, receiver, channel=channel, name=names.RECEIVER_GRPC)
        finally:
            await receiver.stop(0)
            await intake.stop(0)


def on_loop(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> Callable[[Coroutine[Any, Any, None]], None]:
    """Runs a coroutine on a loop of that kind; a hang is a failure."""

    def run(scenario: Coroutine[Any, Any, None]) -> None:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(asyncio.wait_for(scenario, PATIENCE))

    return run


async def until(true: Callable[[], object]) -> None:
    """Gives the loop its turns until the condition holds."""
    while not true():
        await asyncio.sleep(0.001)
