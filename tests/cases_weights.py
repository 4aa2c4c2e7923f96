"""Cases: for how many spans one counts, by its tracestate or by an attribute."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from span2metrics.engine.plan import Dimension, Plan
from tests.cases import BARE, SPAN, plan
from tests.payloads import BAD, Pairs, Placed

#: The attribute that the plans here weigh by.
P = "sampling.probability"
ASKED = plan(weight_attribute=P)


@dataclass(frozen=True)
class Case:
    """A span and its weight; `capped`: it asked for more."""

    promise: str
    span: Placed
    weight: Fraction | int
    plan: Plan = BARE
    capped: bool = False
    #: Labels of its series besides those of any span.
    labels: dict[str, str] = field(default_factory=dict)


def traced(promise: str, trace_state: str, weight: Fraction | int, **more: Any) -> Case:
    return Case(f"tracestate: {promise}", SPAN.but(trace_state=trace_state), weight, **more)


def asked(promise: str, value: Any, weight: Fraction | int, **more: Any) -> Case:
    return Case(f"attribute: {promise}", SPAN.but(attributes={P: value}), weight, ASKED, **more)


def inverse(probability: float) -> Fraction:
    """Of the very double, not of the decimal that it is written as."""
    return 1 / Fraction(probability)


def kept(threshold: int) -> Fraction:
    return Fraction(1 << 56, (1 << 56) - threshold)


TRACESTATE = [
    traced("nothing was thrown away", "ot=th:0", 1),
    traced("half was", "ot=th:8", 2),
    traced("three quarters were", "ot=th:c", 4),
    traced("fewer digits stand for the first of fourteen", "ot=th:08", Fraction(32, 31)),
    traced("zeros at the end say nothing", "ot=th:80000", 2),
    traced("all fourteen digits count", "ot=th:e6666666666668", kept(0xE6666666666668)),
    traced("two thirds, as near as three digits can say", "ot=th:aaa", Fraction(0x1000, 0x1000 - 0xAAA)),
    traced("the other members of the list are passed over", "v=x,ot=th:8", 2),
    traced("behind it, too", "ot=th:8,v=x", 2),
    traced("blanks may stand about a member", "v=x , \t ot=th:8\t,w=y", 2),
    traced("empty members are nothing", ",, ,ot=th:8,", 2),
    traced("the other parts are passed over", "ot=rv:6e6d1a75832a2f;th:8", 2),
    traced("behind it, too", "ot=th:8;rv:6e6d1a75832a2f;pn:abc", 2),
    traced("what is wrong elsewhere takes nothing from it", f"=,A,{BAD}=,ot=;:;x;th:8;", 2),
    traced("a long list is read to its end", ",".join(f"k{n}={'v' * 250}" for n in range(40)) + ",ot=th:8", 2),
    traced("of two thresholds the first counts", "ot=th:8;th:c", 2),
    traced("of two members the first counts", "ot=th:8,ot=th:c", 2),
    traced("even if it says nothing", "ot=p:3,ot=th:c", 1),
    traced("the older p-value is none", "ot=p:3;r:62", 1),
]
NO_THRESHOLD = {
    "no hexadecimal digits": "ot=th:xyz",
    "one digit that is none": "ot=th:8g",
    "no digits": "ot=th:",
    "no digits, and another part": "ot=th:;rv:6e6d1a75832a2f",
    "fifteen digits": "ot=th:800000000000000",
    "fifteen zeros": "ot=th:000000000000000",
    "upper case": "ot=th:C",
    "a blank before the digits": "ot=th: 8",
    "a blank behind the digits": "ot=th:8 ;rv:6e6d1a75832a2f",
    "a sign": "ot=th:+8",
    "another notation": "ot=th:0x8",
    "a second equals sign": "ot=th:8=c",
    "a key of two letters more": "ot=oth:8",
    "the key in upper case": "ot=TH:8",
    "no key": "ot=8",
    "no member's key": "th:8",
    "another member": "to=th:8",
    "a member of a longer name": "dot=th:8",
    "a member of a tenant": "ot@vendor=th:8",
    "the member in upper case": "OT=th:8",
    "a blank in the member's key": "ot =th:8",
    "nothing": "",
    "no list at all": "\0",
}
NONE = [traced(f"{what} is no threshold", text, 1) for what, text in NO_THRESHOLD.items()]

ATTRIBUTE = [
    asked("a double", 0.25, 4),
    asked("a double that is no decimal", 0.3, inverse(0.3)),
    asked("all of them", 1.0, 1),
    asked("an integer can only be all", 1, 1),
    asked("a text", "0.25", 4),
    asked("a text without a whole part", ".5", 2),
    asked("a text without a fraction", "1.", 1),
    asked("a text with an exponent", "25e-2", 4),
    asked("a text with an exponent in upper case and signed", "0.00025E+3", 4),
    asked("a text is the nearest double", "0.1", inverse(0.1)),
    asked("a long text is one as well", "0." + "25".ljust(126, "0"), 4),
    asked("the least double above a half", math.nextafter(0.5, 1), inverse(math.nextafter(0.5, 1))),
    asked("the greatest double below 1", math.nextafter(1, 0), inverse(math.nextafter(1, 0))),
    Case("attribute: of two the first counts", SPAN.but(attributes=Pairs([(P, 0.5), (P, 0.25)])), 2, ASKED),
    Case("attribute: the resource's does not count", SPAN.but(resource={P: 0.5}), 1, ASKED),
    Case("attribute: nor does the scope's", SPAN.but(scope={P: 0.5}), 1, ASKED),
    Case("attribute: nor does one that nobody asked for", SPAN.but(attributes={P: 0.5}), 1),
    Case("attribute: it may be absent", SPAN, 1, ASKED),
    Case(
        "attribute: it may be a dimension as well",
        SPAN.but(attributes={P: "0.50"}),
        2,
        plan(Dimension("probability", (P,)), weight_attribute=P),
        labels={"probability": "0.50"},
    ),
    Case(
        "attribute: it may be what edges are named by",
        SPAN.but(attributes={"peer.service": "0.5"}),
        2,
        plan(weight_attribute="peer.service"),
    ),
]
NO_PROBABILITY: Iterable[Any] = (
    *(0, 2, -1, 2**63 - 1, 0.0, -0.0, -0.5, 1.5, math.nextafter(1, 2), math.nan, math.inf, -math.inf),
    *(True, False, None, b"0.5", [0.5], ["0.5"], {"p": 0.5}, [], {}),
    *("", "x", " 0.5", "0.5 ", "0.5\0", "+0.5", "-0.5", "0,5", "50%", "1/2", "0x1p-1", "1_0e-2", "nan", "inf", "0.0"),
    *(".", "e-1", ".e-1", "1e", "1e-", "5e--1", "1e+1", "0.5.", "٠.٥", "0." + "25".ljust(127, "0"), f"0.5{BAD}"),
)
NONE += [asked(f"{str(value)[:20]!r} ({type(value).__name__}) is no probability", value, 1) for value in NO_PROBABILITY]


def both(promise: str, trace_state: str, weight: int, **more: Any) -> Case:
    span = SPAN.but(trace_state=trace_state, attributes={P: 0.25})
    return Case(f"both: {promise}", span, weight, plan(**{"weight_attribute": P, **more}))


ORDER = [
    both("the tracestate is asked first", "ot=th:8", 2),
    both("even if it weighs 1", "ot=th:0", 1),
    both("the attribute stands in where it says nothing", "ot=rv:6e6d1a75832a2f", 4),
    both("or nothing that can be read", "ot=th:xyz", 4),
    both("or where it is not asked", "ot=th:8", 4, tracestate=False),
    both("neither is asked", "ot=th:8", 1, tracestate=False, weight_attribute=""),
]
DEFAULT = 10_000
CAP = [
    traced("the smallest part that there is", "ot=th:ffffffffffffff", DEFAULT, capped=True),
    traced("a weight at the cap is not capped", "ot=th:c", 4, plan=plan(max_weight=4)),
    traced("a weight above it is", "ot=th:c", 3, plan=plan(max_weight=3), capped=True),
    traced("by however little", "ot=th:c0000000000001", 4, plan=plan(max_weight=4), capped=True),
    traced("below it is not", "ot=th:bfffffffffffff", kept(0xBFFFFFFFFFFFFF), plan=plan(max_weight=4)),
    traced("a cap that no threshold reaches", "ot=th:ffffffffffffff", 10**9, plan=plan(max_weight=10**9), capped=True),
    traced("a cap of 1 lets nothing weigh more", "ot=th:8", 1, plan=plan(max_weight=1), capped=True),
    asked("the default cap is reached and not passed by 0.0001", 0.0001, inverse(0.0001)),
    asked("a text neither", "1e-4", inverse(1e-4)),
    asked("but passed by less", 0.0000999, DEFAULT, capped=True),
    asked("the least double", 5e-324, DEFAULT, capped=True),
    asked("a text of next to nothing", "1e-300", DEFAULT, capped=True),
    Case(
        "attribute: a cap's own inverse is not capped, although no double is that",
        SPAN.but(attributes={P: 1e-6}),
        inverse(1e-6),
        plan(weight_attribute=P, max_weight=10**6),
    ),
]
CASES = [*TRACESTATE, *NONE, *ATTRIBUTE, *ORDER, *CAP]
