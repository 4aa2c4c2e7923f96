"""Engines that were fed weighted spans, held against the exact fractions in every format."""

from __future__ import annotations

from span2metrics.engine.core import Engine
from span2metrics.engine.plan import Dialect, Format, Histograms, Now, Plan
from tests.cases_weights import P
from tests.oracle_weights import WeightedOracle
from tests.payloads import NOW
from tests.weights_page import HISTOGRAMS, SECOND, assert_near, natives, near, numbers, renamed, wanted

FORMATS = (Format.TEXT, Format.OPENMETRICS, Format.PROTOBUF)
BOTH_DIALECTS = (Dialect.OTEL, Dialect.TEMPO)
#: All that weights reach, and nothing else on the page.
WEIGHED = Plan(dialects=BOTH_DIALECTS, histograms=Histograms.BOTH, weight_attribute=P, graph=None)
HALF, QUARTER = "ot=th:8", "ot=th:c"


def fed(plan: Plan, *bodies: bytes) -> Engine:
    engine = Engine(plan)
    for body in bodies:
        engine.consume(body, NOW)
    return engine


def modelled(plan: Plan, *bodies: bytes) -> WeightedOracle:
    model = WeightedOracle(plan)
    for body in bodies:
        model.consume(body, NOW)
    return model


def page(engine: Engine, format: Format = Format.TEXT, now: Now = NOW) -> bytes:
    return b"".join(engine.render(format, now))


def assert_right(engine: Engine, model: WeightedOracle) -> None:
    """Every number in every format, native buckets too."""
    for format in FORMATS:
        assert_near(numbers(page(engine, format), format), wanted(model))
    if model.plan.histograms.native:
        assert_natives_right(engine, model)
    stats = engine.stats()
    assert (stats.weighted, stats.capped_weights) == (model.weighted, model.capped_weights)
    assert (stats.received, stats.aggregated) == (model.received, model.received - model.dropped.total())


def assert_natives_right(engine: Engine, model: WeightedOracle) -> None:
    found, fractional = natives(page(engine, Format.PROTOBUF)), model.fractional("duration")
    assert len(found) == len(HISTOGRAMS) * len(model.weighted_durations())
    for name, service in HISTOGRAMS:
        for labels, (schema, zero, buckets) in model.weighted_natives(SECOND).items():
            told = found[name, renamed(labels, service)]
            assert (told.schema, told.buckets.keys()) == (schema, buckets.keys())
            assert told.zero.whole == (labels not in fractional)
            assert near(told.zero.value, zero)
            assert all(near(told.buckets[i], buckets[i]) for i in buckets)
