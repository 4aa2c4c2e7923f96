"""Limits, overflow and expiry: pages are those of a plain model, and totals stay exact whatever is sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import hypothesis.strategies as st
import pytest
from hypothesis import given

from span2metrics import names
from span2metrics.engine.core import Engine
from span2metrics.engine.naming import NameRule
from span2metrics.engine.plan import Dimension, Format, Now, Plan, Source
from span2metrics.engine.where import Filters, Texts, Where
from tests.oracle import Oracle
from tests.payloads import ERROR, NOW, OK, SERVER, UNSET, Placed, request

SECOND = 10**9
#: With rules of its own, so that what the limits do is all that there is to see.
BARE = Plan(graph=None, expire_after_ns=10 * SECOND)
TIERS = Dimension("tier", ("tier",), (Source.SPAN,))
PODS = Dimension("pod", ("pod",), (Source.RESOURCE,))


def later(seconds: float) -> Now:
    return Now(NOW.wall_ns + int(seconds * SECOND), NOW.mono_ns + int(seconds * SECOND))


class Both:
    """The engine and the model, told the same."""

    def __init__(self, plan: Plan) -> None:
        self.engine, self.oracle, self.plan, self.now = Engine(plan), Oracle(plan), plan, NOW

    def send(self, spans: Sequence[Placed]) -> None:
        body = request(spans)
        self.engine.consume(body, self.now)
        self.oracle.consume(body, self.now)

    def wait(self, seconds: float) -> None:
        nanoseconds = int(seconds * SECOND)
        self.now = Now(self.now.wall_ns + nanoseconds, self.now.mono_ns + nanoseconds)
        while self.engine.expire(self.now):
            pass
        self.oracle.expire(self.now)

    def check(self) -> None:
        for format in (Format.TEXT, Format.OPENMETRICS):
            assert page(self.engine, format, self.now) == self.oracle.page(format, self.now)
        assert list(self.engine.render(Format.PROTOBUF, self.now))
        stats = self.engine.stats()
        assert stats.received == stats.aggregated == self.oracle.received
        plan = self.plan
        certain = not (plan.most_series or plan.most_series_of_service)  # else whether a value was too many is not
        assert summed(stats.overflowed, certain) == summed(self.oracle.limits.overflowed, certain)
        assert stats.services == len(self.oracle.limits.services)


def page(engine: Engine, format: Format = Format.TEXT, now: Now = NOW) -> bytes:
    return b"".join(engine.render(format, now))


def summed(overflowed: Mapping[tuple[str, str], int], values: bool) -> dict[tuple[str, str], int]:
    """By service; of the two limits of series it depends on who came first which of them is told."""
    counted: Counter[tuple[str, str]] = Counter()
    for (service, limit), spans in overflowed.items():
        if values or limit != names.LIMIT_VALUES:
            counted[service, "series" if limit.startswith("series") else limit] += spans
    return dict(counted)


def calls(engine: Engine, now: Now = NOW) -> dict[str, int]:
    """Labels → count, of the calls family; siblings at 0 apart."""
    prefix = "traces_span_metrics_calls_total{"
    lines = [line for line in page(engine, now=now).decode().splitlines() if line.startswith(prefix)]
    return {line[len(prefix) : line.rindex("}")]: n for line in lines if (n := int(line.rpartition(" ")[2]))}


# --- against the model ------------------------------------------------------------------------------------------------

_spans = st.builds(
    Placed,
    service=st.sampled_from([None, "a", "b", "c", "d"]),
    name=st.sampled_from("mnopq"),
    status=st.sampled_from([UNSET, OK, ERROR, ERROR]),
    attributes=st.dictionaries(st.sampled_from(["tier", "code"]), st.sampled_from(["1", "2", "3", 'x",tier="'])),
    resource=st.dictionaries(st.just("pod"), st.sampled_from("xy")),
    start=st.sampled_from([0, 10**18]),
)
_steps = st.lists(
    st.lists(_spans, max_size=6) | st.sampled_from([1, 3, 9, 10, 11]),  # seconds to wait
    max_size=14,
)
_plans = st.builds(
    replace,
    st.just(BARE),
    most_services=st.sampled_from([0, 1, 2, 3]),
    most_series=st.sampled_from([0, 1, 3, 6]),
    most_series_of_service=st.sampled_from([0, 1, 2, 4]),
    dimensions=st.sampled_from([(), (TIERS,), (replace(TIERS, max_values=2),)]),
    calls_dimensions=st.sampled_from([(), (Dimension("code", ("code",), (Source.SPAN,), max_values=1),)]),
    resource_labels=st.sampled_from([(), (PODS,)]),
    errors_zero=st.booleans(),
    errors_zero_drop=st.sampled_from([frozenset(), frozenset({"tier"}), frozenset({"pod"})]),
    raw_key_bytes=st.sampled_from([64 << 20, 4096]),
    expire_after_ns=st.sampled_from([0, 10 * SECOND, 10 * SECOND, 3 * SECOND]),
)


@given(_plans, _steps)
def test_pages_are_those_of_a_plain_model_whatever_comes_and_goes(plan: Plan, steps: list[list[Placed] | int]) -> None:
    both = Both(plan)
    for step in steps:
        if isinstance(step, int):
            both.wait(step)
        else:
            both.send(step)
        both.check()


# --- series -----------------------------------------------------------------------------------------------------------


def test_beyond_its_limit_a_services_spans_count_in_its_overflow_series_by_kind_and_status() -> None:
    engine = Engine(replace(BARE, most_series_of_service=2))
    spans = [Placed(name=f"n{i}", status=ERROR if i % 3 == 0 else UNSET) for i in range(30)]
    engine.consume(request([*spans, *spans, Placed(service="quiet", name="q")]), NOW)
    head = 'service_name="shop",span_kind="SPAN_KIND_SERVER"'
    assert calls(engine) == {
        'service_name="quiet",span_name="q",span_kind="SPAN_KIND_SERVER",status_code="STATUS_CODE_UNSET"': 1,
        'service_name="shop",span_name="n0",span_kind="SPAN_KIND_SERVER",status_code="STATUS_CODE_ERROR"': 2,
        'service_name="shop",span_name="n1",span_kind="SPAN_KIND_SERVER",status_code="STATUS_CODE_UNSET"': 2,
        f'{head},status_code="STATUS_CODE_ERROR",otel_metric_overflow="true"': 18,
        f'{head},status_code="STATUS_CODE_UNSET",otel_metric_overflow="true"': 38,
    }
    assert engine.stats().overflowed == {("shop", names.LIMIT_SERVICE_SERIES): 56}
    assert engine.stats().label_sets == 3


def test_beyond_the_limit_of_all_every_service_has_an_overflow_series() -> None:
    engine = Engine(replace(BARE, most_series=1))
    engine.consume(request([Placed(service=service, name="n") for service in "abcb"]), NOW)
    assert engine.stats().overflowed == {("b", names.LIMIT_SERIES): 2, ("c", names.LIMIT_SERIES): 1}
    assert sum(calls(engine).values()) == 4


def test_an_errors_sibling_is_a_part_of_its_label_set_whoever_comes_first() -> None:
    for statuses in ([UNSET, ERROR], [ERROR, UNSET]):
        engine = Engine(replace(BARE, most_series=2))
        for status in statuses:
            engine.consume(request([Placed(status=status)]), NOW)
        assert engine.stats().label_sets == 1
        assert engine.stats().overflowed == {}


def test_overflow_series_keep_the_labels_of_the_resource_but_not_any_number_of_them() -> None:
    engine = Engine(replace(BARE, most_series_of_service=2, resource_labels=(PODS,)))
    engine.consume(request([Placed(name=f"n{i}", resource={"pod": f"p{i}"}) for i in range(6)]), NOW)
    over = {labels: n for labels, n in calls(engine).items() if "overflow" in labels}
    head = 'service_name="shop",span_kind="SPAN_KIND_SERVER",status_code="STATUS_CODE_UNSET"'
    assert over == {
        f'{head},pod="p2",otel_metric_overflow="true"': 1,
        f'{head},pod="p3",otel_metric_overflow="true"': 1,
        f'{head},otel_metric_overflow="true"': 2,
    }


def test_who_was_turned_away_has_a_series_once_there_is_room() -> None:
    both = Both(replace(BARE, most_series=1))
    both.send([Placed(name="first")])
    both.wait(5)
    both.send([Placed(name="second")])
    both.check()
    both.wait(6)
    both.send([Placed(name="second"), Placed(name="third")])
    both.check()
    assert {labels.split(",")[1] for labels in calls(both.engine, both.now)} == {
        'span_name="second"',
        'span_kind="SPAN_KIND_SERVER"',
    }


# --- services and values ----------------------------------------------------------------------------------------------


def test_beyond_the_limit_of_services_further_ones_are_other() -> None:
    engine = Engine(replace(BARE, most_services=2))
    engine.consume(request([Placed(service=f"s{i}") for i in range(50)]), NOW)
    shown = {labels.split(",")[0]: n for labels, n in calls(engine).items()}
    assert shown == {'service_name="s0"': 1, 'service_name="s1"': 1, 'service_name="__other__"': 48}
    assert engine.stats().overflowed == {("__other__", names.LIMIT_SERVICES): 48}


def test_a_service_that_left_makes_room_for_another() -> None:
    both = Both(replace(BARE, most_services=1))
    both.send([Placed(service="old"), Placed(service="new")])
    both.wait(10)
    both.send([Placed(service="new")])
    both.check()
    assert [labels.split(",")[0] for labels in calls(both.engine, both.now)] == ['service_name="new"']


def test_a_refused_request_admits_nobody() -> None:
    engine = Engine(replace(BARE, most_services=1))
    with pytest.raises(Exception, match="byte"):
        engine.consume(request([Placed(service="bad")]) + b"\x0a\xff", NOW)
    engine.consume(request([Placed(service="good")]), NOW)
    assert [labels.split(",")[0] for labels in calls(engine)] == ['service_name="good"']


def test_a_value_too_many_is_other_and_none_is_lost() -> None:
    engine = Engine(replace(BARE, dimensions=(replace(TIERS, max_values=2),)))
    values = ["1", "2", "3", "4", "3", "1"]
    engine.consume(request([Placed(attributes={"tier": value}) for value in values]), NOW)
    assert {labels.split(",")[-1]: n for labels, n in calls(engine).items()} == {
        'tier="1"': 2,
        'tier="2"': 1,
        'tier="__other__"': 3,
    }
    assert engine.stats().overflowed == {("shop", names.LIMIT_VALUES): 3}


# --- expiry -----------------------------------------------------------------------------------------------------------


def test_a_series_without_spans_goes_and_comes_back_from_0_with_a_new_start_time() -> None:
    engine = Engine(replace(BARE, created=True))
    engine.consume(request([Placed()] * 3), NOW)
    for seconds, shown in ((9, True), (10, False)):
        while engine.expire(later(seconds)):
            pass
        assert bool(calls(engine)) is shown
    engine.consume(request([Placed()]), later(20))
    assert list(calls(engine, later(20)).values()) == [1]
    born = f"{later(20).wall_ns // SECOND}".encode()
    created = [line for line in page(engine, Format.OPENMETRICS, later(20)).splitlines() if b"_created{" in line]
    assert created
    assert {line.rpartition(b" ")[2] for line in created} == {born}
    assert engine.stats().expired == 1


def test_series_and_their_errors_at_0_live_as_one() -> None:
    both = Both(BARE)
    both.send([Placed(), Placed(status=ERROR)])
    for seconds in (6, 6, 6):
        both.wait(seconds)
        both.send([Placed(status=ERROR)])
        both.check()
    assert sorted(calls(both.engine, both.now).values()) == [1, 4]


def test_a_page_that_is_open_shows_no_series_twice_and_no_stranger() -> None:
    engine = Engine(replace(BARE, errors_zero=False))
    names_of = [f"old-x{i:05}" for i in range(9000)]
    engine.consume(request([Placed(name=name) for name in names_of[:5000]]), NOW)
    engine.consume(request([Placed(name=name, service="b") for name in names_of[5000:]]), NOW)
    chunks = engine.render(Format.TEXT, NOW)
    text = next(chunks)
    while engine.expire(later(10)):
        pass
    engine.consume(request([Placed(name=f"new-x{i}") for i in range(100)]), later(10))
    text += b"".join(chunks)
    assert b"old-x05000" in text
    assert b"new-" not in text
    lines = [line for line in text.splitlines() if not line.startswith(b"#")]
    assert len(lines) == len(set(lines))
    assert sum(calls(engine, later(10)).values()) == 100


def test_memory_of_series_that_went_is_used_again() -> None:
    """Ten generations of series that live one after the other take the numbers of two."""
    engine = Engine(replace(BARE, errors_zero=False, most_series_of_service=0))
    for generation in range(10):
        now = later(20 * generation)
        while engine.expire(now):
            pass
        engine.consume(request([Placed(name=f"{generation}-x{i}") for i in range(3000)]), now)
        assert engine.stats().series == {names.CALLS: 3000, names.DURATION: 3000}
        assert sum(calls(engine, now).values()) == 3000
    assert engine.stats().expired == 27000


def test_nothing_goes_where_expiry_is_off() -> None:
    engine = Engine(replace(BARE, expire_after_ns=0))
    engine.consume(request([Placed()]), NOW)
    while engine.expire(later(10**6)):
        pass
    assert calls(engine)


def test_spans_under_way_for_a_series_that_went_make_a_new_one() -> None:
    """A key that is still known leads to no stranger: its number is another's by now."""
    engine = Engine(replace(BARE, errors_zero=False))
    engine.consume(request([Placed(name="a", kind=SERVER)]), NOW)
    while engine.expire(later(10)):
        pass
    page(engine)
    engine.consume(request([Placed(name="b")]), later(10))
    engine.consume(request([Placed(name="a")] * 2), later(11))
    assert {labels.split(",")[1]: n for labels, n in calls(engine, later(11)).items()} == {
        'span_name="a"': 2,
        'span_name="b"': 1,
    }


