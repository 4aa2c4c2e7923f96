"""Cases: which spans a `where` means, and which of them filters keep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from span2metrics.engine.plan import Plan
from span2metrics.engine.where import Filters, Texts, Where
from tests.cases import BARE, SPAN, plan
from tests.payloads import BAD, CLIENT, CONSUMER, ERROR, INTERNAL, OK, PRODUCER, SERVER, UNSPECIFIED, Pairs, Placed


@dataclass(frozen=True)
class Case:
    """Spans that are meant, and others."""

    promise: str
    where: Where
    meant: Sequence[Placed]
    others: Sequence[Placed]
    plan: Plan = field(default=BARE)


def equal(*texts: str) -> Texts:
    return Texts(equal=texts)


def pattern(*patterns: str) -> Texts:
    return Texts(patterns=patterns)


def of_span(key: str, texts: Texts) -> Where:
    return Where(span=((key, texts),))


def of_resource(key: str, texts: Texts) -> Where:
    return Where(resource=((key, texts),))


def named(*names: str) -> list[Placed]:
    return [SPAN.but(name=name) for name in names]


def of_services(*services: str | None) -> list[Placed]:
    return [SPAN.but(service=service) for service in services]


def having(key: str, *values: object) -> list[Placed]:
    return [SPAN.but(attributes={key: value}) for value in values]


def at(key: str, *values: object) -> list[Placed]:
    return [SPAN.but(resource={key: value}) for value in values]


def kinds(*numbers: int) -> list[Placed]:
    return [SPAN.but(kind=number) for number in numbers]


def statuses(*numbers: int) -> list[Placed]:
    return [SPAN.but(status=number) for number in numbers]


LONG = "x" * 300
CUT = "x" * 253 + "…"
DEAD = Where(
    kinds=(SERVER,),
    name=equal("GET /"),
    service=pattern("s.*"),
    resource=(("zone", equal("a")), ("host", pattern("h[0-9]"))),
    span=(("k", equal("v")),),
)
WHOLE = SPAN.but(resource={"zone": "a", "host": "h1"}, attributes={"k": "v"})

CASES = [
    Case("a kind", Where(kinds=(SERVER,)), kinds(SERVER), kinds(UNSPECIFIED, INTERNAL, CLIENT, PRODUCER, CONSUMER)),
    Case("any of some kinds", Where(kinds=(2, 5)), kinds(SERVER, CONSUMER), kinds(CLIENT, PRODUCER, 7, -1)),
    Case("a kind that nobody knows is none", Where(kinds=(0,)), kinds(UNSPECIFIED, 6, -1), kinds(SERVER)),
    Case("a status", Where(statuses=(ERROR,)), statuses(ERROR), statuses(0, OK, 3)),
    Case("a status that nobody knows is unset", Where(statuses=(0,)), statuses(0, 3, -1), statuses(OK, ERROR)),
    Case("a name", Where(name=equal("GET /")), named("GET /"), named("GET", "GET /a", "get /", " GET /", "")),
    Case("any of some names", Where(name=equal("a", "b")), named("a", "b"), named("c", "ab", "a,b")),
    Case("a value is no pattern", Where(name=equal("a.c", ".*")), named("a.c", ".*"), named("abc", "")),
    Case("a pattern is of all of a name", Where(name=pattern("a.c")), named("abc", "a.c"), named("abcd", "zabc", "ac")),
    Case("a choice is of all of it too", Where(name=pattern("a|bc")), named("a", "bc"), named("ab", "abc", "ac")),
    Case("patterns and values together", Where(name=Texts(("x",), ("y+",))), named("x", "yy"), named("xy", "")),
    Case("a pattern's dot is a line end too", Where(name=pattern("a.*z")), named("a\nz", "a\r\nz\nz"), named("a\n")),
    Case("letters of any alphabet", Where(name=pattern("[à-ü]+.")), named("éü本"), named("e本", "éüab")),
    Case("an empty name is unknown", Where(name=equal("unknown")), named("", "unknown"), named("GET /")),
    Case("a name is what the label shows: cut", Where(name=equal(CUT)), named(LONG, CUT), named("x" * 253)),
    Case("or mended", Where(name=pattern("a.+")), named(f"a{BAD}"), named(BAD, "a")),
    Case("a service", Where(service=equal("shop")), of_services("shop"), of_services("Shop", "shops", "", None)),
    Case("none is unknown_service", Where(service=pattern("unknown_.*")), of_services(None, ""), of_services("shop")),
    Case("an attribute of the span", of_span("k", equal("v")), having("k", "v"), having("k", "w", "", None)),
    Case("that of the resource is another", of_span("k", equal("v")), having("k", "v"), at("k", "v")),
    Case("one of the resource", of_resource("k", equal("v")), at("k", "v"), [*at("k", "w"), *having("k", "v")]),
    Case("a number by its text", of_span("k", equal("200")), having("k", 200, "200", 200.0), having("k", 2000, True)),
    Case("a boolean by its text", of_span("k", equal("true")), having("k", True, "true"), having("k", 1, "True")),
    Case("a list by its JSON", of_span("k", equal("[1,2]")), having("k", [1, 2], "[1,2]"), having("k", [2, 1], [1])),
    Case("what is absent is empty", of_span("k", equal("")), [SPAN, *having("k", "", None)], having("k", "v", 0)),
    Case("any value but none", of_span("k", pattern(".+")), having("k", "v", 0, False, []), [SPAN, *having("k", "")]),
    Case("a pattern may match nothing", of_span("k", pattern("v?")), [SPAN, *having("k", "v")], having("k", "w")),
    Case(
        "of an attribute given twice the first counts",
        of_span("k", equal("v")),
        [SPAN.but(attributes=Pairs([("k", "v"), ("k", "w")]))],
        [SPAN.but(attributes=Pairs([("k", "w"), ("k", "v")]))],
    ),
    Case(
        "an attribute that is a label too",
        of_span("http.route", equal("/x")),
        having("http.route", "/x"),
        having("http.route", "/y"),
        plan(dimensions=()),
    ),
    Case("nothing said means all", Where(), [SPAN, *named("", "x"), *of_services(None)], []),
    Case(
        "all that is said must hold",
        DEAD,
        [WHOLE],
        [
            WHOLE.but(kind=CLIENT),
            WHOLE.but(name="GET"),
            WHOLE.but(service="hop"),
            WHOLE.but(resource={"zone": "a", "host": "h12"}),
            WHOLE.but(resource={"host": "h1"}),
            WHOLE.but(attributes={"k": "w"}),
        ],
    ),
]


@dataclass(frozen=True)
class Kept:
    """Names of spans that filters keep, of those called a, b, c."""

    promise: str
    filters: Filters
    names: str


A, B, C = (Where(name=equal(name)) for name in "abc")
FILTERS = [
    Kept("without filters all are", Filters(), "abc"),
    Kept("those that are included", Filters(include=(A,)), "a"),
    Kept("by any entry", Filters(include=(A, C)), "ac"),
    Kept("not those that are excluded", Filters(exclude=(B,)), "ac"),
    Kept("by any entry, too", Filters(exclude=(B, C)), "a"),
    Kept("who is excluded is not included", Filters(include=(A, B), exclude=(B,)), "a"),
    Kept("whatever excludes it", Filters(include=(A, B), exclude=(Where(kinds=(SERVER,)),)), ""),
    Kept("an exclusion includes nobody", Filters(include=(A,), exclude=(C,)), "a"),
]
