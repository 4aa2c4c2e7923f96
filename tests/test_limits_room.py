"""Who asks for room, how often, and of whom it is told that there was none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from span2metrics import names
from span2metrics.engine.core import Engine
from span2metrics.engine.value_limits import ValueLimits
from tests.payloads import ERROR, NOW, UNSET, Placed, request
from tests.test_limits import BARE, TIERS, Both, calls, later

# --- values ---


def test_room_for_a_value_is_asked_for_once_until_a_value_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each span of a known key would pay for it otherwise."""
    asked = []
    has_room = ValueLimits.has_room

    def counted(self: ValueLimits, labels: Iterable[str]) -> bool:
        asked.append(tuple(labels))
        return has_room(self, asked[-1])

    monkeypatch.setattr(ValueLimits, "has_room", counted)
    both = Both(replace(BARE, dimensions=(replace(TIERS, max_values=1),)))
    both.send([Placed(attributes={"tier": tier}) for tier in "ab"])
    for _ in range(3):
        both.send([Placed(attributes={"tier": "b"})] * 50)
    both.wait(5)
    both.send([Placed(name="born meanwhile"), Placed(attributes={"tier": "b"})])
    assert asked == [("tier",)]
    both.wait(6)
    both.send([Placed(attributes={"tier": "b"})])
    both.check()
    assert 'tier="b"' in str(calls(both.engine, both.now))


# --- services ---


def test_a_service_that_left_is_not_asked_for_where_no_label_tells_services() -> None:
    """Series of two services are one then: what a service had made lives on with another's."""
    plan = replace(BARE, exclude=frozenset({"service_name"}), most_series=1)
    engine = Engine(plan)
    for service, status in (("C", UNSET), ("A", ERROR), ("B", UNSET)):
        engine.consume(request([Placed(service=service, name=service, status=status)]), NOW)
    for seconds in range(1, 40):
        engine.consume(request([Placed(service="C", name="C"), Placed(service="B", name="B")]), later(seconds))
        while engine.expire(later(seconds)):
            pass
    engine.consume(request([Placed(service="B", name="b2", status=ERROR)]), later(41))
    assert engine.stats().aggregated == 3 + 2 * 39 + 1


@pytest.mark.parametrize("spans", [1, 20_000])
def test_what_met_a_limit_is_told_of_its_own_service_where_no_label_tells_services(spans: int) -> None:
    """Three of them have one overflow series, which the first made; the last has room again when the first has not."""
    engine = Engine(replace(BARE, exclude=frozenset({"service_name"}), most_series_of_service=1))
    engine.consume(request([Placed(service="first", name=name) for name in "ab"]), NOW)
    engine.consume(request([Placed(service="second", name=name) for name in "cb"]), NOW)
    for _ in range(2):
        both = [Placed(service=service, name="b") for service in ("first", "second") for _ in range(spans)]
        engine.consume(request(both), NOW)
    limit = names.LIMIT_SERVICE_SERIES
    assert engine.stats().overflowed == {("first", limit): 1 + 2 * spans, ("second", limit): 1 + 2 * spans}


def test_room_is_asked_for_by_the_service_of_a_key_where_no_label_tells_services() -> None:
    """Who made the overflow series has no room; another has, once its own series is gone."""
    engine = Engine(replace(BARE, exclude=frozenset({"service_name"}), most_series_of_service=1))
    for second in range(12):
        if second == 0:
            engine.consume(request([Placed(service="other", name="gone")]), NOW)
        spans = [Placed(service="first", name=name) for name in "ab"]
        engine.consume(request([*spans, Placed(service="other", name="c")]), later(second))
        while engine.expire(later(second)):
            pass
    engine.consume(request([Placed(service="other", name="c")]), later(12))
    assert {text: n for text, n in calls(engine, later(12)).items() if "span_name" in text and "ERROR" not in text} == {
        'span_name="a",span_kind="SPAN_KIND_SERVER",status_code="STATUS_CODE_UNSET"': 12,
        'span_name="c",span_kind="SPAN_KIND_SERVER",status_code="STATUS_CODE_UNSET"': 2,
    }
