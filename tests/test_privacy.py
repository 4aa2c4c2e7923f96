"""What labels do not show, everywhere that labels are: whole pages against the oracle, edges, targets, known keys."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from span2metrics.engine.core import Engine
from span2metrics.engine.naming import Templating
from span2metrics.engine.plan import Action, Dimension, Escaping, Format, Graph, Now, Plan, Privacy, Source
from span2metrics.engine.redaction import compiled
from span2metrics.errors import DecodeError
from tests.cases_cards import ALL, CARDS, OTHERS
from tests.cases_edges import id_of, trace_of
from tests.cases_privacy import AMEX, CARD, GROUPED, KEY, as_sent, hashed
from tests.graph_page import read
from tests.oracle import TEXTS, Oracle
from tests.oracle_families import REQUESTS
from tests.payloads import CLIENT, CONSUMER, NOW, PRODUCER, SERVER, Placed, request

LATER = Now(NOW.wall_ns + 20 * 10**9, NOW.mono_ns + 20 * 10**9)
ANYWHERE = tuple(Source)


def page(engine: Engine, format: Format = Format.TEXT, now: Now = NOW, escaping: Any = Escaping.UNDERSCORES) -> bytes:
    return b"".join(engine.render(format, now, escaping))


def hidden_in(engine: Engine) -> dict[str, int]:
    return {label: count for label, count in engine.stats().redacted.items() if count}


# --- whole pages ------------------------------------------------------------------------------------------------------

PATTERNS = [(), (r"tok_[a-z]+",), (r"[a-z]*\d{4}", r"x+", r"\b"), (r"/.*", r"\d+ \d+")]
TEXT = st.sampled_from(
    [
        *("", "a", CARD, GROUPED, f"/pay/{CARD}", f"{GROUPED} 12/26", "tok_a", f"tok_ab {AMEX} xx", "4111", "x" * 30),
        *(f"https://{CARD}@h/{CARD}", f"https://{CARD}/a", "https://tok_a.example/?x", "é" * 9 + CARD, "****"),
        *("550e8400-e29b-41d4-a716-446655440000", f"<bad>{CARD}"),
    ]
)
#: Longer than what is looked at.
LONG = ("x" * 4090 + CARD, "y" * 4097, "4 " * 2100, f"{CARD} " * 300, f"{CARD} tok_{'a' * 5000}", "/" + "é" * 3000)
VALUE = TEXT | st.sampled_from(
    [int(CARD), CARD.encode(), [CARD, "a"], {"k": GROUPED, CARD: b"tok_a"}, [[AMEX.encode()]]]
)
KEYS = ("k", "peer.service", "server.address", "db.name", "url.full", "network.peer.address", "service.instance.id")
ATTRIBUTES = st.dictionaries(st.sampled_from(KEYS), VALUE, max_size=4)
SPAN = st.builds(
    Placed,
    name=TEXT,
    kind=st.sampled_from([SERVER, CLIENT, PRODUCER, CONSUMER]),
    service=TEXT | st.none(),
    attributes=ATTRIBUTES,
    resource=ATTRIBUTES,
    scope=ATTRIBUTES,
    scope_name=TEXT,
    trace_id=st.integers(1, 2).map(trace_of),
    span_id=st.integers(1, 3).map(id_of),
    parent_id=st.integers(1, 3).map(id_of) | st.just(b""),
)
DIMENSIONS = (
    Dimension("d", ("k", "peer.service"), ANYWHERE, "none"),
    Dimension("e", ("url.full", "scope.name"), (Source.SPAN, Source.SCOPE)),
    Dimension("f", ("server.address",)),
)
GRAPHS = [
    Graph(),
    Graph(dimensions=(Dimension("g", ("k", "db.name"), ANYWHERE),), virtual_node_label=True),
    Graph(dimensions=(Dimension("g", ("url.full",)),), peer_attributes=("url.full", "peer.service")),
]
PLANS = st.builds(
    Plan,
    templating=st.sampled_from([Templating.OFF, Templating.ON]),
    dimensions=st.sampled_from([DIMENSIONS, DIMENSIONS[:1]]),
    graph=st.sampled_from(GRAPHS),
    target_info=st.booleans(),
    privacy=st.builds(
        Privacy,
        cards=st.sampled_from([True, True, True, False]),
        patterns=st.sampled_from(PATTERNS),
        action=st.sampled_from(Action),
        hmac_key=st.just(KEY),
    ),
    label_value_length=st.sampled_from([256, 1024, 32, 16]),
)


@settings(
    max_examples=120,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
@given(PLANS, st.lists(SPAN, min_size=1, max_size=5), st.integers(0, len(LONG) - 1), st.sampled_from(KEYS))
def test_every_label_of_every_page_hides_what_the_oracle_hides(
    plan: Plan, spans: Sequence[Placed], long: int, key: str
) -> None:
    engine, model = Engine(plan), Oracle(plan)
    first = spans[0]
    spans = [*spans, first.but(name=LONG[long], attributes={**first.attributes, key: LONG[-long]})]
    for _ in range(2):  # the second time everything is known
        engine.consume(request(spans), NOW)
        model.consume(request(spans), NOW)
    engine.expire(LATER)
    model.expire(LATER)
    for format, escaping in itertools.product(TEXTS, Escaping):
        assert page(engine, format, LATER, escaping) == model.page(format, LATER, escaping)
    stats = engine.stats()
    assert (Counter(stats.redacted), Counter(stats.truncated)) == (model.redacted, model.truncated)
    assert Counter(stats.anomalies) == model.anomalies


@pytest.mark.parametrize(("text", "card"), CARDS, ids=range(len(CARDS)))
def test_the_corpus_is_hidden_in_a_label(text: str, card: str) -> None:
    engine = Engine(as_sent())
    engine.consume(request([Placed(name=text)]), NOW)
    shown = page(engine).decode()
    assert card not in shown
    assert f'span_name="{_escaped(text.replace(card, "****"))}"' in shown
    assert hidden_in(engine) == {"span_name": 1}


@pytest.mark.parametrize("text", [text for text in OTHERS if text])
def test_what_only_looks_like_a_card_is_shown(text: str) -> None:
    engine = Engine(as_sent())
    engine.consume(request([Placed(name=text)]), NOW)
    assert f'span_name="{_escaped(text)}"' in page(engine).decode()
    assert hidden_in(engine) == {}


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


# --- edges and targets ------------------------------------------------------------------------------------------------

ENDS: dict[str, tuple[dict[str, Any], str]] = {
    "a peer": ({"peer.service": f"bank {CARD}"}, "bank ****"),
    "a server": ({"server.address": f"{CARD}.example"}, "****.example"),
    "the host of a URL": ({"url.full": f"https://{CARD}.example/{AMEX}?{CARD}"}, "****.example"),
    "a host behind a long user": ({"url.full": f"https://{'u' * 300}@{CARD}.example/"}, "****.example"),
    "a database's name": ({"db.name": f"cards_{CARD}"}, "cards_****"),
    "a database's address": ({"db.name": "a", "network.peer.address": CARD, "network.peer.port": 5432}, "****:5432"),
    "a long peer": ({"peer.service": "p" * 250 + f" {CARD} and more"}, "p" * 250 + " **…"),
    "a peer that is a number": ({"peer.service": int(CARD)}, "****"),
    "a list": ({"peer.service": [CARD]}, '["****"]'),
}


@pytest.mark.parametrize("end", ENDS)
def test_an_edge_hides_a_card_in(end: str) -> None:
    attributes, server = ENDS[end]
    engine = Engine(Plan())
    engine.consume(request([Placed(kind=CLIENT, service=f"shop {CARD}", attributes=attributes)]), NOW)
    engine.expire(LATER)
    shown = page(engine, now=LATER)
    edges = read(shown, Format.TEXT)[REQUESTS]
    assert [(dict(labels)["client"], dict(labels)["server"]) for labels in edges] == [("shop ****", server)]
    assert CARD.encode() not in shown and AMEX.encode() not in shown
    assert hidden_in(engine) == {"service_name": 1, "client": 1, "server": 1}
    assert engine.stats().truncated["server"] == server.endswith("…")


def test_a_hidden_peer_of_a_long_value_is_hashed_once() -> None:
    plan = Plan(privacy=Privacy(patterns=(r"[0-9a-f]{16}",), action=Action.HMAC, hmac_key=KEY))
    engine = Engine(plan)
    long = Placed(kind=CLIENT, attributes={"peer.service": f"{CARD} " + "z" * 300})
    short = Placed(kind=CLIENT, attributes={"peer.service": CARD}, span_id=id_of(9))
    engine.consume(request([long, short]), NOW)
    engine.expire(LATER)
    servers = {dict(labels)["server"] for labels in read(page(engine, now=LATER), Format.TEXT)[REQUESTS]}
    assert {server[:21] for server in servers} == {hashed(CARD)}


def test_a_dropped_peer_is_nobody() -> None:
    engine = Engine(Plan(privacy=Privacy(action=Action.DROP)))
    engine.consume(request([Placed(kind=CLIENT, attributes={"peer.service": CARD, "server.address": "b"})]), NOW)
    engine.expire(LATER)
    (labels,) = read(page(engine, now=LATER), Format.TEXT)[REQUESTS]
    assert dict(labels)["server"] == "b"


def test_a_database_whose_name_is_dropped_is_one_still() -> None:
    engine = Engine(Plan(privacy=Privacy(action=Action.DROP)))
    engine.consume(request([Placed(kind=CLIENT, attributes={"db.name": CARD})]), NOW)
    (labels,) = read(page(engine), Format.TEXT)[REQUESTS]
    assert dict(labels) == {"client": "shop", "server": "unknown", "connection_type": "database"}


@pytest.mark.parametrize("action", Action)
def test_each_request_of_an_edge_counts_what_it_hides_and_no_other_does(action: Action) -> None:
    """The same edge is made by spans that hide nothing, and others are known already."""
    zones = Dimension("zone", ("zone",), ANYWHERE)
    plan = as_sent(privacy=Privacy(action=action, hmac_key=KEY), graph=Graph(dimensions=(zones,)))
    engine, model = Engine(plan), Oracle(plan)
    for turn in range(3):
        trace = trace_of(turn + 1)
        spans = [
            Placed(kind=CLIENT, trace_id=trace, span_id=id_of(1), attributes={"zone": zone}, resource={"n": turn})
            for zone in (CARD, "z" * 300, hashed(CARD), "****")[turn:]
        ]
        served = Placed(kind=SERVER, trace_id=trace, span_id=id_of(2), parent_id=id_of(1), attributes={"zone": AMEX})
        peers = [CARD, f"{CARD} " + "z" * 300, "**** ", hashed(CARD)]
        lonely = [
            Placed(kind=CLIENT, trace_id=trace, span_id=id_of(9 + i), attributes={"peer.service": peer})
            for i, peer in enumerate(peers)
        ]
        for body in (request([*spans, *lonely]), request([served, served])):
            engine.consume(body, NOW)
            model.consume(body, NOW)
    engine.expire(LATER)
    model.expire(LATER)
    stats = engine.stats()
    assert page(engine, now=LATER) == model.page(Format.TEXT, LATER)
    assert hidden_in(engine) == dict(model.redacted)
    assert {label: n for label, n in stats.truncated.items() if n} == dict(model.truncated)
    virtual = 0 if action is Action.DROP else 6  # a peer that is dropped is nobody, and makes no edge
    assert model.redacted == Counter({"server": virtual, "client_zone": 2, "server_zone": 6})
    assert stats.truncated["client_zone"] == 2


def test_an_edge_that_stands_for_many_hides_nothing_that_it_does_not_show() -> None:
    engine = Engine(as_sent(graph=Graph(), most_edges=1))
    peers = enumerate((f"{CARD} a", f"{CARD} b", f"{CARD} c"), 1)
    spans = [Placed(kind=CLIENT, span_id=id_of(i), attributes={"peer.service": peer}) for i, peer in peers]
    engine.consume(request(spans), NOW)
    engine.expire(LATER)
    assert sum(read(page(engine, now=LATER), Format.TEXT)[REQUESTS].values()) == 3
    assert hidden_in(engine) == {"server": 1}


def test_a_target_hides_a_card() -> None:
    engine = Engine(Plan(target_info=True))
    resource = {"service.instance.id": CARD, "service.namespace": f"n {GROUPED}"}
    engine.consume(request([Placed(service=CARD, resource=resource)]), NOW)
    target = b'target_info{service_name="****",service_namespace="n ****",service_instance_id="****"} 1'
    assert target in page(engine)
    assert hidden_in(engine) == {"service_name": 1, "service_namespace": 1, "service_instance_id": 1}


@pytest.mark.parametrize("exclude", [frozenset[str](), frozenset({"service_name"})])
def test_what_a_target_hides_is_counted_once_a_span(exclude: frozenset[str]) -> None:
    """Also of a label that series have, of which it is counted there."""
    instance = Dimension("service_instance_id", ("service.instance.id",), (Source.RESOURCE,))
    engine = Engine(as_sent(resource_labels=(instance,), exclude=exclude, target_info=True))
    sent = [Placed(service=CARD, resource={"service.instance.id": CARD, "service.namespace": "n" * 300})] * 5
    for _ in range(2):
        engine.consume(request(sent), NOW)
    with pytest.raises(DecodeError):
        engine.consume(request(sent) + b"\0", NOW)
    assert hidden_in(engine) == {"service_name": 10, "service_instance_id": 10}
    assert engine.stats().truncated["service_namespace"] == 10


# --- known keys, actions ----------------------------------------------------------------------------------------------


def test_each_span_of_a_known_key_counts_as_hidden() -> None:
    engine = Engine(as_sent())
    for _ in range(3):
        engine.consume(request([Placed(name=CARD), Placed(name=AMEX), Placed(name="****"), Placed()]), NOW)
    assert engine.stats().redacted["span_name"] == 6
    assert engine.stats().births == 2


def test_all_numbers_in_their_groups_have_one_hash_and_no_two_the_same() -> None:
    privacy = Privacy(action=Action.HMAC, hmac_key=KEY)
    engine = Engine(as_sent(privacy=privacy))
    engine.consume(request([Placed(name=number) for number in ALL]), NOW)
    shown = set(re.findall(rb"hmac:[0-9a-f]{16}", page(engine)))
    assert shown == {hashed(number).encode() for number in ALL}
    assert len(shown) == len(ALL)


def test_another_key_gives_another_hash() -> None:
    pages = []
    for key in (KEY, KEY[::-1]):
        engine = Engine(as_sent(privacy=Privacy(action=Action.HMAC, hmac_key=key)))
        engine.consume(request([Placed(name=CARD)]), NOW)
        pages.append(re.findall(rb"hmac:[0-9a-f]{16}", page(engine)))
    assert pages[0] and pages[0] != pages[1]


def test_no_text_of_a_plan_has_the_key() -> None:
    plan = Plan(privacy=Privacy(action=Action.HMAC, hmac_key=KEY))
    assert KEY.decode() not in f"{plan} {plan!r} {plan.privacy!r}"


@pytest.mark.parametrize("pattern", ["(", "a{2000}", r"(?=a)", r"(a)\1", "[z-a]", "(?P<n>a"])
def test_a_pattern_that_re2_does_not_take_is_refused_without_being_quoted(pattern: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is the library's
        compiled(pattern)
    assert str(caught.value) and pattern not in str(caught.value)


def test_a_pattern_that_backtracking_would_never_end_ends() -> None:
    engine = Engine(Plan(privacy=Privacy(patterns=(r"(a+)+$", r"(a|aa)+b", r"(x+x+)+y"))))
    engine.consume(request([Placed(name="a" * 4000 + "!"), Placed(name="x" * 4000)]), NOW)
    assert engine.stats().redacted["span_name"] == 0