def test_what_is_done_to_values_is_remembered_of_so_many_sets_of_labels_and_no_span_is_lost() -> None:
    """A sender can have any set of labels cut: each of the first 16,384 is counted, and of the others the spans."""
    dimensions = tuple(Dimension(f"d{i}", (f"d{i}",), (Source.SPAN,)) for i in range(15))
    plan = replace(BARE, dimensions=dimensions, label_value_length=16, most_series_of_service=1, errors_zero=False)
    engine = Engine(plan)
    sets = [[f"d{i}" for i in range(15) if number >> i & 1] for number in range(17_000)]
    for first in range(0, len(sets), 1000):
        spans = [Placed(attributes=dict.fromkeys(labels, "x" * 20)) for labels in sets[first : first + 1000]]
        engine.consume(request(spans), NOW)
    stats = engine.stats()
    assert stats.aggregated == len(sets) == sum(calls(engine).values())
    assert stats.overflowed == {("shop", names.LIMIT_SERVICE_SERIES): len(sets) - 1}
    told = sum(stats.truncated.values())
    assert sum(map(len, sets[:16_000])) < told < sum(map(len, sets))


def test_values_of_errors_that_come_before_successes_leave_with_them() -> None:
    engine = Engine(replace(BARE, dimensions=(replace(TIERS, max_values=2),)))
    for generation in range(5):
        for status in (ERROR, UNSET):
            span = Placed(attributes={"tier": f"v{generation}"}, status=status)
            engine.consume(request([span]), later(100 * generation))
        assert engine.stats().overflowed == {}
        while engine.expire(later(100 * generation + 50)):
            pass


