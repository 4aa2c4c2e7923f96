"""Cases: what labels do not show, what they show instead, and how that is counted."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

from span2metrics.engine.naming import Templating
from span2metrics.engine.plan import Action, Dimension, Plan, Privacy, Source
from tests.cases import ROUTE, SPAN, Case, labels, plan

CARD, GROUPED, AMEX = "4111111111111111", "4111 1111 1111 1111", "378282246310005"
KEY = b"0123456789abcdef0123456789abcdef"
EITHER = Dimension("peer", ("peer.service", "server.address"))
TOKENS = (r"tok_[a-z]+", r"(?i)secret=\S+")
HIDDEN_ROUTE = {"http_route": 1}


def hidden_by(action: Action = Action.MASK, *dimensions: Dimension, **privacy: Any) -> Plan:
    return as_sent(*(dimensions or (ROUTE,)), privacy=Privacy(action=action, hmac_key=KEY, **privacy))


def as_sent(*dimensions: Dimension, **more: Any) -> Plan:
    """Without templates in span names, which leave hardly a card to hide."""
    return plan(*dimensions, templating=Templating.OFF, **more)


def hashed(text: str) -> str:
    return "hmac:" + hmac.digest(KEY, text.encode(), hashlib.sha256).hex()[:16]


def route(promise: str, value: Any, shown: str | None, by: Plan | None = None, **counts: Any) -> Case:
    """A span whose route has the value; the label is `shown`, and counted as hidden unless `counts` say otherwise."""
    by = by or hidden_by()
    spans = [SPAN.but(attributes={"http.route": value})]
    return Case(promise, spans, {labels(http_route=shown) if shown else labels(): 1}, by, **counts)


def hides(promise: str, value: Any, shown: str | None, by: Plan | None = None, **counts: Any) -> Case:
    return route(promise, value, shown, by, redacted=HIDDEN_ROUTE, **counts)


CARDS = [
    Case(
        "a card in a span's name is masked, and the rest stays",
        [SPAN.but(name=f"GET /cards/{CARD}/limits")],
        {labels(name="GET /cards/****/limits"): 1},
        as_sent(),
        redacted={"span_name": 1},
    ),
    Case(
        "spans that differ in the card alone are one series, and each is counted",
        [SPAN.but(name=f"pay {CARD}"), SPAN.but(name=f"pay {AMEX}"), SPAN.but(name="pay ****")],
        {labels(name="pay ****"): 3},
        as_sent(),
        redacted={"span_name": 2},
    ),
    Case(
        "a card in a service's name is masked and counted for each of its spans",
        [SPAN.but(service=CARD), SPAN.but(service=CARD, name="b")],
        {labels("****"): 1, labels("****", "b"): 1},
        redacted={"service_name": 2},
    ),
    hides("a card in a value is masked", f"/pay/{CARD}", "/pay/****"),
    hides("and one in groups", f"{GROUPED} 12/26", "**** 12/26"),
    hides("every card in it", f"{CARD},{AMEX}", "****,****"),
    hides("a card that is a number is masked", int(CARD), "****"),
    hides("a card that is a floating-point number is masked", float(CARD), "****"),
    hides("a card in a list is masked", ["a", CARD, int(AMEX)], '["a","****",****]'),
    hides("a card in a map is masked, in keys too", {"pan": CARD, AMEX: 1}, '{"****":1,"pan":"****"}'),
    hides("a card behind a control character in a list is masked", [f"pan\n{CARD}"], '["pan\\n****"]'),
    hides("bytes that hold a card are masked whole", f"pan={CARD}".encode(), "****"),
    hides("so are bytes in a list", ["a", f"pan={CARD}".encode()], '["a","****"]'),
    hides("a card in a map in a list is masked", [{"a": {"b": GROUPED}}], '[{"a":{"b":"****"}}]'),
    hides("an escaped card is masked", "/q?n=4111%201111%201111%201111&x", "/q?n=****&x"),
    route("bytes without a card are what they were", b"\1\2", "AQI="),
    route("a UUID is no card", "41111111-1111-1111-8111-111111111111", "41111111-1111-1111-8111-111111111111"),
    route("a floating-point number is no card", 0.4111111111111111, "0.4111111111111111"),
    route("with cards off a card is shown", CARD, CARD, hidden_by(cards=False)),
    Case(
        "a card in a resource's and a scope's value is masked",
        [SPAN.but(resource={"a": CARD}, scope={"b": CARD}, scope_name=f"lib {CARD}")],
        {labels(a="****", b="****", scope="lib ****"): 1},
        plan(
            Dimension("a", ("a",), (Source.RESOURCE,)),
            Dimension("b", ("b",), (Source.SCOPE,)),
            Dimension("scope", ("scope.name",), (Source.SCOPE,)),
        ),
        redacted={"a": 1, "b": 1, "scope": 1},
    ),
    Case(
        "a card that no label shows is not counted",
        [SPAN.but(attributes={"x": CARD, "peer.service": "a", "server.address": CARD})],
        {labels(peer="a"): 1},
        plan(EITHER),
    ),
    Case(
        "a name that is no label is not counted",
        [SPAN.but(name=CARD)],
        {labels(name=None): 1},
        plan(exclude=frozenset({"span_name"})),
    ),
    Case(
        "a value that is masked and mended is counted as both",
        [SPAN.but(attributes={"http.route": f"<bad> {CARD}"})],
        {labels(http_route="\ufffd\ufffd(\ufffd ****"): 1},
        plan(ROUTE),
        anomalies={"invalid_utf8": 1},
        redacted=HIDDEN_ROUTE,
    ),
]

PATTERNS = [
    hides("a match is masked wherever it stands", "/t/tok_abc/x", "/t/****/x", hidden_by(patterns=TOKENS)),
    hides("every match of every pattern", "tok_a SECRET=1 tok_b", "**** **** ****", hidden_by(patterns=TOKENS)),
    hides("a match beside a card", f"tok_a {CARD}", "**** ****", hidden_by(patterns=TOKENS)),
    hides("matches that overlap are one", "abcdef", "a****f", hidden_by(patterns=("bcd", "cde"))),
    hides("matches that touch are two", "abcdef", "a********f", hidden_by(patterns=("bc", "de"))),
    hides(
        "a card that is part of a match does not hide what else matches",
        f"pan={CARD} cvc=123",
        "****",
        hidden_by(patterns=(r"pan=\d+ cvc=\d+",)),
    ),
    hides("a match beyond the ASCII", "naïve café", "**** café", hidden_by(patterns=("na.ve",))),
    hides("bytes that hold a match are masked whole", b"tok_abc", "****", hidden_by(patterns=TOKENS)),
    route("an empty match hides nothing", "abc", "abc", hidden_by(patterns=(r"\b", "x*"))),
    route("no match, no change", "token", "token", hidden_by(patterns=TOKENS)),
    hides("patterns work without cards", f"tok_a {CARD}", f"**** {CARD}", hidden_by(cards=False, patterns=TOKENS)),
]

ACTIONS = [
    hides("hmac shows a keyed hash", f"/p/{CARD}/x", f"/p/{hashed(CARD)}/x", hidden_by(Action.HMAC)),
    hides("a number in groups has the same hash", GROUPED, hashed(CARD), hidden_by(Action.HMAC)),
    hides("and in escapes", "4111%201111%201111%201111", hashed(CARD), hidden_by(Action.HMAC)),
    hides("and in other digits", "４１１１１１１１１１１１１１１１", hashed(CARD), hidden_by(Action.HMAC)),
    hides("another number has another", AMEX, hashed(AMEX), hidden_by(Action.HMAC)),
    hides("a match has the hash of its text", "tok_a", hashed("tok_a"), hidden_by(Action.HMAC, patterns=TOKENS)),
    hides(
        "bytes have the hash of their text",
        CARD.encode(),
        hashed(base64.b64encode(CARD.encode()).decode()),
        hidden_by(Action.HMAC),
    ),
    hides("drop leaves the value out", f"/p/{CARD}", None, hidden_by(Action.DROP)),
    hides("of a list too", ["a", CARD], None, hidden_by(Action.DROP)),
    hides("and where bytes in it held a card", ["a", CARD.encode()], None, hidden_by(Action.DROP)),
    Case(
        "a dropped value is as if it were absent: the next one is taken, and both are looked at",
        [SPAN.but(attributes={"peer.service": CARD, "server.address": "b"})],
        {labels(peer="b"): 1},
        hidden_by(Action.DROP, EITHER),
        redacted={"peer": 1},
    ),
    Case(
        "and where there is none the default",
        [SPAN.but(attributes={"http.route": CARD})],
        {labels(http_route="none"): 1},
        hidden_by(Action.DROP, Dimension("http_route", ("http.route",), default="none")),
        redacted=HIDDEN_ROUTE,
    ),
    hides("a dropped value counts as hidden alone, not as mended too", f"<bad> {CARD}", None, hidden_by(Action.DROP)),
    Case(
        "a dropped service or name is unknown",
        [SPAN.but(service=CARD, name=CARD)],
        {labels("unknown_service", "unknown"): 1},
        hidden_by(Action.DROP),
        anomalies={"unknown_service": 1},
        redacted={"service_name": 1, "span_name": 1},
    ),
]

LONG_VALUES = [
    hides(
        "a value is masked before it is cut: no part of a card stays",
        "x" * 240 + " " + CARD + " yyyyyyyyyyyy",
        "x" * 240 + " **** yyyyyyy…",
        truncated=HIDDEN_ROUTE,
    ),
    hides("a masked value that fits is not cut", "x" * 240 + " " + CARD, "x" * 240 + " ****"),
    hides(
        "a keyed hash makes a value longer, and it is cut",
        "x" * 238 + " " + CARD,
        "x" * 238 + " " + hashed(CARD)[:14] + "…",
        hidden_by(Action.HMAC),
        truncated=HIDDEN_ROUTE,
    ),
    route(
        "a card behind the first 4 KiB is never shown",
        "x" * 4096 + CARD,
        "x" * 253 + "…",
        truncated=HIDDEN_ROUTE,
    ),
    hides(
        "nor is the beginning of one at their end, however much is hidden before it",
        "a" * 4090 + CARD,
        "****…",
        hidden_by(patterns=("a+",)),
        truncated=HIDDEN_ROUTE,
    ),
    hides(
        "nor one in groups there",
        "a" * 4085 + f" {GROUPED}",
        "****…",
        hidden_by(patterns=("a+",)),
        truncated=HIDDEN_ROUTE,
    ),
    hides(
        "a card before such a beginning is hidden whole",
        "a" * 4068 + f" {CARD} {CARD}",
        "**** ****…",
        hidden_by(patterns=("a+",)),
        truncated=HIDDEN_ROUTE,
    ),
    hides(
        "what is hidden before the end of the window is, whatever follows",
        CARD + " " + "é" * 3000,
        "**** " + "é" * 124 + "…",
        truncated=HIDDEN_ROUTE,
    ),
    hides(
        "of a list that is longer, too",
        [CARD, *["x" * 100] * 50],
        '["****","' + "x" * 100 + '","' + "x" * 100 + '","' + "x" * 38 + "…",
        truncated=HIDDEN_ROUTE,
    ),
]
