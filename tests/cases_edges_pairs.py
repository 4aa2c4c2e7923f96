"""Cases: which halves meet, and what their edge says (semantics §2, rules 1, 2, 4, 5 and 9)."""

from __future__ import annotations

from span2metrics.engine.plan import MS
from tests.cases_edges import (
    CALL,
    LINKED,
    MESSAGE,
    PAIR,
    ROOT,
    SENT,
    SERVED,
    SHOP_MAIL,
    SHOP_STOCK,
    STEP,
    TAKEN,
    Case,
    edge,
    id_of,
    record,
    trace_of,
)
from tests.oracle_halves import Settings
from tests.payloads import CLIENT, CONSUMER, ERROR, INTERNAL, OK, PRODUCER, SERVER, START, Placed

THROUGH = Settings(through_internal=True)
LATENCY = Settings(messaging_latency=True)
LONELY_CALL = {("shop", "client", "expired"): 1}
LONELY_SERVED = {("stock", "server", "expired"): 1}
APART = {**LONELY_CALL, **LONELY_SERVED}
USER_STOCK = edge("user", "stock", "virtual_node")


def chain(length: int) -> list[Placed]:
    """A call that reaches stock over so many INTERNAL spans."""
    steps = [STEP.but(span_id=id_of(100 + n), parent_id=id_of(99 + n) if n else id_of(1)) for n in range(length)]
    return [CALL, *steps, SERVED.but(parent_id=id_of(99 + length) if length else id_of(1))]


MEETING = [
    Case("a client and its server are an edge", [CALL, SERVED], {SHOP_STOCK: PAIR}),
    Case(
        "a span id counts within its trace",
        [CALL, SERVED, CALL.but(trace_id=trace_of(2)), SERVED.but(trace_id=trace_of(3))],
        {SHOP_STOCK: PAIR},
        unpaired=APART,
    ),
    Case(
        "a server meets by its parent's id, not by its own",
        [CALL, SERVED.but(span_id=id_of(1), parent_id=id_of(7))],
        unpaired=APART,
    ),
    Case(
        "a client's own parent does not matter",
        [CALL.but(parent_id=id_of(4)), SERVED, ROOT],
        {SHOP_STOCK: PAIR, edge("user", "shop", "virtual_node"): record(server=[7 * MS])},
    ),
    *(
        Case(f"a span of kind {kind} is no {what}", [first, second], unpaired=alone)
        for kind in (0, INTERNAL, 6, -1)
        for what, first, second, alone in (
            ("client", CALL.but(kind=kind), SERVED, LONELY_SERVED),
            ("server", CALL, SERVED.but(kind=kind), LONELY_CALL),
        )
    ),
    Case("a service calls itself", [CALL, SERVED.but(service="shop")], {edge("shop", "shop"): PAIR}),
    Case(
        "a chain of calls is an edge each",
        [CALL, SERVED, CALL.but(span_id=id_of(5), parent_id=id_of(2), service="stock")]
        + [SERVED.but(span_id=id_of(6), parent_id=id_of(5), service="depot")],
        {SHOP_STOCK: PAIR, edge("stock", "depot"): PAIR},
    ),
]

INTERNALS = [
    Case("an INTERNAL span between them keeps them apart", chain(1), unpaired=APART),
    *(
        Case(f"through {length} INTERNAL spans, where that is asked for", chain(length), {SHOP_STOCK: PAIR}, THROUGH)
        for length in (0, 1, 2, 3, 64)
    ),
    Case("no further than through 64", chain(65), settings=THROUGH, unpaired=APART),
    Case(
        "the nearest client is met, not one above",
        [*chain(1), SERVED],
        {SHOP_STOCK: record(2, 0, [3 * MS] * 2, [5 * MS] * 2)},
        THROUGH,
    ),
    Case(
        "of two clients on the way the nearer one",
        [
            CALL,
            STEP,
            CALL.but(span_id=id_of(5), parent_id=id_of(3), service="proxy"),
            STEP.but(span_id=id_of(6), parent_id=id_of(5)),
            SERVED.but(parent_id=id_of(6)),
        ],
        {edge("proxy", "stock"): PAIR},
        THROUGH,
        unpaired=LONELY_CALL,
    ),
    *(
        Case(
            f"a way that ends at {what} leads nowhere",
            [CALL, *way, SERVED.but(parent_id=id_of(3))],
            {},
            THROUGH,
            unpaired=APART,
        )
        for what, way in {
            "an INTERNAL root": [STEP.but(parent_id=b"")],
            "an INTERNAL root of zeros": [STEP.but(parent_id=bytes(8))],
            "an invalid parent": [STEP.but(parent_id=b"\1")],
            "a span that never came": [STEP.but(parent_id=id_of(7))],
            "a span of another trace": [STEP.but(trace_id=trace_of(2))],
            "an UNSPECIFIED span": [STEP.but(kind=0)],
            "itself": [STEP.but(parent_id=id_of(3))],
            "its beginning": [STEP.but(parent_id=id_of(5)), STEP.but(span_id=id_of(5), parent_id=id_of(3))],
        }.items()
    ),
    Case(
        "a way that ends at a server leads nowhere",
        [ROOT, STEP.but(parent_id=id_of(4)), SERVED.but(parent_id=id_of(3))],
        {edge("user", "shop", "virtual_node"): record(server=[7 * MS])},
        THROUGH,
        unpaired=LONELY_SERVED,
    ),
    Case(
        "a link is followed like a parent",
        [SENT, STEP, LINKED.but(links=[(STEP.trace_id, STEP.span_id)])],
        {SHOP_MAIL: MESSAGE},
        THROUGH,
    ),
]

