"""Labels under their UTF-8 names: for scrapers that ask for them, where the option allows it, and for nobody else."""

from __future__ import annotations

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics

from span2metrics.engine.core import Engine
from span2metrics.engine.plan import Dialect, Dimension, Escaping, Format, Graph, Plan, Source
from tests.metrics_proto import read_messages
from tests.oracle import TEXTS, Oracle, read_page
from tests.payloads import CLIENT, NOW, Placed, request
from tests.sites import Run, on_both_loops, settings, site

UTF8, UNDERSCORES = Escaping.ALLOW_UTF8, Escaping.UNDERSCORES
PLAN = Plan(
    bounds_ns=(),
    errors_zero=False,
    exemplars=False,
    graph=None,
    resource_labels=(Dimension("k8s_pod", ("k8s.pod",), (Source.RESOURCE,), utf8="k8s.pod"),),
    dimensions=(Dimension("http_route", ("http.route",), utf8="http.route"), Dimension("zone", ("zone",))),
)
SPAN = Placed(attributes={"http.route": '/"x"', "zone": "a"}, resource={"k8s.pod": "http_route="})

PAGE = r"""# HELP traces_span_metrics_calls_total Spans, by service, name, kind and status.
# TYPE traces_span_metrics_calls_total counter
traces_span_metrics_calls_total{BUILTIN,"k8s.pod"="http_route=","http.route"="/\"x\"",zone="a"} 1
# HELP traces_span_metrics_duration_seconds Duration of spans.
# TYPE traces_span_metrics_duration_seconds histogram
traces_span_metrics_duration_seconds_bucket{BUILTIN,"k8s.pod"="http_route=","http.route"="/\"x\"",zone="a",le="+Inf"} 1
traces_span_metrics_duration_seconds_sum{BUILTIN,"k8s.pod"="http_route=","http.route"="/\"x\"",zone="a"} 0.003
traces_span_metrics_duration_seconds_count{BUILTIN,"k8s.pod"="http_route=","http.route"="/\"x\"",zone="a"} 1
"""
BUILTIN = 'service_name="shop",span_name="GET /",span_kind="SPAN_KIND_SERVER",status_code="STATUS_CODE_UNSET"'


def engine_with(plan: Plan, *spans: Placed) -> Engine:
    engine = Engine(plan)
    engine.consume(request(spans), NOW)
    return engine


def page(engine: Engine, format: Format, escaping: Escaping) -> bytes:
    return b"".join(engine.render(format, NOW, escaping))


def label_names(raw: bytes) -> set[str]:
    """Of a protobuf page."""
    return {pair.name for family in read_messages(raw) for metric in family.metric for pair in metric.label}


def test_a_page_quotes_them_and_no_others() -> None:
    engine = engine_with(PLAN, SPAN)
    assert page(engine, Format.TEXT, UTF8).decode() == PAGE.replace("BUILTIN", BUILTIN)
    escaped = PAGE.replace("BUILTIN", BUILTIN).replace('"k8s.pod"', "k8s_pod").replace('"http.route"', "http_route")
    assert page(engine, Format.TEXT, UNDERSCORES).decode() == escaped


def test_protobuf_has_them_as_they_are() -> None:
    engine = engine_with(PLAN, SPAN)
    builtin = {"service_name", "span_name", "span_kind", "status_code"}
    assert label_names(page(engine, Format.PROTOBUF, UTF8)) == {*builtin, "k8s.pod", "http.route", "zone"}
    assert label_names(page(engine, Format.PROTOBUF, UNDERSCORES)) == {*builtin, "k8s_pod", "http_route", "zone"}


AWKWARD = [
    "größe",
    "日本語",
    "😀",
    'say "hi"',
    "back\\slash",
    "\\",
    '"',
    "\\n",
    "a\nb",
    "\0",
    "\r",
    " ",
    "le=",
    "{}",
    "a,b",
    "#",
]


@pytest.mark.parametrize("name", AWKWARD)
def test_any_name_comes_through_in_every_format(name: str) -> None:
    engine = engine_with(Plan(dimensions=(Dimension("k", ("k",), utf8=name),)), Placed(attributes={"k": "k="}))
    for format in TEXTS:
        calls, durations = read_page(page(engine, format, UTF8), format)
        assert [dict(labels)[name] for labels in (*calls, *durations)] == ["k="] * 3
    assert name in label_names(page(engine, Format.PROTOBUF, UTF8))


