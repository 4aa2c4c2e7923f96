"""What the service graph costs the whole daemon: server CPU a span over real transports, with it against without.

Calls, each half in a request of its own and as fast as they are taken, so that the graph keeps all that it may; and
floods of halves whose partner never comes, each of which pushes out another.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.bench.calls import Kind
from tests.bench.calls_beside import BEFORE, SIZES, cost
from tests.bench.graph import CALL, FLOOD
from tests.bench.servers import daemon
from tests.bench.table import Row, alternated

#: Calls in a measurement; as many pairs of halves.
MEASURED = 300_000
WHAT = {Kind.IN_TWO: "calls in two requests"}
WITHOUT = "service_graph: {enabled: false}"


def rows(rounds: int) -> Iterator[Row]:
    for transport in ("grpc", "http"):
        for spans in SIZES:
            yield compared(transport, spans, Kind.IN_TWO, rounds, CALL)
    for kind in (Kind.CLIENTS, Kind.SERVERS):
        yield compared("grpc", SIZES[0], kind, rounds, FLOOD)


def compared(transport: str, spans: int, kind: Kind, rounds: int, most: float) -> Row:
    """The daemon with the graph, against the same without."""
    with daemon() as ours, daemon(WITHOUT) as bare:
        for server in (ours, bare):
            cost(server, transport, spans, BEFORE, kind)
        value, alone, ratio = alternated(
            lambda: cost(ours, transport, spans, MEASURED, kind),
            lambda: cost(bare, transport, spans, MEASURED, kind),
            rounds,
        )
    what = f"{WHAT.get(kind, kind.value)}, OTLP/{transport}, {spans:,} spans each"
    return Row(what, value, "us/span", ratio, f"without it {alone:.2f} us/span", most)
