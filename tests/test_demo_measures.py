"""The demo's payments as measures, by the configuration that comes with it: what failed payments were worth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pytest
from prometheus_client.parser import text_string_to_metric_families

from span2metrics.config import compile_plan, load
from span2metrics.demo import CONFIG
from span2metrics.demo.encode import encode
from span2metrics.demo.incident import CYCLE
from span2metrics.demo.span import Kind, Span, Status
from span2metrics.demo.traffic import Traffic
from span2metrics.engine.core import Engine
from span2metrics.engine.plan import Format, Now

AT = 1_700_000_000_000_000_000
LATER = Now(AT + 10**15, 10**15)
CALM, CARDS_DOWN = 10.0, 190.0
NAME = "traces_span_metrics_payment_amount"
#: Method, currency, whether it failed, whether it is a refund → cents.
Money = Counter[tuple[str, str, bool, bool]]


def sent(elapsed_s: float) -> list[Span]:
    traffic = Traffic(7, CYCLE)
    return [span for number in range(400) for span in traffic.trace(number, AT + number * 10**9, elapsed_s)]


def true_money(spans: Iterable[Span]) -> Money:
    """By the outcome that the company says, on the spans of payments and refunds as `payments` serves them."""
    found: Money = Counter()
    for span in spans:
        of = span.attributes
        if span.service == "payments" and span.kind is Kind.SERVER and of.get("payment.type") in ("payment", "refund"):
            failed, cents = of["payment.outcome"] == "failed", round(float(of["payment.amount"]) * 100)
            found[str(of["payment.method"]), str(of["payment.currency"]), failed, cents < 0] += abs(cents)
    return found


def shown_money(engine: Engine) -> Money:
    found: Money = Counter()
    text = b"".join(engine.render(Format.TEXT, LATER)).decode()
    for family in text_string_to_metric_families(text):
        for sample in family.samples if family.name == NAME else ():
            if sample.name == f"{NAME}_sum":
                of = sample.labels
                failed, refund = of["status_code"] == "STATUS_CODE_ERROR", of["sign"] == "negative"
                found[of["payment_method"], of["payment_currency"], failed, refund] += round(sample.value * 100)
    return found


@pytest.mark.parametrize(("elapsed", "few", "many"), [(CALM, 0, 5), (CARDS_DOWN, 60, 300)])
def test_money_in_failed_payments_is_that_of_spans_with_an_error(elapsed: float, few: int, many: int) -> None:
    spans = sent(elapsed)
    engine = Engine(compile_plan(load(CONFIG)))
    engine.consume(encode(spans), LATER)
    assert shown_money(engine) == true_money(spans)
    failed = [span for span in spans if span.attributes.get("payment.outcome") == "failed"]
    assert few <= len(failed) <= many
    assert all(span.status is Status.ERROR for span in failed)
    assert not any(engine.stats().anomalies.values())


def test_each_method_loses_money_in_the_incident_that_stops_it() -> None:
    lost = Counter(method for method, _, failed, refund in true_money(sent(CARDS_DOWN)) if failed and not refund)
    assert {"card", "wallet"} <= lost.keys()
