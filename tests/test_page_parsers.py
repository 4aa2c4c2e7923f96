"""Whole pages as others read them: both parsers of prometheus-client find what the oracle counted, and nothing else.

Any spans, any plan, every version of the text formats, with names of either kind, our own metrics included.  A family
is compared with its type, its samples in their order, their labels and values, and exemplars to the nanosecond.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from span2metrics.engine.core import Engine
from span2metrics.engine.plan import Dialect, Dimension, Escaping, Format, Graph, Now, Plan
from span2metrics.telemetry import Telemetry
from span2metrics.web.negotiate import Negotiated
from span2metrics.web.page import page
from tests.oracle import Oracle
from tests.oracle_page import Sample, Shown
from tests.payloads import NOW, Placed, placed_spans, plans, request

LINES = (Format.TEXT, Format.TEXT_1, Format.OPENMETRICS, Format.OPENMETRICS_0)
#: A family's name and type, and its samples: name, labels, value, exemplar.
Family = tuple[str, str, list[tuple[str, dict[str, str], float, Any]]]


def whole_page(engine: Engine, chosen: Negotiated, now: Now) -> str:
    """As the web sends it."""

    async def read() -> bytes:
        return b"".join([chunk async for chunk in page(engine, Telemetry(engine, version="1"), chosen, now)])

    return asyncio.run(read()).decode()


def parsed(text: str, format: Format) -> list[Family]:
    """The span families of a page."""
    parse = parse_openmetrics if format.body is Format.OPENMETRICS else parse_text
    return [
        (family.name, family.type, [(s.name, s.labels, s.value, told(s.exemplar)) for s in family.samples])
        for family in parse(text)
        if not family.name.startswith(("span2metrics_", "process_"))
    ]


def told(exemplar: Any) -> Any:
    if exemplar is None:
        return None
    nanoseconds = exemplar.timestamp.sec * 10**9 + exemplar.timestamp.nsec
    return exemplar.labels, exemplar.value, nanoseconds


def expected(families: list[Shown], format: Format) -> Iterator[Family]:
    for family in families:
        samples = [found(sample) for sample in family.samples]
        if format.body is Format.OPENMETRICS or family.kind != "info":
            yield family.name, family.kind, samples  # the text's parser takes `_total` off a counter's name
        else:
            yield family.text_name, "gauge", samples


def found(sample: Sample) -> tuple[str, dict[str, str], float, Any]:
    exemplar = None
    if sample.exemplar:
        ids, took, end = sample.exemplar
        exemplar = (dict(ids), number(took), int(end * 10**9))
    return sample.name, dict(sample.labels), number(sample.value), exemplar


def number(exact: Decimal) -> float:
    """As a parser has it: an integer if it is one, however large, else the nearest double."""
    return int(exact) if exact == exact.to_integral_value() else float(exact)


def assert_read(engine: Engine, model: Oracle, now: Now = NOW) -> None:
    for format in LINES:
        rich = format.body is Format.OPENMETRICS
        for escaping in Escaping if format.escapes else [Escaping.UNDERSCORES]:
            text = whole_page(engine, Negotiated(format, escaping), now)
            assert parsed(text, format) == list(expected(model.shown(rich=rich, now=now, escaping=escaping), format))


@settings(
    max_examples=100,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow],
)
@given(plans, st.lists(placed_spans(), max_size=2), st.sampled_from([0, 10**9]))
def test_any_page_is_read_as_what_was_counted(plan: Plan, batches: list[list[Placed]], later_ns: int) -> None:
    engine, model = Engine(plan), Oracle(plan)
    for spans in batches:
        engine.consume(request(spans), NOW)
        model.consume(request(spans))
    assert_read(engine, model, Now(NOW.wall_ns + later_ns, NOW.mono_ns + later_ns))


@settings(max_examples=50)
@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=40), min_size=5, max_size=5))
def test_any_text_is_read_back_wherever_it_stands(texts: list[str]) -> None:
    name, service, value, instance, label = texts
    dimension = Dimension("k", ("k",), utf8=f".{label}")
    plan = Plan(dialects=tuple(Dialect), dimensions=(dimension,), created=True, target_info=True)
    span = Placed(name, service=service, attributes={"k": value}, resource={"service.instance.id": instance})
    engine, model = Engine(plan), Oracle(plan)
    engine.consume(request([span]), NOW)
    model.consume(request([span]))
    assert_read(engine, model)
    text = whole_page(engine, Negotiated(Format.OPENMETRICS, Escaping.ALLOW_UTF8), NOW)
    labels = [labels for _, _, samples in parsed(text, Format.OPENMETRICS) for _, labels, _, _ in samples]
    sent = {"service_name": service, "span_name": name, f".{label}": value}
    assert any(sent.items() <= found.items() for found in labels)
    assert {"service_name": service, "service_instance_id": instance} in labels


@pytest.mark.parametrize("format", LINES)
def test_a_page_of_everything_has_something_of_everything(format: Format) -> None:
    graph = Graph(messaging_latency=True, connection_info=True)
    plan = Plan(dialects=tuple(Dialect), created=True, target_info=True, graph=graph)
    engine, model = Engine(plan), Oracle(plan)
    for target in (engine, model):
        target.consume(request([Placed(), Placed(service="other", took=1)]), NOW)
    families = parsed(whole_page(engine, Negotiated(format), NOW), format)
    samples = [sample for _, _, family in families for sample in family]
    rich = format.body is Format.OPENMETRICS
    assert len(families) == 2 + 3 + 3 + 9
    assert any(name.endswith("_created") for name, *_ in samples) is rich
    assert any(exemplar for *_, exemplar in samples) is rich
    assert families == list(expected(model.shown(rich=rich), format))
