"""What counts as a request.  The rule, for any bytes at all:

- what protobuf's own parser accepts is accepted, with the oracle's counts;
- what the oracle cannot read (framing, or a field that the plan reads) is refused with `DecodeError`, and nothing has
  changed then: neither the page nor a number of the stats;
- what lies between, a fault in a field that nobody reads or invalid UTF-8, may be either; if accepted, then with the
  oracle's counts;
- nothing else is ever raised.
"""

from __future__ import annotations

import dataclasses
import random
import tracemalloc
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import DecodeError as ProtobufDecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from span2metrics.engine.core import Engine
from span2metrics.engine.plan import MS, Dimension, Format, Graph, Now, Plan, Source
from span2metrics.errors import DecodeError
from tests.cases_wire import (
    BROKEN,
    FAILED,
    PLACES,
    PLAIN,
    SCOPED,
    SHOP,
    UNUSUAL,
    array,
    attribute,
    body,
    nameless,
    string,
    with_k,
)
from tests.oracle import Oracle
from tests.payloads import CLIENT, CONSUMER, ERROR, NOW, PRODUCER, SERVER, Pairs, Placed, request
from tests.twins import BrokenError
from tests.wire import BYTES, VARINT, field, group, integer, lengths, read_varint

PLAN = Plan(
    bounds_ns=(MS,),
    errors_zero=False,
    dimensions=(
        Dimension("k", ("k",), (Source.SPAN, Source.RESOURCE)),
        Dimension("scope", ("scope.name", "k"), (Source.SCOPE,)),
    ),
    resource_labels=(Dimension("zone", ("zone",), (Source.RESOURCE,)),),
    target_info=True,
)
#: When nothing in the service graph waits any more.
OVER = Now(NOW.wall_ns, NOW.mono_ns + Graph().wait_ns)
PRIMER = request([Placed(name="before")])


def protobuf_accepts(sent: bytes) -> bool:
    try:
        ExportTraceServiceRequest.FromString(sent)
    except ProtobufDecodeError:
        return False
    return True


def judge(sent: bytes, plan: Plan = PLAN) -> bool:
    """Holds the rule against one request; whether it was accepted."""
    engine, model = Engine(plan), Oracle(plan)
    engine.consume(PRIMER, NOW)
    model.consume(PRIMER)
    before = b"".join(engine.render(Format.TEXT, NOW)), engine.stats()
    try:
        model.consume(sent)
        readable = True
    except BrokenError:
        readable = False
    try:
        engine.consume(sent, NOW)
    except DecodeError:
        assert not protobuf_accepts(sent), "refused what protobuf accepts"
        assert (b"".join(engine.render(Format.TEXT, NOW)), engine.stats()) == before
        return False
    assert readable, "accepted what nobody can read"
    assert b"".join(engine.render(Format.TEXT, NOW)) == model.page(Format.TEXT)
    for target in (engine, model):
        target.expire(OVER)
    assert b"".join(engine.render(Format.TEXT, NOW)) == model.page(Format.TEXT)
    assert {reason: count for reason, count in engine.stats().anomalies.items() if count} == model.anomalies
    return True


# --- by hand ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("unusual", "plain"), [row[1:] for row in UNUSUAL], ids=[row[0] for row in UNUSUAL])
def test_unusual_wire_reads_like_the_plain_request(unusual: bytes, plain: bytes) -> None:
    assert protobuf_accepts(unusual)
    assert judge(unusual)
    pages = []
    for sent in (unusual, plain):
        engine = Engine(PLAN)
        engine.consume(sent, NOW)
        pages.append((b"".join(engine.render(Format.TEXT, NOW)), engine.stats().anomalies))
    assert pages[0] == pages[1]


