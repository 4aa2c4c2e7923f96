"""Cases: which spans tell of an edge (semantics §1.7, for the families of §2)."""

from __future__ import annotations

from span2metrics.engine.plan import MS
from tests.cases_edges import (
    CALL,
    PAIR,
    ROOT,
    SECOND,
    SERVED,
    SHOP_STOCK,
    TAKEN,
    Case,
    Step,
    edge,
    id_of,
    record,
    trace_of,
)
from tests.cases_edges_time import USER_SHOP
from tests.oracle_families import CLIENT_SECONDS, FAILED, MESSAGING_SECONDS, REQUESTS, SERVER_SECONDS
from tests.oracle_halves import Settings
from tests.oracle_page import Exemplar
from tests.payloads import ERROR, NOW, PRODUCER, START


def told(span_id: int, took: int, end: int, trace: int = 1) -> Exemplar:
    return Exemplar(end, trace_of(trace), id_of(span_id), took)


_CALL_TOLD, _SERVED_TOLD = told(1, 5 * MS, START + 5 * MS), told(2, 3 * MS, START + 3 * MS)
_FUTURE = NOW.wall_ns + SECOND
_SLOW = SERVED.but(span_id=id_of(5), took=150 * MS, status=ERROR)

CASES = [
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
        "an observation at a bound is below it, and tells that bucket",
        [ROOT.but(took=100 * MS), ROOT.but(span_id=id_of(5), took=100 * MS + 1), ROOT.but(span_id=id_of(6), took=0)]
        + [ROOT.but(span_id=id_of(7), took=60 * SECOND)],
        {USER_SHOP: record(4, 0, [0, 100 * MS, 100 * MS + 1, 60 * SECOND])},
        exemplars={
            (REQUESTS, USER_SHOP, ""): told(7, 60 * SECOND, START + 60 * SECOND),
            (SERVER_SECONDS, USER_SHOP, "0.1"): told(4, 100 * MS, START + 100 * MS),
            (SERVER_SECONDS, USER_SHOP, "0.2"): told(5, 100 * MS + 1, START + 100 * MS + 1),
            (SERVER_SECONDS, USER_SHOP, "+Inf"): told(7, 60 * SECOND, START + 60 * SECOND),
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