OUTCOMES = [
    *(
        Case(
            f"of statuses {one} and {other} {failed} failed",
            [CALL.but(status=one), SERVED.but(status=other)],
            {SHOP_STOCK: record(1, failed, [3 * MS], [5 * MS])},
        )
        for one, other, failed in ((0, 0, 0), (OK, OK, 0), (ERROR, 0, 1), (OK, ERROR, 1), (ERROR, ERROR, 1), (7, 3, 0))
    ),
    *(
        Case(
            f"kinds {one} and {other} make {kind or 'no'} type",
            [CALL.but(kind=one), SERVED.but(kind=other)],
            {edge("shop", "stock", kind): PAIR},
        )
        for one, other, kind in (
            (CLIENT, SERVER, ""),
            (PRODUCER, CONSUMER, "messaging_system"),
            (PRODUCER, SERVER, "messaging_system"),
            (CLIENT, CONSUMER, "messaging_system"),
        )
    ),
]

MESSAGES = [
    Case("a message's latency is between its spans", [SENT, TAKEN], {SHOP_MAIL: MESSAGE}, LATENCY),
    Case("without the option it is not told", [SENT, TAKEN], {SHOP_MAIL: PAIR}),
    *(
        Case(
            f"a latency of {late} ns is {'' if late > 0 else 'not '}observed",
            [SENT, TAKEN.but(start=START + 5 * MS + late)],
            {SHOP_MAIL: record(1, 0, [3 * MS], [5 * MS], [late] if late > 0 else [])},
            LATENCY,
        )
        for late in (1, 0, -1)
    ),
    Case("a call has no such latency", [CALL, SERVED.but(start=START + 15 * MS)], {SHOP_STOCK: PAIR}, LATENCY),
    Case("one half of a message is enough for it", [CALL, TAKEN], {SHOP_MAIL: MESSAGE}, LATENCY),
    *(
        Case(
            f"no latency with {what}",
            spans,
            {SHOP_MAIL: record(1, 0, server, client)},
            LATENCY,
        )
        for what, spans, server, client in (
            ("a producer without an end", [SENT.but(end=0), TAKEN], [3 * MS], []),
            ("a producer without a start", [SENT.but(start=0, end=START + 5 * MS), TAKEN], [3 * MS], []),
            ("a consumer without an end", [SENT, TAKEN.but(end=0)], [], [5 * MS]),
            ("a consumer without a start", [SENT, TAKEN.but(start=0, end=START)], [], [5 * MS]),
        )
    ),
    Case("a link leads to another trace's producer", [SENT, LINKED], {SHOP_MAIL: MESSAGE}, LATENCY),
    Case(
        "each link is an edge",
        [
            SENT,
            SENT.but(span_id=id_of(5), service="desk"),
            LINKED.but(links=[*LINKED.links, (SENT.trace_id, id_of(5))]),
        ],
        {SHOP_MAIL: MESSAGE, edge("desk", "mail", "messaging_system"): MESSAGE},
        LATENCY,
    ),
    Case(
        "a link given twice is two messages",
        [SENT, LINKED.but(links=[*LINKED.links, *LINKED.links])],
        {SHOP_MAIL: record(2, 0, [3 * MS] * 2, [5 * MS] * 2, [10 * MS] * 2)},
        LATENCY,
    ),
    Case(
        "a consumer with a link and a parent goes by its link",
        [SENT, SENT.but(span_id=id_of(5), service="desk"), TAKEN.but(links=[(SENT.trace_id, id_of(5))])],
        {edge("desk", "mail", "messaging_system"): MESSAGE},
        LATENCY,
        unpaired=LONELY_CALL,
    ),
    Case(
        "a link to its parent is one edge",
        [SENT, TAKEN.but(links=[(SENT.trace_id, SENT.span_id)])],
        {SHOP_MAIL: MESSAGE},
        LATENCY,
    ),
    Case(
        "of two links one finds nobody",
        [SENT, LINKED.but(links=[*LINKED.links, (SENT.trace_id, id_of(7))])],
        {SHOP_MAIL: PAIR},
        unpaired={("mail", "server", "expired"): 1},
    ),
    Case("a consumer with a link is no root", [LINKED], unpaired={("mail", "server", "expired"): 1}),
    Case(
        "links that are invalid are passed over",
        [SENT, TAKEN.but(links=[(bytes(16), id_of(5)), (SENT.trace_id, b"\1"), (b"", b"")])],
        {SHOP_MAIL: MESSAGE},
        LATENCY,
    ),
    Case(
        "a consumer with invalid links alone is a root",
        [LINKED.but(links=[(bytes(16), id_of(1))])],
        {edge("user", "mail", "virtual_node"): record(server=[3 * MS])},
    ),
    Case(
        "links of other kinds do not count",
        [SENT, SERVED.but(parent_id=b"", links=LINKED.links), CALL.but(span_id=id_of(5), links=LINKED.links)],
        {USER_STOCK: record(server=[3 * MS])},
        unpaired={("shop", "client", "expired"): 2},
    ),
    Case("a link may lead to a CLIENT span", [CALL, LINKED], {SHOP_MAIL: MESSAGE}, LATENCY),
]

