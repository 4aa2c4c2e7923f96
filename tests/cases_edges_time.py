"""Cases: how long a half waits, who leaves when there is no room, and exemplars (semantics §2, rules 5 to 8, §1.7)."""

from __future__ import annotations

from span2metrics.engine.plan import MS
from tests.cases_edges import (
    CALL,
    PAIR,
    ROOT,
    SECOND,
    SERVED,
    SHOP_STOCK,
    STEP,
    TAKEN,
    Case,
    Step,
    edge,
    id_of,
    record,
    trace_of,
)
from tests.oracle_families import CLIENT_SECONDS, FAILED, MESSAGING_SECONDS, REQUESTS, SERVER_SECONDS
from tests.oracle_halves import Settings
from tests.oracle_page import Exemplar
from tests.payloads import ERROR, NOW, PRODUCER, START

WAIT = 10 * SECOND
SHOP_ALONE, STOCK_ALONE = ("shop", "client", "expired"), ("stock", "server", "expired")
USER_SHOP = edge("user", "shop", "virtual_node")
FAR = CALL.but(attributes={"peer.service": "far"})
SHOP_FAR = edge("shop", "far", "virtual_node")

WAITING = [
    *(
        Case(f"{what} meet until the wait is over", [Step(0, [first]), Step(WAIT - 1, [second])], {SHOP_STOCK: PAIR})
        for what, first, second in (("a client and a server", CALL, SERVED), ("a server and a client", SERVED, CALL))
    ),
    *(
        Case(
            f"{what} miss each other when it is over",
            [Step(0, [first]), Step(WAIT, [second])],
            unpaired={SHOP_ALONE: 1, STOCK_ALONE: 1},
        )
        for what, first, second in (("a client and a server", CALL, SERVED), ("a server and a client", SERVED, CALL))
    ),
    Case(
        "the wait can be chosen",
        [Step(0, [CALL]), Step(SECOND, [SERVED])],
        settings=Settings(wait_ns=SECOND),
        unpaired={SHOP_ALONE: 1, STOCK_ALONE: 1},
    ),
    Case(
        "a client waits for further servers from its own arrival on",
        [
            Step(0, [CALL]),
            Step(6 * SECOND, [SERVED]),
            Step(WAIT - 1, [SERVED.but(span_id=id_of(5))]),
            Step(WAIT, [SERVED.but(span_id=id_of(6))]),
        ],
        {SHOP_STOCK: record(2, 0, [3 * MS] * 2, [5 * MS] * 2)},
        unpaired={STOCK_ALONE: 1},
    ),
    Case(
        "a client that comes late meets all that still wait",
        [
            Step(0, [SERVED]),
            Step(SECOND, [SERVED.but(span_id=id_of(5))]),
            Step(9 * SECOND, [SERVED.but(span_id=id_of(6))]),
            Step(WAIT, [CALL]),
        ],
        {SHOP_STOCK: record(2, 0, [3 * MS] * 2, [5 * MS] * 2)},
        unpaired={STOCK_ALONE: 1},
    ),
    Case(
        "a client that was matched leaves without a word",
        [Step(0, [FAR, SERVED]), Step(WAIT, [STEP])],
        {SHOP_STOCK: PAIR},
        early={SHOP_STOCK: 1},
    ),
    Case(
        "a lonely client's edge is made when the wait is over",
        [Step(0, [FAR]), Step(WAIT, [STEP])],
        {SHOP_FAR: record(client=[5 * MS])},
        early={SHOP_FAR: 1},
    ),
    Case(
        "and not before",
        [Step(0, [FAR, ROOT]), Step(WAIT - 1, [STEP])],
        {SHOP_FAR: record(client=[5 * MS]), USER_SHOP: record(server=[7 * MS])},
        early={},
    ),
    Case(
        "a client's id is free when the wait is over",
        [Step(0, [CALL]), Step(WAIT, [CALL.but(service="desk"), SERVED])],
        {edge("desk", "stock"): PAIR},
        unpaired={SHOP_ALONE: 1},
    ),
    Case(
        "a client that is sent again waits no longer for that",
        [Step(0, [CALL]), Step(9 * SECOND, [CALL]), Step(WAIT, [SERVED])],
        unpaired={SHOP_ALONE: 1, STOCK_ALONE: 1},
    ),
    Case(
        "each link waits by itself",
        [
            Step(0, [TAKEN.but(links=[(CALL.trace_id, id_of(1)), (CALL.trace_id, id_of(5))])]),
            Step(9 * SECOND, [CALL.but(kind=PRODUCER)]),
            Step(WAIT, [CALL.but(kind=PRODUCER, span_id=id_of(5), service="desk")]),
        ],
        {edge("shop", "mail", "messaging_system"): PAIR},
        unpaired={("mail", "server", "expired"): 1, ("desk", "client", "expired"): 1},
    ),
    *(
        Case(
            f"a step of the way that came {after // SECOND} s ago {'is known' if known else 'is forgotten'}",
            [Step(0, [STEP]), Step(SECOND, [CALL]), Step(after, [SERVED.but(parent_id=id_of(3))])],
            {SHOP_STOCK: PAIR} if known else {},
            Settings(through_internal=True),
            unpaired={} if known else {SHOP_ALONE: 1, STOCK_ALONE: 1},
        )
        for after, known in ((9 * SECOND, True), (WAIT, False))
    ),
    Case(
        "a server that was led on waits by its own age",
        [Step(0, [SERVED.but(parent_id=id_of(3))]), Step(9 * SECOND, [STEP]), Step(WAIT, [CALL])],
        settings=Settings(through_internal=True),
        unpaired={SHOP_ALONE: 1, STOCK_ALONE: 1},
    ),
    Case(
        "where it was led it waits, though the step has left",
        [Step(0, [STEP]), Step(9 * SECOND, [SERVED.but(parent_id=id_of(3))]), Step(15 * SECOND, [CALL])],
        {SHOP_STOCK: PAIR},
        Settings(through_internal=True),
    ),
]

