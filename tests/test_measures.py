"""Business measures: values, labels, limits and time, case by case and against the oracle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from span2metrics.engine.core import Engine
from span2metrics.engine.plan import MS, Dimension, Escaping, Format, Measure, Negative, Now, Plan
from span2metrics.engine.policy import Policy
from span2metrics.errors import DecodeError
from tests.cases_amounts import TOO_MUCH, VALUES
from tests.cases_measures import AMOUNT, CASES, METHOD, OF_METHOD, PAY, RICH, Case, paid, plan
from tests.oracle import Oracle
from tests.oracle_measures import amount_of
from tests.payloads import FEEDS, NOW, Placed, amounts, any_value, measures, request
from tests.test_engine_properties import assert_equal, later, page
from tests.twins import parse_value

WHOLE = plan(Measure("m", "k", negative=Negative.ALLOW))


def fed(of: Plan, *requests: bytes, now: Now = NOW) -> Engine:
    engine = Engine(of)
    for body in requests:
        engine.consume(body, now)
    return engine


def samples(engine: Engine, now: Now = NOW) -> dict[str, str]:
    """Those of measures, by name and labels; buckets left out."""
    lines = page(engine, Format.TEXT, now).decode().splitlines()
    found = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    others = ("calls_total{", "duration_seconds_", "latency_", "size_total{", "_bucket{")
    return {name: value for name, value in found.items() if not any(other in name for other in others)}


def anomalies(engine: Engine) -> dict[str, int]:
    return {reason: count for reason, count in engine.stats().anomalies.items() if count}


# --- values -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("value", "shown"), VALUES, ids=lambda value: ascii(value)[:40])
def test_a_value_is_rounded_to_a_millionth_or_refused(value: Any, shown: str | None) -> None:
    engine = fed(WHOLE, request([Placed(attributes={"k": value})]))
    net = [number for name, number in samples(engine).items() if "_m_net" in name]
    assert net == ([] if shown in (None, TOO_MUCH) else [shown])
    assert anomalies(engine) == ({TOO_MUCH: 1} if shown == TOO_MUCH else {})


@pytest.mark.parametrize(("value", "shown"), VALUES, ids=lambda value: ascii(value)[:40])
def test_the_oracle_reads_it_as_that(value: Any, shown: str | None) -> None:
    found = amount_of(parse_value(any_value(value).SerializeToString()))
    assert found == (shown if shown in (None, TOO_MUCH) else Fraction(shown) * 10**6)


_digits = st.text("0123456789", max_size=40)
_exponents = (
    st.just("") | st.integers(-60, 60).map("e{}".format) | st.from_regex("[eE][+-]?[0-9]{1,25}", fullmatch=True)
)
texts = st.builds(
    "{}{}{}{}{}".format, st.sampled_from(["", "-", "+"]), _digits, st.sampled_from(["", "."]), _digits, _exponents
)


@settings(max_examples=400)
@given(st.lists(amounts | texts | st.floats(), min_size=1, max_size=8))
def test_any_values_are_summed_as_the_oracle_does(values: list[Any]) -> None:
    spans = [Placed(attributes={"k": value}) for value in values]
    model = Oracle(WHOLE)
    model.consume(request(spans))
    assert_equal(fed(WHOLE, request(spans)), model)


# --- cases ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.promise)
def test_a_case_comes_to_its_samples(case: Case) -> None:
    engine, model = fed(case.plan, request(case.spans)), Oracle(case.plan)
    model.consume(request(case.spans))
    assert samples(engine) == case.samples
    assert anomalies(engine) == case.anomalies
    assert_equal(engine, model)


@pytest.mark.parametrize("way", FEEDS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.promise)
def test_every_way_of_feeding_gives_the_same_page(case: Case, way: str) -> None:
    engine = fed(case.plan, *FEEDS[way](case.spans))
    assert samples(engine) == case.samples
    assert anomalies(engine) == case.anomalies


def test_promises_are_told_apart() -> None:
    assert len({case.promise for case in CASES}) == len(CASES) > 30


def test_a_fault_inside_a_value_that_is_measured_refuses_the_request() -> None:
    whole = request([Placed(attributes={"k": [7], "x": [7]})])
    broken = whole.replace(b"\x0a\x02\x18\x07", b"\x0a\x02\x18\x87", 1)
    assert broken != whole
    engine = Engine(WHOLE)
    with pytest.raises(DecodeError):
        engine.consume(broken, NOW)
    assert (engine.stats().received, samples(engine)) == (0, {})
    assert anomalies(fed(plan(), broken)) == {}


def test_where_conditions_fail_by_a_bug_the_span_counts_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Policy, "measured", lambda *key: 1 / 0)
    engine = fed(WHOLE, request([Placed(attributes={"k": 1})]))
    assert (engine.stats().policy_errors, engine.stats().aggregated, samples(engine)) == (1, 1, {})


#: Spans of one key in forms that lead to it on each way there is.
FORMS = {
    "as it is": [paid(1, name="pay", attributes={"n": "5"})],
    "by the bytes of its normal form": [paid(2, name="pay", attributes={"n": 5})],
    "by the texts of its normal form": [paid(4, name="pay", attributes={"n": 5.0})],
    "twice in a request": [paid(8, name="pay", attributes={"n": n}) for n in (5.0, "5", 5)],
}


@pytest.mark.parametrize("first", FORMS)
def test_a_key_is_measured_on_whichever_way_it_is_known(first: str) -> None:
    of = plan(AMOUNT, dimensions=(Dimension("n", ("n",)),))
    engine, model = Engine(of), Oracle(of)
    for spans in (FORMS[first], *FORMS.values(), *FORMS.values()):
        engine.consume(request(spans), NOW)
        model.consume(request(spans))
        assert_equal(engine, model)
    assert engine.stats().births == 1


def test_a_key_is_measured_that_was_carried_over_from_what_is_forgotten() -> None:
    of = plan(AMOUNT, raw_key_bytes=1 << 16)
    engine, model = Engine(of), Oracle(of)
    for n in range(300):
        name = "".join("ghijklmnop"[int(digit)] for digit in str(n)) * 80
        body = request([paid(1, name="kept"), paid(n, name=name)])
        engine.consume(body, NOW)
        model.consume(body)
    assert_equal(engine, model)
    assert engine.stats().births == 301


# --- pages ------------------------------------------------------------------------------------------------------------


def test_a_bucket_has_the_latest_span_with_its_value_and_no_summary_has_one() -> None:
    both = plan(AMOUNT, Measure("plain", PAY), exemplars=True)
    engine = fed(both, request([paid("0.5"), paid(2), paid(3, span_id=b"\3" * 8, took=4 * MS), paid(10**14)]))
    lines = page(engine, Format.OPENMETRICS).decode().splitlines()
    shown = [line.split(" # ")[1] for line in lines if " # " in line and "amount" in line]
    assert [text.split()[1] for text in shown] == ["0.5", "3"]  # the last one's millionths have more than 64 bits
    assert 'span_id="0303030303030303"' in shown[1]
    assert not any(" # " in line for line in lines if "plain" in line)


def test_a_new_series_is_shown_at_0_for_a_while_and_so_is_its_net() -> None:
    engine, model = Engine(RICH), Oracle(RICH)
    for second, body in enumerate((request([paid(7)]), request([paid(-2, method="card"), paid(1, method="cash")]))):
        now = later(second * 0.8)
        engine.consume(body, now)
        model.consume(body, now)
        for after in (0, 0.3, 0.9, 1.2):
            assert_equal(engine, model, later(second * 0.8 + after))
    nets = [value for name, value in samples(engine, later(1.2)).items() if "_net" in name]
    assert nets == ["7", "0"]


def test_labels_have_their_utf8_names_where_these_are_asked_for() -> None:
    of = plan(
        replace(AMOUNT, dimensions=(Dimension("payment_method", (METHOD,), utf8=METHOD),)),
        calls_dimensions=(Dimension("c_d", ("c",), utf8="c.d"),),
        duration_dimensions=(Dimension("e_f", ("c",), utf8="e.f"),),
    )
    body = request([paid(1, attributes={"c": "x"})])
    model = Oracle(of)
    model.consume(body)
    assert_equal(fed(of, body), model)
    assert b'"c.d"="x","payment.method"="card",le=' in model.page(Format.TEXT, NOW, Escaping.ALLOW_UTF8)


def test_families_are_there_before_any_value() -> None:
    text = page(Engine(RICH), Format.OPENMETRICS).decode()
    assert [line for line in text.splitlines() if "amount" in line or "refunded" in line] == [
        "# HELP traces_span_metrics_amount_eur Values that spans carry; of negative ones the magnitude.",
        "# TYPE traces_span_metrics_amount_eur histogram",
        "# UNIT traces_span_metrics_amount_eur eur",
        "# HELP traces_span_metrics_refunded_eur Values that spans carry; of negative ones the magnitude.",
        "# TYPE traces_span_metrics_refunded_eur histogram",
        "# UNIT traces_span_metrics_refunded_eur eur",
        "# HELP traces_span_metrics_refunded_net_eur What the values come to, negative ones taken off.",
        "# TYPE traces_span_metrics_refunded_net_eur gauge",
        "# UNIT traces_span_metrics_refunded_net_eur eur",
    ]


# --- against the oracle -----------------------------------------------------------------------------------------------

_spans = st.lists(
    st.builds(
        Placed,
        name=st.sampled_from("ab"),
        kind=st.integers(0, 5),
        status=st.integers(0, 2),
        service=st.sampled_from(["v", "é", None]),
        attributes=st.fixed_dictionaries(
            {}, optional={"k": amounts, "k.b": amounts | st.sampled_from(["v", "é"]), "http.route": st.just("7.5")}
        ),
        resource=st.sampled_from([{}, {"k": "v"}]),
        took=st.sampled_from([0, MS, 3 * MS]),
    ),
    max_size=8,
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(measures, min_size=1, max_size=3), st.lists(_spans, max_size=3), st.sampled_from([0, 0, 10**9]))
def test_any_measures_count_as_the_oracle_does(
    found: list[Measure], batches: Sequence[list[Placed]], zero: int
) -> None:
    named = tuple(replace(measure, name=f"m{i}") for i, measure in enumerate(found))
    of = replace(plan(*named), dimensions=(OF_METHOD,), exemplars=True, created=True, zero_first_ns=zero)
    engine, model = Engine(of), Oracle(of)
    for n, spans in enumerate(batches):
        engine.consume(request(spans), later(n * 0.7))
        model.consume(request(spans), later(n * 0.7))
        assert_equal(engine, model, later(n * 0.7))
    assert_equal(engine, model, later(5))
