"""A thousand payments of known amounts, refunds among them, and what they come to, in cents."""

from __future__ import annotations

import random
from collections import Counter
from fractions import Fraction
from typing import Any, NamedTuple

from span2metrics.engine.plan import Dimension, Measure, Negative
from tests.payloads import ERROR, Placed

#: The configuration's measures, as text and as the plan has them.
SETTINGS = """
measures:
  - {name: payment_amount, attribute: payment.amount, unit: eur, buckets: [1, 9.99, 100, 1000], negative: allow,
     dimensions: [{name: payment.method}], where: {service: shop, kind: server}}
  - {name: payment_paid, attribute: payment.amount, unit: eur}
"""
MEASURES = (
    Measure(
        "payment_amount",
        "payment.amount",
        "eur",
        (1_000_000, 9_990_000, 100_000_000, 1_000_000_000),
        (Dimension("payment_method", ("payment.method",)),),
        negative=Negative.ALLOW,
    ),
    Measure("payment_paid", "payment.amount", "eur"),
)
STATUSES = {0: "STATUS_CODE_UNSET", ERROR: "STATUS_CODE_ERROR"}
SERVER = "SPAN_KIND_SERVER"
METHODS = ("card", "sepa", "wallet")


class Payment(NamedTuple):
    method: str
    status: int
    cents: int

    def span(self, dice: random.Random) -> Placed:
        """A sender writes amounts as doubles, as texts, or as integers where it can."""
        forms: list[Any] = [self.cents / 100, f"{self.cents / 100:.2f}"]
        if self.cents % 100 == 0:
            forms.append(self.cents // 100)
        attributes = {"payment.amount": dice.choice(forms), "payment.method": self.method}
        return Placed(name="pay", status=self.status, attributes=attributes, took=dice.randrange(10**9))


def payments() -> list[Payment]:
    dice = random.Random(19)
    cents = [round(dice.lognormvariate(8, 1.5)) for _ in range(1000)]
    cents = [-amount if dice.random() < 0.1 else amount for amount in cents]
    return [Payment(dice.choice(METHODS), dice.choice([0, 0, 0, ERROR]), amount) for amount in cents]


def spans() -> list[Placed]:
    dice = random.Random(20)
    return [payment.span(dice) for payment in payments()]


class Totals(NamedTuple):
    """Cents by (method, status, sign of the amount: 1 or -1), magnitudes; and how many payments."""

    cents: Counter[tuple[str, int, int]]
    counts: Counter[tuple[str, int, int]]
    below: Counter[tuple[str, int, int, int]]  # how many, up to each bound in cents


def totals() -> Totals:
    found = Totals(Counter(), Counter(), Counter())
    for method, status, cents in payments():
        key = (method, status, -1 if cents < 0 else 1)
        found.cents[key] += abs(cents)
        found.counts[key] += 1
        for bound in (100, 999, 10_000, 100_000):
            found.below[*key, bound] += abs(cents) <= bound
    return found


def wanted() -> dict[tuple[str, frozenset[tuple[str, str]]], Fraction]:
    """Every number of the measures' families on a page, by name and labels."""
    found: Counter[tuple[str, frozenset[tuple[str, str]]]] = Counter()
    every = totals()
    for (method, status, sign), cents in every.cents.items():
        calls = {
            "service_name": "shop",
            "span_name": "pay",
            "span_kind": "SPAN_KIND_SERVER",
            "status_code": STATUSES[status],
        }
        own = {**calls, "payment_method": method}
        signed = {**own, "sign": "positive" if sign > 0 else "negative"}
        name, count = "traces_span_metrics_payment_amount_eur", every.counts[method, status, sign]
        for cents_of, le in ((100, "1.0"), (999, "9.99"), (10_000, "100.0"), (100_000, "1000.0")):
            found[f"{name}_bucket", frozenset({**signed, "le": le}.items())] += every.below[
                method, status, sign, cents_of
            ]
        found[f"{name}_bucket", frozenset({**signed, "le": "+Inf"}.items())] += count
        found[f"{name}_count", frozenset(signed.items())] += count
        found[f"{name}_sum", frozenset(signed.items())] += Fraction(cents, 100)
        found["traces_span_metrics_payment_amount_net_eur", frozenset(own.items())] += sign * Fraction(cents, 100)
        if sign > 0:
            found["traces_span_metrics_payment_paid_eur_count", frozenset(calls.items())] += count
            found["traces_span_metrics_payment_paid_eur_sum", frozenset(calls.items())] += Fraction(cents, 100)
    return dict(found)
