"""Exemplars, the time at which series began, and series that begin at 0, as others' parsers read them."""

from __future__ import annotations

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.samples import Exemplar

from span2metrics.engine.core import Engine
from span2metrics.engine.plan import Dimension, Format, Now, Plan
from tests.payloads import MS, NOW, START, Placed, request

FIRST, SECOND = b"\1" * 16, b"\2" * 16
CALLS, BUCKET = "traces_span_metrics_calls_total", "traces_span_metrics_duration_seconds_bucket"


def page(plan: Plan, *spans: Placed, now: Now = NOW, later_ns: int = 0, format: Format = Format.OPENMETRICS) -> str:
    engine = Engine(plan)
    engine.consume(request(spans), now)
    later = Now(now.wall_ns + later_ns, now.mono_ns + later_ns)
    return b"".join(engine.render(format, later)).decode()


def exemplars(text: str, name: str) -> dict[str, Exemplar]:
    """By `le`, "" where there is none."""
    return {
        sample.labels.get("le", ""): sample.exemplar
        for family in parse_openmetrics(text + "# EOF\n")
        for sample in family.samples
        if sample.name == name and sample.exemplar
    }


def of(trace_id: bytes, **more: object) -> Placed:
    return Placed(trace_id=trace_id, **more)


#: Of two spans in one bucket, the one that stands for it.
CHOSEN = {
    "the later end": ([of(FIRST, start=START + 1), of(SECOND)], FIRST),
    "of equal ends the greater trace": ([of(SECOND), of(FIRST)], SECOND),
    "of equal traces the greater span": ([of(FIRST, span_id=b"\3" * 8), of(FIRST)], FIRST),
    "no span that has yet to end": ([of(FIRST), of(SECOND, start=NOW.wall_ns - MS)], FIRST),
    "one that ends now": ([of(FIRST), of(SECOND, start=NOW.wall_ns - 3 * MS)], SECOND),
    "no span without a trace": ([of(FIRST), of(bytes(16), start=START + 1)], FIRST),
    "no span without an id": ([of(FIRST), of(SECOND, start=START + 1, span_id=b"")], FIRST),
}


@pytest.mark.parametrize(("spans", "trace"), CHOSEN.values(), ids=CHOSEN)
@pytest.mark.parametrize("backwards", [False, True])
def test_a_bucket_is_stood_for_by(spans: list[Placed], trace: bytes, backwards: bool) -> None:
    text = page(Plan(), *(reversed(spans) if backwards else spans))
    assert [exemplar.labels["trace_id"] for exemplar in exemplars(text, BUCKET).values()] == [trace.hex()]
    assert [exemplar.labels["trace_id"] for exemplar in exemplars(text, CALLS).values()] == [trace.hex()]


@pytest.mark.parametrize("plan", [Plan(), Plan(calls_dimensions=(Dimension("own", ("k",)),))], ids=["one", "split"])
@pytest.mark.parametrize("starts", [(0, MS // 2), (MS // 2, 0)], ids=["longer first", "longer last"])
def test_of_one_span_sent_with_two_durations_the_longer_is_shown(plan: Plan, starts: tuple[int, int]) -> None:
    end = START + 10 * MS
    text = page(plan, *(of(FIRST, start=START + start, end=end) for start in starts))
    assert [exemplar.value for exemplar in exemplars(text, BUCKET).values()] == [0.01]
    assert [exemplar.value for exemplar in exemplars(text, CALLS).values()] == [0.01]


def test_an_exemplar_tells_ids_duration_and_end_and_nothing_else() -> None:
    span = Placed(took=1_400_000_001, attributes={"card": "4111111111111111"})
    exemplar = exemplars(page(Plan(), span), BUCKET)["2.0"]
    assert exemplar.labels == {"trace_id": "01" * 16, "span_id": "02" * 8}
    assert exemplar.value == 1.400000001
    assert (exemplar.timestamp.sec, exemplar.timestamp.nsec) == divmod(span.start + span.took, 10**9)
    assert sum(len(name) + len(value) for name, value in exemplar.labels.items()) <= 128


def test_each_bucket_has_its_own_and_the_counter_the_last() -> None:
    text = page(Plan(), of(FIRST, took=MS), of(SECOND, took=7 * MS), of(FIRST, took=20_000 * MS, start=START - 10**12))
    assert {le: e.labels["trace_id"][:2] for le, e in exemplars(text, BUCKET).items()} == {
        "0.002": "01",
        "0.008": "02",
        "+Inf": "01",
    }
    assert exemplars(text, CALLS)[""].labels["trace_id"] == SECOND.hex()


def test_calls_with_labels_of_their_own_have_exemplars_of_their_own() -> None:
    plan = Plan(calls_dimensions=(Dimension("k", ("k",)),), errors_zero=False)
    text = page(plan, of(FIRST, attributes={"k": "a"}), of(SECOND, attributes={"k": "b"}))
    found = {
        sample.labels["k"]: sample.exemplar.labels["trace_id"]
        for family in parse_openmetrics(text + "# EOF\n")
        for sample in family.samples
        if sample.name == CALLS and sample.exemplar
    }
    assert found == {"a": FIRST.hex(), "b": SECOND.hex()}
    assert exemplars(text, BUCKET)["0.004"].labels["trace_id"] == SECOND.hex()


@pytest.mark.parametrize(("plan", "format"), [(Plan(exemplars=False), Format.OPENMETRICS), (Plan(), Format.TEXT)])
def test_there_are_none_where_they_are_off_or_the_format_has_none(plan: Plan, format: Format) -> None:
    assert "trace_id" not in page(plan, Placed(), format=format)


def test_created_is_when_the_first_span_of_a_series_came() -> None:
    engine = Engine(Plan(created=True, errors_zero=False))
    for n, name in enumerate(("a", "a", "b")):
        engine.consume(request([Placed(name=name)]), Now(NOW.wall_ns + n * 10**9, 0))
    text = b"".join(engine.render(Format.OPENMETRICS, NOW)).decode() + "# EOF\n"
    created = {
        (family.name, sample.labels["span_name"]): sample.value
        for family in parse_openmetrics(text)
        for sample in family.samples
        if sample.name.endswith("_created")
    }
    began = NOW.wall_ns / 1e9
    assert created == {
        (family, name): began + after
        for family in (CALLS.removesuffix("_total"), BUCKET.removesuffix("_bucket"))
        for name, after in (("a", 0), ("b", 2))
    }


@pytest.mark.parametrize("format", [Format.TEXT, Format.OPENMETRICS])
@pytest.mark.parametrize(("later_ns", "shown"), [(0, 0), (10**9 - 1, 0), (10**9, 1), (-1, 1)])
def test_a_series_is_shown_at_0_first_and_then_as_it_is(format: Format, later_ns: int, shown: int) -> None:
    text = page(Plan(zero_first_ns=10**9, errors_zero=False), Placed(), later_ns=later_ns, format=format)
    counted = [line for line in text.splitlines() if "_sum{" not in line and "service_info" not in line]
    values = {line.partition(" # ")[0].rpartition(" ")[2] for line in counted}
    numbers = {value for value in values if value.isdecimal()}
    assert numbers == ({"0"} if shown == 0 else {"0", "1"})
    assert ("trace_id" in text) == (shown == 1 and format is Format.OPENMETRICS)
