"""Requests written by hand: unusual ones beside the plain request that each must equal, and broken ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from span2metrics.engine.plan import MS
from tests.payloads import ERROR, START, Placed, request
from tests.wire import (
    BYTES,
    END_GROUP,
    FIXED32,
    FIXED64,
    GROUP,
    VARINT,
    field,
    fixed32,
    fixed64,
    group,
    integer,
    tag,
    varint,
)

IDS = field(1, b"\1" * 16) + field(2, b"\2" * 8)
NAME = field(5, b"GET /")
TIMES = fixed64(7, START) + fixed64(8, START + 3 * MS)
SPAN = IDS + NAME + integer(6, 2) + TIMES


def string(text: bytes) -> bytes:
    return field(1, text)


def array(*values: bytes) -> bytes:
    return field(5, *(field(1, value) for value in values))


def mapping(*members: bytes) -> bytes:
    return field(6, *(field(1, member) for member in members))


def attribute(key: bytes, *value: bytes) -> bytes:
    """The fields of a KeyValue; its value in pieces."""
    return field(1, key) + b"".join(field(2, piece) for piece in value)


SHOP = field(1, attribute(b"service.name", string(b"shop")))
RESOURCE = field(1, SHOP)


def body(*span: bytes, resource: bytes = RESOURCE, scope: bytes = b"") -> bytes:
    """A request of one span; each part as the bytes of its fields."""
    return field(1, resource, field(2, scope, field(2, SPAN, *span)))


def nameless(*span: bytes) -> bytes:
    return field(1, RESOURCE, field(2, field(2, IDS, *span)))


def with_k(*value: bytes) -> bytes:
    """A request whose span has the attribute k; its value in pieces."""
    return body(field(9, attribute(b"k", *value)))


def placed(**fields: Any) -> bytes:
    return request([Placed(**fields)])


PLAIN = body()
K_IS_V = with_k(string(b"v"))
FAILED = body(field(15, integer(3, ERROR)))
SCOPED = body(scope=field(1, field(1, b"lib")))

UNUSUAL: list[tuple[str, bytes, bytes]] = [
    ("resource behind its spans", field(1, field(2, field(2, SPAN)), RESOURCE), PLAIN),
    ("resource around its spans", field(1, field(1), field(2, field(2, SPAN)), RESOURCE), PLAIN),
    ("resource in pieces", body(resource=field(1) + RESOURCE + field(1)), PLAIN),
    (
        "the attributes of two resources add up",
        body(resource=RESOURCE + field(1, field(1, attribute(b"zone", string(b"z"))))),
        placed(resource={"zone": "z"}),
    ),
    ("no resource", body(resource=b""), placed(service=None)),
    ("scope behind its spans", field(1, RESOURCE, field(2, field(2, SPAN), field(1, field(1, b"lib")))), SCOPED),
    ("scope in pieces", body(scope=field(1, field(1, b"lib")) + field(1, field(2, b"1.0"))), SCOPED),
    ("the last of two scope names", body(scope=field(1, field(1, b"old")) + field(1, field(1, b"lib"))), SCOPED),
    ("an empty scope name after another", body(scope=field(1, field(1, b"lib"), field(1))), PLAIN),
    (
        "the attributes of two scopes add up",
        body(scope=field(1, field(3, attribute(b"j"))) + field(1, field(3, attribute(b"k", string(b"lib"))))),
        SCOPED,
    ),
    ("status in pieces", body(field(15, integer(3, ERROR)), field(15, field(2, b"message"))), FAILED),
    ("the last of two status codes", body(field(15, integer(3, 1)), field(15, integer(3, ERROR))), FAILED),
    ("a status code back to 0", body(field(15, integer(3, ERROR), integer(3, 0))), PLAIN),
    ("the last of two names", nameless(field(5, b"old"), SPAN), PLAIN),
    ("an empty name after another", body(field(5)), placed(name="")),
    ("the last of two ids", field(1, RESOURCE, field(2, field(2, field(1, b"\1"), field(2), SPAN))), PLAIN),
    ("a bad id after a good one", body(field(1, bytes(16))), placed(trace_id=bytes(16))),
    ("the last of two kinds", nameless(integer(6, 5), SPAN), PLAIN),
    ("the last of two times", nameless(fixed64(7, 1), fixed64(8, 0), SPAN), PLAIN),
    ("a start back to 0", body(fixed64(7, 0)), placed(start=0, end=START)),
    ("a kind of 64 bits keeps its low 32", body(integer(6, 2**32 + 2)), PLAIN),
    ("a negative kind", body(integer(6, -1)), placed(kind=-1)),
    ("the last of two keys", body(field(9, field(1, b"j"), attribute(b"k", string(b"v")))), K_IS_V),
    ("a value before its key", body(field(9, field(2, string(b"v")), field(1, b"k"))), K_IS_V),
    ("an attribute without a key", body(field(9, field(2, string(b"x"))), field(9)), PLAIN),
    ("a key by index", body(field(9, integer(3, 1), field(2, string(b"x")))), PLAIN),
    ("the last of two scalars in a value", with_k(integer(3, 5) + string(b"v")), K_IS_V),
    ("a value in pieces, the last wins", with_k(integer(2, 1), string(b"v")), K_IS_V),
    ("an empty piece of a value changes nothing", with_k(string(b"v"), b""), K_IS_V),
    ("an index empties a value", with_k(string(b"v") + integer(8, 0)), PLAIN),
    ("a bool of many bits", with_k(integer(2, 2**40)), placed(attributes={"k": True})),
    (
        "arrays in two pieces add up",
        with_k(array(string(b"a")), array(string(b"b"), b"")),
        placed(attributes={"k": ["a", "b", None]}),
    ),
    ("arrays in one value add up", with_k(array(string(b"a")) + array()), placed(attributes={"k": ["a"]})),
    ("an array after a map starts anew", with_k(mapping(attribute(b"x")) + array()), placed(attributes={"k": []})),
    (
        "an array that a scalar parts starts anew",
        with_k(array(string(b"a")) + integer(3, 1) + array(string(b"b"))),
        placed(attributes={"k": ["b"]}),
    ),
    (
        "maps add up, the first of a key counts",
        with_k(mapping(attribute(b"x", integer(3, 1))), mapping(attribute(b"x", integer(3, 2)))),
        placed(attributes={"k": {"x": 1}}),
    ),
    (
        "the value of a map's member in pieces",
        with_k(mapping(attribute(b"x", array(string(b"a")), array(string(b"b"))))),
        placed(attributes={"k": {"x": ["a", "b"]}}),
    ),
    ("overlong lengths", field(1, RESOURCE, field(2, field(2, SPAN, width=5), width=4), width=3), PLAIN),
    ("overlong numbers", nameless(NAME, integer(6, 2, width=10), TIMES), PLAIN),
    ("overlong tags", nameless(tag(5, BYTES, width=5), b"\5GET /", integer(6, 2), TIMES), PLAIN),
    ("requests one behind the other", PLAIN + PLAIN, request([Placed(), Placed()])),
    ("resources without spans", field(1) + field(1, RESOURCE) + field(1, RESOURCE, field(2)) + PLAIN, PLAIN),
]

UNKNOWN = [
    integer(99, 1),
    fixed64(99, 1),
    fixed32(99, 1),
    field(99, b"\xff\xff"),
    group(99),
    group(99, integer(1, 5), field(2, b"x"), group(3, fixed32(4, 1), group(99)), fixed64(5, 1)),
    integer(2**29 - 1, 2**64 - 1),
    tag(99, VARINT) + b"\xff" * 9 + b"\x01",
]
#: Fields of a span under another wire type than theirs, which protobuf takes for unknown ones.
MISFIT = [
    *(group(5), integer(5, 1), fixed32(9, 1), field(6, b"x"), field(7, b"12345678"), fixed64(15, 1)),
    *(integer(1, 1), group(9, NAME), group(15, integer(3, ERROR))),
]
#: Where an extra field may stand, and the plain request that results.
PLACES: list[tuple[str, Callable[[bytes], bytes], bytes]] = [
    ("a request", lambda extra: PLAIN + extra, PLAIN),
    ("a resource's spans", lambda extra: body(resource=RESOURCE + extra), PLAIN),
    ("a resource", lambda extra: body(resource=field(1, SHOP, extra)), PLAIN),
    ("a scope's spans", lambda extra: body(scope=extra), PLAIN),
    ("a scope that is read", lambda extra: body(scope=field(1, field(1, b"lib"), extra)), SCOPED),
    ("a span", body, PLAIN),
    ("a status", lambda extra: body(field(15, integer(3, ERROR), extra)), FAILED),
    ("an attribute that is read", lambda extra: body(field(9, attribute(b"k", string(b"v")), extra)), K_IS_V),
    ("a value that is read", lambda extra: with_k(string(b"v") + extra), K_IS_V),
    ("a list that is read", lambda extra: with_k(field(5, field(1, string(b"v")), extra)), with_k(array(string(b"v")))),
    (
        "a map's member that is read",
        lambda extra: with_k(mapping(attribute(b"x", string(b"v")) + extra)),
        with_k(mapping(attribute(b"x", string(b"v")))),
    ),
]
UNUSUAL += [
    *(
        (f"unknown field {n} in {where}", build(extra), plain)
        for where, build, plain in PLACES
        for n, extra in enumerate(UNKNOWN)
    ),
    *((f"known field {n} of another wire type", body(extra), PLAIN) for n, extra in enumerate(MISFIT)),
]

SHORT = tag(1, BYTES) + b"\5v"  # five bytes announced, one there
FAULTS = [
    ("field number 0", integer(0, 1)),
    ("field number 0 with a length", field(0, b"x")),
    ("a number of 11 bytes", tag(99, VARINT) + b"\x80" * 10 + b"\1"),
    ("an end of no group", tag(99, END_GROUP)),
    ("a group without an end", tag(99, GROUP) + integer(1, 1)),
    ("a group with another's end", group(99, end=98)),
    ("groups that cross", tag(98, GROUP) + tag(99, GROUP) + tag(98, END_GROUP) + tag(99, END_GROUP)),
    ("a broken field in a group", tag(99, GROUP) + tag(1, FIXED32) + b"\1" + tag(99, END_GROUP)),
    ("wire type 6", varint(99 << 3 | 6)),
    ("wire type 7", varint(99 << 3 | 7)),
    ("an unknown field that is too long", tag(99, BYTES) + varint(1000) + b"x"),
    ("half a tag", b"\x80"),
]
BROKEN: list[tuple[str, bytes]] = [
    ("a span longer than its scope", field(1, RESOURCE, field(2, tag(2, BYTES) + varint(len(SPAN) + 1) + SPAN))),
    ("a resource longer than the request", tag(1, BYTES) + varint(50) + RESOURCE),
    ("a length of 2^31", tag(1, BYTES) + varint(2**31) + PLAIN),
    ("a length of 2^64 - 1", tag(1, BYTES) + varint(2**64 - 1) + PLAIN),
    ("a truncated name", nameless(tag(5, BYTES), b"\5GET")),
    ("a truncated id", body(tag(1, BYTES), b"\x10\1")),
    ("a truncated time", body(tag(7, FIXED64), b"\1\2\3")),
    ("a truncated kind", body(tag(6, VARINT), b"\x80")),
    ("a tag without its field", body(tag(5, BYTES))),
    ("a truncated status", body(tag(15, BYTES), b"\2", tag(3, VARINT))),
    ("a broken status", body(field(15, tag(3, VARINT)))),
    ("a truncated attribute that is read", body(tag(9, BYTES), b"\x09", attribute(b"k", string(b"v")))),
    ("a broken value of a dimension", with_k(SHORT)),
    ("a truncated value of a dimension", body(field(9, field(1, b"k"), tag(2, BYTES), b"\x04", string(b"v")))),
    ("a broken number in a dimension", with_k(tag(3, VARINT) + b"\xff")),
    ("a broken array in a dimension", with_k(array(SHORT))),
    ("a broken map in a dimension", with_k(mapping(SHORT))),
    ("a broken first piece of a value", with_k(SHORT, string(b"v"))),
    ("a broken service", body(resource=field(1, field(1, attribute(b"service.name", SHORT))))),
    (
        "a broken instance of a service",
        body(resource=field(1, SHOP, field(1, attribute(b"service.instance.id", SHORT)))),
    ),
    ("a broken resource label", body(resource=field(1, SHOP, field(1, attribute(b"zone", SHORT))))),
    ("a broken resource dimension", body(resource=field(1, SHOP, field(1, attribute(b"k", SHORT))))),
    ("a resource broken behind its attributes", body(resource=field(1, SHOP, tag(2, VARINT)))),
    ("a broken scope name that is read", body(scope=field(1, SHORT))),
    ("a fault in the last of many spans", request([Placed()] * 50) + body(tag(5, BYTES))),
    ("a resource that runs into its second piece", body(resource=field(1, SHOP[:9]) + field(1, SHOP[9:]))),
    ("a scope that runs into its second piece", body(scope=field(1, SHORT) + field(1, b"aaaa"))),
    ("a status that runs into its second piece", body(field(15, tag(3, VARINT)), field(15, b"\2"))),
    ("a value that runs into its second piece", with_k(SHORT, b"aaaa")),
    ("an array that runs into its second piece", with_k(field(5, SHORT), field(5, b"aaaa"))),
    *((f"{what} in {where}", build(fault)) for where, build, _ in PLACES for what, fault in FAULTS),
]
