"""Cases: ids, times and labels of edges, and the services that are seen (semantics §1.2, §1.3, and §2, rule 7)."""

from __future__ import annotations

from span2metrics.engine.plan import MS, Dimension
from tests.cases_edges import (
    CALL,
    LINKED,
    PAIR,
    ROOT,
    SENT,
    SERVED,
    SHOP_MAIL,
    SHOP_STOCK,
    STEP,
    Case,
    edge,
    id_of,
    record,
)
from tests.cases_edges_pairs import LONELY_CALL, LONELY_SERVED, USER_STOCK
from tests.oracle_halves import Settings
from tests.payloads import BAD, BAD_TEXT, ERROR, START

IDS = [
    *(
        Case(f"no edge for a {side} with a {which} that is {what}", [span.but(**{which: raw}), other], unpaired=alone)
        for side, span, other, alone in (
            ("client", CALL, SERVED, LONELY_SERVED),
            ("server", SERVED, CALL, LONELY_CALL),
        )
        for which, length in (("trace_id", 16), ("span_id", 8))
        for what, raw in (
            ("absent", b""),
            ("zero", bytes(length)),
            ("short", b"\1" * (length - 1)),
            ("long", b"\1" * (length + 1)),
        )
    ),
    Case("a database's client without an id has no edge", [CALL.but(span_id=b"", attributes={"db.system": "x"})]),
    Case("a root without an id has no edge", [ROOT.but(span_id=b"")]),
    Case("a parent of zeros is none", [SERVED.but(parent_id=bytes(8))], {USER_STOCK: record(server=[3 * MS])}),
    *(
        Case(
            f"a parent of {raw.hex()} cannot be found",
            [CALL, SERVED.but(parent_id=raw, attributes={"peer.service": "desk"})],
            unpaired={**LONELY_CALL, ("stock", "server", "invalid_parent"): 1},
        )
        for raw in (b"\1" * 7, b"\1" * 9, b"\1" * 16, bytes(7))
    ),
    Case("a link stands in for an invalid parent", [SENT, LINKED.but(parent_id=b"\1")], {SHOP_MAIL: PAIR}),
    Case(
        "an id may begin with zeros",
        [CALL.but(span_id=bytes(7) + b"\1"), SERVED.but(parent_id=bytes(7) + b"\1")],
        {SHOP_STOCK: PAIR},
    ),
]

TIMES = [
    *(
        Case(f"{what} is counted and not observed", spans, {SHOP_STOCK: expected})
        for what, spans, expected in (
            ("a client without a start", [CALL.but(start=0, end=START), SERVED], record(server=[3 * MS])),
            ("a server without an end", [CALL, SERVED.but(end=0)], record(client=[5 * MS])),
            ("a pair without times", [CALL.but(start=0, end=0), SERVED.but(end=0, status=ERROR)], record(1, 1)),
        )
    ),
    Case(
        "an end before the start is 0",
        [CALL.but(end=START - 1), SERVED.but(end=1)],
        {SHOP_STOCK: record(server=[0], client=[0])},
    ),
    Case(
        "a span that took no time is observed",
        [CALL.but(took=0), SERVED.but(took=0)],
        {SHOP_STOCK: record(server=[0], client=[0])},
    ),
    Case(
        "a bound is inclusive",
        [CALL.but(took=200 * MS + 1), SERVED.but(took=100 * MS)],
        {SHOP_STOCK: record(server=[100 * MS], client=[200 * MS + 1])},
    ),
    Case("buckets can be chosen", [CALL, SERVED], {SHOP_STOCK: PAIR}, Settings(bounds_ns=(3 * MS, 4 * MS))),
]

_BOTH = (Dimension("region", ("cloud.region",)), Dimension("route", ("http.route", "url.path"), default="none"))

