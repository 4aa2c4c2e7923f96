"""The engine alone: CPU a span beside protobuf's own parser on the same bytes, memory a label set, a page's cost."""

from __future__ import annotations

import gzip
import json
import statistics
from collections.abc import Iterable, Iterator

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from span2metrics.engine.core import Engine
from span2metrics.engine.plan import Dialect, Dimension, Format, Histograms, Now, Plan
from span2metrics.engine.where import Filters, Texts, Where
from span2metrics.formats.otlp_json import to_request
from tests.bench.requests import EPOCH_NS, Builder, Shape
from tests.bench.table import Row, alternated, cpu_of

NOW = Now(EPOCH_NS + 3600 * 10**9, 0)
ROUTE, METHOD, STATUS, ADDRESS = (
    Dimension(name.replace(".", "_"), (name,))
    for name in ("http.route", "http.request.method", "http.response.status_code", "server.address")
)
#: Nine in ten spans were thrown away, by a sampler that tells its random number too.
SAMPLED = "ot=rv:f6e6d1a75832a2;th:e666"
#: Plans whose histograms are not the classic ones alone; two units cost two sets of native buckets.
NATIVE = {
    "native histograms": Plan(dimensions=(ROUTE, METHOD), histograms=Histograms.NATIVE),
    "both histograms": Plan(dimensions=(ROUTE, METHOD), histograms=Histograms.BOTH),
    "both histograms in s and ms": Plan(
        dimensions=(ROUTE, METHOD), histograms=Histograms.BOTH, dialects=(Dialect.OTEL, Dialect.JAEGER)
    ),
}
DIMENSIONS = {0: (), 2: (ROUTE, METHOD), 4: (ROUTE, METHOD, STATUS, ADDRESS)}


def consume_rows(rounds: int) -> Iterator[Row]:
    requests = Builder(Shape()).requests(100)
    spans = 100 * 512
    for count, dimensions in DIMENSIONS.items():
        engine = Engine(Plan(dimensions=dimensions))
        fill(engine, requests)
        ours, _, ratio = alternated(
            lambda engine=engine: cpu_of(lambda: fill(engine, requests)),
            lambda: cpu_of(lambda: parse(requests)),
            rounds,
        )
        most = 0.45 if count == 2 else None
        yield Row(f"consume, {count} dimensions", ours / spans * 1e6, "us/span", ratio, "FromString", most)


def native_rows(rounds: int) -> Iterator[Row]:
    requests = Builder(Shape()).requests(100)
    classic = Engine(Plan(dimensions=DIMENSIONS[2]))
    fill(classic, requests)
    for what, plan in NATIVE.items():
        engine = Engine(plan)
        fill(engine, requests)
        ours, _, ratio = alternated(
            lambda engine=engine: cpu_of(lambda: fill(engine, requests)),
            lambda: cpu_of(lambda: fill(classic, requests)),
            rounds,
        )
        yield Row(f"consume, 2 dimensions, {what}", ours / (100 * 512) * 1e6, "us/span", ratio, "classic histograms")


def weighted_rows(rounds: int) -> Iterator[Row]:
    plain, sampled = Builder(Shape()).requests(100), Builder(Shape(trace_state=SAMPLED)).requests(100)
    for histograms in Histograms:
        plan = Plan(dimensions=DIMENSIONS[2], histograms=histograms, graph=None)
        engine, weighted = Engine(plan), Engine(plan)
        fill(engine, plain)
        fill(weighted, sampled)
        ours, _, ratio = alternated(
            lambda weighted=weighted: cpu_of(lambda: fill(weighted, sampled)),
            lambda engine=engine: cpu_of(lambda: fill(engine, plain)),
            rounds,
        )
        what = f"consume, 2 dimensions, {histograms.value} histograms, sampled"
        yield Row(what, ours / (100 * 512) * 1e6, "us/span", ratio, "not sampled", 1.6)


def filter_rows(rounds: int) -> Iterator[Row]:
    requests = Builder(Shape()).requests(100)
    nobody = Where(service=Texts(patterns=("nobody",)))
    cases = {"none dropped": (Filters(exclude=(nobody,)), 1.05), "all dropped": (Filters(include=(nobody,)), 1.0)}
    plain = Engine(Plan(dimensions=DIMENSIONS[2], graph=None))
    fill(plain, requests)
    for what, (filters, most) in cases.items():
        engine = Engine(Plan(dimensions=DIMENSIONS[2], graph=None, filters=filters))
        fill(engine, requests)
        ours, _, ratio = alternated(
            lambda engine=engine: cpu_of(lambda: fill(engine, requests)),
            lambda: cpu_of(lambda: fill(plain, requests)),
            rounds,
        )
        yield Row(f"consume, 2 dimensions, filters, {what}", ours / (100 * 512) * 1e6, "us/span", ratio, "none", most)