@pytest.mark.parametrize("broken", [row[1] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_a_broken_request_is_refused_and_changes_nothing(broken: bytes) -> None:
    assert not protobuf_accepts(broken)
    assert not judge(broken)


@pytest.mark.parametrize("place", [row[1] for row in PLACES], ids=[row[0] for row in PLACES])
def test_field_number_0_in_an_unknown_group_is_as_protobuf_takes_it(place: Callable[[bytes], bytes]) -> None:
    judge(place(group(99, integer(0, 1))))


@pytest.mark.parametrize("depth", [10, 90, 110, 5000])
def test_deep_values_and_groups_neither_crash_nor_lose_what_protobuf_takes(depth: int) -> None:
    groups, value = b"", string(b"x")
    for _ in range(depth):
        groups, value = group(99, groups), array(value)
    for deep in (body(groups), groups + PLAIN, with_k(value), body(field(9, attribute(b"other", value)))):
        engine = Engine(PLAN)
        try:
            assert engine.consume(deep, NOW).aggregated == 1
        except DecodeError:
            assert not protobuf_accepts(deep)


def test_a_refused_request_leaves_no_key_behind() -> None:
    engine = Engine(PLAN)
    engine.consume(PRIMER, NOW)
    before = engine.stats()
    for n in range(100):
        new = Placed(name=f"new {n}", service=f"s{n}", attributes={"k": n}, resource={"zone": n})
        with pytest.raises(DecodeError):
            engine.consume(request([new]) + b"\0", NOW)
    assert engine.stats() == before


PARTS = 2000
PART = field(1, attribute(b"part", string(b"")))
IN_PARTS = [
    ("resource", SHOP + PART * PARTS, field(1, PART) * PARTS),
    ("scope", b"", field(2, field(1, field(3, b"")) * PARTS)),
    ("value", b"", field(2, field(2, field(9, attribute(b"k", *[array(b"")] * PARTS))))),
    ("array", b"", field(2, field(2, field(9, attribute(b"k", array(b"") * PARTS))))),
]


@pytest.mark.parametrize(("resource", "rest"), [row[1:] for row in IN_PARTS], ids=[row[0] for row in IN_PARTS])
def test_a_message_in_thousands_of_parts_takes_the_memory_of_one(resource: bytes, rest: bytes) -> None:
    sent = field(1, field(1, resource), rest)
    assert judge(sent)
    assert peak_of(sent) < 40 * len(sent)


def test_a_large_resource_is_held_once_whatever_the_number_of_its_scopes() -> None:
    scopes = [field(2, field(1, field(1, b"scope-%d" % n)), field(2)) for n in range(300)]
    sent = field(1, field(1, SHOP, PART * 3000), *scopes)
    assert judge(sent)
    assert peak_of(sent) < 40 * len(sent)


def peak_of(sent: bytes) -> int:
    """Bytes of Python's memory, at most, while a request is consumed."""
    engine = Engine(dataclasses.replace(PLAN, graph=None))  # of reading alone: the graph's own room is the same for any
    tracemalloc.start()
    try:
        engine.consume(sent, NOW)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("tail", [b"\x80", b"\xbf", b"\xf0\x9f\x98", "😀".encode()], ids=ascii)
@pytest.mark.parametrize("head", [b"", b"a", b"ab", b"abc"])
def test_a_long_value_is_read_up_to_its_window_whatever_its_bytes(head: bytes, tail: bytes) -> None:
    long = head + tail * 5000
    assert judge(nameless(field(5, long), field(9, attribute(b"k", string(long)))))


# --- mutations --------------------------------------------------------------------------------------------------------

RICH = request(
    [
        Placed(
            resource={"zone": "z", "k": 1.5, "host.name": "h", "service.instance.id": "i"},
            scope_name="lib",
            scope_version="1",
            scope={"k": True},
            attributes=Pairs([("k", ["a", {"b": 1}]), ("other", "value"), ("k", b"late")]),
            status=ERROR,
        ),
        Placed(name="two", attributes={"k": -1}, kind=3),
    ]
)


def meeting(peer: Any, database: Any) -> bytes:
    """What the service graph reads: ids that meet, links, what names a peer and a database."""
    return request(
        [
            Placed(kind=PRODUCER, span_id=b"\3" * 8, attributes={"peer.service": peer, "k": "v"}),
            Placed(kind=CONSUMER, service="mail", span_id=b"\4" * 8, links=[(b"\1" * 16, b"\3" * 8), (b"", b"\5" * 8)]),
            Placed(kind=SERVER, service="mail", span_id=b"\5" * 8, parent_id=b"\3" * 8, status=ERROR),
            Placed(kind=CLIENT, span_id=b"\6" * 8, attributes={"db.system": database, "server.address": "::1"}),
        ]
    )


GRAPH = meeting("queue", 7)
NESTED = meeting(["queue", 1], {"pg": True})


def splices(dice: random.Random, count: int, sample: bytes) -> Iterable[bytes]:
    """The sample with a slice removed, doubled, moved or replaced by random bytes."""
    for _ in range(count):
        start, end = sorted(dice.randrange(len(sample) + 1) for _ in range(2))
        end = min(end, start + dice.choice([1, 2, 4, 16, 64]))
        at, piece = dice.randrange(len(sample)), sample[start:end]
        rest = sample[:start] + sample[end:]
        yield dice.choice(
            [
                rest,
                sample[:end] + piece + sample[end:],
                rest[:at] + piece + rest[at:],
                sample[:start] + dice.randbytes(end - start) + sample[end:],
            ]
        )


def rearranged(dice: random.Random, raw: bytes, message: Descriptor) -> bytes:
    """A valid message with some of its fields, at any depth, left out, sent several times or in another order."""
    pieces, at = [], 0
    while at < len(raw):
        start = at
        key, at = read_varint(raw, at)
        if key & 7 == BYTES:
            length, at = read_varint(raw, at)
            content, at = raw[at : at + length], at + length
            known = message.fields_by_number[key >> 3].message_type
            pieces.append(field(key >> 3, rearranged(dice, content, known) if known else content))
        else:
            at = read_varint(raw, at)[1] if key & 7 == VARINT else at + 8
            pieces.append(raw[start:at])
    pieces = [piece for piece in pieces for _ in range(dice.choice([0, 1, 1, 1, 1, 1, 1, 2, 3]))]
    if dice.random() < 0.3:
        dice.shuffle(pieces)
    return b"".join(pieces)


@pytest.mark.parametrize("sample", [RICH, GRAPH, NESTED], ids=["rich", "meeting", "nested"])
@pytest.mark.parametrize("plan", [PLAN, dataclasses.replace(PLAN, graph=None)], ids=["graph", "no graph"])
def test_rearranged_fields_are_read_as_protobuf_reads_them(sample: bytes, plan: Plan) -> None:
    dice = random.Random(4)
    for _ in range(600):
        assert judge(rearranged(dice, sample, ExportTraceServiceRequest.DESCRIPTOR), plan)


@pytest.mark.parametrize("plan", [PLAN, dataclasses.replace(PLAN, graph=None)], ids=["graph", "no graph"])
def test_a_kind_may_stand_behind_the_attributes_whatever_is_read_of_it(plan: Plan) -> None:
    for kind in range(7):
        assert judge(nameless(field(9, attribute(b"k", string(b"v"))), integer(6, kind)), plan)


@pytest.mark.parametrize("sample", [RICH, GRAPH, NESTED], ids=["rich", "meeting", "nested"])
def test_the_samples_are_whole(sample: bytes) -> None:
    assert judge(sample)


@pytest.mark.parametrize(
    "sample", [RICH, GRAPH, NESTED, SCOPED, FAILED], ids=["rich", "meeting", "nested", "scoped", "failed"]
)
def test_every_truncation_keeps_the_rule(sample: bytes) -> None:
    assert sum(judge(sample[:end]) for end in range(len(sample))) >= 1  # the empty one


@pytest.mark.parametrize("sample", [RICH, GRAPH], ids=["rich", "meeting"])
def test_every_length_may_lie(sample: bytes) -> None:
    offsets = list(lengths(sample, ExportTraceServiceRequest.DESCRIPTOR))
    assert len(offsets) > 40
    for n, at in enumerate(offsets):
        true = sample[at]
        for lie in {*range(n % 5, 256, 5), true - 1, true + 1, 0, 0x7F, 0x80, 0xFF} - {true, -1, 256}:
            judge(sample[:at] + bytes([lie]) + sample[at + 1 :])


def test_every_byte_may_change() -> None:
    for at, byte in enumerate(RICH):
        for changed in {byte ^ 1 << bit for bit in range(8)} | {0, 0xFF, byte ^ 0xFF, byte ^ 3}:
            judge(RICH[:at] + bytes([changed]) + RICH[at + 1 :])


@pytest.mark.parametrize("sample", [RICH, GRAPH, NESTED], ids=["rich", "meeting", "nested"])
def test_splices_keep_the_rule(sample: bytes) -> None:
    for spliced in splices(random.Random(1), 2500, sample):
        judge(spliced)


def test_random_bytes_keep_the_rule() -> None:
    dice = random.Random(2)
    for length in range(400):
        for _ in range(3):
            judge(dice.randbytes(length % 40))


@pytest.mark.parametrize("sources", [(), (Source.SPAN,), (Source.RESOURCE,), (Source.SCOPE,)])
def test_splices_keep_the_rule_whatever_the_plan_reads(sources: tuple[Source, ...]) -> None:
    dimensions = (Dimension("k", ("k", "other"), sources),) if sources else ()
    plan = replace(PLAN, dimensions=dimensions, resource_labels=())
    for spliced in splices(random.Random(3), 1000, RICH):
        judge(spliced, plan)
