"""The rules of reading, naming and counting a span, case by case: one row for each promise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from span2metrics.engine.core import Engine
from span2metrics.engine.plan import Format, Plan
from tests import cases_labels, cases_privacy, cases_spans, oracle
from tests.cases import Case
from tests.oracle import Oracle
from tests.payloads import FEEDS, NOW, request

CASES = [
    *cases_spans.FAMILIES,
    *cases_spans.ERRORS_ZERO,
    *cases_spans.READING,
    *cases_labels.INVALID_UTF8,
    *cases_labels.LONG_VALUES,
    *cases_labels.DIMENSIONS,
    *cases_labels.VALUES,
    *cases_privacy.CARDS,
    *cases_privacy.PATTERNS,
    *cases_privacy.ACTIONS,
    *cases_privacy.LONG_VALUES,
]


def feed(plan: Plan, requests: Sequence[bytes]) -> Engine:
    engine = Engine(plan)
    for body in requests:
        engine.consume(body, NOW)
    return engine


def seen(counts: Mapping[str, int]) -> dict[str, int]:
    return {key: count for key, count in counts.items() if count}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.promise)
def test_a_case_comes_to_its_numbers(case: Case) -> None:
    engine, model = feed(case.plan, [request(case.spans)]), Oracle(case.plan)
    model.consume(request(case.spans))
    assert model.calls() == case.calls
    if case.sums is not None:
        assert {series: (count, ns) for series, (_, ns, count) in model.durations().items()} == case.sums
    assert (model.anomalies, model.truncated, model.redacted) == (case.anomalies, case.truncated, case.redacted)
    assert oracle.read_page(b"".join(engine.render(Format.OPENMETRICS, NOW)), Format.OPENMETRICS) == model.numbers()
    stats = engine.stats()
    assert seen(stats.anomalies) == case.anomalies
    assert seen(stats.truncated) == case.truncated
    assert seen(stats.redacted) == case.redacted
    assert (stats.received, stats.aggregated, seen(stats.dropped)) == (len(case.spans), len(case.spans), {})


@pytest.mark.parametrize("way", FEEDS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.promise)
def test_every_way_of_feeding_gives_the_same_page(case: Case, way: str) -> None:
    engine, model = feed(case.plan, FEEDS[way](case.spans)), Oracle(case.plan)
    model.consume(request(case.spans))
    for format in oracle.TEXTS:
        assert b"".join(engine.render(format, NOW)) == model.page(format)
    assert seen(engine.stats().anomalies) == case.anomalies
    assert seen(engine.stats().truncated) == case.truncated
    assert seen(engine.stats().redacted) == case.redacted