def unseen_rows(rounds: int) -> Iterator[Row]:
    cases = {
        "consume, 2 dimensions, 50 % unseen keys": Shape(unseen=0.5),
        "consume, 2 dimensions, 100 % unseen keys": Shape(unseen=1.0),
        "consume, 2 dimensions, 1,000 resources of one service": Shape(services=1, resources=1000, width=64),
    }
    for what, shape in cases.items():
        requests = Builder(shape).requests(40)
        samples = [unseen_cost(requests) for _ in range(rounds)]
        yield Row(what, statistics.median(samples) / (40 * 512) * 1e6, "us/span")


def unseen_cost(requests: list[bytes]) -> float:
    return cpu_of(lambda: fill(Engine(Plan(dimensions=DIMENSIONS[2])), requests))


def id_rows(rounds: int) -> Iterator[Row]:
    """Names with a fresh id in every span, of known series, and the spans of those series with the names made plain."""
    for count, dimensions in DIMENSIONS.items():
        plan = Plan(dimensions=dimensions)
        with_ids, known = Engine(plan), Engine(plan)
        fresh, plain = Builder(Shape(ids=True)), Builder(Shape()).requests(40)
        for errors in (0, 1):
            fill(with_ids, Builder(Shape(ids=True, errors=errors)).every_label_set())
        fill(known, plain)
        ours, _, ratio = alternated(
            lambda fresh=fresh, with_ids=with_ids: id_cost(with_ids, fresh.requests(40)),
            lambda known=known, plain=plain: cpu_of(lambda: fill(known, plain)),
            rounds,
        )
        each = ours / (40 * 512) * 1e6
        yield Row(f"names with ids, {count} dimensions", each, "us/span", most=3)
        yield Row(f"names with ids, {count} dimensions, to names without", each, "us/span", ratio, "known names")


def id_cost(engine: Engine, requests: list[bytes]) -> float:
    """Of requests whose series are known: a birth would be measured as well."""
    births = engine.stats().births
    cost = cpu_of(lambda: fill(engine, requests))
    if engine.stats().births != births:
        raise AssertionError("a series was born")
    return cost


def json_rows(rounds: int) -> Iterator[Row]:
    request = Builder(Shape()).request()
    document = MessageToDict(ExportTraceServiceRequest.FromString(request))
    for resource in document["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                span["traceId"], span["spanId"] = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
                span.pop("parentSpanId", None)
    body = json.dumps(document).encode()
    samples = [cpu_of(lambda: [to_request(body) for _ in range(5)]) for _ in range(rounds)]
    yield Row("OTLP JSON to protobuf", statistics.median(samples) / (5 * 512) * 1e6, "us/span")


def gzip_rows(rounds: int) -> Iterator[Row]:
    from isal import igzip

    bodies = [gzip.compress(request, 6) for request in Builder(Shape()).requests(20)]
    ours, _, ratio = alternated(
        lambda: cpu_of(lambda: [igzip.decompress(body) for body in bodies for _ in range(5)]),
        lambda: cpu_of(lambda: [gzip.decompress(body) for body in bodies for _ in range(5)]),
        rounds,
    )
    yield Row("gzip bodies, inflate", ours / (100 * 512) * 1e6, "us/span", ratio, "zlib")


def page_rows(rounds: int) -> Iterator[Row]:
    engine = Engine(Plan())
    fill(engine, Builder(Shape(services=1000, names=100, errors=0)).every_label_set())
    for format in (Format.TEXT, Format.OPENMETRICS):
        samples = sum(chunk.count(b"\n") for chunk in engine.render(format, NOW))
        costs = [cpu_of(lambda: exhaust(engine.render(format, NOW))) for _ in range(rounds)]  # noqa: B023 - called at once
        yield Row(
            f"render 100,000 label sets, {format.name.lower()}", statistics.median(costs) / samples * 1e6, "us/sample"
        )


def fill(engine: Engine, requests: Iterable[bytes]) -> None:
    for request in requests:
        engine.consume(request, NOW)


def parse(requests: Iterable[bytes]) -> None:
    for request in requests:
        ExportTraceServiceRequest.FromString(request)


def exhaust(chunks: Iterator[bytes]) -> None:
    for _ in chunks:
        pass


def rss_mib() -> float:
    with open("/proc/self/statm", "rb") as f:
        return int(f.read().split()[1]) * 4096 / 2**20
