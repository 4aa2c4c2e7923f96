"""`python -m tests.bench.flood`: many connections that send as fast as they are answered; prints one JSON line.

Each connection sends one body, again and again, until the time is up; what was under way then is waited for.  With
`--patience` a call is given up after so many seconds and sent again, as exporters do.  Requests are counted by what
became of them: `acknowledged`, `refused` (with a status that asks to come back), `given_up`, `other`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from functools import partial

import aiohttp
import grpc
import grpc.aio

from span2metrics.receivers.otlp_grpc import SERVICE
from tests.bench.requests import Builder, Shape

EXPORT = f"/{SERVICE}/Export"
DETAILS = "grpc-status-details-bin"
#: Seconds before a refused sender comes back: as short as the daemon will ever see from a client.
BACKOFF = 0.05

#: Sends a body; says what became of it.
Send = Callable[[bytes], Coroutine[None, None, str]]
Run = Callable[[Send], Coroutine[None, None, None]]


async def grpc_connection(options: argparse.Namespace, run: Run) -> None:
    """One connection of its own, over OTLP/gRPC."""
    own = [("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.insecure_channel(options.endpoint, options=own) as channel:
        call = channel.unary_unary(EXPORT)

        async def send(body: bytes) -> str:
            try:
                await call(body, timeout=options.patience, wait_for_ready=True)
            except grpc.aio.AioRpcError as error:
                return grpc_outcome(error)
            return "acknowledged"

        await run(send)


def grpc_outcome(error: grpc.aio.AioRpcError) -> str:
    if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
        return "given_up"
    retryable = error.code() is grpc.StatusCode.UNAVAILABLE and DETAILS in dict(error.trailing_metadata() or ())
    return "refused" if retryable else f"other: {error.code().name} {error.details()}"


async def http_connection(options: argparse.Namespace, run: Run) -> None:
    """One connection of its own, over OTLP/HTTP."""
    headers = {"Content-Type": "application/x-protobuf"}
    patience = aiohttp.ClientTimeout(total=options.patience)
    async with aiohttp.ClientSession(f"http://{options.endpoint}", timeout=patience, headers=headers) as session:

        async def send(body: bytes) -> str:
            try:
                async with session.post("/v1/traces", data=body) as response:
                    await response.read()
                    return http_outcome(response)
            except TimeoutError:
                return "given_up"
            except aiohttp.ClientError as error:
                return f"other: {type(error).__name__}"

        await run(send)


def http_outcome(response: aiohttp.ClientResponse) -> str:
    if response.status == 200:
        return "acknowledged"
    retryable = response.status in (429, 503) and "Retry-After" in response.headers
    return "refused" if retryable else f"other: {response.status}"


CONNECTIONS = {"grpc": grpc_connection, "http": http_connection}


async def flood(options: argparse.Namespace) -> Counter[str]:
    bodies = Builder(Shape(spans=options.spans), seed=options.seed).requests(8)
    counts: Counter[str] = Counter()
    end = time.monotonic() + options.seconds

    async def run(body: bytes, send: Send) -> None:
        while time.monotonic() < end:
            outcome = await send(body)
            counts[outcome] += 1
            if outcome != "acknowledged":
                await asyncio.sleep(BACKOFF)

    connection = CONNECTIONS[options.transport]
    tasks = [connection(options, partial(run, bodies[n % len(bodies)])) for n in range(options.connections)]
    await asyncio.gather(*tasks)
    return counts


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.flood", description=__doc__)
    add = parser.add_argument
    add("--transport", choices=("grpc", "http"), required=True)
    add("--endpoint", required=True, help="host:port")
    add("--connections", type=int, default=64)
    add("--seconds", type=float, default=30)
    add("--spans", type=int, default=512, help="spans a request, a multiple of 8")
    add("--patience", type=float, default=60, help="seconds until a call is given up")
    add("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    print(json.dumps(asyncio.run(flood(parsed()))))
    sys.exit(0)