ONE, TWO = (Settings(max_items=n) for n in (1, 2))
OTHER = CALL.but(span_id=id_of(5), service="desk")
OTHER_SERVED = SERVED.but(span_id=id_of(6), parent_id=id_of(5))
THIRD = CALL.but(span_id=id_of(7), service="till")

ROOM = [
    Case(
        "the oldest half goes first, and is counted",
        [CALL, OTHER, THIRD, OTHER_SERVED, SERVED],
        {edge("desk", "stock"): PAIR},
        TWO,
        dropped={("shop", "max_items"): 1},
        unpaired={("till", "client", "expired"): 1, STOCK_ALONE: 1},
        ordered=True,
    ),
    Case(
        "a client that was matched goes before it, uncounted",
        [OTHER, CALL, SERVED, THIRD, OTHER_SERVED, SERVED.but(span_id=id_of(8))],
        {SHOP_STOCK: PAIR, edge("desk", "stock"): PAIR},
        TWO,
        unpaired={("till", "client", "expired"): 1, STOCK_ALONE: 1},
        ordered=True,
    ),
    Case(
        "of two that were matched the one that was first",
        [CALL, OTHER, OTHER_SERVED, SERVED, THIRD, SERVED],
        {SHOP_STOCK: record(2, 0, [3 * MS] * 2, [5 * MS] * 2), edge("desk", "stock"): PAIR},
        TWO,
        unpaired={("till", "client", "expired"): 1},
        ordered=True,
    ),
    Case(
        "a half that meets at once takes no room",
        [CALL, SERVED, SERVED.but(span_id=id_of(5)), SERVED.but(span_id=id_of(6))],
        {SHOP_STOCK: record(3, 0, [3 * MS] * 3, [5 * MS] * 3)},
        ONE,
        ordered=True,
    ),
    Case("a client takes the room of those that waited for it", [SERVED, CALL], {SHOP_STOCK: PAIR}, ONE, ordered=True),
    Case(
        "a database's client takes no room",
        [CALL, OTHER.but(attributes={"db.system": "pg"}), SERVED],
        {SHOP_STOCK: PAIR, edge("desk", "pg", "database"): record(server=[5 * MS], client=[5 * MS])},
        ONE,
        ordered=True,
    ),
    Case(
        "a root takes room, and is dropped like any other",
        [ROOT, CALL, SERVED],
        {SHOP_STOCK: PAIR},
        ONE,
        dropped={("shop", "max_items"): 1},
        ordered=True,
    ),
    Case(
        "a lonely client with a peer is dropped like any other",
        [FAR, OTHER, OTHER_SERVED],
        {edge("desk", "stock"): PAIR},
        ONE,
        dropped={("shop", "max_items"): 1},
        ordered=True,
    ),
    Case(
        "each link takes room",
        [TAKEN.but(links=[(trace_of(8), id_of(n)) for n in (1, 2, 3)])],
        settings=TWO,
        dropped={("mail", "max_items"): 1},
        unpaired={("mail", "server", "expired"): 2},
    ),
    Case(
        "a step of the way takes room, and goes uncounted",
        [STEP, CALL, STEP.but(span_id=id_of(8)), SERVED.but(parent_id=id_of(3))],
        settings=Settings(max_items=2, through_internal=True),
        dropped={("shop", "max_items"): 1},
        unpaired={STOCK_ALONE: 1},
        ordered=True,
    ),
    Case(
        "a client that is sent again takes no room",
        [CALL, CALL, OTHER, SERVED, OTHER_SERVED],
        {SHOP_STOCK: PAIR, edge("desk", "stock"): PAIR},
        TWO,
        ordered=True,
    ),
    Case(
        "what is overdue makes room before anything is dropped",
        [Step(0, [CALL, FAR.but(span_id=id_of(8))]), Step(WAIT, [OTHER, OTHER_SERVED, THIRD])],
        {edge("desk", "stock"): PAIR, SHOP_FAR: record(client=[5 * MS])},
        TWO,
        unpaired={SHOP_ALONE: 1, ("till", "client", "expired"): 1},
    ),
    Case(
        "a server that lost its client is unpaired",
        [CALL, OTHER, SERVED, OTHER_SERVED],
        settings=ONE,
        dropped={("shop", "max_items"): 1, ("desk", "max_items"): 1, ("stock", "max_items"): 1},
        unpaired={STOCK_ALONE: 1},
        ordered=True,
    ),
]


