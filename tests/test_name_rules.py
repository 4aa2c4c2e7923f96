"""The user's own rules name spans before the templates do: case by case, against the oracle, and in the tables."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from span2metrics.engine.core import Engine
from span2metrics.engine.naming import NameRule, Naming, Templating
from span2metrics.engine.plan import Dimension, Format, Graph, Plan
from tests.cases_name_rules import ALL, CASES, HTTP, Case, rewrite, span
from tests.oracle import Oracle
from tests.payloads import BAD, FEEDS, NOW, Placed, placed_spans, plans, request
from tests.test_names import BARE, counted, fed, shown


def planned(rules: Sequence[NameRule], templating: Templating = Templating.ON) -> Plan:
    return replace(BARE, name_rules=tuple(rules), templating=templating)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.promise)
def test_a_span_gets_the_name_by_its_rules(case: Case) -> None:
    engine, model = Engine(planned(case.rules, case.templating)), Oracle(planned(case.rules, case.templating))
    for times in (1, 2, 3):
        engine.consume(request([case.span]), NOW)
        model.consume(request([case.span]))
        assert shown(engine) == {case.name: times}
        assert counted(engine) == dict.fromkeys(case.found, times)
        assert model.templated == counted(engine)
        assert Counter(engine.stats().anomalies) == model.anomalies
        assert model.anomalies == {fault: count * times for fault, count in case.anomalies.items()}
    assert b"".join(engine.render(Format.TEXT, NOW)) == model.page(Format.TEXT)


@pytest.mark.parametrize("way", FEEDS)
@pytest.mark.parametrize("graph", [None, Graph()], ids=["alone", "with the service graph"])
def test_every_way_of_feeding_gives_the_same_page(way: str, graph: Graph | None) -> None:
    rules = (rewrite("x", "y", "bank"), *ALL, rewrite("(a)(.*)", "$2$1"), rewrite("b", "a"))
    plan = Plan(name_rules=rules, dimensions=(Dimension("route", ("http.route",)),), graph=graph, weight_attribute="p")
    spans = [case.span.but(trace_id=bytes([n + 1]) * 16, start=n + 1, end=n + 2) for n, case in enumerate(CASES)]
    model = Oracle(plan)
    model.consume(request(spans))
    engine = fed(plan, *FEEDS[way](spans))
    for format in (Format.TEXT, Format.OPENMETRICS):
        assert b"".join(engine.render(format, NOW)) == model.page(format)
    assert counted(engine) == model.templated


_rules = st.lists(
    st.sampled_from(
        [*ALL, rewrite("(.)(.*)", "$2$1"), rewrite("a?b?", "b"), rewrite("[ab]", "1234", "shop"), rewrite(".*/", "/")]
    ),
    max_size=4,
)
_values = st.sampled_from(["", "a", "b", "GET", "/7", "1234", "true", f"a{BAD}", "x" * 30])


@settings(max_examples=150)
@given(plans, _rules, st.lists(placed_spans(), max_size=3), st.sampled_from(Templating), st.data())
def test_pages_are_the_oracles_whatever_else_is_planned(
    plan: Plan, rules: list[NameRule], batches: list[list[Placed]], mode: Templating, data: st.DataObject
) -> None:
    plan = replace(plan, name_rules=tuple(rules), templating=mode)
    engine, model = Engine(plan), Oracle(plan)
    keys = Naming(rules).attributes
    attributes = st.dictionaries(st.sampled_from(keys), _values, max_size=3) if keys else st.just({})
    for spans in batches:
        odd = [
            item.but(name=data.draw(_values), attributes=data.draw(attributes) or item.attributes, service="shop")
            for item in spans
        ]
        for _ in range(2):
            engine.consume(request(odd), NOW)
            model.consume(request(odd))
    for format in (Format.TEXT, Format.OPENMETRICS):
        assert b"".join(engine.render(format, NOW)) == model.page(format)
    assert Counter(engine.stats().anomalies) == model.anomalies
    assert counted(engine) == model.templated


def test_what_a_rule_makes_is_not_taken_for_a_name_that_was_sent() -> None:
    rules = [rewrite("a", "b"), rewrite("b", "c"), rewrite("c", "a")]
    dice = random.Random(1)
    sent = dice.choices("abc", k=90)
    engine = Engine(planned(rules))
    for name in sent:
        engine.consume(request([span(name)]), NOW)
    assert shown(engine) == Counter({"b": sent.count("a"), "c": sent.count("b"), "a": sent.count("c")})
    assert counted(engine) == {"user": 90}


def test_attributes_that_only_rules_read_make_no_series() -> None:
    rules = [HTTP]
    spans = [
        span("x", {"http.route": "/r", "http.request.method": method, "url.template": f"/{n}"})
        for n in range(50)
        for method in ("GET", "PUT")
    ]
    engine = fed(planned(rules), request(spans), request(spans))
    assert shown(engine) == {"GET /r": 100, "PUT /r": 100}
    assert engine.stats().births == 2
    assert engine.stats().series["calls"] == 2


def test_attributes_of_rules_are_no_part_of_keys_without_rules() -> None:
    routes = [span("x", {"http.route": f"/{n}"}) for n in range(50)]
    assert fed(planned([]), request(routes)).stats().raw_keys == 1
    assert fed(planned([HTTP]), request(routes)).stats().raw_keys == 50 + 1


def test_rules_need_not_read_what_a_label_shows_twice() -> None:
    plan = replace(planned([HTTP]), dimensions=(Dimension("route", ("http.route",)),), label_value_length=16)
    route = "/orders/" + "x" * 20
    engine = fed(plan, request([span("x", {"http.route": route, "http.method": "GET"})]))
    page = b"".join(engine.render(Format.TEXT, NOW)).decode()
    assert f'span_name="GET {route[:9]}…"' in page
    assert f'route="{route[:13]}…"' in page
    assert engine.stats().truncated == {"service_name": 0, "span_name": 1, "route": 1}
