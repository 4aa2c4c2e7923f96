"""What 100,000 label sets take: RSS of a process of its own that holds nothing else, pages of all formats made."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from dataclasses import replace

from span2metrics.engine.core import Engine
from span2metrics.engine.plan import Dialect, Format, Plan
from tests.bench.engine import DIMENSIONS, NOW, exhaust, fill, rss_mib
from tests.bench.requests import Builder, Shape
from tests.bench.table import Row

LABEL_SETS = "100,000 label sets"
THREE = (Dialect.OTEL, Dialect.JAEGER, Dialect.TEMPO)


def rows() -> Iterator[Row]:
    for count, dimensions in DIMENSIONS.items():
        for pods in (1, 10) if count in (0, 2) else (1,):
            grown = in_child(Plan(dimensions=dimensions), pods)
            yield Row(f"{LABEL_SETS}, {count} dimensions, {pods} pods a service: RSS grows", grown, "MiB", most=85)
    yield from shown_rows(Plan(dimensions=DIMENSIONS[2]))


def shown_rows(plan: Plan) -> Iterator[Row]:
    """What is shown of them costs next to nothing."""
    bare = in_child(replace(plan, exemplars=False))
    rich = in_child(plan)
    yield Row(f"{LABEL_SETS}, no exemplars: RSS grows", bare, "MiB")
    yield Row(f"{LABEL_SETS}, an exemplar each: RSS grows", rich, "MiB", most=150)
    three = in_child(replace(plan, dialects=THREE))
    yield Row(f"{LABEL_SETS}, three dialects: RSS grows", three, "MiB", three / rich, "one dialect", 1.2)


def in_child(plan: Plan, pods: int = 1) -> float:
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(grown_mib, (plan, pods))


def grown_mib(plan: Plan, pods: int) -> float:
    engine = Engine(plan)
    fill(engine, Builder(Shape(services=1, names=100, errors=0)).every_label_set())
    show(engine)
    before = rss_mib()
    fill(engine, Builder(Shape(services=1000, names=100, errors=0)).every_label_set(pods))
    show(engine)
    return rss_mib() - before


def show(engine: Engine) -> None:
    for format in (Format.TEXT, Format.OPENMETRICS, Format.PROTOBUF):
        exhaust(engine.render(format, NOW))
