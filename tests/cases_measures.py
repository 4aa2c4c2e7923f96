"""What measures make of spans, case by case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from span2metrics.engine.plan import Dialect, Dimension, Measure, Negative, Plan, Source
from span2metrics.engine.rewriting import Rewrite
from span2metrics.engine.where import Filters, Texts, Where
from tests.cases_amounts import MOST, TOO_MUCH
from tests.payloads import CLIENT, ERROR, OK, SERVER, Pairs, Placed

PAY, METHOD = "payment.amount", "payment.method"
OF_METHOD = Dimension("payment_method", (METHOD,))
AMOUNT = Measure("amount", PAY, "eur", (1_000_000, 9_990_000), (OF_METHOD,))


def plan(*measures: Measure, **more: Any) -> Plan:
    return Plan(
        **{"graph": None, "errors_zero": False, "bounds_ns": (), "exemplars": False, **more, "measures": measures}
    )


def paid(amount: Any, **more: Any) -> Placed:
    """A span with an amount, by card unless said otherwise; None of either: it has none."""
    carried = {PAY: amount, METHOD: more.pop("method", "card"), **more.pop("attributes", {})}
    return Placed(attributes={key: value for key, value in carried.items() if value is not None}, **more)


@dataclass(frozen=True)
class Case:
    """`samples`: name and rendered labels → value, of all samples of measures but buckets, as text pages have them."""

    promise: str
    plan: Plan
    spans: Sequence[Placed]
    samples: Mapping[str, str]
    anomalies: Mapping[str, int] = field(default_factory=dict)


def labels(
    service: str = "shop", name: str = "GET /", kind: str = "SERVER", status: str = "UNSET", more: str = ""
) -> str:
    built_in = (
        f'service_name="{service}",span_name="{name}",span_kind="SPAN_KIND_{kind}",status_code="STATUS_CODE_{status}"'
    )
    return "{" + built_in + more + "}"


def summed(more: str, total: str, count: str, name: str = "amount_eur", **of: str) -> dict[str, str]:
    shown = labels(more=more, **of)
    return {f"traces_span_metrics_{name}_sum{shown}": total, f"traces_span_metrics_{name}_count{shown}": count}


CARD, CASH = ',payment_method="card"', ',payment_method="cash"'
SIGNED = Measure("amount", PAY, "eur", (), (OF_METHOD,), negative=Negative.ALLOW)
SUMMARY = Measure("amount", PAY, "eur")
PLUS, MINUS = ',sign="positive"', ',sign="negative"'

CASES = [
    Case(
        "values are summed by labels",
        plan(AMOUNT),
        [paid(1), paid(2.5), paid("0.25", method="cash")],
        summed(CARD, "3.5", "2") | summed(CASH, "0.25", "1"),
    ),
    Case("a span without the attribute is no observation", plan(AMOUNT), [paid(None), paid("")], {}),
    Case(
        "nor does it make a series beside those that there are",
        plan(AMOUNT),
        [paid(1), paid(None, method="cash")],
        summed(CARD, "1", "1"),
    ),
    Case("a dimension without a value has no label", plan(AMOUNT), [paid(1, method=None)], summed("", "1", "1")),
    Case(
        "a dimension may have a default",
        plan(Measure("amount", PAY, "eur", (), (Dimension("m", ("x",), default="none"),))),
        [paid(1)],
        summed(',m="none"', "1", "1"),
    ),
    Case(
        "a dimension may be read from the resource",
        plan(Measure("amount", PAY, "eur", (), (Dimension("zone", ("zone",), (Source.RESOURCE,)),))),
        [paid(1, resource={"zone": "z"}, attributes={"zone": "y"})],
        summed(',zone="z"', "1", "1"),
    ),
    Case(
        "a dimension may be rewritten",
        plan(Measure("amount", PAY, "eur", (), (Dimension("m", (METHOD,), rewrites=(Rewrite("c.*", "C"),)),))),
        [paid(1)],
        summed(',m="C"', "1", "1"),
    ),
    Case(
        "own labels stand behind those of the calls, whose dimensions they share",
        plan(AMOUNT, dimensions=(Dimension("z", ("z",)),), calls_dimensions=(Dimension("y", ("y",)),)),
        [paid(1, attributes={"z": "1", "y": "2"})],
        summed(',z="1",y="2"' + CARD, "1", "1"),
    ),
    Case(
        "labels that only durations have are none of a measure's",
        plan(AMOUNT, duration_dimensions=(Dimension("d", ("d",)),)),
        [paid(1, attributes={"d": "1"}), paid(2, attributes={"d": "2"})],
        summed(CARD, "3", "2"),
    ),
    Case(
        "the attribute of a dimension may be measured too",
        plan(SUMMARY, dimensions=(Dimension("p", (PAY,)),)),
        [paid(5), paid("5.0")],
        summed(',p="5"', "5", "1") | summed(',p="5.0"', "5", "1"),
    ),
    Case(
        "status and kind tell series apart",
        plan(SUMMARY),
        [paid(1, status=OK), paid(2, status=ERROR), paid(4, kind=CLIENT)],
        summed("", "1", "1", status="OK") | summed("", "2", "1", status="ERROR") | summed("", "4", "1", kind="CLIENT"),
    ),
    Case(
        "a label that is left out of calls is left out of measures",
        plan(SUMMARY, exclude=frozenset({"span_kind", "status_code", "span_name"})),
        [paid(1), paid(2, status=ERROR)],
        {
            'traces_span_metrics_amount_eur_sum{service_name="shop"}': "3",
            'traces_span_metrics_amount_eur_count{service_name="shop"}': "2",
        },
    ),
    Case(
        "a series with errors at 0 beside others is none of a measure's",
        plan(SUMMARY, errors_zero=True),
        [paid(1)],
        summed("", "1", "1"),
    ),
    Case(
        "only spans that are meant are measured",
        plan(Measure("amount", PAY, "eur", where=Where(kinds=(SERVER,), service=Texts(("shop",))))),
        [paid(1), paid(2, kind=CLIENT), paid(4, service="other")],
        summed("", "1", "1"),
    ),
    Case(
        "a condition may ask for an attribute that no label shows",
        plan(Measure("amount", PAY, "eur", where=Where(span=(("currency", Texts(patterns=("EU.",))),)))),
        [paid(1, attributes={"currency": "EUR"}), paid(2, attributes={"currency": "USD"}), paid(4)],
        summed("", "1", "1"),
    ),
    Case(
        "a condition may ask for what is left out of labels",
        plan(
            Measure("amount", PAY, "eur", where=Where(kinds=(SERVER,), statuses=(ERROR,), name=Texts(("a",)))),
            exclude=frozenset({"span_kind", "status_code", "span_name"}),
        ),
        [paid(1, name="a", status=ERROR), paid(2, name="a"), paid(4, status=ERROR), paid(8, name="a", kind=CLIENT)],
        {
            'traces_span_metrics_amount_eur_sum{service_name="shop"}': "1",
            'traces_span_metrics_amount_eur_count{service_name="shop"}': "1",
        },
    ),
    Case(
        "a span that a filter drops is not measured, nor is it odd",
        plan(SUMMARY, filters=Filters(exclude=(Where(kinds=(CLIENT,)),))),
        [paid(1), paid(2, kind=CLIENT), paid("x", kind=CLIENT), paid(-1, kind=CLIENT)],
        summed("", "1", "1"),
    ),
    Case("a span outside the slack is not measured", plan(SUMMARY, slack_ns=10**9), [paid(1), paid("x")], {}),
    Case(
        "a span without a time is measured",
        plan(SUMMARY),
        [paid(1, start=0), paid(2, end=0)],
        summed("", "3", "2"),
        {"no_time": 2},
    ),
    Case(
        "two measures may read one attribute",
        plan(SUMMARY, Measure("paid", PAY, where=Where(statuses=(0,)))),
        [paid(1), paid(2, status=ERROR)],
        summed("", "1", "1") | summed("", "2", "1", status="ERROR") | summed("", "1", "1", "paid"),
    ),
    Case(
        "one span may carry several values",
        plan(SUMMARY, Measure("items", "items")),
        [paid("19.99", attributes={"items": 3}), paid(None, attributes={"items": "2"})],
        summed("", "19.99", "1") | summed("", "5", "2", "items"),
    ),
    Case(
        "the first of two attributes with one name is the value",
        plan(SUMMARY),
        [Placed(attributes=Pairs([(PAY, 1), (PAY, 2)]))],
        summed("", "1", "1"),
    ),
    Case(
        "what is no number is counted, once a span",
        plan(SUMMARY, Measure("twice", PAY), Measure("other", "x")),
        [paid("1,5", attributes={"x": "y"}), paid(True)],
        {},
        {TOO_MUCH: 2},
    ),
    Case(
        "but only where a measure means the span",
        plan(Measure("amount", PAY, where=Where(kinds=(CLIENT,)))),
        [paid("1,5"), paid(-1)],
        {},
    ),
    Case(
        "a negative value is refused and counted",
        plan(SUMMARY),
        [paid(-1), paid("-0.5"), paid(2), paid(-1e-9)],
        summed("", "2", "2"),
        {"measure_negative": 2},
    ),
    Case(
        "where negative values are allowed their magnitude has a series of its own, and the net is a gauge",
        plan(SIGNED),
        [paid(10), paid("-2.5"), paid(-4), paid(0)],
        summed(CARD + MINUS, "6.5", "2")
        | summed(CARD + PLUS, "10", "2")
        | {f"traces_span_metrics_amount_net_eur{labels(more=CARD)}": "3.5"},
    ),
    Case(
        "the net may be negative",
        plan(SIGNED),
        [paid(-2), paid("0.000001")],
        summed(CARD + MINUS, "2", "1")
        | summed(CARD + PLUS, "0.000001", "1")
        | {f"traces_span_metrics_amount_net_eur{labels(more=CARD)}": "-1.999999"},
    ),
    Case(
        "a sign that no value had has no series",
        plan(SIGNED),
        [paid(-2)],
        summed(CARD + MINUS, "2", "1") | {f"traces_span_metrics_amount_net_eur{labels(more=CARD)}": "-2"},
    ),
    Case(
        "a net of nothing is 0",
        plan(SIGNED),
        [paid(-2), paid(2)],
        summed(CARD + MINUS, "2", "1")
        | summed(CARD + PLUS, "2", "1")
        | {f"traces_span_metrics_amount_net_eur{labels(more=CARD)}": "0"},
    ),
    Case(
        "one measure may refuse what another allows",
        plan(SUMMARY, Measure("all", PAY, negative=Negative.ALLOW)),
        [paid(-2), paid(3)],
        summed("", "3", "1")
        | summed(MINUS, "2", "1", "all")
        | summed(PLUS, "3", "1", "all")
        | {f"traces_span_metrics_all_net{labels()}": "1"},
        {"measure_negative": 1},
    ),
    Case(
        "sums go beyond what 64 bits hold",
        plan(SIGNED),
        [paid(MOST)] * 40 + [paid(-MOST)] * 21 + [paid("0.01")],
        summed(CARD + MINUS, "21000000000000000000", "21")
        | summed(CARD + PLUS, "40000000000000000000.01", "41")
        | {f"traces_span_metrics_amount_net_eur{labels(more=CARD)}": "19000000000000000000.01"},
    ),
    Case(
        "a measure is shown once, with the labels of the first dialect",
        plan(SUMMARY, dialects=(Dialect.TEMPO, Dialect.OTEL)),
        [paid(1)],
        {name.replace("service_name=", "service="): value for name, value in summed("", "1", "1").items()},
    ),
    Case(
        "a namespace may be empty",
        plan(SUMMARY, namespace=""),
        [paid(1)],
        {name.removeprefix("traces_span_metrics_"): value for name, value in summed("", "1", "1").items()},
    ),
    Case(
        "labels of the resource are a measure's too",
        plan(AMOUNT, resource_labels=(Dimension("r", ("r",), (Source.RESOURCE,)),)),
        [paid(1, resource={"r": "x"})],
        summed(',r="x"' + CARD, "1", "1"),
    ),
    Case(
        "card numbers in a measure's labels are hidden",
        plan(AMOUNT),
        [paid(1, method="4111 1111 1111 1111")],
        summed(',payment_method="****"', "1", "1"),
    ),
]

#: A histogram, and a signed one, with all that a page can show of them.
RICH = plan(
    AMOUNT,
    Measure("refunded", PAY, "eur", (5_000_000,), (OF_METHOD,), negative=Negative.ALLOW),
    exemplars=True,
    created=True,
    zero_first_ns=10**9,
)
