"""Who asks for room, how often, and of whom it is told that there was none."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from span2metrics import names
from span2metrics.engine.core import Engine
from span2metrics.engine.plan import Dimension, Graph, Source
from span2metrics.engine.value_limits import ValueLimits
from span2metrics.engine.where import Filters, Texts, Where
from span2metrics.errors import DecodeError
from tests.payloads import ERROR, NOW, UNSET, Placed, request
from tests.test_limits import BARE, TIERS, Both, calls, later, page

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


@pytest.mark.parametrize("way", ["no spans", "filtered", "too old"])
@pytest.mark.parametrize("scoped", [False, True])
@pytest.mark.parametrize("most", [1, 2])
def test_a_service_of_which_no_span_counts_takes_no_room(way: str, scoped: bool, most: int) -> None:
    lib = Dimension("lib", ("scope.name",), (Source.SCOPE,))
    noise = Filters(exclude=(Where(name=Texts(equal=("noise",))),))
    plan = replace(BARE, most_services=most, filters=noise, slack_ns=60 * 10**9, dimensions=(lib,) if scoped else ())
    engine = Engine(plan)
    fresh = Placed(start=NOW.wall_ns - 1, end=NOW.wall_ns)
    span = fresh.but(name="noise") if way == "filtered" else fresh.but(start=1, end=2)
    nobody = [span.but(service=f"s{i}") for i in range(9)]
    for _ in range(2):  # the second time they are known
        for placed in nobody:
            message = ExportTraceServiceRequest.FromString(request([placed]))
            if way == "no spans":
                del message.resource_spans[0].scope_spans[0].spans[:]
            assert engine.consume(message.SerializeToString(), NOW).aggregated == 0
            assert engine.stats().services == 0
    for service in ("a", "b", "a", "s3"):
        engine.consume(request([fresh.but(service=service)]), NOW)
    counts = {1: {"a": 2, "__other__": 2}, 2: {"a": 2, "b": 1, "__other__": 1}}[most]
    assert {labels.split('"')[1]: count for labels, count in calls(engine).items()} == counts
    assert engine.stats().services == most


def test_a_service_is_admitted_once_a_span_of_it_counts() -> None:
    """Its context is known by then, and was read again by others of its name."""
    pods = Dimension("pod", ("pod",), (Source.RESOURCE,))
    noise = Filters(exclude=(Where(name=Texts(equal=("noise",))),))
    engine = Engine(replace(BARE, most_services=2, filters=noise, resource_labels=(pods,)))

    def send(*sent: tuple[str, str, str]) -> None:
        spans = [Placed(service=service, name=name, resource={"pod": pod}) for service, name, pod in sent]
        engine.consume(request(spans), NOW)

    send(("a", "noise", "1"), ("a", "noise", "2"))
    send(("a", "noise", "1"), ("b", "x", "1"), ("a", "x", "2"))
    send(("a", "x", "1"), ("c", "noise", "1"), ("c", "x", "1"))
    shown = {tuple(label.split('"')[1] for label in labels.split(",")[::4]): n for labels, n in calls(engine).items()}
    assert shown == {("a", "1"): 1, ("a", "2"): 1, ("b", "1"): 1, ("__other__", "1"): 1}
    assert engine.stats().services == 2


def test_a_large_request_keeps_a_place_for_the_service_at_hand() -> None:
    """Its first block of spans is filtered; its room is not given to those behind it."""
    noise = Filters(exclude=(Where(name=Texts(equal=("noise",))),))
    engine = Engine(replace(BARE, most_services=1, filters=noise))
    names_sent = [*["noise"] * 20_000, "x"]
    engine.consume(request([Placed(service=service, name=name) for service in "ab" for name in names_sent]), NOW)
    assert {labels.split('"')[1]: n for labels, n in calls(engine).items()} == {"a": 1, "__other__": 1}
    assert engine.stats().services == 1


def test_a_node_of_the_service_graph_has_room_though_its_spans_are_filtered() -> None:
    every = Filters(exclude=(Where(name=Texts(patterns=(".*",))),))
    engine = Engine(replace(BARE, most_services=2, filters=every, graph=Graph()))
    engine.consume(request([Placed(service=service) for service in "abcd"]), NOW)
    nodes = re.findall(r'traces_service_graph_service_info\{service="(.*)"\} 1', page(engine).decode())
    assert nodes == ["__other__", "a", "b"]
    assert engine.stats().services == 2


@pytest.mark.parametrize("scoped", [False, True])
def test_a_fault_in_a_resource_or_scope_without_spans_refuses_the_request(scoped: bool) -> None:
    source = Source.SCOPE if scoped else Source.RESOURCE
    engine = Engine(replace(BARE, dimensions=(Dimension("k", ("k",), (source,)),)))
    message = ExportTraceServiceRequest.FromString(request([Placed(resource={"k": "v"}, scope={"k": "v"})]))
    del message.resource_spans[0].scope_spans[0].spans[:]
    body = message.SerializeToString()
    assert engine.consume(body, NOW).received == 0
    at = body.rindex(b"v") if scoped else body.index(b"\x12\x03\x0a\x01v") + 4
    broken = body[: at - 1] + b"\x07" + body[at:]
    with pytest.raises(DecodeError):
        engine.consume(broken, NOW)
