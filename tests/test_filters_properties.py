"""Filters, rewriting and the guard on time together, against the oracle: random plans and requests, however divided."""

from __future__ import annotations

import dataclasses
import random
from typing import Any

import hypothesis.strategies as st
from hypothesis import given, settings

from span2metrics.engine.core import Engine
from span2metrics.engine.plan import Dimension, Plan
from span2metrics.engine.rewriting import Rewrite
from span2metrics.engine.where import Filters, Texts, Where
from tests.oracle import Oracle
from tests.payloads import NOW, START, Placed, backwards, placed_spans, plans, request, texts
from tests.test_engine_properties import ENGINE, assert_equal, assert_same_pages, later

#: What RE2 and `re` read alike.
_patterns = st.sampled_from(["", ".", ".*", ".+", "a|b", "[ab]*", "[^a]+", "(a*)(.*)", "é+|日.*", "(.*)…", "t?rue|20."])
_texts = st.builds(Texts, st.lists(texts, max_size=2).map(tuple), st.lists(_patterns, max_size=2).map(tuple))
_keys = st.sampled_from(["k", "k.b", "http.route", "service.instance.id", "service.name", "absent"])
_attributes = st.lists(st.tuples(_keys, _texts), max_size=2).map(tuple)


def _rarely(strategy: st.SearchStrategy[Any], nothing: Any) -> st.SearchStrategy[Any]:
    return st.just(nothing) | st.just(nothing) | strategy


_wheres = st.builds(
    Where,
    kinds=_rarely(st.frozensets(st.integers(0, 5), min_size=1).map(tuple), ()),
    statuses=_rarely(st.frozensets(st.integers(0, 2), min_size=1).map(tuple), ()),
    name=_rarely(_texts, None),
    service=_rarely(_texts, None),
    resource=_rarely(_attributes, ()),
    span=_rarely(_attributes, ()),
)
_filters = st.builds(Filters, st.lists(_wheres, max_size=2).map(tuple), st.lists(_wheres, max_size=2).map(tuple))
_replacements = st.sampled_from(["", "x", "$$", '"\n\\', "é" * 9])
_with_groups = st.sampled_from(["$2$1", "$1-$1$2", "<$2>"])
_rewrites = st.lists(
    st.builds(Rewrite, _patterns, _replacements) | st.builds(Rewrite, st.just("(a*)(.*)"), _with_groups), max_size=3
).map(tuple)
#: Beside what `placed_spans` has: between its times, and so that some of them are outside.
_slacks = st.sampled_from([0, 1, NOW.wall_ns - START, NOW.wall_ns - START - 10**7, NOW.wall_ns - 1, 2**63])


@st.composite
def guarded(draw: st.DrawFn) -> Plan:
    """A plan with filters, rewriting and slack, each of which may be none."""

    def rewriting(dimensions: tuple[Dimension, ...]) -> tuple[Dimension, ...]:
        return tuple(dataclasses.replace(dimension, rewrites=draw(_rewrites)) for dimension in dimensions)

    plan: Plan = draw(plans)
    graph = plan.graph and dataclasses.replace(plan.graph, dimensions=rewriting(plan.graph.dimensions))
    return dataclasses.replace(
        plan,
        graph=graph,
        dimensions=rewriting(plan.dimensions),
        calls_dimensions=rewriting(plan.calls_dimensions),
        duration_dimensions=rewriting(plan.duration_dimensions),
        filters=draw(_filters),
        slack_ns=draw(_slacks),
    )


@settings(ENGINE, max_examples=300)
@given(guarded(), st.lists(placed_spans(), max_size=3), st.booleans())
def test_the_engine_drops_and_shows_what_the_oracle_does(plan: Plan, batches: list[list[Placed]], behind: bool) -> None:
    engine, model = Engine(plan), Oracle(plan)
    for n, spans in enumerate(batches):
        now = later(0.25 * n)
        body = backwards(spans) if behind else request(spans)
        before = model.dropped.copy()
        outcome = engine.consume(body, now)
        model.consume(body, now)
        assert outcome.received == len(spans) == outcome.aggregated + sum(outcome.dropped.values())
        assert outcome.dropped == model.dropped - before
        assert outcome.too_old + outcome.too_new == outcome.dropped.get("outside_time_slack", 0)
        assert_equal(engine, model, now)


@settings(ENGINE, max_examples=100)
@given(guarded(), placed_spans(unique=True), st.randoms(use_true_random=False))
def test_order_and_batching_do_not_show(plan: Plan, spans: list[Placed], dice: random.Random) -> None:
    engine = assert_same_pages(plan, spans, dice)
    assert engine.stats().received == engine.stats().aggregated + sum(engine.stats().dropped.values())
