"""What the plan selects is admitted beyond the limits, and even so there is an end to what a sender can make."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from span2metrics import names
from span2metrics.engine.core import Engine
from span2metrics.engine.plan import Plan
from span2metrics.engine.where import Texts, Where
from tests.payloads import CLIENT, ERROR, NOW, SERVER, Placed, request
from tests.test_limits import BARE, PODS, TIERS, Both, calls, page, plans, steps

PAY = Where(service=Texts(equal=("shop",)), name=Texts(equal=("pay",)), kinds=(SERVER,))
OF_SHOP = Where(service=Texts(equal=("shop",)))


def names_of(engine: Engine) -> dict[str, int]:
    """Span names → count, "" for overflow series."""
    found: dict[str, int] = {}
    for labels, n in calls(engine).items():
        name = labels.partition('span_name="')[2].partition('"')[0]
        found[name] = found.get(name, 0) + n
    return found


def selecting(*selected: Where, **more: Any) -> Plan:
    return replace(BARE, selected=selected, **more)


# --- against the model ------------------------------------------------------------------------------------------------

_texts = st.sampled_from([None, Texts(equal=("a",)), Texts(equal=("b", "n")), Texts(patterns=("[a-o]",))])
_wheres = st.builds(
    Where,
    kinds=st.sampled_from([(), (SERVER,), (CLIENT,)]),
    statuses=st.sampled_from([(), (), (ERROR,)]),
    name=_texts,
    service=_texts,
    resource=st.sampled_from([(), (), (("pod", Texts(equal=("x",))),)]),
    span=st.sampled_from([(), (), (("tier", Texts(equal=("1", ""))),)]),
)


@given(plans, st.lists(_wheres, min_size=1, max_size=3), steps)
def test_pages_are_those_of_a_plain_model_whatever_is_selected(
    plan: Plan, selected: list[Where], steps: list[list[Placed] | int]
) -> None:
    both = Both(replace(plan, selected=tuple(selected)))
    for step in steps:
        if isinstance(step, int):
            both.wait(step)
        else:
            both.send(step)
        both.check()


# --- one by one -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", ["most_series", "most_series_of_service"])
def test_what_is_selected_has_its_series_though_others_took_all_room(limit: str) -> None:
    engine = Engine(selecting(PAY, **{limit: 2}))
    engine.consume(request([Placed(name=f"n{i}") for i in range(9)]), NOW)
    engine.consume(
        request([Placed(name="pay"), Placed(name="pay", status=ERROR), Placed(name="pay", kind=CLIENT)]), NOW
    )
    assert names_of(engine) == {"n0": 1, "n1": 1, "pay": 2, "": 8}
    assert engine.stats().label_sets == 3
    assert sum(engine.stats().overflowed.values()) == 8


def test_a_sender_cannot_make_any_number_of_series_because_one_is_selected() -> None:
    """As many again as a service may have; then its spans overflow, and it is told that they were selected."""
    engine = Engine(selecting(OF_SHOP, most_series_of_service=3))
    engine.consume(request([Placed(name=f"n{i}") for i in range(1000)]), NOW)
    assert engine.stats().label_sets == 6
    assert names_of(engine)[""] == 994
    assert engine.stats().overflowed == {("shop", names.LIMIT_SELECTED): 994}
    assert engine.stats().aggregated == sum(names_of(engine).values()) == 1000


def test_all_services_together_cannot_either() -> None:
    engine = Engine(selecting(Where(kinds=(SERVER,)), most_series=4, most_series_of_service=3))
    engine.consume(request([Placed(service=f"s{i}", name=f"n{j}") for i in range(20) for j in range(20)]), NOW)
    assert engine.stats().label_sets == 3 + 4  # s0 has its three, and there are four beyond the limits
    assert engine.stats().aggregated == 400


def test_what_one_service_makes_of_it_takes_no_room_from_another() -> None:
    engine = Engine(selecting(Where(kinds=(SERVER,)), most_series_of_service=2))
    engine.consume(request([Placed(service="loud", name=f"n{i}") for i in range(50)]), NOW)
    engine.consume(request([Placed(service="shop", name=f"n{i}") for i in range(4)]), NOW)
    assert {service for service, _ in engine.stats().overflowed} == {"loud"}


def test_who_was_turned_away_though_selected_has_a_series_once_there_is_room_for_such() -> None:
    both = Both(selecting(OF_SHOP, most_series_of_service=1))
    both.send([Placed(name="a"), Placed(name="b"), Placed(name="c")])
    both.check()
    for _ in range(3):
        both.wait(5)
        both.send([Placed(name="a"), Placed(name="c")])
        both.check()
    assert set(names_of(both.engine)) == {"a", "c"}


def test_a_service_that_is_named_is_told_apart_though_there_are_too_many() -> None:
    engine = Engine(selecting(PAY, most_services=2))
    engine.consume(request([Placed(service=service, name="pay") for service in ("a", "b", "c", "shop", "d")]), NOW)
    assert sorted(labels.split(",")[0] for labels in calls(engine)) == [
        f'service_name="{service}"' for service in ("__other__", "a", "b", "shop")
    ]
    assert engine.stats().overflowed == {("__other__", names.LIMIT_SERVICES): 2}


def test_conditions_are_on_what_labels_show() -> None:
    """The service's name for whom there is no room, and the span's name after its template."""
    named = Where(service=Texts(patterns=("__other__",)), name=Texts(equal=("GET /{number}",)))
    engine = Engine(selecting(named, most_services=1, most_series=1))
    engine.consume(request([Placed(service="a"), Placed(service="b", name="GET /123456"), Placed(service="b")]), NOW)
    assert names_of(engine)["GET /{number}"] == 1
    assert engine.stats().label_sets == 2


def test_attributes_decide_too_and_families_of_their_own_each_have_their_room() -> None:
    plan = selecting(
        Where(span=(("tier", Texts(equal=("gold",))),), resource=(("pod", Texts(patterns=("x.*",))),)),
        most_series=1,
        dimensions=(TIERS,),
        duration_dimensions=(PODS,),
    )
    both = Both(plan)
    both.send([Placed(name="first"), Placed(name="other")])
    both.send([Placed(name="pay", attributes={"tier": tier}, resource={"pod": "x1"}) for tier in ("gold", "lead")])
    both.check()
    assert b'span_name="pay",span_kind="SPAN_KIND_SERVER",status_code="STATUS_CODE_UNSET",tier="gold"' in page(
        both.engine
    )
    assert b'tier="lead"' not in page(both.engine)


def test_nothing_is_asked_where_nothing_is_selected() -> None:
    plain, selective = Engine(replace(BARE, most_series=1)), Engine(selecting(PAY, most_series=1))
    body = request([Placed(name=f"n{i}") for i in range(9)])
    for engine in (plain, selective):
        engine.consume(body, NOW)
    assert page(plain) == page(selective)
