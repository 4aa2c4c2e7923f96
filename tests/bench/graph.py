"""What the service graph costs: CPU a span of the engine alone, with it beside without, on the same requests.

What a flood may cost is a matter of the whole daemon, see `graph_daemon`.

Every request has new ids and its own time, so that halves end in every way there is: matched, over, pushed out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from span2metrics.engine.core import Engine
from span2metrics.engine.plan import Graph, Now, Plan
from tests.bench.calls import Kind, Stream
from tests.bench.engine import DIMENSIONS
from tests.bench.table import Row, alternated, cpu_of

#: Spans that are measured at once, and those that come before: more than fill the graph's memory.
MEASURED, BEFORE = 51_200, 400_000
#: Spans a second, by the engine's clock.  10,000 calls, of which Graph.max_items are kept for Graph.wait_ns; a flood
#: whose halves are over before there is no room for more; and one that comes so fast that each pushes out another.
USUAL, SLOW, FAST = 20_000, 8_000, 100_000
#: What the graph may cost, against none: of calls, and of what comes in vain.
CALL, FLOOD = 1.6, 1.3
Requests = Sequence[tuple[bytes, Now]]


def rows(rounds: int) -> Iterator[Row]:
    for kind in (Kind.TOGETHER, Kind.IN_TWO):
        for count, dimensions in DIMENSIONS.items():
            if count <= 2:
                what = f"calls {kind.value}, {count} dimensions"
                yield cost(what, Plan(dimensions=dimensions), Stream(USUAL, kind), rounds, CALL)
    plan = Plan(dimensions=DIMENSIONS[2])
    rich = replace(plan, graph=Graph(dimensions=DIMENSIONS[2]))
    yield cost("calls in two requests, 2 dimensions of edges too", rich, Stream(USUAL, Kind.IN_TWO), rounds)
    yield cost("database calls, 2 dimensions", plan, Stream(USUAL, Kind.DATABASES), rounds)
    for rate, end in ((SLOW, "over after the wait"), (FAST, "pushed out")):
        for kind in (Kind.CLIENTS, Kind.SERVERS):
            yield cost(f"{kind.value}, {end}", plan, Stream(rate, kind), rounds)
    for kind in (Kind.CLIENTS, Kind.SERVERS):
        yield cost(f"{kind.value} and as many of calls, pushed out", plan, Stream(FAST, kind, Kind.TOGETHER), rounds)


def cost(what: str, plan: Plan, stream: Stream, rounds: int, most: float | None = None) -> Row:
    """CPU a span with the graph, against without."""
    engine, bare = Engine(plan), Engine(replace(plan, graph=None))
    for _ in range(BEFORE // MEASURED + 1):
        fill(engine, requests := stream.requests(MEASURED))
    fill(bare, requests)

    def with_graph() -> float:
        nonlocal requests
        requests = stream.requests(MEASURED)
        return cpu_of(lambda: fill(engine, requests))

    ours, alone, ratio = alternated(with_graph, lambda: cpu_of(lambda: fill(bare, requests)), rounds)
    against = f"without it {alone / MEASURED * 1e6:.3f} us/span"
    return Row(what, ours / MEASURED * 1e6, "us/span", ratio, against, most)


def fill(engine: Engine, requests: Requests) -> None:
    for request, now in requests:
        engine.consume(request, now)
