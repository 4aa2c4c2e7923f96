"""Cases: which attributes become labels, and what their values read."""

from __future__ import annotations

from typing import Any

from span2metrics.engine.plan import MS, Dimension, Source
from tests.cases import ROUTE, SPAN, Case, labels, plan
from tests.payloads import BAD, BAD_TEXT, CLIENT, OK, AnyValue, Pairs

SHORT = plan(ROUTE, label_value_length=16)
EITHER = Dimension("peer", ("peer.service", "server.address"))

INVALID_UTF8 = [
    Case(
        "a bad name is mended and counted",
        [SPAN.but(name=BAD)],
        {labels(name=BAD_TEXT): 1},
        anomalies={"invalid_utf8": 1},
    ),
    Case(
        "a bad service is mended and counted for each span",
        [SPAN.but(service=f"a{BAD}"), SPAN.but(service=f"a{BAD}")],
        {labels(f"a{BAD_TEXT}"): 2},
        anomalies={"invalid_utf8": 2},
    ),
    Case(
        "a bad value within a list is mended and counted",
        [SPAN.but(attributes={"http.route": [BAD]})],
        {labels(http_route=f'["{BAD_TEXT}"]'): 1},
        plan(ROUTE),
        anomalies={"invalid_utf8": 1},
    ),
    Case(
        "several bad values count once a span",
        [SPAN.but(name=BAD, service=BAD, attributes={"http.route": BAD})],
        {labels(BAD_TEXT, BAD_TEXT, http_route=BAD_TEXT): 1},
        plan(ROUTE),
        anomalies={"invalid_utf8": 1},
    ),
    Case(
        "a bad value that is no label is not counted",
        [SPAN.but(attributes={"x": BAD, BAD: "x"})],
        {labels(): 1},
        plan(ROUTE),
    ),
    Case(
        "a bad name that is no label is not counted",
        [SPAN.but(name=BAD)],
        {labels(name=None): 1},
        plan(exclude=frozenset({"span_name"})),
    ),
    Case(
        "a bad value in a place that is not reached is not counted",
        [SPAN.but(attributes={"http.route": "/a"}, resource={"http.route": BAD})],
        {labels(http_route="/a"): 1},
        plan(ROUTE),
    ),
]

LONG_VALUES = [
    Case("a value of the very length stays", [SPAN.but(name="x" * 16)], {labels(name="x" * 16): 1}, SHORT),
    Case(
        "a longer value is cut and marked within the length",
        [SPAN.but(name="x" * 17)],
        {labels(name="x" * 13 + "…"): 1},
        SHORT,
        truncated={"span_name": 1},
    ),
    *(
        Case(
            f"{before} bytes and an emoji are cut before a character",
            [SPAN.but(name="x" * before + "😀" * 5)],
            {labels(name="x" * before + "😀" * kept + "…"): 1},
            SHORT,
            truncated={"span_name": 1},
        )
        for before, kept in ((0, 3), (1, 3), (2, 2), (5, 2), (6, 1))
    ),
    Case(
        "values that are equal where they are cut are one series, cut once a span",
        [SPAN.but(service="s" * 20, attributes={"http.route": f"/aaaaaaaaaaaa/id/{n}"}) for n in range(3)],
        {labels("s" * 13 + "…", http_route="/aaaaaaaaaaaa…"): 3},
        SHORT,
        truncated={"service_name": 3, "http_route": 3},
    ),
    Case(
        "a value is cut after its bad bytes are replaced",
        [SPAN.but(name=BAD * 2)],
        {labels(name="\ufffd\ufffd(\ufffd\ufffd…"): 1},
        SHORT,
        anomalies={"invalid_utf8": 1},
        truncated={"span_name": 1},
    ),
    Case(
        "a value of many kilobytes is cut like any other",
        [SPAN.but(attributes={"http.route": "/" + "é" * n}) for n in (5_000, 50_000)],
        {labels(http_route="/" + "é" * 126 + "…"): 2},
        plan(ROUTE),
        truncated={"http_route": 2},
    ),
    Case(
        "long values that differ at their end are told apart",
        [SPAN.but(attributes={"http.route": "/" + "é" * 511 + end}) for end in "aab"],
        {labels(http_route="/" + "é" * 511 + "a"): 2, labels(http_route="/" + "é" * 511 + "b"): 1},
        plan(ROUTE, label_value_length=1024),
    ),
    Case(
        "a long list is cut in its text",
        [SPAN.but(attributes={"http.route": list(range(n))}) for n in (1_000, 10_000)],
        {labels(http_route="[0,1,2,3,4,5,…"): 2},
        SHORT,
        truncated={"http_route": 2},
    ),
]

