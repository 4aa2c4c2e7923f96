"""Cases: how long a half waits, and who leaves when there is no room (semantics §2, rules 5, 6 and 8)."""

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
from tests.oracle_halves import Settings
from tests.payloads import PRODUCER

WAIT = 10 * SECOND
SHOP_ALONE, STOCK_ALONE = ("shop", "client", "expired"), ("stock", "server", "expired")
USER_SHOP = edge("user", "shop", "virtual_node")
FAR = CALL.but(attributes={"peer.service": "far"})
SHOP_FAR = edge("shop", "far", "virtual_node")
DESK_STOCK = edge("desk", "stock")

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
        {DESK_STOCK: PAIR},
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
        {DESK_STOCK: PAIR},
        TWO,
        dropped={("shop", "max_items"): 1},
        unpaired={("till", "client", "expired"): 1, STOCK_ALONE: 1},
        ordered=True,
    ),
    Case(
        "a client that was matched goes before it, uncounted",
        [OTHER, CALL, SERVED, THIRD, OTHER_SERVED, SERVED.but(span_id=id_of(8))],
        {SHOP_STOCK: PAIR, DESK_STOCK: PAIR},
        TWO,
        unpaired={("till", "client", "expired"): 1, STOCK_ALONE: 1},
        ordered=True,
    ),
    Case(
        "of two that were matched the one that was first",
        [CALL, OTHER, OTHER_SERVED, SERVED, THIRD, SERVED],
        {SHOP_STOCK: record(2, 0, [3 * MS] * 2, [5 * MS] * 2), DESK_STOCK: PAIR},
        TWO,
        unpaired={("till", "client", "expired"): 1},
        ordered=True,
    ),
    Case(
        "however often it has met since",
        [CALL, OTHER, SERVED, OTHER_SERVED, SERVED, THIRD, OTHER_SERVED, SERVED],
        {SHOP_STOCK: record(2, 0, [3 * MS] * 2, [5 * MS] * 2), DESK_STOCK: record(2, 0, [3 * MS] * 2, [5 * MS] * 2)},
        TWO,
        unpaired={("till", "client", "expired"): 1, STOCK_ALONE: 1},
        ordered=True,
    ),
    Case(
        "a drop is told under its service's label",
        [CALL.but(service="s" * 17), CALL.but(service="s" * 17, span_id=id_of(5))],
        settings=Settings(max_items=1, label_value_length=16),
        dropped={("s" * 13 + "…", "max_items"): 1},
        unpaired={("s" * 13 + "…", "client", "expired"): 1},
        services=frozenset({"s" * 13 + "…"}),
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
        {DESK_STOCK: PAIR},
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
        {SHOP_STOCK: PAIR, DESK_STOCK: PAIR},
        TWO,
        ordered=True,
    ),
    Case(
        "what is overdue makes room before anything is dropped",
        [Step(0, [CALL, FAR.but(span_id=id_of(8))]), Step(WAIT, [OTHER, OTHER_SERVED, THIRD])],
        {DESK_STOCK: PAIR, SHOP_FAR: record(client=[5 * MS])},
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


CASES = [*WAITING, *ROOM]
