"""From the configuration to the engine's plan."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from span2metrics.config import Config, compile_plan, load
from span2metrics.engine.plan import MS, Dialect, Dimension, Graph, Histograms, Measure, Negative, Plan, Source, Unit
from span2metrics.engine.where import Texts, Where

SPAN, RESOURCE, SCOPE = Source.SPAN, Source.RESOURCE, Source.SCOPE
STATUS = "http.response.status_code"


def compiled(directory: Path, metrics: str) -> Plan:
    file = directory / "config.yaml"
    file.write_text(f"metrics: {metrics}")
    return compile_plan(load(file))


def test_the_defaults_are_the_plans_own() -> None:
    assert Plan() == compile_plan(Config())


DIMENSIONS = {
    "name: http.route": Dimension("http_route", ("http.route",), (SPAN, RESOURCE), ""),
    "name: http.route, label: route, default: none": Dimension("route", ("http.route",), (SPAN, RESOURCE), "none"),
    "coalesce: [a.b, c]": Dimension("a_b", ("a.b", "c"), (SPAN, RESOURCE), ""),
    "name: a, from: [scope, span]": Dimension("a", ("a",), (SCOPE, SPAN), ""),
    "name: a, from: [resource]": Dimension("a", ("a",), (RESOURCE,), ""),
    "name: scope.name": Dimension("scope_name", ("scope.name",), (SCOPE,), ""),
    "coalesce: [scope.version, scope.name], label: lib": Dimension(
        "lib", ("scope.version", "scope.name"), (SCOPE,), ""
    ),
    "name: scope.name, from: [span]": Dimension("scope_name", ("scope.name",), (SPAN,), ""),
    "coalesce: [a, scope.name], from: [span, scope]": Dimension("a", ("a", "scope.name"), (SPAN, SCOPE), ""),
    "name: 4xx": Dimension("_4xx", ("4xx",), (SPAN, RESOURCE), ""),
    "name: größe-in.m²": Dimension("gr__e_in_m_", ("größe-in.m²",), (SPAN, RESOURCE), ""),
    "name: x, label: my-label": Dimension("my_label", ("x",), (SPAN, RESOURCE), ""),
}


@pytest.mark.parametrize(("entry", "dimension"), DIMENSIONS.items())
def test_a_dimension_is_a_label_with_attributes_and_places(tmp_path: Path, entry: str, dimension: Dimension) -> None:
    plan = compiled(tmp_path, f"{{dimensions: [{{{entry}}}], calls: {{dimensions: []}}, duration: {{dimensions: []}}}}")
    assert (dimension,) == plan.dimensions
    assert () == plan.calls_dimensions == plan.duration_dimensions
    assert (dimension,) == compiled(tmp_path, f"{{calls: {{dimensions: [{{{entry}}}]}}}}").calls_dimensions
    assert (dimension,) == compiled(tmp_path, f"{{duration: {{dimensions: [{{{entry}}}]}}}}").duration_dimensions


def test_a_resource_label_reads_the_resource_only(tmp_path: Path) -> None:
    plan = compiled(tmp_path, "{resource_labels: [k8s.pod.name, {name: scope.name, label: b, default: c}]}")
    assert plan.resource_labels == (
        Dimension("k8s_pod_name", ("k8s.pod.name",), (RESOURCE,)),
        Dimension("b", ("scope.name",), (RESOURCE,), "c"),
    )


UTF8_NAMES = {
    "name: http.route": ("http_route", "http.route"),
    "name: plain": ("plain", ""),
    "name: 4xx": ("_4xx", "4xx"),
    "name: größe-in.m²": ("gr__e_in_m_", "größe-in.m²"),
    "coalesce: [a.b, c]": ("a_b", "a.b"),
    "name: http.route, label: route": ("route", ""),
    "name: plain, label: http.route": ("http_route", "http.route"),
    r'name: "a\"\\\n\0"': ("a____", 'a"\\\n\0'),
}


@pytest.mark.parametrize(("entry", "names"), UTF8_NAMES.items())
@pytest.mark.parametrize("on", [True, False])
def test_a_label_has_the_attributes_name_or_the_users_where_utf8_is_allowed(
    tmp_path: Path, entry: str, names: tuple[str, str], on: bool
) -> None:
    lists = (
        f"dimensions: [{{{entry}}}], calls: {{dimensions: [{{name: c.d}}]}}, duration: {{dimensions: [{{name: c_d}}]}}"
    )
    plan = compiled(tmp_path, f"{{utf8_names: {str(on).lower()}, {lists}, resource_labels: [k8s.pod]}}")
    every = [*plan.dimensions, *plan.calls_dimensions, *plan.duration_dimensions, *plan.resource_labels]
    expected = [names, ("c_d", "c.d"), ("c_d", ""), ("k8s_pod", "k8s.pod")]
    assert [(d.label, d.utf8) for d in every] == [(label, utf8 if on else "") for label, utf8 in expected]


def test_families_and_limits_arrive_as_they_are(tmp_path: Path) -> None:
    plan = compiled(
        tmp_path,
        "{namespace: '', unit: ms, buckets: [2ms, 1.4s], exclude: [span_kind, span_name]}\n"
        "limits: {label_value_length: 100, raw_key_bytes: 1MiB}",
    )
    expected = Plan(
        namespace="",
        unit=Unit.MILLISECONDS,
        bounds_ns=(2_000_000, 1_400_000_000),
        exclude=frozenset({"span_kind", "span_name"}),
        label_value_length=100,
        raw_key_bytes=1 << 20,
    )
    assert expected == plan


@pytest.mark.parametrize(
    ("settings", "bounds"),
    [
        ("{dialects: [tempo]}", tuple(2_000_000 * 2**k for k in range(14))),
        ("{dialects: [tempo, otel]}", Plan().bounds_ns),
        ("{dialects: [jaeger]}", Plan().bounds_ns),
        ("{dialects: [tempo], buckets: [1s]}", (10**9,)),
    ],
)
def test_the_bounds_are_the_dialects_unless_given(tmp_path: Path, settings: str, bounds: tuple[int, ...]) -> None:
    assert compiled(tmp_path, settings).bounds_ns == bounds


@pytest.mark.parametrize(
    ("settings", "schema", "most"),
    [("{}", 3, 160), ("{factor: 1.01}", 7, 160), ("{factor: 65536, max_buckets: 8}", -4, 8), ("{factor: 2}", 0, 160)],
)
def test_a_factor_becomes_a_schema(tmp_path: Path, settings: str, schema: int, most: int) -> None:
    plan = compiled(tmp_path, f"{{histograms: native, native: {settings}}}")
    assert (plan.histograms, plan.native_schema, plan.native_max_buckets) == (Histograms.NATIVE, schema, most)


def test_dialects_keep_their_order(tmp_path: Path) -> None:
    assert compiled(tmp_path, "{dialects: [tempo, jaeger]}").dialects == (Dialect.TEMPO, Dialect.JAEGER)


DROPS: dict[str, tuple[str, set[str]]] = {
    "by attribute": (f"dimensions: [{{name: {STATUS}}}, {{name: x}}]", {"http_response_status_code"}),
    "by attribute under another label": (f"dimensions: [{{name: {STATUS}, label: code}}]", {"code"}),
    "by one of several attributes": (f"dimensions: [{{coalesce: [http.status_code, {STATUS}]}}]", {"http_status_code"}),
    "by label": ("dimensions: [{name: x, label: error_type}, {name: y}]", {"error_type"}),
    "of the calls": ("calls: {dimensions: [{name: error.type}]}", {"error_type"}),
    "not of the durations": ("duration: {dimensions: [{name: error.type}]}", set()),
    "of the resource": ("resource_labels: [a.b], errors_zero_drop: [a.b]", {"a_b"}),
    "by a list of one's own": ("dimensions: [{name: a}, {name: error.type}], errors_zero_drop: [a]", {"a"}),
    "by an empty list": ("dimensions: [{name: error.type}], errors_zero_drop: []", set()),
    "nothing when off": ("errors_zero: false, dimensions: [{name: error.type}]", set()),
    "nothing without the status": ("exclude: [status_code], dimensions: [{name: error.type}]", set()),
}


@pytest.mark.parametrize(("metrics", "labels"), DROPS.values(), ids=DROPS)
def test_what_an_errors_sibling_leaves_out_is_found_by_attribute_or_label(
    tmp_path: Path, metrics: str, labels: set[str]
) -> None:
    assert labels == compiled(tmp_path, f"{{{metrics}}}").errors_zero_drop


@pytest.mark.parametrize(
    ("metrics", "on"), [("{}", True), ("{errors_zero: false}", False), ("{exclude: [status_code]}", False)]
)
def test_errors_zero_needs_the_status_label(tmp_path: Path, metrics: str, on: bool) -> None:
    assert on is compiled(tmp_path, metrics).errors_zero


def test_every_field_of_the_plan_comes_from_the_configuration(tmp_path: Path) -> None:
    plan = compiled(
        tmp_path,
        """
  namespace: n
  unit: ms
  buckets: [1s]
  histograms: both
  native: {factor: 2, max_buckets: 20}
  dimensions: [{name: error.type}]
  calls: {dimensions: [{name: b}]}
  duration: {dimensions: [{name: c}]}
  resource_labels: [d]
  exclude: [span_kind]
  exemplars: false
  created: true
  zero_first: 30s
  target_info: true
  expire_after: 1h
