"""The user's own rules for span names: rules, spans, and the names that they get."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from span2metrics.engine.naming import Convention, NameRule, Templating
from tests.payloads import BAD, Attributes, Pairs, Placed


def rewrite(match: str, replace: str, service: str = "") -> NameRule:
    return NameRule(match, replace, service=service)


def by(convention: Convention, service: str = "") -> NameRule:
    return NameRule(convention=convention, service=service)


HTTP, RPC, DATABASE, MESSAGING = map(by, Convention)
ALL = (HTTP, RPC, DATABASE, MESSAGING)


@dataclass(frozen=True)
class Case:
    """A span and the name that its label shows; `found`: rules that are counted, by default the user's."""

    promise: str
    rules: Sequence[NameRule]
    span: Placed
    name: str
    found: Sequence[str] = ("user",)
    templating: Templating = Templating.ON
    anomalies: Mapping[str, int] = field(default_factory=dict)


def span(name: str, attributes: Attributes | None = None, **more: str) -> Placed:
    return Placed(name=name, attributes=attributes or {}, **more)


REWRITES = [
    Case("a name that matches is replaced", [rewrite("a.c", "x")], span("abc"), "x"),
    Case("it must match as a whole at its end", [rewrite("a.c", "x")], span("abcd"), "abcd", ()),
    Case("and at its beginning", [rewrite("a.c", "x")], span("zabc"), "zabc", ()),
    Case("even where the pattern has alternatives", [rewrite("a|b", "x")], span("ab"), "ab", ()),
    Case("a dot is any character, a line's end too", [rewrite("a.c", "x")], span("a\nc"), "x"),
    Case("groups are put in", [rewrite("(.)(.)(.*)", "$3-$2$1")], span("abcd"), "cd-ba"),
    Case("in any place", [rewrite("(a(b))", "<$1>")], span("ab"), "<ab>"),
    Case("a group that matched nothing is empty", [rewrite("a(b)?(c)?", "x$1$2")], span("ac"), "xc"),
    Case("a dollar is written twice", [rewrite("a", "$$1")], span("a"), "$1"),
    Case("characters of other scripts are characters", [rewrite("(.)本(.)", "$2$1")], span("日本語"), "語日"),
    Case("the first rule that matches wins", [rewrite("a.*", "x"), rewrite("ab", "y")], span("ab"), "x"),
    Case("the next one is asked where it does not", [rewrite("b.*", "x"), rewrite("ab", "y")], span("ab"), "y"),
    Case("or where it leaves nothing", [rewrite("(b?)ab", "$1"), rewrite("ab", "y")], span("ab"), "y"),
    Case("nothing matches what a rule made", [rewrite("a", "b"), rewrite("b", "c")], span("a"), "b"),
    Case("they see the name as it was sent", [rewrite(r"/u/(\d+)", "user $1")], span("/u/12"), "user 12"),
    Case(
        "templates come after them", [rewrite(r"/u/(\d+)", "u $1")], span("/u/1234"), "u {number}", ("user", "number")
    ),
    Case("a rule may keep a name, which is not counted", [rewrite("(.*)", "$1")], span("ab"), "ab", ()),
    Case("but not its ids", [rewrite("(.*)", "$1")], span("a 1234"), "a {number}", ("number",)),
    Case("unless templates are off", [rewrite("(.*)", "$1")], span("a 1234"), "a 1234", (), Templating.OFF),
    Case(
        "rules hold where templates are off",
        [rewrite("a (.*)", "$1")],
        span("a 1234"),
        "1234",
        ("user",),
        Templating.OFF,
    ),
    Case("a dry run changes nothing", [rewrite("a", "1234")], span("a"), "a", ("user", "number"), Templating.DRY_RUN),
    Case("no name is a name too", [rewrite("", "nameless")], span(""), "nameless"),
    Case("without a rule for it it is unknown", [rewrite("a", "b")], span(""), "unknown", ()),
    Case("a rule of a service", [rewrite("a", "x", "shop")], span("a", service="shop"), "x"),
    Case("is none of another", [rewrite("a", "x", "shop")], span("a", service="shops"), "a", ()),
    Case("bytes that are no text", [rewrite("a.*b", "x")], span(f"a{BAD}b"), "x", anomalies={"invalid_utf8": 1}),
]

