"""The engine against the oracle: random plans and requests, and traffic that turns its bounded tables over."""

from __future__ import annotations

import itertools
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from span2metrics.engine.core import Engine
from span2metrics.engine.plan import MS, Dialect, Dimension, Escaping, Format, Now, Plan, Source
from span2metrics.engine.stats import Outcome
from tests.oracle import TEXTS, Oracle
from tests.payloads import ERROR, NOW, SERVER, START, Placed, backwards, placed_spans, plans, request

ENGINE = settings(
    max_examples=250,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],  # explaining a failure takes minutes
    suppress_health_check=[HealthCheck.too_slow],
)


#: Pages that the oracle writes.
PAGES = list(itertools.product(TEXTS, Escaping))


def page(engine: Engine, format: Format, now: Now = NOW, escaping: Escaping = Escaping.UNDERSCORES) -> bytes:
    return b"".join(engine.render(format, now, escaping))


def later(seconds: float) -> Now:
    return Now(*(reading + round(seconds * 1e9) for reading in NOW))


def assert_equal(engine: Engine, model: Oracle, now: Now = NOW) -> None:
    for format, escaping in PAGES:
        assert page(engine, format, now, escaping) == model.page(format, now, escaping)
    stats = engine.stats()
    assert Counter(stats.anomalies) == model.anomalies
    assert Counter(stats.truncated) == model.truncated
    assert Counter(stats.redacted) == model.redacted
    assert Counter(stats.dropped) == model.dropped
    assert (stats.received, stats.aggregated) == (model.received, model.received - model.dropped.total())
    assert stats.lateness == model.lateness
    assert stats.raw_key_bytes <= model.plan.raw_key_bytes


@ENGINE
@given(plans, st.lists(placed_spans(), max_size=4), st.booleans(), st.sampled_from([0, 0.25, 1]))
def test_the_engine_counts_as_the_oracle_does(
    plan: Plan, batches: list[list[Placed]], behind: bool, step: float
) -> None:
    engine, model = Engine(plan), Oracle(plan)
    for n, spans in enumerate(batches):
        now = later(step * n)
        body = backwards(spans) if behind else request(spans)
        assert engine.consume(body, now) == Outcome(received=len(spans), aggregated=len(spans), dropped={})
        model.consume(body, now)
        assert_equal(engine, model, now)
    assert_equal(engine, model, later(step * len(batches) + 0.3))


def with_everything(plan: Plan) -> Plan:
    """The plan with all that a page can show, in every dialect."""
    dialects = (*plan.dialects, *(dialect for dialect in Dialect if dialect not in plan.dialects))
    return replace(plan, dialects=dialects, exclude=frozenset(), exemplars=True, created=True, target_info=True)


def pieces(spans: Sequence[Placed], dice: random.Random) -> Iterable[bytes]:
    """The spans in any order, in any number of requests."""
    shuffled = dice.sample(spans, len(spans))
    while shuffled:
        size = dice.randint(1, len(shuffled))
        yield request(shuffled[:size])
        del shuffled[:size]


def assert_same_pages(plan: Plan, spans: Sequence[Placed], dice: random.Random) -> Engine:
    whole, divided = Engine(plan), Engine(plan)
    whole.consume(request(spans), NOW)
    for body in pieces(spans, dice):
        divided.consume(body, NOW)
    for format, escaping in itertools.product((*TEXTS, Format.PROTOBUF), Escaping):
        assert page(whole, format, NOW, escaping) == page(divided, format, NOW, escaping)
    assert (whole.stats().anomalies, whole.stats().truncated) == (divided.stats().anomalies, divided.stats().truncated)
    return whole


@settings(ENGINE, max_examples=100)
@given(plans | plans.map(with_everything), placed_spans(unique=True), st.randoms(use_true_random=False))
def test_order_and_batching_do_not_show(plan: Plan, spans: list[Placed], dice: random.Random) -> None:
    assert_same_pages(plan, spans, dice)


@pytest.mark.parametrize("seed", range(10))
def test_nor_do_they_in_many_spans_of_few_series_with_exemplars_that_tie(seed: int) -> None:
    dice = random.Random(seed)
    spans = [
        Placed(
            name=dice.choice("ab"),
            resource={"service.instance.id": f"pod-{dice.randrange(5)}"},
            attributes={"k": dice.choice(["v", "w", ""])},
            took=dice.choice([1, MS, 3 * MS]),
            start=START + dice.randrange(3),
            trace_id=bytes([dice.randrange(3)]) * 16,
            span_id=bytes([dice.randrange(3)]) * 8,
        )
        for _ in range(300)
    ]
    plan = with_everything(
        Plan(calls_dimensions=(Dimension("k_b", ("k",), utf8="k.b"),), zero_first_ns=seed % 2, raw_key_bytes=4096)
    )
    engine = assert_same_pages(plan, spans, dice)
    later_ns = NOW.wall_ns + 10**9
    for format in (Format.OPENMETRICS, Format.PROTOBUF):
        text = page(engine, format, NOW._replace(wall_ns=later_ns), Escaping.ALLOW_UTF8)
        assert all(shown in text for shown in (b"trace_id", b"02020202", b"pod-4", b"k.b", b"traces_target_info"))


