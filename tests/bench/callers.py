"""`python -m tests.bench.callers`: services that call each other, and send both halves apart; prints one JSON line.

With `--rate` so many calls come in a second, the halves of each in two requests 100 ms to 2 s apart, whichever is
first; what is not answered in time delays what comes then.  Without, requests come as fast as they are answered.
Requests are counted by what became of them, as in `flood`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice

from tests.bench.calls import Kind, bodies, rotation
from tests.bench.flood import CONNECTIONS, Send

#: Seconds between the halves of a call: what exporters wait for a batch, and then some.
APART = (0.1, 2.0)
#: Seconds after the last call's first half, in which its second is sent.
LAST = APART[1] + 0.1
Ready = asyncio.Queue[bytes | None]


async def at_once(options: argparse.Namespace, counts: Counter[str]) -> None:
    """As many requests as hold the calls; each connection sends the next one when its last was answered."""
    left: Iterator[bytes] = islice(bodies(time.time_ns, options.spans, Kind[options.kind]), 2 * exchanges(options))

    async def run(send: Send) -> None:
        for body in left:
            counts[await send(body)] += 1

    connection = CONNECTIONS[options.transport]
    await asyncio.gather(*(connection(options, run) for _ in range(options.connections)))


async def paced(options: argparse.Namespace, counts: Counter[str]) -> None:
    ready: Ready = asyncio.Queue()

    async def run(send: Send) -> None:
        while (body := await ready.get()) is not None:
            counts[await send(body)] += 1

    connection = CONNECTIONS[options.transport]
    senders = [asyncio.ensure_future(connection(options, run)) for _ in range(options.connections)]
    await made(options, ready)
    for _ in senders:
        ready.put_nowait(None)
    await asyncio.gather(*senders)


async def made(options: argparse.Namespace, ready: Ready) -> None:
    """Makes each half ready when its time has come; ends when all are."""
    loop = asyncio.get_running_loop()
    rng = random.Random(options.seed)
    due = loop.time()
    for calls in islice(rotation(options.spans, Kind.IN_TWO), exchanges(options)):
        await asyncio.sleep(due - loop.time())
        first, second = calls.anew(time.time_ns())
        ready.put_nowait(first)
        loop.call_later(rng.uniform(*APART), ready.put_nowait, second)
        due += calls.count / options.rate
    await asyncio.sleep(LAST)


def exchanges(options: argparse.Namespace) -> int:
    """Pairs of requests that hold the calls: as many calls as a request has spans."""
    return -(-int(options.calls) // int(options.spans))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.callers", description=__doc__)
    add = parser.add_argument
    add("--transport", choices=sorted(CONNECTIONS), required=True)
    add("--endpoint", required=True, help="host:port")
    add("--connections", type=int, default=4)
    add("--calls", type=int, required=True, help="calls to send, rounded up to whole requests")
    add("--spans", type=int, default=512, help="spans a request")
    add("--rate", type=float, default=0, help="calls a second; 0: as fast as they are answered")
    add("--patience", type=float, default=60, help="seconds until a request is given up")
    kinds = [kind.name for kind in Kind]
    add("--kind", choices=kinds, default=Kind.IN_TWO.name, help="which halves come, where there is no rate")
    add("--seed", type=int, default=1)
    return parser.parse_args()


def main() -> int:
    options = parsed()
    counts: Counter[str] = Counter()
    began = time.monotonic()
    asyncio.run((paced if options.rate else at_once)(options, counts))
    seconds = time.monotonic() - began - (LAST if options.rate else 0)
    print(json.dumps({"requests": counts, "calls": exchanges(options) * options.spans, "seconds": seconds}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
