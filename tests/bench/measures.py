"""What it costs to measure: CPU a span of spans that carry an amount and a method, beside the same unmeasured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from span2metrics.engine.core import Engine
from span2metrics.engine.plan import Dimension, Measure, Negative, Plan
from tests.bench.engine import DIMENSIONS, fill
from tests.bench.requests import Builder, Shape
from tests.bench.table import Row, alternated, cpu_of

AMOUNT = Measure(
    "amount",
    "payment.amount",
    "eur",
    (1_000_000, 10_000_000, 100_000_000),
    (Dimension("payment_method", ("payment.method",)),),
    negative=Negative.ALLOW,
)
REQUESTS = 40


def rows(rounds: int) -> Iterator[Row]:
    """Of every span, of one in ten, and of none."""
    plain = Plan(dimensions=DIMENSIONS[2])
    for what, every, most in (("each", 1, 2.2), ("one in ten", 10, 1.35), ("no", 1 << 30, 1.05)):
        requests = [carrying(request, every) for request in Builder(Shape()).requests(REQUESTS)]
        measured, unmeasured = Engine(replace(plain, measures=(AMOUNT,))), Engine(plain)
        fill(measured, requests)
        fill(unmeasured, requests)
        ours, _, ratio = alternated(
            lambda measured=measured, requests=requests: cpu_of(lambda: fill(measured, requests)),
            lambda unmeasured=unmeasured, requests=requests: cpu_of(lambda: fill(unmeasured, requests)),
            rounds,
        )
        each = ours / (REQUESTS * 512) * 1e6
        yield Row(f"consume, 2 dimensions, a value in {what} span", each, "us/span", ratio, "no measure", most)


def carrying(request: bytes, every: int) -> bytes:
    message = ExportTraceServiceRequest.FromString(request)
    spans = [s for r in message.resource_spans for scope in r.scope_spans for s in scope.spans]
    for number, span in enumerate(spans[::every]):
        span.attributes.add(key="payment.amount").value.double_value = 12.34 + number
        span.attributes.add(key="payment.method").value.string_value = ("card", "sepa")[number % 2]
    return message.SerializeToString()
