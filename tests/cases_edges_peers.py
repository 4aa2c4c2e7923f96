"""Cases: databases, and nodes that send no spans (semantics §2, rules 3, 6 and 7)."""

from __future__ import annotations

from typing import Any

from span2metrics.engine.plan import MS
from tests.cases_edges import CALL, PAIR, ROOT, SECOND, SENT, SERVED, SHOP_STOCK, TAKEN, Case, Step, edge, id_of, record
from tests.oracle_halves import Settings
from tests.payloads import ERROR, PRODUCER

DATABASE = record(server=[5 * MS], client=[5 * MS])
CALLED, SERVING = record(client=[5 * MS]), record(server=[7 * MS])
FULL_NAMES = {
    "peer.service": "peer",
    "server.address": "address",
    "server.port": 5432,
    "network.peer.address": "10.0.0.7",
    "network.peer.port": 5433,
    "db.namespace": "namespace",
    "db.name": "name",
    "db.system.name": "system_name",
    "db.system": "system",
}


def without(*keys: str) -> dict[str, Any]:
    """All the attributes that may name a database, but for some."""
    return {key: value for key, value in FULL_NAMES.items() if key not in keys}


_NAMING = [
    ("peer.service", FULL_NAMES, "peer"),
    ("then server.address", without("peer.service"), "address"),
    ("then the network's peer", without("peer.service", "server.address"), "10.0.0.7:5433"),
    ("without its port", without("peer.service", "server.address", "network.peer.port"), "10.0.0.7"),
    ("then db.namespace", {"db.namespace": "a", "db.name": "b", "db.system.name": "c", "db.system": "d"}, "a"),
    ("then db.name", {"db.name": "b", "db.system.name": "c", "db.system": "d"}, "b"),
    ("then db.system.name", {"db.system.name": "c", "db.system": "d"}, "c"),
    ("then db.system", {"db.system": "d"}, "d"),
    ("no port without an address", {"db.system": "d", "network.peer.port": 5433}, "d"),
    (
        "an IPv6 address with its port in brackets",
        {"db.system": "d", "network.peer.address": "::1", "network.peer.port": 1},
        "[::1]:1",
    ),
    ("an IPv6 address alone without", {"db.system": "d", "network.peer.address": "::1"}, "::1"),
    ("the port as a text", {"db.system": "d", "network.peer.address": "h", "network.peer.port": "1"}, "h:1"),
    (
        "past empty ones",
        {"peer.service": "", "server.address": "", "network.peer.address": "", "db.namespace": "", "db.name": "b"},
        "b",
    ),
]

DATABASES = [
    *(
        Case(
            f"a database's name is {what}",
            [CALL.but(attributes=attributes)],
            {edge("shop", name, "database"): DATABASE},
        )
        for what, attributes, name in _NAMING
    ),
    *(
        Case(
            f"{what} makes no database",
            [CALL.but(attributes=attributes, resource=resource)],
            unpaired={("shop", "client", "expired"): 1},
        )
        for what, attributes, resource in (
            ("an empty db.system", {"db.system": ""}, {}),
            ("a resource's attribute", {}, {"db.system": "pg", "peer.service": "peer"}),
            ("another attribute", {"db.operation.name": "SELECT"}, {}),
        )
    ),
    Case(
        "a database's name is the span's to say",
        [CALL.but(attributes={"db.system": "pg"}, resource={"peer.service": "no"})],
        {edge("shop", "pg", "database"): DATABASE},
    ),
    Case(
        "a query that failed failed",
        [CALL.but(attributes={"db.system": "pg"}, status=ERROR)],
        {edge("shop", "pg", "database"): record(1, 1, [5 * MS], [5 * MS])},
    ),
    Case(
        "a query without times is counted",
        [CALL.but(attributes={"db.system": "pg"}, end=0)],
        {edge("shop", "pg", "database"): record()},
    ),
    Case(
        "a database's edge is made at once, a lonely call's is not",
        [CALL.but(attributes={"db.system": "pg"}), CALL.but(span_id=id_of(5), attributes={"peer.service": "far"})],
        {edge("shop", "pg", "database"): DATABASE, edge("shop", "far", "virtual_node"): CALLED},
        early={edge("shop", "pg", "database"): 1},
    ),
    Case(
        "queries are edges each, sent again too",
        [CALL.but(attributes={"db.system": "pg"})] * 2 + [CALL.but(attributes={"db.system": "pg"}, span_id=id_of(5))],
        {edge("shop", "pg", "database"): record(3, 0, [5 * MS] * 3, [5 * MS] * 3)},
    ),
    Case(
        "a server below a query stays unpaired",
        [CALL.but(attributes={"db.system": "pg"}), SERVED],
        {edge("shop", "pg", "database"): DATABASE},
        unpaired={("stock", "server", "expired"): 1},
    ),
    *(
        Case(f"a {what} with db.system is no database's client", spans, edges)
        for what, spans, edges in (
            (
                "PRODUCER",
                [SENT.but(attributes={"db.system": "pg"}), TAKEN],
                {edge("shop", "mail", "messaging_system"): PAIR},
            ),
            ("SERVER", [CALL, SERVED.but(attributes={"db.system": "pg"})], {SHOP_STOCK: PAIR}),
        )
    ),
    Case(
        "which attributes tell a database can be chosen, and their order",
        [
            CALL.but(attributes={"db.system": "pg", "cache": "c", "store": 7}),
            CALL.but(span_id=id_of(5), attributes={"db.system": "pg"}),
        ],
        {edge("shop", "7", "database"): DATABASE},
        Settings(database_attributes=("store", "cache")),
        unpaired={("shop", "client", "expired"): 1},
    ),
    Case(
        "no attribute, no database",
        [CALL.but(attributes={"db.system": "pg"}), SERVED],
        {SHOP_STOCK: PAIR},
        Settings(database_attributes=()),
    ),
]

