"""What 100,000 label sets take: growth of the RSS of a process of its own that does nothing else."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from dataclasses import replace

from span2metrics.engine.core import Engine
from span2metrics.engine.plan import Dialect, Format, Plan
from tests.bench.engine import DIMENSIONS, NATIVE, NOW, exhaust, fill, rss_mib
from tests.bench.requests import Builder, Shape
from tests.bench.table import Row

LABEL_SETS = "100,000 label sets"
THREE = (Dialect.OTEL, Dialect.JAEGER, Dialect.TEMPO)


def rows() -> Iterator[Row]:
    for count, dimensions in DIMENSIONS.items():
        for pods in (1, 10) if count in (0, 2) else (1,):
            bare = Plan(dimensions=dimensions, exemplars=False, graph=None)  # halves are in `halves`
            grown = in_child(bare, pods)
            yield Row(f"{LABEL_SETS}, {count} dimensions, {pods} pods, no exemplars: RSS grows", grown, "MiB", most=85)
    for what, plan in NATIVE.items():
        for pods in (1, 20):
            grown = in_child(plan, pods)
            yield Row(f"{LABEL_SETS}, {what}, {pods} spans each: RSS grows", grown, "MiB")
    yield from shown_rows(Plan(dimensions=DIMENSIONS[2]))


def shown_rows(plan: Plan) -> Iterator[Row]:
    """With a page made in each format: what is shown of label sets costs next to nothing."""
    bare = in_child(replace(plan, exemplars=False), shown=True)
    rich = in_child(plan, shown=True)
    yield Row(f"{LABEL_SETS}, no exemplars, shown: RSS grows", bare, "MiB")
    yield Row(f"{LABEL_SETS}, an exemplar each, shown: RSS grows", rich, "MiB", most=150)
    three = in_child(replace(plan, dialects=THREE), shown=True)
    yield Row(f"{LABEL_SETS}, three dialects, shown: RSS grows", three, "MiB", three / rich, "one dialect", 1.2)


def in_child(plan: Plan, pods: int = 1, *, shown: bool = False) -> float:
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(grown_mib, (plan, pods, shown))


def grown_mib(plan: Plan, pods: int, shown: bool) -> float:
    engine = Engine(replace(plan, most_series=2 * 100_000))
    fill(engine, Builder(Shape(services=1, names=100, errors=0)).every_label_set())
    show(engine, shown)
    before = rss_mib()
    fill(engine, Builder(Shape(services=1000, names=100, errors=0)).every_label_set(pods))
    show(engine, shown)
    return rss_mib() - before


def show(engine: Engine, shown: bool) -> None:
    for format in (Format.TEXT, Format.OPENMETRICS, Format.PROTOBUF) if shown else ():
        exhaust(engine.render(format, NOW))