LABELS = [
    Case(
        "dimensions are of the client's side and of the server's",
        [
            CALL.but(attributes={"cloud.region": "eu"}),
            SERVED.but(resource={"cloud.region": "us"}, attributes={"url.path": "/a"}),
        ],
        {edge("shop", "stock", client_region="eu", server_region="us", client_route="none", server_route="/a"): PAIR},
        Settings(dimensions=_BOTH),
    ),
    Case(
        "a side that was not seen has no dimensions",
        [
            ROOT.but(attributes={"cloud.region": "eu"}),
            CALL.but(attributes={"server.address": "far", "cloud.region": ""}),
        ],
        {
            edge("user", "shop", "virtual_node", server_region="eu", server_route="none"): record(server=[7 * MS]),
            edge("shop", "far", "virtual_node", client_route="none"): record(client=[5 * MS]),
        },
        Settings(dimensions=_BOTH),
    ),
    Case(
        "a database has no dimensions",
        [CALL.but(attributes={"db.system": "pg", "cloud.region": "eu"})],
        {edge("shop", "pg", "database", client_region="eu"): record(server=[5 * MS], client=[5 * MS])},
        Settings(dimensions=_BOTH[:1]),
    ),
    Case(
        "edges that end with equal labels add up",
        [CALL.but(resource={"host.name": "a"}), SERVED, CALL.but(span_id=id_of(5), resource={"host.name": "b"})]
        + [SERVED.but(span_id=id_of(6), parent_id=id_of(5))],
        {SHOP_STOCK: record(2, 0, [3 * MS] * 2, [5 * MS] * 2)},
    ),
    Case("an edge may be told as a connection", [CALL, SERVED], {SHOP_STOCK: PAIR}, Settings(connection_info=True)),
    Case(
        "a service without edges is seen",
        [STEP, STEP.but(service="desk", kind=0)],
        services=frozenset({"shop", "desk"}),
    ),
    Case("a service of invalid ids is seen", [CALL.but(trace_id=b"")], services=frozenset({"shop"})),
    Case(
        "a node that sends no spans is no service",
        [ROOT, CALL.but(attributes={"db.system": "pg"})],
        {
            edge("user", "shop", "virtual_node"): record(server=[7 * MS]),
            edge("shop", "pg", "database"): record(server=[5 * MS], client=[5 * MS]),
        },
        services=frozenset({"shop"}),
    ),
    Case(
        "a service without a name is unknown_service",
        [CALL.but(service=None), SERVED.but(service="")],
        {edge("unknown_service", "unknown_service"): PAIR},
    ),
    Case(
        "a service may be a number",
        [CALL.but(service=None, resource={"service.name": 7}), SERVED],
        {edge("7", "stock"): PAIR},
        services=frozenset({"7", "stock"}),
    ),
    Case(
        "long values are cut",
        [
            CALL.but(service="s" * 17, attributes={"k": "é" * 9}),
            SERVED.but(service="t" * 17),
            ROOT.but(service="r" * 16, attributes={"peer.service": "p" * 17}),
            CALL.but(span_id=id_of(5), attributes={"server.address": "h" * 17}),
            STEP.but(service="i" * 17),
        ],
        {
            edge("s" * 13 + "…", "t" * 13 + "…", client_k="é" * 6 + "…"): PAIR,
            edge("p" * 13 + "…", "r" * 16, "virtual_node"): record(server=[7 * MS]),
            edge("shop", "h" * 13 + "…", "virtual_node"): record(client=[5 * MS]),
        },
        Settings(label_value_length=16, dimensions=(Dimension("k", ("k",)),)),
        services=frozenset({"s" * 13 + "…", "t" * 13 + "…", "r" * 16, "i" * 13 + "…", "shop"}),
    ),
    Case(
        "a cut service is unpaired under its label",
        [CALL.but(service="s" * 17)],
        settings=Settings(label_value_length=16),
        unpaired={("s" * 13 + "…", "client", "expired"): 1},
        services=frozenset({"s" * 13 + "…"}),
    ),
    Case(
        "a URL that is a label too is that label whole",
        [CALL.but(attributes={"url.full": "http://host/a"}), ROOT.but(attributes={"url.full": "http://me/b"})],
        {
            edge("shop", "host", "virtual_node", client_url="http://host/a"): record(client=[5 * MS]),
            edge("user", "shop", "virtual_node", server_url="http://me/b"): record(server=[7 * MS]),
        },
        Settings(dimensions=(Dimension("url", ("url.full",)),)),
    ),
    Case(
        "a URL that names a database does so whole",
        [CALL.but(attributes={"url.full": "http://host/a"})],
        {edge("shop", "http://host/a", "database"): record(server=[5 * MS], client=[5 * MS])},
        Settings(database_attributes=("url.full",)),
    ),
    Case(
        "quotes, line ends and NUL are part of a name",
        [CALL.but(service='a"b\\c\nd\0e'), SERVED.but(service="日本 😀")],
        {edge('a"b\\c\nd\0e', "日本 😀"): PAIR},
    ),
    Case(
        "bytes that are no UTF-8 are replaced",
        [CALL.but(service=f"a{BAD}"), SERVED, ROOT.but(attributes={"peer.service": BAD})],
        {edge(f"a{BAD_TEXT}", "stock"): PAIR, edge(BAD_TEXT, "shop", "virtual_node"): record(server=[7 * MS])},
        services=frozenset({f"a{BAD_TEXT}", "stock", "shop"}),
    ),
]

CASES = [*IDS, *TIMES, *LABELS]