def test_each_family_has_the_names_of_its_own_dimensions() -> None:
    plan = Plan(
        dialects=(Dialect.OTEL, Dialect.TEMPO),
        calls_dimensions=(Dimension("http_method", ("http.method",), utf8="http.method"),),
        duration_dimensions=(Dimension("http_method", ("http_method",)),),
        errors_zero=False,
        graph=None,
    )
    engine = engine_with(plan, Placed(attributes={"http.method": "GET", "http_method": "get"}))
    text = page(engine, Format.OPENMETRICS, UTF8).decode() + "# EOF\n"
    own = {
        f.name: {k: v for s in f.samples for k, v in s.labels.items() if "method" in k} for f in parse_openmetrics(text)
    }
    assert own == {
        "traces_span_metrics_calls": {"http.method": "GET"},
        "traces_span_metrics_duration_seconds": {"http_method": "get"},
        "traces_spanmetrics_calls": {"http.method": "GET"},
        "traces_spanmetrics_latency": {"http_method": "get"},
        "traces_spanmetrics_size": {"http.method": "GET"},
    }


def test_names_much_longer_than_the_labels_fit_a_page() -> None:
    plan = Plan(
        dimensions=tuple(Dimension(f"d{n}", ("k",), utf8=f"{n}" + '"' * 1000) for n in range(9)), errors_zero=False
    )
    engine, model = Engine(plan), Oracle(plan)
    body = request([Placed(name=f"{n}", attributes={"k": "v"}) for n in range(40)])
    engine.consume(body, NOW)
    model.consume(body)
    for format in TEXTS:
        assert page(engine, format, UTF8) == model.page(format, NOW, UTF8)
    assert len(label_names(page(engine, Format.PROTOBUF, UTF8)) - {"service"}) == 4 + 9  # that one is the graph's


def test_an_edge_has_them_behind_its_side() -> None:
    graph = Graph(dimensions=(Dimension("http_route", ("http.route",), utf8="http.route"),))
    plan = Plan(graph=graph)
    engine, model = Engine(plan), Oracle(plan)
    client = Placed(kind=CLIENT, attributes={"http.route": "/out"})
    server = Placed(span_id=b"\3" * 8, parent_id=client.span_id, attributes={"http.route": "/in"})
    body = request([client, server])
    engine.consume(body, NOW)
    model.consume(body)
    assert {"client_http.route", "server_http.route"} <= label_names(page(engine, Format.PROTOBUF, UTF8))
    assert {"client_http_route", "server_http_route"} <= label_names(page(engine, Format.PROTOBUF, UNDERSCORES))
    for format in TEXTS:
        for escaping in Escaping:
            assert page(engine, format, escaping) == model.page(format, NOW, escaping)


# --- over the wire ----------------------------------------------------------------------------------------------------

ASKING = {
    Format.TEXT_1: "text/plain;version=1.0.0;escaping=allow-utf-8",
    Format.OPENMETRICS: "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8",
    Format.PROTOBUF: "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
    ";escaping=allow-utf-8",
}
NOT_ASKING = {
    Format.TEXT: "*/*",
    Format.OPENMETRICS: "application/openmetrics-text;version=1.0.0",
    Format.OPENMETRICS_0: "application/openmetrics-text;version=0.0.1;escaping=allow-utf-8",
    Format.TEXT_1: "text/plain;version=1.0.0;escaping=dots",
}


@on_both_loops
def test_who_asks_gets_them_and_who_does_not_gets_underscores_at_the_same_time(run: Run) -> None:
    async def scenario() -> None:
        engine = engine_with(PLAN, SPAN)
        async with site(engine, settings("/spans", "/own"), utf8_names=True) as s:
            for asked, escaping in ((ASKING, UTF8), (NOT_ASKING, UNDERSCORES)):
                for format, accept in asked.items():
                    async with s.get("/spans", headers={"Accept": accept}) as response:
                        assert response.headers["Content-Type"] == format.stating(escaping)
                        assert await response.read() == page(engine, format.body, escaping) + format.trailer

    run(scenario)


@on_both_loops
def test_nobody_gets_them_where_the_option_is_off(run: Run) -> None:
    async def scenario() -> None:
        engine = engine_with(PLAN, SPAN)
        async with site(engine, settings("/spans", "/own")) as s:
            for format, accept in ASKING.items():
                async with s.get("/spans", headers={"Accept": accept}) as response:
                    assert response.headers["Content-Type"] == format.stating(UNDERSCORES)
                    assert await response.read() == page(engine, format.body, UNDERSCORES) + format.trailer

    run(scenario)


@on_both_loops
def test_families_can_be_named_and_our_own_metrics_are_there_as_ever(run: Run) -> None:
    async def scenario() -> None:
        headers = {"Accept": ASKING[Format.OPENMETRICS]}
        async with site(engine_with(PLAN, SPAN), utf8_names=True) as s:
            whole = await s.text("/metrics", headers=headers)
            named = await s.text(
                "/metrics?name[]=traces_span_metrics_calls&name[]=span2metrics_series", headers=headers
            )
        families = {family.name: family.samples for family in parse_openmetrics(named)}
        assert list(families) == ["traces_span_metrics_calls", "span2metrics_series"]
        assert {family.name: family.samples for family in parse_openmetrics(whole)}.items() >= families.items()
        assert families["traces_span_metrics_calls"][0].labels["http.route"] == '/"x"'

    run(scenario)
