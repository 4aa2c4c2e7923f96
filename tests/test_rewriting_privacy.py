"""What no label may show is not shown where a rewrite or a rule for names puts it together again."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from span2metrics.engine.core import Engine
from span2metrics.engine.naming import NameRule, Templating
from span2metrics.engine.plan import Action, Dimension, Graph, Plan, Privacy, Source
from span2metrics.engine.rewriting import Rewrite
from tests.cases import SPAN
from tests.cases_edges import CALL, SERVED
from tests.cases_filters import having
from tests.cases_privacy import AMEX, CARD, KEY, as_sent, hashed
from tests.graph_page import read
from tests.oracle import TEXTS, Format, Oracle
from tests.oracle_families import REQUESTS
from tests.payloads import FEEDS, NOW, Placed, request

HALVES = (f"{CARD[:8]}|{CARD[8:]}", f"{AMEX[:4]}|{AMEX[4:]}")
JOINED = (Rewrite(r"(.*)\|(.*)", "$1$2"),)
TOKENS = Privacy(patterns=(r"tok_[a-z]+",))


def joined(*, default: str = "", keys: tuple[str, ...] = ("k",), rewrites: Any = JOINED) -> Dimension:
    return Dimension("k", keys, rewrites=rewrites, default=default)


def acting(action: Action, **more: Any) -> Plan:
    return as_sent(joined(default="none"), privacy=Privacy(action=action, hmac_key=KEY), **more)


#: A plan, spans, what the label shows of each ("" for no label), and how many of them are counted as hidden and as cut.
CASES: dict[str, tuple[Plan, list[Placed], list[str], int, int]] = {
    "a card is masked": (as_sent(joined()), having("k", HALVES[0], "a|b"), ["****", "ab"], 1, 0),
    "a card with something around it": (
        as_sent(joined(rewrites=(Rewrite(r"(.*)\|(.*)", "card $1$2!"),))),
        having("k", *HALVES),
        ["card ****!"] * 2,
        2,
        0,
    ),
    "a card is hashed": (acting(Action.HMAC), having("k", HALVES[0], CARD), [hashed(CARD)] * 2, 2, 0),
    "a dropped value is absent": (acting(Action.DROP), having("k", HALVES[0]), ["none"], 1, 0),
    "and the next one is looked for": (
        as_sent(joined(keys=("k", "l")), privacy=Privacy(action=Action.DROP)),
        [SPAN.but(attributes={"k": HALVES[0], "l": "a|b"}), SPAN.but(attributes={"k": CARD, "l": HALVES[1]})],
        ["ab", ""],
        2,
        0,
    ),
    "what a pattern means": (
        as_sent(joined(), privacy=TOKENS),
        having("k", "to|k_secret", "tok_a|b"),
        ["****", "****b"],
        2,
        0,
    ),
    "what a replacement adds": (
        as_sent(joined(rewrites=(Rewrite("(.*)", "tok_$1"),)), privacy=TOKENS),
        having("k", "secret"),
        ["****"],
        1,
        0,
    ),
    "before it is cut": (
        as_sent(joined(rewrites=(Rewrite(r"(.*)\|(.*)", "paid by $1$2"),)), label_value_length=20),
        having("k", *HALVES),
        ["paid by ****"] * 2,
        2,
        0,
    ),
    "and cut then": (
        as_sent(joined(rewrites=(Rewrite(r"(.*)\|(.*)", "$1$2 123456789abcdef"),)), label_value_length=17),
        having("k", HALVES[0]),
        ["**** 123456789…"],
        1,
        1,
    ),
    "where nothing need be hidden": (
        as_sent(joined(), privacy=Privacy(cards=False)),
        having("k", HALVES[0]),
        [CARD],
        0,
        0,
    ),
}


@pytest.mark.parametrize("way", FEEDS)
@pytest.mark.parametrize("name", CASES)
def test_a_rewritten_value_is_looked_at_again(name: str, way: str) -> None:
    plan, spans, texts, hidden, was_cut = CASES[name]
    engine, model = Engine(plan), Oracle(plan)
    for _ in range(2):  # the second time everything is known
        for body in FEEDS[way](spans):
            engine.consume(body, NOW)
        model.consume(request(spans))
    for format in TEXTS:
        assert page(engine, format) == model.page(format)
    shown = {dict(labels).get("k", "") for labels in model.calls()}
    assert shown == set(texts)
    stats = engine.stats()
    assert (stats.redacted["k"], stats.truncated["k"]) == (2 * hidden, 2 * was_cut)
    assert (model.redacted["k"], model.truncated["k"]) == (2 * hidden, 2 * was_cut)


def page(engine: Engine, format: Format = Format.TEXT) -> bytes:
    return b"".join(engine.render(format, NOW))


def test_each_span_counts_though_a_value_that_is_the_same_without_it_came_first() -> None:
    engine = Engine(as_sent(joined()))
    for body in map(request, (having("k", "*|***"), having("k", HALVES[0], "*|***"), having("k", HALVES[0]))):
        engine.consume(body, NOW)
    assert engine.stats().redacted["k"] == 2
    assert b'k="****"} 4' in page(engine)


def test_a_rewritten_dimension_of_an_edge_is_looked_at_again() -> None:
    zone = Dimension("zone", ("zone",), rewrites=JOINED)
    plan = dataclasses.replace(as_sent(), graph=Graph(dimensions=(zone,)))
    spans = [CALL.but(resource={"zone": HALVES[0]}), SERVED.but(attributes={"zone": HALVES[1]})]
    engine, model = Engine(plan), Oracle(plan)
    engine.consume(request(spans), NOW)
    model.consume(request(spans))
    assert page(engine) == model.page(Format.TEXT)
    (labels,) = read(page(engine), Format.TEXT)[REQUESTS]
    assert (dict(labels)["client_zone"], dict(labels)["server_zone"]) == ("****", "****")


RULE = NameRule(r"pay (.*)\|(.*)", "pay $1$2")


@pytest.mark.parametrize("templating", Templating)
@pytest.mark.parametrize(("name", "shown"), [(f"pay {HALVES[0]}", "pay ****"), (f"pay |{AMEX}", "pay ****")])
def test_what_a_rule_makes_of_a_name_is_looked_at(name: str, shown: str, templating: Templating) -> None:
    engine = Engine(Plan(name_rules=(RULE,), templating=templating))
    engine.consume(request([Placed(name=name)]), NOW)
    assert CARD.encode() not in page(engine) and AMEX.encode() not in page(engine)
    if templating is Templating.OFF:  # else there is no number any more
        assert f'span_name="{shown}"'.encode() in page(engine)
        assert engine.stats().redacted["span_name"] == 1


def test_a_value_of_the_resource_is_looked_at_again() -> None:
    plan = as_sent(dataclasses.replace(joined(), sources=(Source.RESOURCE,)))
    engine = Engine(plan)
    for _ in range(3):
        engine.consume(request([Placed(resource={"k": HALVES[0]})]), NOW)
    assert b'k="****"} 3' in page(engine)
    assert engine.stats().redacted["k"] == 3