@pytest.mark.parametrize(
    ("filters", "counted"),
    [
        (Filters(include=(Where(service=Texts(equal=("late",))),)), {"late"}),
        (Filters(exclude=(Where(service=Texts(equal=("noise",))),)), {"early", "late"}),
        (Filters(exclude=(Where(resource=(("service.name", Texts(equal=("noise",))),)),)), {"early", "late"}),
    ],
)
def test_filters_see_a_services_own_name_though_there_is_no_room_for_it(filters: Filters, counted: set[str]) -> None:
    engine = Engine(replace(BARE, most_services=1, filters=filters))
    for service in ("early", "late", "noise", "late"):
        engine.consume(request([Placed(service=service)]), NOW)
    times = {"early": 1, "late": 2}
    assert engine.stats().aggregated == sum(calls(engine).values()) == sum(times[service] for service in counted)
    assert engine.stats().received == 4


def test_rules_for_a_services_names_hold_though_there_is_no_room_for_it() -> None:
    rule = NameRule("x", "renamed", service="late")
    engine = Engine(replace(BARE, most_services=1, name_rules=(rule,)))
    engine.consume(request([Placed(service=service, name="x") for service in ("early", "late", "other")]), NOW)
    assert {",".join(labels.split(",")[:2]): n for labels, n in calls(engine).items()} == {
        'service_name="early",span_name="x"': 1,
        'service_name="__other__",span_name="renamed"': 1,
        'service_name="__other__",span_name="x"': 1,
    }
