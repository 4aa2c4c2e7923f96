"""`target_info`: the instances of services that sent spans, in every dialect and format, and in bounded memory."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics

from span2metrics.engine.core import Engine
from span2metrics.engine.plan import Dialect, Dimension, Format, Plan, Source
from span2metrics.errors import DecodeError
from span2metrics.formats.otlp_json import to_request
from tests.metrics_proto import read_messages, type_name
from tests.oracle import TEXTS, Oracle
from tests.payloads import BAD, BAD_TEXT, FEEDS, NOW, Attributes, Pairs, Placed, request
from tests.sites import OPENMETRICS, Run, on_both_loops, site

OTEL, JAEGER, TEMPO = Dialect.OTEL, Dialect.JAEGER, Dialect.TEMPO
PLAN = Plan(target_info=True)


def pod(instance: Any, service: str | None = "shop", **more: Any) -> Placed:
    return Placed(service=service, resource={"service.instance.id": instance}, **more)


def engine_with(plan: Plan, *spans: Placed) -> Engine:
    engine = Engine(plan)
    engine.consume(request(spans), NOW)
    return engine


def page(engine: Engine, format: Format = Format.TEXT) -> bytes:
    return b"".join(engine.render(format, NOW))


def targets(engine: Engine, name: bytes = b"target_info") -> list[str]:
    """What stands between the braces, in order."""
    lines = page(engine).splitlines()
    return [line[len(name) + 1 : -len("} 1")].decode() for line in lines if line.startswith(name + b"{")]


def labels(**more: str) -> str:
    return ",".join(f'service_{label}="{text}"' for label, text in {"name": "shop", **more}.items())


#: The resource's attributes besides the name → the labels.
READ: dict[str, tuple[str | None, Attributes, str]] = {
    "all three": (
        "shop",
        {"service.instance.id": "i", "service.namespace": "n"},
        labels(namespace="n", instance_id="i"),
    ),
    "the name alone": ("shop", {}, labels()),
    "an empty one is left out": (
        "shop",
        {"service.namespace": "", "service.instance.id": "i"},
        labels(instance_id="i"),
    ),
    "no name": (None, {"service.instance.id": "i"}, labels(name="unknown_service", instance_id="i")),
    "an empty name": ("", {}, labels(name="unknown_service")),
    "a number": ("shop", {"service.instance.id": 7}, labels(instance_id="7")),
    "a list": ("shop", {"service.instance.id": ["a", 1]}, labels(instance_id='[\\"a\\",1]')),
    "the first of two": (
        "shop",
        Pairs([("service.instance.id", "a"), ("service.instance.id", "b")]),
        labels(instance_id="a"),
    ),
    "escapes": ("shop", {"service.instance.id": 'a"\n\\'}, labels(instance_id='a\\"\\n\\\\')),
    "a long one is cut": ("shop", {"service.instance.id": "i" * 300}, labels(instance_id="i" * 253 + "…")),
    "a bad one is mended": ("shop", {"service.instance.id": BAD}, labels(instance_id=BAD_TEXT)),
    "attributes that nobody reads": ("shop", {"host.name": "h", "service.version": "1"}, labels()),
}


@pytest.mark.parametrize(("service", "resource", "expected"), READ.values(), ids=READ)
def test_a_resource_is_read_as(service: str | None, resource: Attributes, expected: str) -> None:
    spans = [Placed(service=service, resource=resource)]
    model = Oracle(PLAN)
    model.consume(request(spans))
    engine = engine_with(PLAN, *spans)
    assert targets(engine) == [expected]
    assert page(engine) == model.page(Format.TEXT)


SHOWN = {
    (OTEL,): [("target", "service_name")],
    (JAEGER,): [("target", "service_name")],
    (TEMPO,): [("traces_target", "service")],
    (JAEGER, OTEL): [("target", "service_name")],
    (TEMPO, OTEL, JAEGER): [("traces_target", "service"), ("target", "service_name")],
}


@pytest.mark.parametrize(("dialects", "families"), SHOWN.items(), ids=str)
def test_it_comes_first_once_a_name_with_the_dialects_label(
    dialects: tuple[Dialect, ...], families: list[tuple[str, str]]
) -> None:
    engine = engine_with(dataclasses.replace(PLAN, dialects=dialects), pod("b"), pod("a"))
    found = list(parse_openmetrics(page(engine, Format.OPENMETRICS).decode() + "# EOF\n"))
    infos = [family for family in found if family.type == "info"]
    assert found[: len(infos)] == infos
    assert [(family.name, [(s.name, s.labels, s.value) for s in family.samples]) for family in infos] == [
        (name, [(f"{name}_info", {label: "shop", "service_instance_id": i}, 1) for i in "ab"])
        for name, label in families
    ]
    messages = read_messages(page(engine, Format.PROTOBUF))[: len(infos)]
    assert [(m.name, type_name(m), len(m.metric)) for m in messages] == [(f"{n}_info", "GAUGE", 2) for n, _ in families]
    types = [line for line in page(engine).decode().splitlines() if line.startswith("# TYPE")][: len(infos)]
    assert types == [f"# TYPE {name}_info gauge" for name, _ in families]


@pytest.mark.parametrize("format", [Format.TEXT, Format.OPENMETRICS, Format.PROTOBUF])
def test_off_means_not_there(format: Format) -> None:
    engine = engine_with(Plan(), pod("i"))
    assert b"target" not in page(engine, format)
    assert engine.stats().targets == 0


def test_an_excluded_service_is_told_here_all_the_same() -> None:
    engine = engine_with(dataclasses.replace(PLAN, exclude=frozenset({"service_name"})), pod("i"))
    assert targets(engine) == [labels(instance_id="i")]
    assert page(engine).count(b"service_name") == 1


SPANS = [pod(f"pod-{n % 7}", f"service-{n % 3}", name=f"n{n}") for n in range(40)]


@pytest.mark.parametrize("way", FEEDS)
@pytest.mark.parametrize("scoped", [False, True])
def test_every_way_of_feeding_gives_the_same_targets(way: str, scoped: bool) -> None:
    dimensions = (Dimension("lib", ("scope.name",), (Source.SCOPE,)),) if scoped else ()
    plan = dataclasses.replace(PLAN, dimensions=dimensions)
    engine, model = Engine(plan), Oracle(plan)
    for body in FEEDS[way](SPANS):
        engine.consume(body, NOW)
    model.consume(request(SPANS))
    assert len(targets(engine)) == 21
    for format in TEXTS:
        assert page(engine, format) == model.page(format)


def test_json_makes_the_same_page() -> None:
    body = request([pod("i"), pod(7), pod(None)])
    document = MessageToDict(ExportTraceServiceRequest.FromString(body))
    for resource in document["resourceSpans"]:
        for span in resource["scopeSpans"][0]["spans"]:
            span["traceId"], span["spanId"] = "01" * 16, "02" * 8
    engines = [Engine(PLAN), Engine(PLAN)]
    engines[0].consume(body, NOW)
    engines[1].consume(to_request(json.dumps(document).encode()), NOW)
    expected = [labels(), labels(instance_id="7"), labels(instance_id="i")]
    assert [targets(engine) for engine in engines] == [expected, expected]


def test_a_malformed_request_leaves_no_target() -> None:
    engine = engine_with(PLAN, pod("before"))
    for n in range(10):
        with pytest.raises(DecodeError):
            engine.consume(request([pod(f"new-{n}")]) + b"\0", NOW)
    assert targets(engine) == [labels(instance_id="before")]


def test_instances_make_neither_contexts_nor_births_nor_series() -> None:
    engine = Engine(PLAN)
    for n in range(1000):
        engine.consume(request([pod(f"pod-{n:03}")]), NOW)
    stats = engine.stats()
    assert (stats.contexts, stats.births, stats.targets, stats.forgotten_targets) == (1, 1, 1000, 0)
    assert stats.series == engine_with(PLAN, pod("one")).stats().series


# --- bounds -----------------------------------------------------------------------------------------------------------


def test_of_too_many_those_go_that_sent_nothing_for_the_longest_time() -> None:
    engine = Engine(dataclasses.replace(PLAN, most_targets=3))
    for instance in "abcadb":
        engine.consume(request([pod(instance)]), NOW)
    assert targets(engine) == [labels(instance_id=i) for i in "abd"]
    assert (engine.stats().targets, engine.stats().forgotten_targets) == (3, 2)  # b made room for d, c for b


def test_one_request_of_too_many_stays_within_the_bound() -> None:
    engine = engine_with(dataclasses.replace(PLAN, most_targets=3), *(pod(i) for i in "abcde"))
    assert targets(engine) == [labels(instance_id=i) for i in "cde"]
    assert engine.stats().forgotten_targets == 2


@pytest.mark.parametrize("padding", [0, 20_000])
def test_a_churn_of_pods_is_bounded_and_counted_whatever_is_remembered_of_resources(padding: int) -> None:
    plan = dataclasses.replace(PLAN, most_targets=50, raw_key_bytes=4096, bounds_ns=(), errors_zero=False)
    engine = Engine(plan)
    for n in range(2000):
        steady = pod("steady", name="x")
        churning = Placed(resource={"service.instance.id": f"pod-{n:04}", "padding": "p" * padding})
        engine.consume(request([churning, steady]), NOW)
        assert engine.stats().targets <= 50
    kept = [labels(instance_id=f"pod-{n:04}") for n in range(1951, 2000)]
    assert targets(engine) == [*kept, labels(instance_id="steady")]
    assert engine.stats().forgotten_targets == 2001 - 50


def test_many_targets_are_chunks_of_a_page_and_spans_between_them_do_not_break_it() -> None:
    plan = dataclasses.replace(PLAN, dialects=(OTEL, TEMPO), errors_zero=False, bounds_ns=(), most_targets=3100)
    every = [pod(f"{n:04}" + "x" * 200) for n in range(3000)]
    for format in (Format.TEXT, Format.OPENMETRICS, Format.PROTOBUF):
        engine, chunks = engine_with(plan, *every), []
        before = page(engine, format)
        for n, chunk in enumerate(engine.render(format, NOW)):
            chunks.append(chunk)
            engine.consume(request([pod(f"{n}"), pod(f"9{n}", took=1)]), NOW)
        assert len(chunks) > 5
        assert max(map(len, chunks)) <= (256 << 10) + 1024
        if format is Format.PROTOBUF:
            shown = [len(family.metric) for family in read_messages(b"".join(chunks)) if "target" in family.name]
            assert shown[0] == 3000
            assert shown[1] > 3000
        else:
            assert [line for line in b"".join(chunks).splitlines() if line.startswith(b"target_info{")] == [
                line for line in before.splitlines() if line.startswith(b"target_info{")
            ]


# --- over the wire ----------------------------------------------------------------------------------------------------


@on_both_loops
@pytest.mark.parametrize(
    ("headers", "names"), [({}, ["target_info"]), (OPENMETRICS, ["target_info", "target"])], ids=["text", "openmetrics"]
)
def test_it_can_be_asked_for_alone(run: Run, headers: dict[str, str], names: list[str]) -> None:
    async def scenario() -> None:
        async with site(engine_with(PLAN, pod("i"))) as s:
            for name in names:
                text = await s.text(f"/metrics?name[]={name}", headers=headers)
                lines = [line for line in text.splitlines() if not line.startswith("#")]
                assert lines == [f"target_info{{{labels(instance_id='i')}}} 1"]

    run(scenario)


@on_both_loops
def test_our_own_metrics_tell_how_many_there_are_and_were(run: Run) -> None:
    async def scenario() -> None:
        engine = engine_with(dataclasses.replace(PLAN, most_targets=2), *(pod(i) for i in "abcde"))
        async with site(engine) as s:
            lines = (await s.text("/metrics")).splitlines()
        assert "span2metrics_targets 2" in lines
        assert "span2metrics_forgotten_targets_total 3" in lines

    run(scenario)