HTTP_NAMES = [
    Case(
        "a route",
        [HTTP],
        span("GET /users/bob", {"http.request.method": "GET", "http.route": "/users/{name}"}),
        "GET /users/{name}",
    ),
    Case("a template", [HTTP], span("GET", {"http.request.method": "GET", "url.template": "/u/{id}"}), "GET /u/{id}"),
    Case(
        "a route before a template",
        [HTTP],
        span("x", {"http.request.method": "GET", "http.route": "/r", "url.template": "/t"}),
        "GET /r",
    ),
    Case("a method's former name", [HTTP], span("x", {"http.method": "PUT", "http.route": "/r"}), "PUT /r"),
    Case("an unknown method", [HTTP], span("x", {"http.request.method": "_OTHER", "http.route": "/r"}), "HTTP /r"),
    Case("no method", [HTTP], span("x", {"http.route": "/r"}), "HTTP /r"),
    Case("a method alone names nothing", [HTTP], span("/a/b", {"http.request.method": "GET"}), "/a/b", ()),
    Case("nor does an empty route", [HTTP], span("/a/b", {"http.request.method": "GET", "http.route": ""}), "/a/b", ()),
    Case(
        "a route with an id is templated",
        [HTTP],
        span("x", {"http.route": "/r/1"}),
        "HTTP /r/{number}",
        ("user", "number"),
    ),
    Case(
        "the name that it has already", [HTTP], span("GET /r", {"http.method": "GET", "http.route": "/r"}), "GET /r", ()
    ),
    Case("the first of two", [HTTP], span("x", Pairs([("http.route", "/a"), ("http.route", "/b")])), "HTTP /a"),
    Case("a route that is no text", [HTTP], span("x", {"http.route": [1, "a"]}), 'HTTP [1,"a"]'),
    Case(
        "a route that is no UTF-8",
        [HTTP],
        span("x", {"http.route": f"/{BAD}"}),
        "HTTP /\ufffd\ufffd(\ufffd",
        anomalies={"invalid_utf8": 1},
    ),
    Case("the resource's is none", [HTTP], Placed(name="x", resource={"http.route": "/r"}), "x", ()),
    Case(
        "one service's alone", [by(Convention.HTTP, "bank")], span("x", {"http.route": "/r"}, service="shop"), "x", ()
    ),
]

OTHER_NAMES = [
    Case(
        "a method of a service",
        [RPC],
        span("x", {"rpc.service": "shop.Orders", "rpc.method": "Get"}),
        "shop.Orders/Get",
    ),
    Case("a method that says its service", [RPC], span("x", {"rpc.method": "shop.Orders/Get"}), "shop.Orders/Get"),
    Case("a service alone names nothing", [RPC], span("x", {"rpc.service": "shop.Orders"}), "x", ()),
    Case(
        "a query's summary",
        [DATABASE],
        span("x", {"db.query.summary": "SELECT a b", "db.operation.name": "y"}),
        "SELECT a b",
    ),
    Case(
        "an operation on a collection",
        [DATABASE],
        span("x", {"db.operation.name": "find", "db.collection.name": "users", "db.namespace": "shop"}),
        "find users",
    ),
    Case("in a namespace", [DATABASE], span("x", {"db.operation.name": "ping", "db.namespace": "shop"}), "ping shop"),
    Case("by former names", [DATABASE], span("x", {"db.operation": "SELECT", "db.sql.table": "users"}), "SELECT users"),
    Case("by the oldest", [DATABASE], span("x", {"db.operation": "SELECT", "db.name": "shop"}), "SELECT shop"),
    Case("an operation alone names nothing", [DATABASE], span("x", {"db.operation.name": "ping"}), "x", ()),
    Case("nor does a collection", [DATABASE], span("x", {"db.collection.name": "users"}), "x", ()),
    Case(
        "a queue",
        [MESSAGING],
        span("x", {"messaging.operation.name": "publish", "messaging.destination.name": "orders"}),
        "publish orders",
    ),
    Case(
        "a queue's template",
        [MESSAGING],
        span(
            "x",
            {
                "messaging.operation.name": "publish",
                "messaging.destination.name": "orders/eve",
                "messaging.destination.template": "orders/{customer}",
            },
        ),
        "publish orders/{customer}",
    ),
    Case(
        "a queue that does not last",
        [MESSAGING],
        span(
            "x",
            {
                "messaging.operation.name": "publish",
                "messaging.destination.name": "tmp-eve",
                "messaging.destination.temporary": True,
            },
        ),
        "x",
        (),
    ),
    Case(
        "nor has a name of its own",
        [MESSAGING],
        span(
            "x",
            {
                "messaging.operation": "publish",
                "messaging.destination.name": "amq.gen-eve",
                "messaging.destination.anonymous": "true",
            },
        ),
        "x",
        (),
    ),
    Case(
        "an operation's former name",
        [MESSAGING],
        span("x", {"messaging.operation": "a", "messaging.destination.name": "b"}),
        "a b",
    ),
    Case("of many the first that can", ALL, span("x", {"rpc.method": "m", "db.query.summary": "s"}), "m"),
    Case("a pattern before them", [rewrite("x", "y"), *ALL], span("x", {"rpc.method": "m"}), "y"),
    Case("a pattern after them", [*ALL, rewrite("x", "y")], span("x"), "y"),
]
CASES = [*REWRITES, *HTTP_NAMES, *OTHER_NAMES]