FAN_OUT = [
    Case(
        "a producer with three consumers is three edges",
        [SENT, TAKEN, TAKEN.but(span_id=id_of(5), service="bill"), LINKED.but(span_id=id_of(6), service="post")],
        {
            SHOP_MAIL: PAIR,
            edge("shop", "bill", "messaging_system"): PAIR,
            edge("shop", "post", "messaging_system"): PAIR,
        },
    ),
    Case(
        "a call that was tried twice is an edge for each server",
        [CALL, SERVED.but(status=ERROR, took=MS), SERVED.but(span_id=id_of(5))],
        {SHOP_STOCK: record(2, 1, [MS, 3 * MS], [5 * MS, 5 * MS])},
    ),
    Case(
        "a call that failed after all failed each time",
        [CALL.but(status=ERROR), SERVED, SERVED.but(span_id=id_of(5))],
        {SHOP_STOCK: record(2, 2, [3 * MS] * 2, [5 * MS] * 2)},
    ),
    Case(
        "two root servers in one trace are two edges",
        [ROOT, ROOT.but(span_id=id_of(5)), ROOT.but(span_id=id_of(6), service="stock")],
        {
            edge("user", "shop", "virtual_node"): record(2, 0, [7 * MS] * 2),
            USER_STOCK: record(server=[7 * MS]),
        },
    ),
]

AGAIN = [
    Case("a client that is sent twice is one", [CALL, CALL, SERVED], {SHOP_STOCK: PAIR}),
    Case("a lonely client that is sent twice is one", [CALL, CALL], unpaired=LONELY_CALL),
    Case(
        "a server that is sent twice counts twice",
        [CALL, SERVED, SERVED],
        {SHOP_STOCK: record(2, 0, [3 * MS] * 2, [5 * MS] * 2)},
    ),
    Case(
        "a root that is sent twice counts twice",
        [ROOT, ROOT],
        {edge("user", "shop", "virtual_node"): record(2, 0, [7 * MS] * 2)},
    ),
    Case(
        "of two clients of one id the first stands",
        [CALL, CALL.but(service="desk", kind=PRODUCER), SERVED],
        {SHOP_STOCK: PAIR},
        ordered=True,
    ),
    Case(
        "a client's id that was an INTERNAL span's is passed over",
        [STEP, CALL.but(span_id=id_of(3)), SERVED.but(parent_id=id_of(3)), CALL.but(service="desk")],
        {edge("desk", "stock"): PAIR},
        THROUGH,
        ordered=True,
    ),
]

CASES = [*MEETING, *INTERNALS, *OUTCOMES, *MESSAGES, *FAN_OUT, *AGAIN]