def told(span_id: int, took: int, end: int, trace: int = 1) -> Exemplar:
    return Exemplar(end, trace_of(trace), id_of(span_id), took)


_CALL_TOLD, _SERVED_TOLD = told(1, 5 * MS, START + 5 * MS), told(2, 3 * MS, START + 3 * MS)
_FUTURE = NOW.wall_ns + SECOND
_SLOW = SERVED.but(span_id=id_of(5), took=150 * MS, status=ERROR)

EXEMPLARS = [
    Case(
        "each side is told by its span, the counter by the later end",
        [CALL, SERVED],
        {SHOP_STOCK: PAIR},
        exemplars={
            (REQUESTS, SHOP_STOCK, ""): _CALL_TOLD,
            (CLIENT_SECONDS, SHOP_STOCK, "0.1"): _CALL_TOLD,
            (SERVER_SECONDS, SHOP_STOCK, "0.1"): _SERVED_TOLD,
        },
    ),
    Case(
        "each bucket has its own, failures theirs",
        [CALL, SERVED, _SLOW],
        {SHOP_STOCK: record(2, 1, [3 * MS, 150 * MS], [5 * MS] * 2)},
        exemplars={
            (REQUESTS, SHOP_STOCK, ""): told(5, 150 * MS, START + 150 * MS),
            (FAILED, SHOP_STOCK, ""): told(5, 150 * MS, START + 150 * MS),
            (CLIENT_SECONDS, SHOP_STOCK, "0.1"): _CALL_TOLD,
            (SERVER_SECONDS, SHOP_STOCK, "0.1"): _SERVED_TOLD,
            (SERVER_SECONDS, SHOP_STOCK, "0.2"): told(5, 150 * MS, START + 150 * MS),
        },
    ),
    Case(
        "of equal ends the greater trace and span stand",
        [ROOT, ROOT.but(span_id=id_of(9)), ROOT.but(trace_id=trace_of(2), span_id=id_of(1))],
        {USER_SHOP: record(3, 0, [7 * MS] * 3)},
        exemplars={
            (family, USER_SHOP, le): told(1, 7 * MS, START + 7 * MS, trace=2)
            for family, le in ((REQUESTS, ""), (SERVER_SECONDS, "0.1"))
        },
    ),
    Case(
        "a query is told on both sides",
        [CALL.but(attributes={"db.system": "pg"})],
        {edge("shop", "pg", "database"): record(server=[5 * MS], client=[5 * MS])},
        exemplars={
            (family, edge("shop", "pg", "database"), le): _CALL_TOLD
            for family, le in ((REQUESTS, ""), (SERVER_SECONDS, "0.1"), (CLIENT_SECONDS, "0.1"))
        },
    ),
    Case(
        "a message's latency is told by its consumer",
        [CALL.but(kind=PRODUCER), TAKEN],
        {edge("shop", "mail", "messaging_system"): record(1, 0, [3 * MS], [5 * MS], [10 * MS])},
        Settings(messaging_latency=True),
        exemplars={
            (family, edge("shop", "mail", "messaging_system"), le): exemplar
            for family, le, exemplar in (
                (REQUESTS, "", told(2, 3 * MS, START + 18 * MS)),
                (SERVER_SECONDS, "0.1", told(2, 3 * MS, START + 18 * MS)),
                (CLIENT_SECONDS, "0.1", _CALL_TOLD),
                (MESSAGING_SECONDS, "0.1", told(2, 10 * MS, START + 18 * MS)),
            )
        },
    ),
    Case(
        "a span that has yet to end is not told",
        [CALL.but(start=_FUTURE - 5 * MS + 1), SERVED],
        {SHOP_STOCK: PAIR},
        exemplars={(REQUESTS, SHOP_STOCK, ""): _SERVED_TOLD, (SERVER_SECONDS, SHOP_STOCK, "0.1"): _SERVED_TOLD},
    ),
    Case(
        "one that has ended when the edge is made is",
        [Step(0, [CALL.but(start=_FUTURE - 5 * MS)]), Step(SECOND, [SERVED])],
        {SHOP_STOCK: PAIR},
        exemplars={
            (REQUESTS, SHOP_STOCK, ""): told(1, 5 * MS, _FUTURE),
            (CLIENT_SECONDS, SHOP_STOCK, "0.1"): told(1, 5 * MS, _FUTURE),
            (SERVER_SECONDS, SHOP_STOCK, "0.1"): _SERVED_TOLD,
        },
    ),
    Case(
        "a span without times is not told",
        [CALL.but(end=0), SERVED],
        {SHOP_STOCK: record(server=[3 * MS])},
        exemplars={(REQUESTS, SHOP_STOCK, ""): _SERVED_TOLD, (SERVER_SECONDS, SHOP_STOCK, "0.1"): _SERVED_TOLD},
    ),
    Case("they can be switched off", [CALL, SERVED], {SHOP_STOCK: PAIR}, Settings(exemplars=False), exemplars={}),
]

CASES = [*WAITING, *ROOM, *EXEMPLARS]