def _batches(spans: Sequence[Placed], size: int) -> Iterable[bytes]:
    return (request(spans[at : at + size]) for at in range(0, len(spans), size))


def _crowd(count: int, seed: int) -> list[Placed]:
    """Spans of many pods, names and values, some of them new, some seen long ago."""
    dice = random.Random(seed)
    return [
        Placed(
            name=f"GET /n{dice.randrange(200)}",
            service=f"service-{dice.randrange(5)}",
            resource={"host.name": f"pod-{dice.randrange(50)}", "zone": f"z{dice.randrange(3)}"},
            attributes={"code": dice.choice([200, "200", 404, 500]), "note": "n" * dice.choice([1, 30, 1500])},
            scope_name=f"lib-{dice.randrange(4)}",
            kind=dice.choice([SERVER, 7]),
            status=dice.choice([0, 1, ERROR]),
            took=dice.randrange(20 * MS),
        )
        for _ in range(count)
    ]


def test_counts_stay_exact_while_the_tables_forget() -> None:
    plan = Plan(
        dimensions=(Dimension("code", ("code",)), Dimension("zone", ("zone",)), Dimension("note", ("note",))),
        calls_dimensions=(Dimension("scope", ("scope.name",), (Source.SCOPE,)),),
        errors_zero_drop=frozenset({"code"}),
        label_value_length=24,
        raw_key_bytes=4096,
    )
    engine, model = Engine(plan), Oracle(plan)
    for body in _batches(_crowd(3000, seed=1), 37):
        engine.consume(body, NOW)
        model.consume(body)
        assert engine.stats().raw_key_bytes <= plan.raw_key_bytes
    assert_equal(engine, model)


def test_a_forgotten_key_finds_its_series_again() -> None:
    plan = Plan(raw_key_bytes=4096, errors_zero=False, bounds_ns=())
    engine, model = Engine(plan), Oracle(plan)
    names = [request([Placed(name=f"name-n{n:040}")]) for n in range(500)]
    for body in names * 3:
        engine.consume(body, NOW)
        model.consume(body)
    assert set(model.calls().values()) == {3}
    assert_equal(engine, model)


REVISITS = """
import random
from span2metrics.engine.core import Engine
from span2metrics.engine.plan import Plan
from tests.payloads import NOW, Placed, request

engine = Engine(Plan(raw_key_bytes=1 << 20, errors_zero=False, bounds_ns=()))
names, dice = [Placed(name=f"n{n:01000}") for n in range(900)], random.Random(1)
for _ in range(200):
    engine.consume(request(dice.choices(names, k=30)), NOW)
print(engine.stats().aggregated)
"""


def test_a_key_outlives_the_generation_that_it_is_carried_over_from() -> None:
    # With freed memory given back to the system at once, whoever reads it dies.
    environ = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "32768"}
    revisits = subprocess.run(
        [sys.executable, "-c", REVISITS], check=False, env=environ, capture_output=True, timeout=60
    )
    assert (revisits.returncode, revisits.stdout) == (0, b"6000\n"), revisits.stderr


def test_memory_of_keys_is_bounded_whatever_is_sent() -> None:
    plan = Plan(raw_key_bytes=1 << 20, errors_zero=False, bounds_ns=(), most_series=0, most_series_of_service=0)
    engine = Engine(plan)
    template = request([Placed(name="idn000000")] * 500)
    for first in range(0, 200_000, 500):
        names = iter(range(first, first + 500))
        pieces = template.split(b"idn000000")
        body = pieces[0] + b"".join(b"idn%06d" % next(names) + piece for piece in pieces[1:])
        engine.consume(body, NOW)
        engine.consume(body, NOW)
        assert engine.stats().raw_key_bytes <= plan.raw_key_bytes
    calls = [
        line for line in page(engine, Format.TEXT).split(b"\n") if line.startswith(b"traces_span_metrics_calls_total{")
    ]
    assert len(calls) == 200_000
    assert {line.rpartition(b" ")[2] for line in calls} == {b"2"}
    assert engine.stats().series["calls"] == 200_000
    assert engine.stats().aggregated == 400_000


def test_resources_that_differ_in_what_nobody_reads_share_one_context() -> None:
    engine = Engine(Plan())
    for pod in range(1000):
        engine.consume(request([Placed(resource={"k8s.pod.uid": f"uid-{pod}"})]), NOW)
    assert engine.stats().contexts == 1
    assert engine.stats().births == 1


def test_memory_of_resources_is_bounded_whatever_is_sent() -> None:
    plan = Plan(raw_key_bytes=1 << 18, errors_zero=False, bounds_ns=(), exclude=frozenset({"service_name"}))
    engine = Engine(plan)
    template = request([Placed(service="idn000000")])
    for n in range(20_000):
        engine.consume(template.replace(b"idn000000", b"idn%06d" % n), NOW)
        assert engine.stats().raw_key_bytes <= plan.raw_key_bytes
    assert engine.stats().contexts < 5_000
    assert page(engine, Format.TEXT).count(b"} 20000\n") == 3  # calls, the bucket +Inf, the count
