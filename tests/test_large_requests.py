"""Requests of more spans than scratch holds at once: the same counts, all or nothing, in bounded memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import pytest

from span2metrics.engine.core import Engine
from span2metrics.engine.plan import MS, Dimension, Format, Graph, Now, Plan, Source
from span2metrics.errors import DecodeError
from tests.payloads import BAD, ERROR, NOW, START, Placed, request
from tests.wire import field

PLAN = Plan(
    bounds_ns=(MS,),
    dimensions=(
        Dimension("k", ("k",), (Source.SPAN, Source.RESOURCE)),
        Dimension("scope", ("scope.name",), (Source.SCOPE,)),
    ),
    target_info=True,
    graph=Graph(),
)
#: More than two blocks.
SPANS = 40_000
#: Bytes that a block and what is new in it may take.
MOST = 32 << 20
NO_ARRAY = field(9, field(1, b"k"), field(2, field(5, b"\x0b")))


def resource(service: str, *scopes: bytes) -> bytes:
    """A ResourceSpans as field 1 of a request."""
    name = field(1, field(1, field(1, b"service.name"), field(2, field(1, service.encode()))))
    return field(1, name, *scopes)


def scope(name: str, *spans: bytes) -> bytes:
    """A ScopeSpans as field 2 of its resource."""
    return field(2, field(1, field(1, name.encode())), *spans)


def named(count: int, prefix: str = "n") -> list[bytes]:
    """Spans, each with a name of its own."""
    return [field(2, field(5, f"{prefix}{n}".encode())) for n in range(count)]


def odd(number: int) -> Placed:
    """Spans with something odd now and then, of a few services and scopes."""
    return Placed(
        name=f"{BAD if number % 7 == 0 else 'span'} {number % 50}",
        service=("shop", "bank", "")[number // 900 % 3],
        scope_name=("a", "b")[number // 300 % 2],
        attributes={"k": [number % 9, "x"] if number % 11 == 0 else number % 5},
        status=ERROR if number % 13 == 0 else 0,
        start=START if number % 17 else 0,
        end=START + number * 1000,
    )


@pytest.fixture(scope="module")
def pieces() -> list[bytes]:
    """A large request, in parts of a few hundred spans of one resource and scope."""
    return [request([odd(n) for n in range(at, at + 100)]) for at in range(0, SPANS, 100)]


def state(engine: Engine) -> tuple[object, ...]:
    return engine.stats(), *(b"".join(engine.render(format, NOW)) for format in (Format.OPENMETRICS, Format.PROTOBUF))


def test_a_large_request_counts_like_its_parts(pieces: list[bytes]) -> None:
    whole, parts = Engine(PLAN), Engine(PLAN)
    assert whole.consume(b"".join(pieces), NOW).aggregated == SPANS
    for piece in pieces:
        parts.consume(piece, NOW)
    for engine in (whole, parts):
        for _ in range(10):  # a part of what waits each time
            engine.expire(Now(NOW.wall_ns, NOW.mono_ns + 10**10))
    assert state(whole) == state(parts)
    assert b"traces_service_graph_request_total{" in b"".join(whole.render(Format.TEXT, NOW))


@pytest.mark.parametrize("fault", [b"\0", resource("shop", scope("a", field(2, NO_ARRAY)))], ids=["framing", "value"])
def test_a_fault_behind_many_blocks_changes_nothing(pieces: list[bytes], fault: bytes) -> None:
    engine = Engine(PLAN)
    engine.consume(pieces[0], NOW)
    before = state(engine)
    with pytest.raises(DecodeError, match=r"byte \d+ of \d+"):
        engine.consume(b"".join(pieces[1:]) + fault, NOW)
    assert state(engine) == before


@pytest.mark.parametrize("count", [16383, 16384, 16385, 32768])
def test_no_span_is_lost_or_counted_twice_where_a_block_ends(count: int) -> None:
    engine = Engine(PLAN)
    assert engine.consume(resource("shop", scope("a", *[field(2)] * count)), NOW).aggregated == count
    assert engine.stats().aggregated == count
    assert b" %d\n" % count in b"".join(engine.render(Format.TEXT, NOW))


def bloated() -> Iterator[tuple[str, bytes]]:
    """Much from little: requests whose scratch, kept whole, would take many times their size."""
    yield "empty spans", resource("shop", scope("a", *[field(2)] * 700_000))
    yield "names", resource("shop", scope("a", *named(100_000)))
    yield "scopes", resource("shop", *(scope(f"scope-{n}", field(2)) for n in range(50_000)))
    yield "resources", b"".join(resource(f"service-{n}", scope("a", field(2))) for n in range(50_000))
    yield "resources without spans", b"".join(resource(f"service-{n}") for n in range(50_000))


@pytest.mark.parametrize("sent", [pytest.param(sent, id=name) for name, sent in bloated()])
def test_a_refused_request_takes_the_memory_of_a_block(sent: bytes) -> None:
    engine = Engine(PLAN)
    tracemalloc.start()
    try:
        with pytest.raises(DecodeError):
            engine.consume(sent + b"\0", NOW)
        assert tracemalloc.get_traced_memory()[1] < MOST, tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
