"""Ids in span names become placeholders: name by name, against the oracle, and on whole pages."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings
from prometheus_client.parser import text_string_to_metric_families

from span2metrics import names
from span2metrics.engine.core import Engine
from span2metrics.engine.naming import Templating
from span2metrics.engine.plan import Dimension, Format, Plan
from span2metrics.errors import DecodeError
from tests.cases_names import CHANGED, KEPT, UUID
from tests.oracle import Oracle
from tests.oracle_names import template
from tests.payloads import BAD, FEEDS, NOW, START, Placed, placed_spans, plans, request
from tests.wire import field

BARE = Plan(graph=None, errors_zero=False, bounds_ns=(), label_value_length=1024)
DRY = replace(BARE, templating=Templating.DRY_RUN)
CASES = {**CHANGED, **{name: name for name in KEPT}}


def fed(plan: Plan, *requests: bytes) -> Engine:
    engine = Engine(plan)
    for body in requests:
        engine.consume(body, NOW)
    return engine


def shown(engine: Engine) -> Counter[str]:
    """Span name → calls."""
    page = b"".join(engine.render(Format.TEXT, NOW)).decode()
    samples = [s for family in text_string_to_metric_families(page) for s in family.samples]
    calls = [s for s in samples if s.name.endswith("_calls_total")]
    return Counter({s.labels.get("span_name", ""): int(s.value) for s in calls})


def named(texts: Iterable[str], **more: Any) -> bytes:
    return request([Placed(name=text, **more) for text in texts])


def counted(engine: Engine) -> dict[str, int]:
    return {rule: count for rule, count in engine.stats().templated.items() if count}


def expected(texts: Iterable[str]) -> tuple[Counter[str], dict[str, int]]:
    """What the oracle makes of names: calls, and how often each kind was found."""
    every = [template(text) for text in texts]
    found = Counter(kind for _, kinds in every for kind in kinds)
    return Counter(text or names.UNKNOWN_NAME for text, _ in every), dict(found)


def both_ways(engine: Engine, texts: Sequence[str]) -> None:
    """The names make the same series and counts when they are born, when series are known and when they are."""
    calls, found = expected(texts)
    for times in (1, 2, 3):
        engine.consume(named(texts), NOW)
        assert shown(engine) == Counter({text: times * count for text, count in calls.items()})
        assert counted(engine) == {kind: times * count for kind, count in found.items()}


# --- name by name -----------------------------------------------------------------------------------------------------


def test_there_are_many_cases() -> None:
    assert len(CHANGED) > 100
    assert len(KEPT) > 120
    assert all(before != after for before, after in CHANGED.items())


@pytest.mark.parametrize("name", CASES)
def test_a_name_becomes_what_stands_beside_it(name: str) -> None:
    engine = fed(BARE, named([name]))
    assert shown(engine) == {CASES[name] or names.UNKNOWN_NAME: 1}
    assert template(name)[0] == CASES[name]
    assert counted(engine) == dict.fromkeys(template(name)[1], 1)
    assert bool(counted(engine)) == (name in CHANGED)


@pytest.mark.parametrize("name", CASES)
def test_a_templated_name_stays_as_it_is(name: str) -> None:
    engine = fed(BARE, named([CASES[name]]))
    assert shown(engine) == {CASES[name] or names.UNKNOWN_NAME: 1}
    assert counted(engine) == {}


@pytest.mark.parametrize("kind", names.TEMPLATES[1:])
def test_a_kind_is_found_at_either_end_and_within(kind: str) -> None:
    for name, after in CHANGED.items():
        if after == f"{{{kind}}}":
            texts = [f"a {name}", f"{name} a", f"a {name} b", f"{name} {name}"]
            assert shown(fed(BARE, named(texts))) == Counter(text.replace(name, after) for text in texts)


# --- any names --------------------------------------------------------------------------------------------------------

_PIECES = (
    *("/", "-", "_", ".", ":", " ", "@", "%40", "%2F", "%", "{", "}", "{id}", "?", "#", "=", "&", ",", "+", "\n", '"'),
    *("T", "Z", "t", "0", "9", "01", "12", "123", "1234", "2026", "11", "24", "2026-11-24", "2026/11/24", "20261124"),
    *("10:20", "T10:20:30.5Z", "T101530", "-05:00", UUID, UUID[:8], "e29b", "deadbeefdeadbeef", "0x", "f", "X"),
    *("bob", "x.com", "co-1", "com", "http", "HTTP", "users", "v1", "é", "日", "😀"),
)
_names = st.lists(st.sampled_from(_PIECES), max_size=9).map("".join) | st.text(
    st.characters(codec="utf-8", exclude_characters="\0"), max_size=30
)
MANY = settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])


@MANY
@given(st.lists(_names, max_size=60))
def test_any_names_become_what_the_oracle_says_whichever_way_they_take(texts: list[str]) -> None:
    both_ways(Engine(BARE), texts)
    known = fed(BARE, named([template(text)[0] for text in texts]))
    births = known.stats().births
    known.consume(named(texts), NOW)
    calls, found = expected(texts)
    assert shown(known) == calls + calls
    assert counted(known) == found
    assert known.stats().births == births


@MANY
@given(_names)
def test_templating_twice_is_templating_once(name: str) -> None:
    (once,) = shown(fed(BARE, named([name])))
    engine = fed(BARE, named([once]))
    assert (list(shown(engine)), counted(engine)) == ([once], {})


@MANY
@given(st.binary(max_size=60) | _names.map(str.encode))
def test_any_bytes_are_a_name(raw: bytes) -> None:
    body = field(1, field(2, field(2, field(5, raw))))
    engine, model = fed(BARE, body, body), Oracle(BARE)
    for _ in range(2):
        model.consume(body)
    assert b"".join(engine.render(Format.TEXT, NOW)) == model.page(Format.TEXT)
    assert Counter(engine.stats().anomalies) == model.anomalies
    assert counted(engine) == model.templated


# --- on pages ---------------------------------------------------------------------------------------------------------


@settings(MANY, max_examples=120)
@given(plans, st.lists(placed_spans(), max_size=3), st.randoms(use_true_random=False), st.sampled_from(Templating))
def test_pages_are_the_oracles_whatever_else_is_planned(
    plan: Plan, batches: list[list[Placed]], dice: random.Random, mode: Templating
) -> None:
    plan = replace(plan, templating=mode)
    engine, model = Engine(plan), Oracle(plan)
    for spans in batches:
        odd = [
            span.but(name=dice.choice([span.name, "GET /u/1234", "GET /u/{number}", f"{UUID}{BAD}"])) for span in spans
        ]
        for _ in range(2):
            engine.consume(request(odd), NOW)
            model.consume(request(odd))
    for format in (Format.TEXT, Format.OPENMETRICS):
        assert b"".join(engine.render(format, NOW)) == model.page(format)
    stats = engine.stats()
    assert Counter(stats.anomalies) == model.anomalies
    assert Counter(stats.truncated) == model.truncated
    assert counted(engine) == model.templated


@pytest.mark.parametrize("mode", Templating)
@pytest.mark.parametrize("way", FEEDS)
def test_every_way_of_feeding_gives_the_same_page(way: str, mode: Templating) -> None:
    plan = Plan(templating=mode, dimensions=(Dimension("code", ("code",)),), label_value_length=24)
    dice = random.Random(1)
    spans = [
        Placed(
            name=name,
            service=dice.choice(["shop", "bank", f"a{BAD}"]),
            attributes={"code": dice.choice([200, "200", -1, True, 1.5, "é", "x" * 40])},
            trace_id=bytes([number + 1]) * 16,
            start=START + number,
        )
        for number, name in enumerate(dice.choices([*CASES, f"1234{BAD}"], k=200))
    ]
    model = Oracle(plan)
    model.consume(request(spans))
    engine = fed(plan, *FEEDS[way](spans))
    for format in (Format.TEXT, Format.OPENMETRICS):
        assert b"".join(engine.render(format, NOW)) == model.page(format)
    assert counted(engine) == model.templated
    assert Counter(engine.stats().truncated) == model.truncated


@pytest.mark.parametrize(
    "value", [200, -1, 0, 2**63 - 1, -(2**63), True, False, "200", "", 1.5, "é", b"x", [1], "x" * 40]
)
def test_both_ways_come_to_the_same_key_whatever_the_dimension_is(value: Any) -> None:
    plan = replace(BARE, dimensions=(Dimension("k", ("k",)),), label_value_length=24)
    engine = fed(plan, *(named([f"GET /{number}"], attributes={"k": value}) for number in range(1000, 1020)))
    assert engine.stats().births == 1
    assert shown(engine) == {"GET /{number}": 20}
    assert counted(engine) == {"number": 20}


def test_a_fresh_id_in_every_span_makes_one_series_and_is_born_once() -> None:
    engine = fed(Plan(raw_key_bytes=1 << 16, graph=None))
    for first in range(10**6, 10**6 + 20_000, 500):
        engine.consume(named(f"GET /users/{number}" for number in range(first, first + 500)), NOW)
        assert engine.stats().raw_key_bytes <= 1 << 16
    assert (engine.stats().births, engine.stats().series["calls"]) == (1, 2)
    assert shown(engine)["GET /users/{number}"] in (0, 20_000)
    assert counted(engine) == {"number": 20_000}


def test_a_request_of_more_than_a_block_is_counted_once() -> None:
    texts = [f"GET /{number % 700}/{number}" for number in range(40_000)]
    engine = fed(BARE, named(["GET /{number}/{number}"]), named(texts))
    assert shown(engine) == {"GET /{number}/{number}": 40_001}
    assert counted(engine) == {"number": 40_000}


def test_keys_longer_than_scratch_has_room_for_are_counted_all_the_same() -> None:
    texts = [f"{'x' * 900} {number}" for number in range(1000, 4000)]
    engine = fed(BARE, named([texts[0]]), named(texts), named(texts))
    assert shown(engine) == {f"{'x' * 900} {{number}}": 6001}
    assert counted(engine) == {"number": 6001}


def test_a_request_that_is_refused_counts_no_name() -> None:
    engine = fed(BARE, named(["GET /1234"]))
    with pytest.raises(DecodeError):
        engine.consume(named(["GET /5678"]) + b"\x0a\xff", NOW)
    engine.consume(named(["GET /{number}"]), NOW)
    assert shown(engine) == {"GET /{number}": 2}
    assert counted(engine) == {"number": 1}


LENGTHS: Mapping[str, tuple[str, str, int]] = {
    "is cut once it is templated": ("/12345" * 9, "/{number}/{nu…", 1),
    "is not cut where templates make it short": (f"{UUID}", "{uuid}", 0),
    "is cut where templates make it long": ("/1" * 8, "/{number}/{nu…", 1),
    "is looked at for 4 KiB, and what is behind them is lost": (f"{'0' * 5000}", "{number}…", 1),
    "is looked at as a whole where it has no more": (f"{'0' * 4096}", "{number}", 0),
}


@pytest.mark.parametrize("promise", LENGTHS)
def test_a_long_name(promise: str) -> None:
    name, label, cut = LENGTHS[promise]
    plan = replace(BARE, label_value_length=16)
    engine, model = fed(plan, *[named([name])] * 2), Oracle(plan)
    for _ in range(2):
        model.consume(named([name]))
    assert shown(engine) == {label: 2}
    assert (engine.stats().truncated["span_name"], model.truncated["span_name"]) == (2 * cut, 2 * cut)
    assert b"".join(engine.render(Format.TEXT, NOW)) == model.page(Format.TEXT)


# --- off, and tried out -----------------------------------------------------------------------------------------------


def test_it_can_be_off() -> None:
    texts = [name for name in CHANGED for _ in range(2)]
    engine = fed(replace(BARE, templating=Templating.OFF), named(texts), named(texts))
    assert shown(engine) == Counter(texts + texts)
    assert counted(engine) == {}


def test_a_dry_run_changes_no_name_and_counts_what_would_be_changed() -> None:
    texts = [name for name in CASES if name] + [*CHANGED]
    _, found = expected(texts)
    engine = Engine(DRY)
    for times in (1, 2, 3):
        engine.consume(named(texts), NOW)
        assert shown(engine) == Counter(texts * times)
        assert counted(engine) == {kind: times * count for kind, count in found.items()}


def test_a_dry_run_counts_spans_of_the_same_series_however_they_are_sent() -> None:
    plan = replace(DRY, dimensions=(Dimension("k", ("k",)),))
    engine = fed(plan, *(named(["/1234"], attributes={"k": value}) for value in (200, "200", 200, "200", 200.0)))
    assert (shown(engine), counted(engine)) == ({"/1234": 5}, {"number": 5})


def test_a_name_that_no_label_shows_is_not_counted() -> None:
    engine = fed(replace(BARE, exclude=frozenset({names.SPAN_NAME})), named(CHANGED), named(CHANGED))
    assert (shown(engine), counted(engine)) == ({"": 2 * len(CHANGED)}, {})