_URLS = {
    "https://api.example/v1": "api.example",
    "https://api.example": "api.example",
    "https://api.example:8443/v1": "api.example",
    "http://API.Example?q=1": "API.Example",
    "http://host#top": "host",
    "http://10.0.0.7:80": "10.0.0.7",
    "http://[::1]:80/": "::1",
    "http://[2001:db8::1]/": "2001:db8::1",
    "https://user:secret@api.example/": "api.example",
    "https://user:p@ss@api.example:1/": "api.example",
    "https://user@[::1]:1/": "::1",
    "grpc+tls://host:1": "host",
    "http://host/path@other:1": "host",
    "http://host?to=http://other/": "host",
}
_NO_HOST = (
    "",
    "api.example/v1",
    "/v1?to=http://other/",
    "//api.example/v1",
    "mailto:pay@api.example",
    "://api.example",
    "1http://api.example",
    "http://",
    "http:///v1",
    "http://:80/",
    "http://user@/",
    "http://[::1",
    "http:/api.example",
)


def _peers(**attributes: Any) -> dict[str, Any]:
    return {key.replace("_", "."): value for key, value in attributes.items()}


CLIENTS = [
    *(
        Case(
            f"a lonely client's server is {what}",
            [CALL.but(attributes=attributes)],
            {edge("shop", name, "virtual_node"): CALLED},
        )
        for what, attributes, name in (
            ("peer.service", _peers(peer_service="peer", server_address="address", url_full="http://host/"), "peer"),
            ("then server.address", _peers(server_address="address", url_full="http://host/"), "address"),
            ("then the host of url.full", _peers(url_full="http://host/"), "host"),
            ("past empty ones", _peers(peer_service="", server_address="", url_full="http://host/"), "host"),
        )
    ),
    *(
        Case(
            f"the host of {url} is {host}",
            [CALL.but(attributes={"url.full": url})],
            {edge("shop", host, "virtual_node"): CALLED},
        )
        for url, host in _URLS.items()
    ),
    *(
        Case(
            f"there is no host in '{url}'",
            [CALL.but(attributes={"url.full": url})],
            unpaired={("shop", "client", "expired"): 1},
        )
        for url in _NO_HOST
    ),
    *(
        Case(
            f"there is no host in the {kind} {url}",
            [CALL.but(attributes={"url.full": url})],
            unpaired={("shop", "client", "expired"): 1},
        )
        for kind, url in (("number", 7), ("list", ["http://host/"]), ("bytes", b"http://host/"))
    ),
    Case(
        "a URL without a host is passed over",
        [CALL.but(attributes={"url.full": "/v1", "own": "far"})],
        {edge("shop", "far", "virtual_node"): CALLED},
        Settings(peer_attributes=("url.full", "own")),
    ),
    Case(
        "which attributes name a peer can be chosen",
        [
            CALL.but(attributes={"own": 7, "peer.service": "peer"}),
            CALL.but(span_id=id_of(5), attributes={"peer.service": "peer"}),
        ],
        {edge("shop", "7", "virtual_node"): CALLED},
        Settings(peer_attributes=("own",)),
        unpaired={("shop", "client", "expired"): 1},
    ),
    Case(
        "a lonely client without a peer is unpaired",
        [CALL.but(resource={"peer.service": "no"})],
        unpaired={("shop", "client", "expired"): 1},
    ),
    Case(
        "a lonely call that failed failed",
        [CALL.but(status=ERROR, attributes={"peer.service": "far"})],
        {edge("shop", "far", "virtual_node"): record(1, 1, [], [5 * MS])},
    ),
    Case(
        "a lonely producer's server is a virtual node",
        [SENT.but(attributes={"server.address": "kafka"})],
        {edge("shop", "kafka", "virtual_node"): CALLED},
        Settings(messaging_latency=True),
    ),
    Case("a lonely producer without a peer is unpaired", [SENT], unpaired={("shop", "client", "expired"): 1}),
    Case(
        "a client that was served has no virtual server",
        [CALL.but(attributes={"peer.service": "far"}), SERVED],
        {SHOP_STOCK: PAIR},
    ),
    Case(
        "a virtual server is there when the wait is over",
        [CALL.but(attributes={"peer.service": "far"})],
        {edge("shop", "far", "virtual_node"): CALLED},
        early={},
    ),
    Case(
        "a lonely call without times is counted",
        [CALL.but(attributes={"peer.service": "far"}, end=0)],
        {edge("shop", "far", "virtual_node"): record()},
    ),
]

