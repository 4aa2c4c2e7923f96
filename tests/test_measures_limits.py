"""Series of measures within the limits, and their end: against the oracle, which knows neither keys nor slots."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest

from span2metrics.engine.core import Engine
from span2metrics.engine.plan import Dimension, Measure, Source
from span2metrics.engine.policy import Policy
from span2metrics.engine.where import Texts, Where
from tests.cases_measures import AMOUNT, OF_METHOD, PAY, RICH, SIGNED, paid, plan
from tests.oracle import Oracle
from tests.payloads import ERROR, NOW, Placed, request
from tests.test_engine_properties import assert_equal, later
from tests.test_measures import fed, samples

SHORT = 10 * 10**9


def crowd(count: int, seed: int, methods: int = 40, names: int = 6, tied: bool = False) -> list[Placed]:
    """Spans that carry amounts, or nearly.  `tied`: those with equal labels of their calls have one method."""
    dice = random.Random(seed)
    found = []
    for _ in range(count):
        name, service, status, zone, d = (dice.randrange(of) for of in (names, 4, 2, 3, 4))
        method = (name * 7 + service * 5 + status) if tied else dice.randrange(methods)
        found.append(
            paid(
                dice.choice([1, "2.50", -3, "x", None, 10**17]),
                method=f"m{method % methods}",
                name=f"n{name}",
                service=f"s{service}",
                status=status * ERROR,
                resource={"zone": f"z{zone}"},
                attributes={"d": f"d{d}"} if d else {},
            )
        )
    return found


FAILED = Where(statuses=(ERROR,), service=Texts(("s1", "s3")))
ERRORS = (AMOUNT, Measure("errors", PAY, where=FAILED, dimensions=(OF_METHOD,)))
LIMITED = {
    "of all": plan(AMOUNT, SIGNED, most_series=40, most_series_of_service=0),
    "of a service": plan(SIGNED, most_series=0, most_series_of_service=9),
    "of services": plan(AMOUNT, most_services=2, errors_zero=True),
    "of both": plan(
        AMOUNT,
        Measure("errors", PAY, where=FAILED),
        most_series=60,
        most_series_of_service=25,
        resource_labels=(Dimension("zone", ("zone",), (Source.RESOURCE,)),),
        errors_zero=True,
        errors_zero_drop=frozenset({"zone"}),
    ),
    "of all, but for what is selected": plan(*ERRORS, selected=(FAILED,), most_series=20, most_series_of_service=0),
    "of a service, but for what is selected": plan(
        *ERRORS, selected=(FAILED,), most_series=0, most_series_of_service=6
    ),
    "hardly any": plan(AMOUNT, most_series=1),
    "of a resource's labels": plan(
        AMOUNT, most_series_of_service=3, resource_labels=(Dimension("zone", ("zone",), (Source.RESOURCE,)),)
    ),
}
LIMITED = {
    what: replace(
        of, expire_after_ns=SHORT, measures=tuple(replace(m, name=f"m{i}") for i, m in enumerate(of.measures))
    )
    for what, of in LIMITED.items()
}


@pytest.mark.parametrize("what", LIMITED)
@pytest.mark.parametrize("seed", range(3))
def test_series_of_measures_keep_the_limits_and_totals_stay_exact(what: str, seed: int) -> None:
    of = LIMITED[what]
    engine, model = Engine(of), Oracle(of)
    for step in range(12):
        now = later(step * 3)
        spans = crowd(30, 100 * seed + step, tied=True, names=6 if step < 6 else 2)
        for body in (request([span]) for span in spans) if seed == 2 else (request(spans),):
            engine.consume(body, now)
            model.consume(body, now)
        engine.expire(now)
        model.expire(now)
        assert_equal(engine, model, now)
        assert Counter(engine.stats().overflowed) == model.limits.overflowed
    sets = [found for found in engine.label_sets() if not found.beyond]
    assert len(sets) == engine.stats().label_sets
    assert len(sets) <= (of.most_series or len(sets)) * (2 if of.selected else 1)
    assert engine.stats().expired > 0 or what == "hardly any"


@pytest.mark.parametrize("seed", range(3))
def test_methods_without_end_leave_the_calls_their_series(seed: int) -> None:
    of = plan(AMOUNT, most_series=50, most_series_of_service=14)
    engine, model = Engine(of), Oracle(of)
    for step in range(6):
        body = request(crowd(60, 100 * seed + step, methods=20 * step + 1, names=2))
        engine.consume(body, NOW)
        model.consume(body)
        assert_equal(engine, model)
        assert Counter(engine.stats().overflowed) == model.limits.overflowed
    assert not any(found.beyond for found in engine.label_sets() if found.family == "calls")
    assert any(found.beyond for found in engine.label_sets() if found.family == "amount_eur")
    assert engine.stats().label_sets == 50


def test_an_overflow_is_asked_again_once_there_is_room() -> None:
    of = plan(AMOUNT, most_series=2, expire_after_ns=SHORT)
    engine = fed(of, request([paid(1), paid(2, method="cash")]))
    assert [name for name in samples(engine) if "overflow" in name]
    now = later(11)
    engine.expire(now)
    engine.consume(request([paid(4, method="cash")]), now)
    assert {name.count("cash"): value for name, value in samples(engine, now).items()} == {1: "1"}  # sum 4, count 1


def test_a_series_ends_without_values_and_comes_back_from_0_though_its_calls_go_on() -> None:
    of = plan(SIGNED, expire_after_ns=SHORT)
    engine, model = Engine(of), Oracle(of)
    for second, spans in enumerate(([paid(1), paid(-3)], [paid(None)], [paid(None)], [paid(None)], [paid(5)])):
        now = later(second * 6)
        engine.consume(request(spans), now)
        model.consume(request(spans), now)
        engine.expire(now)
        model.expire(now)
        assert_equal(engine, model, now)
        assert len([name for name in samples(engine, now) if "_net" in name]) == (0 if second in (2, 3) else 1)
    assert [value for name, value in samples(engine, now).items() if "_net" in name] == ["5"]


@pytest.mark.parametrize(("raw_key_bytes", "methods", "names"), [(4096, 500, 6), (1 << 16, 30, 1)])
def test_values_are_exact_while_keys_or_what_they_know_is_forgotten(
    raw_key_bytes: int, methods: int, names: int
) -> None:
    of = plan(AMOUNT, replace(SIGNED, name="signed"), raw_key_bytes=raw_key_bytes, most_series_of_service=0)
    engine, model = Engine(of), Oracle(of)
    for seed in range(60):
        body = request(crowd(40, seed, methods, names))
        engine.consume(body, NOW)
        model.consume(body)
        assert engine.stats().raw_key_bytes <= of.raw_key_bytes
    assert_equal(engine, model)
    assert engine.stats().births > 240  # more than the second has keys


def test_label_sets_and_series_are_told_by_measure() -> None:
    of = replace(RICH, measures=(*RICH.measures, Measure("unused", "nothing")))
    engine = fed(of, request([paid(1), paid(-2), paid(3, method="cash")]))
    assert engine.stats().series == {"calls": 1, "duration": 1, "amount_eur": 2, "refunded_eur": 2, "unused": 0}
    found = [(of.family, of.labels[-22:], of.spans) for of in engine.label_sets() if of.family != "calls"]
    assert found == [
        ("amount_eur", b'payment_method="card",', 1),
        ("amount_eur", b'payment_method="cash",', 1),
        ("refunded_eur", b'payment_method="card",', 2),
        ("refunded_eur", b'payment_method="cash",', 1),
    ]
    assert engine.stats().label_sets == 5


def test_a_service_leaves_with_its_last_series_though_it_is_a_measures() -> None:
    """Its place is another's then; not only once its calls could have ended anew."""
    of = plan(AMOUNT, most_services=1, expire_after_ns=SHORT)
    engine, model = Engine(of), Oracle(of)
    for now, spans in ((NOW, [paid(1, service="a")]), (later(11), []), (later(11.5), [paid(2, service="b")])):
        engine.consume(request(spans), now)
        model.consume(request(spans), now)
        engine.expire(now)
        model.expire(now)
        assert_equal(engine, model, now)
        assert engine.stats().services == len(model.limits.services) == bool(spans)
    assert engine.stats().overflowed == {}


def test_a_value_whose_series_cannot_be_named_by_a_bug_costs_no_other_and_no_span(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An error would have the request sent again, and its spans counted twice."""
    of = plan(AMOUNT, most_series=2)
    monkeypatch.setattr(Policy, "overflow_of", lambda *labels, **bare: 1 / 0)
    engine = fed(of, request([paid(1), paid(2, method="cash"), paid(4)]))
    assert (engine.stats().aggregated, engine.stats().policy_errors) == (3, 1)
    assert [value for name, value in samples(engine).items() if "_sum" in name] == ["5"]
    engine.consume(request([paid(8)]), NOW)
    assert engine.stats().births == 2