DIMENSIONS = [
    Case(
        "a value comes from the span, then the resource",
        [
            SPAN.but(attributes={"http.route": "/s"}, resource={"http.route": "/r"}),
            SPAN.but(resource={"http.route": "/r"}),
            SPAN.but(scope={"http.route": "/scope"}),
        ],
        {labels(http_route="/s"): 1, labels(http_route="/r"): 1, labels(): 1},
        plan(ROUTE),
    ),
    Case(
        "the plan's order of places holds",
        [
            SPAN.but(attributes={"k": "s"}, resource={"k": "r"}, scope={"k": "c"}),
            SPAN.but(attributes={"k": "s"}, resource={"k": "r"}),
        ],
        {labels(k="c"): 1, labels(k="r"): 1},
        plan(Dimension("k", ("k",), (Source.SCOPE, Source.RESOURCE, Source.SPAN))),
    ),
    Case(
        "attribute by attribute, each through all places",
        [
            SPAN.but(attributes={"server.address": "b"}, resource={"peer.service": "a"}),
            SPAN.but(attributes={"server.address": "b", "peer.service": ""}),
        ],
        {labels(peer="a"): 1, labels(peer="b"): 1},
        plan(EITHER),
    ),
    *(
        Case(
            f"a value that is {what} gives way to the next place",
            [SPAN.but(attributes=Pairs(attributes), resource={"http.route": "/r"})],
            {labels(http_route="/r"): 1},
            plan(ROUTE),
        )
        for what, attributes in (
            ("empty", [("http.route", "")]),
            ("without a type", [("http.route", None)]),
            ("empty bytes", [("http.route", b"")]),
            ("a string by index", [("http.route", AnyValue(string_value_strindex=3))]),
            ("empty and given again", [("http.route", ""), ("http.route", "/late")]),
        )
    ),
    Case(
        "of an attribute given twice the first counts",
        [SPAN.but(attributes=Pairs([("http.route", "/1"), ("http.route", "/2")]))],
        {labels(http_route="/1"): 1},
        plan(ROUTE),
    ),
    Case(
        "empty and absent are one series, without the label",
        [SPAN, SPAN.but(attributes={"http.route": ""})],
        {labels(): 2},
        plan(ROUTE),
    ),
    Case(
        "a default stands for empty and absent",
        [SPAN, SPAN.but(attributes={"k": ""}), SPAN.but(attributes={"k": "none"})],
        {labels(k="none"): 3},
        plan(Dimension("k", ("k",), default="none")),
    ),
    Case(
        "keys are compared whole and exactly",
        [SPAN.but(attributes={"http.rout": "1", "http.route2": "2", "HTTP.route": "3", "http_route": "4"})],
        {labels(): 1},
        plan(ROUTE),
    ),
    Case(
        "a scope's name, version and attributes can be dimensions",
        [SPAN.but(scope_name="lib", scope_version="1.2", scope={"k": True}), SPAN],
        {labels(n="lib", v="1.2", k="true"): 1, labels(): 1},
        plan(
            *(
                Dimension(label, (key,), (Source.SCOPE,))
                for label, key in (("n", "scope.name"), ("v", "scope.version"), ("k", "k"))
            )
        ),
    ),
    Case(
        "a scope that nobody asks for tells nothing apart",
        [SPAN.but(scope_name="a"), SPAN.but(scope_name="b")],
        {labels(): 2},
        plan(ROUTE),
    ),
    Case(
        "calls and duration may have dimensions of their own",
        [SPAN.but(attributes={"a": n, "b": n // 2, "http.route": "/"}) for n in range(4)],
        {labels(http_route="/", a=str(n)): 1 for n in range(4)},
        plan(ROUTE, calls_dimensions=(Dimension("a", ("a",)),), duration_dimensions=(Dimension("b", ("b",)),)),
        sums={labels(http_route="/", b=str(n)): (2, 6 * MS) for n in range(2)},
    ),
    Case(
        "one label may mean one thing for calls and another for duration",
        [SPAN.but(attributes={"a": "1", "b": "2"})],
        {labels(x="1"): 1},
        plan(calls_dimensions=(Dimension("x", ("a",)),), duration_dimensions=(Dimension("x", ("b",)),)),
        sums={labels(x="2"): (1, 3 * MS)},
    ),
    *(
        Case(
            f"{label} can be left out",
            [SPAN, SPAN.but(service="other", name="POST /", kind=CLIENT, status=OK)],
            {
                labels(**{short: None}): 1,
                labels(**{"service": "other", "name": "POST /", "kind": "CLIENT", "status": "OK", short: None}): 1,
            },
            plan(exclude=frozenset({label})),
        )
        for label, short in (
            ("service_name", "service"),
            ("span_name", "name"),
            ("span_kind", "kind"),
            ("status_code", "status"),
        )
    ),
    Case(
        "series that differ only in labels left out add up",
        [SPAN, SPAN.but(service="other", name="POST /", kind=CLIENT, status=OK)],
        {frozenset(): 2},
        plan(exclude=frozenset({"service_name", "span_name", "span_kind", "status_code"})),
        sums={frozenset(): (2, 6 * MS)},
    ),
    Case(
        "equal values under different labels are different series",
        [SPAN.but(attributes={"a": "1"}), SPAN.but(attributes={"b": "1"}), SPAN.but(attributes={"a": "1", "b": "1"})],
        {labels(a="1"): 1, labels(b="1"): 1, labels(a="1", b="1"): 1},
        plan(Dimension("a", ("a",)), Dimension("b", ("b",))),
    ),
]

VALUE_TEXTS: list[tuple[Any, str]] = [
    ("as it is", "as it is"),
    (" spaces stay ", " spaces stay "),
    (True, "true"),
    (False, "false"),
    (0, "0"),
    (-(2**63), "-9223372036854775808"),
    (2**63 - 1, "9223372036854775807"),
    (0.0, "0"),
    (-0.0, "0"),
    (200.0, "200"),
    (-1.5, "-1.5"),
    (0.1, "0.1"),
    (1 / 3, "0.3333333333333333"),
    (1e20, "100000000000000000000"),
    (123456789012345680000.0, "123456789012345680000"),
    (1e21, "1e+21"),
    (1.25e300, "1.25e+300"),
    (0.000001, "0.000001"),
    (0.00000123, "0.00000123"),
    (1e-7, "1e-7"),
    (-1.5e-9, "-1.5e-9"),
    (5e-324, "5e-324"),
    (float("nan"), "NaN"),
    (float("inf"), "Infinity"),
    (float("-inf"), "-Infinity"),
    (b"\0\xff\xfe>", "AP/+Pg=="),
    ([], "[]"),
    ({}, "{}"),
    ([1, "a", None, 1.0, b"\1", True, [], {}], '[1,"a",null,1,"AQ==",true,[],{}]'),
    ([float("nan"), float("inf"), float("-inf"), 1e21], '["NaN","Infinity","-Infinity",1e+21]'),
    ({"b": 1, "a": {"z": [], "é": 2, "Z": 3}}, '{"a":{"Z":3,"z":[],"é":2},"b":1}'),
    ({"é": 1, "z": 2, "😀": 3, "\uff5e": 4}, '{"z":2,"é":1,"\uff5e":4,"😀":3}'),
    (Pairs([("a", 1), ("b", 2), ("a", 3)]), '{"a":1,"b":2}'),
    ({"": None}, '{"":null}'),
    (['"\\/\b\f\n\r\t\x1f\x7f\u2028é😀'], '["\\"\\\\/\\b\\f\\n\\r\\t\\u001f\x7f\u2028é😀"]'),
    ([AnyValue(string_value_strindex=1)], "[null]"),
]
VALUES = [
    Case(
        f"the value {value!r} reads {text}",
        [SPAN.but(attributes={"http.route": value})],
        {labels(http_route=text): 1},
        plan(ROUTE),
    )
    for value, text in VALUE_TEXTS
]
