"""A thousand payments, refunds among them: sums exact to the cent in every format; and of sampled ones, as near as
doubles are to the fractions."""

from __future__ import annotations

import random
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from span2metrics.config import compile_plan, load
from span2metrics.engine.plan import Format, Negative, Plan
from tests.oracle_measures import weighed
from tests.oracle_weights import WeightedOracle
from tests.payloads import FEEDS, MS, Placed, request
from tests.payments import MEASURES, SETTINGS, payments, spans, wanted
from tests.test_engine_properties import page
from tests.test_measures import fed
from tests.weights_page import near, numbers

PLAN = Plan(graph=None, measures=MEASURES)
NAME = "traces_span_metrics_payment"


def test_the_payments_are_a_thousand_with_refunds_and_the_smallest_and_largest_amounts() -> None:
    cents = [payment.cents for payment in payments()]
    assert len(cents) == 1000
    assert sum(amount < 0 for amount in cents) == 101
    assert (min(cents), max(cents)) == (-114_846, 426_678)
    assert sum(amount % 100 == 0 for amount in cents) > 5


def test_the_settings_are_the_plans(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(SETTINGS)
    of_file = compile_plan(load(file)).measures
    assert (replace(of_file[0], where=MEASURES[0].where), of_file[1]) == MEASURES


@pytest.mark.parametrize("format", [Format.TEXT, Format.OPENMETRICS, Format.PROTOBUF])
@pytest.mark.parametrize("way", FEEDS)
def test_sums_are_exact_to_the_cent_in_every_format(way: str, format: Format) -> None:
    engine = fed(PLAN, *FEEDS[way](spans()))
    found = {key: n.value for key, n in numbers(page(engine, format), format).items() if key[0].startswith(NAME)}
    assert found == {key: float(value) for key, value in wanted().items()}
    assert engine.stats().anomalies["measure_negative"] == 101


def test_as_text_they_have_their_cents_and_no_more() -> None:
    lines = [line for line in page(fed(PLAN, request(spans())), Format.TEXT).decode().splitlines() if NAME in line]
    shown = [Decimal(line.rpartition(" ")[2]) for line in lines if "_sum{" in line or "_net_eur{" in line]
    assert {value.as_tuple().exponent for value in shown} == {-2, -1, 0}
    of_money = [value for (name, _), value in wanted().items() if name.endswith(("_sum", "_net_eur"))]
    assert sorted(map(Fraction, shown)) == sorted(of_money)


def test_the_strict_parser_of_openmetrics_reads_the_same() -> None:
    text = page(fed(PLAN, request(spans())), Format.OPENMETRICS).decode() + "# EOF\n"
    families = [family for family in text_string_to_metric_families(text) if family.name.startswith(NAME)]
    assert [(family.name, family.type, family.unit) for family in families] == [
        (f"{NAME}_amount_eur", "histogram", "eur"),
        (f"{NAME}_amount_net_eur", "gauge", "eur"),
        (f"{NAME}_paid_eur", "summary", "eur"),
    ]
    found = {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}
    assert found == {key: float(value) for key, value in wanted().items()}


def test_sums_are_as_exact_over_the_blocks_of_a_large_request() -> None:
    times = 40  # 40,000 spans, of which a block holds 16,384
    engine = fed(PLAN, request(spans() * times))
    found = {
        key: n.value for key, n in numbers(page(engine, Format.TEXT), Format.TEXT).items() if key[0].startswith(NAME)
    }
    assert found == {key: float(value * times) for key, value in wanted().items()}


# --- weights ----------------------------------------------------------------------------------------------------------


def sampled() -> list[Placed]:
    dice = random.Random(5)
    states = ("ot=th:3", "ot=th:aaa", "ot=th:e6666666666668", "", "ot=th:0")
    return [span.but(trace_state=dice.choice(states), took=MS) for span in spans()[:300]] + [
        span.but(name="plain") for span in spans()[300:400]
    ]


@pytest.mark.parametrize("format", [Format.TEXT, Format.OPENMETRICS, Format.PROTOBUF])
def test_values_of_sampled_spans_count_for_all_that_these_stand_for(format: Format) -> None:
    measures = (replace(MEASURES[0], bounds=(10_000_000,)), replace(MEASURES[1], negative=Negative.ALLOW))
    of = Plan(graph=None, measures=measures)
    model = WeightedOracle(of)
    model.consume(request(sampled()))
    found = numbers(page(fed(of, request(sampled())), format), format)
    seen = 0
    nets: dict[tuple[str, frozenset[tuple[str, str]]], Fraction] = {}
    for (number, pairs, sign), (total, count) in weighed(model.measured).items():
        name = f"{NAME}_{('amount', 'paid')[number]}"
        labels = frozenset((*pairs, ("sign", sign)))
        assert near(found[f"{name}_eur_sum", labels].value, total)
        if number == 1 and format is Format.PROTOBUF:  # whose summaries count whole numbers
            assert abs(found[f"{name}_eur_count", labels].value - count) <= Fraction(1, 2)
        else:
            assert near(found[f"{name}_eur_count", labels].value, count)
        if number == 0:
            assert near(found[f"{name}_eur_bucket", labels | {("le", "+Inf")}].value, count)
            inside = [t for t in model.measured.taken[number, pairs] if t.sign == sign and abs(t.amount) <= 10_000_000]
            assert near(found[f"{name}_eur_bucket", labels | {("le", "10.0")}].value, sum(t.weight for t in inside))
        key = (f"{name}_net_eur", frozenset(pairs))
        nets[key] = nets.get(key, Fraction(0)) + (total if sign == "positive" else -total)
        seen += 1
    assert seen > 20
    for key, net in nets.items():
        assert abs(Fraction(found[key].value) - net) <= Fraction(1, 10**6)
    plain = [key for key in nets if ("span_name", "plain") in key[1]]
    assert all(found[key].value == float(nets[key]) for key in plain)
    assert len(plain) > 3


def test_a_cap_holds_for_values_too() -> None:
    of = Plan(graph=None, measures=(MEASURES[1],), max_weight=10)
    spans = [Placed(attributes={"payment.amount": "2.50"}, trace_state="ot=th:ffffffffffffff")]
    found = numbers(page(fed(of, request(spans)), Format.TEXT), Format.TEXT)
    assert [n.value for (name, _), n in found.items() if name.startswith(NAME)] == [25, 10]