SERVERS = [
    Case("a root's client is the user", [ROOT], {edge("user", "shop", "virtual_node"): SERVING}, early={}),
    Case(
        "or its peer.service",
        [ROOT.but(attributes={"peer.service": "partner"})],
        {edge("partner", "shop", "virtual_node"): SERVING},
    ),
    Case(
        "its own address is not its client",
        [ROOT.but(attributes={"peer.service": "", "server.address": "here", "url.full": "http://here/"})],
        {edge("user", "shop", "virtual_node"): SERVING},
    ),
    Case(
        "which attributes name a peer does not matter to a root",
        [ROOT.but(attributes={"peer.service": "partner", "own": "x"})],
        {edge("partner", "shop", "virtual_node"): SERVING},
        Settings(peer_attributes=("own",)),
    ),
    Case(
        "a root that failed failed",
        [ROOT.but(status=ERROR)],
        {edge("user", "shop", "virtual_node"): record(1, 1, [7 * MS])},
    ),
    Case("a root without times is counted", [ROOT.but(end=0)], {edge("user", "shop", "virtual_node"): record()}),
    Case(
        "a root consumer's client is the user",
        [TAKEN.but(parent_id=b"")],
        {edge("user", "mail", "virtual_node"): record(server=[3 * MS])},
    ),
    Case(
        "a server whose parent never came is unpaired, whatever its peer",
        [SERVED.but(attributes={"peer.service": "partner"})],
        unpaired={("stock", "server", "expired"): 1},
    ),
    Case("a consumer whose parent never came is unpaired", [TAKEN], unpaired={("mail", "server", "expired"): 1}),
    Case(
        "each lonely half is told under its service and side",
        [
            CALL,
            CALL.but(span_id=id_of(5), kind=PRODUCER),
            CALL.but(span_id=id_of(6), service="desk"),
            SERVED.but(parent_id=id_of(7)),
        ],
        unpaired={
            ("shop", "client", "expired"): 2,
            ("desk", "client", "expired"): 1,
            ("stock", "server", "expired"): 1,
        },
    ),
]

VIRTUAL = [
    Case(
        "which end is virtual may be told",
        [
            ROOT,
            CALL.but(attributes={"peer.service": "far"}),
            CALL.but(span_id=id_of(5), attributes={"db.system": "pg"}),
            CALL.but(span_id=id_of(6)),
            SERVED.but(parent_id=id_of(6)),
        ],
        {
            edge("user", "shop", "virtual_node", virtual_node="client"): SERVING,
            edge("shop", "far", "virtual_node", virtual_node="server"): CALLED,
            edge("shop", "pg", "database"): DATABASE,
            SHOP_STOCK: PAIR,
        },
        Settings(virtual_node_label=True),
    ),
    Case(
        "a virtual node may be a connection too",
        [ROOT],
        {edge("user", "shop", "virtual_node"): SERVING},
        Settings(connection_info=True),
    ),
    Case(
        "the same name called and matched are two edges",
        [
            Step(0, [CALL.but(attributes={"peer.service": "stock"})]),
            Step(20 * SECOND, [CALL.but(attributes={"peer.service": "stock"}), SERVED]),
        ],
        {edge("shop", "stock", "virtual_node"): CALLED, SHOP_STOCK: PAIR},
    ),
]

CASES = [*DATABASES, *CLIENTS, *SERVERS, *VIRTUAL]