span_names: {templating: dry_run, rules: [http]}
filters: {exclude: [{kind: client}]}
measures: [{name: a, attribute: b}]
time: {slack: 1h}
sampling: {tracestate: false, weight_attribute: p, max_weight: 100}
limits:
  {services: 1, series: 2, series_per_service: 3, edges: 4, label_value_length: 64, raw_key_bytes: 1MiB, targets: 100}
privacy: {action: drop}
service_graph: {wait: 5s}
slos: [{name: e, objective: 99, where: {service: f}, sli: availability}]
""",
    )
    defaults: dict[str, Any] = {field.name: field.default for field in dataclasses.fields(Plan)}
    assert [name for name, default in defaults.items() if getattr(plan, name) == default] == [
        "dialects",  # others need the label that is excluded here
        "errors_zero",
    ]


# --- measures ---------------------------------------------------------------------------------------------------------

MEASURES: dict[str, tuple[str, Measure]] = {
    "nothing else": ("", Measure("m", "a.b")),
    "unit": ("unit: eur", Measure("m", "a.b", unit="eur")),
    "buckets": (
        "buckets: [0, 0.000001, 9.99, 1000000000000]",
        Measure("m", "a.b", bounds=(0, 1, 9_990_000, 10**18)),
    ),
    "dimensions": (
        "dimensions: [{name: c.d, label: e, default: f, from: [resource]}]",
        Measure("m", "a.b", dimensions=(Dimension("e", ("c.d",), (RESOURCE,), "f"),)),
    ),
    "where": (
        "where: {kind: server, service: s, span.c: [x, {regex: y}]}",
        Measure("m", "a.b", where=Where((2,), service=Texts(("s",)), span=(("c", Texts(("x",), ("y",))),))),
    ),
    "negative": ("negative: allow", Measure("m", "a.b", negative=Negative.ALLOW)),
}


@pytest.mark.parametrize("key", MEASURES)
def test_a_key_of_a_measure_changes_its_field_alone(tmp_path: Path, key: str) -> None:
    text, measure = MEASURES[key]
    selected = () if measure.where == Where() else (measure.where,)  # what is meant in particular is admitted
    expected = Plan(measures=(measure,), selected=selected)
    assert compiled(tmp_path, f"{{}}\nmeasures: [{{name: m, attribute: a.b, {text}}}]") == expected


def test_every_field_of_a_measure_comes_from_the_configuration() -> None:
    fields = {field.name for field in dataclasses.fields(Measure)}
    assert fields - {"name", "attribute"} == {"bounds", *MEASURES} - {"buckets", "nothing else"}


def test_measures_keep_their_order_and_their_labels_utf8_names(tmp_path: Path) -> None:
    plan = compiled(
        tmp_path,
        "{utf8_names: true}\n"
        "measures: [{name: b, attribute: x, dimensions: [{name: c.d}]}, {name: a, attribute: x, unit: eur}]",
    )
    assert [(m.name, [d.utf8 for d in m.dimensions]) for m in plan.measures] == [("b", ["c.d"]), ("a", [])]


# --- the service graph ------------------------------------------------------------------------------------------------

GRAPHS: dict[str, tuple[str, Graph]] = {
    "wait": ("1500ms", Graph(wait_ns=1500 * MS)),
    "max_items": ("1", Graph(max_items=1)),
    "buckets": ("[1ns, 1.5s]", Graph(bounds_ns=(1, 1500 * MS))),
    "dimensions": (
        "[{name: a.b}, {coalesce: [c, d], label: e.f, default: g, from: [resource]}]",
        Graph(
            dimensions=(
                Dimension("a_b", ("a.b",), (SPAN, RESOURCE), ""),
                Dimension("e_f", ("c", "d"), (RESOURCE,), "g"),
            )
        ),
    ),
    "through_internal": ("true", Graph(through_internal=True)),
    "database_attributes": (
        "[db.collection.name, db.system]",
        Graph(database_attributes=("db.collection.name", "db.system")),
    ),
    "peer_attributes": ("[]", Graph(peer_attributes=())),
    "virtual_node_label": ("true", Graph(virtual_node_label=True)),
    "connection_info": ("true", Graph(connection_info=True)),
    "messaging_latency": ("true", Graph(messaging_latency=True)),
}


@pytest.mark.parametrize("key", GRAPHS)
def test_a_key_of_the_service_graph_changes_its_field_alone(tmp_path: Path, key: str) -> None:
    text, graph = GRAPHS[key]
    assert compiled(tmp_path, f"{{}}\nservice_graph: {{{key}: {text}}}") == Plan(graph=graph)


def test_every_field_of_the_service_graph_comes_from_the_configuration(tmp_path: Path) -> None:
    keys = ", ".join(f"{key}: {text}" for key, (text, _) in GRAPHS.items())
    graph = compiled(tmp_path, f"{{}}\nservice_graph: {{{keys}}}").graph
    defaults: dict[str, Any] = {field.name: field.default for field in dataclasses.fields(Graph)}
    assert [name for name, default in defaults.items() if getattr(graph, name) == default] == []


def test_a_service_graph_that_is_off_is_none_whatever_else_it_says(tmp_path: Path) -> None:
    assert compiled(tmp_path, "{}\nservice_graph: {enabled: false, wait: 5s}") == Plan(graph=None)


@pytest.mark.parametrize("dialects", ["[tempo]", "[jaeger]", "[otel, tempo]"])
def test_the_service_graph_is_the_same_in_every_dialect(tmp_path: Path, dialects: str) -> None:
    assert compiled(tmp_path, f"{{dialects: {dialects}, buckets: [1s]}}").graph == Graph()


@pytest.mark.parametrize("attribute", ["span.name", "service.name", "le", "__x", "client", "virtual_node", "a"])
def test_an_edges_label_is_free_whatever_spans_have(tmp_path: Path, attribute: str) -> None:
    entry = f"[{{name: {attribute}}}]"
    plan = compiled(tmp_path, f"{{dimensions: [{{name: a}}]}}\nservice_graph: {{dimensions: {entry}}}")
    assert plan.graph is not None
    assert [dimension.attributes for dimension in plan.graph.dimensions] == [(attribute,)]
