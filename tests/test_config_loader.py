"""Loading: defaults, files, flags over files, and what becomes of lines and types on the way."""

from __future__ import annotations

from pathlib import Path

import pytest

from span2metrics.config import Config, Endpoint, GrpcReceiver, load
from span2metrics.engine.plan import Dialect, Source, Unit
from span2metrics.errors import ConfigError, Problem


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.yaml"


def problems(path: Path | None, overrides: dict[str, str] | None = None) -> list[Problem]:
    with pytest.raises(ConfigError) as caught:
        load(path, overrides or {})
    return caught.value.problems


def test_without_a_file_the_defaults_hold() -> None:
    config = load(None)
    otlp = config.receivers.otlp
    assert otlp.grpc is not None
    assert otlp.http is not None
    assert otlp.grpc == GrpcReceiver()
    assert otlp.grpc.endpoint == Endpoint("localhost", 4317)
    assert otlp.grpc.max_request_size is None
    assert otlp.grpc.keepalive.max_connection_age is None
    assert otlp.http.endpoint == Endpoint("localhost", 4318)
    assert (otlp.http.path, otlp.http.max_json_size, otlp.http.cors) == ("/v1/traces", 8 << 20, None)
    assert config.intake.max_bytes is None
    assert config.web.listen_address == Endpoint("localhost", 10464)
    assert (config.web.telemetry_path, config.web.exporter_telemetry_path) == ("/metrics", "/metrics")
    assert config.web.max_scrapes == 8
    assert config.metrics.namespace == "traces_span_metrics"
    assert config.metrics.unit is Unit.SECONDS
    assert (config.metrics.dialects, config.metrics.buckets) == ((Dialect.OTEL,), None)
    assert config.metrics.errors_zero
    assert config.metrics.errors_zero_drop == ("http.response.status_code", "error.type", "rpc.grpc.status_code")
    assert (config.limits.label_value_length, config.limits.raw_key_bytes) == (256, 64 << 20)


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "null\n", "{}\n", "\ufeff{}"])
def test_an_empty_file_has_the_defaults(file: Path, text: str) -> None:
    file.write_text(text)
    assert load(file) == Config()


EVERYTHING = """
receivers:
  otlp:
    grpc: {endpoint: "*:0", max_request_size: 1MiB, keepalive: {max_connection_age: 1.5m}}
    http:
      endpoint: "[::1]:8080"
      path: /otlp/v1/traces/
      max_request_size: 2000000
      max_json_size: 1MB
      cors: {allowed_origins: ["https://a.example", "*"], allowed_headers: [X-Tenant], max_age: 0s}
intake: {max_bytes: 1GiB}
web: {listen_address: ":80", telemetry_path: /spans, exporter_telemetry_path: /own/metrics, max_scrapes: 1}
metrics:
  namespace: ""
  unit: ms
  buckets: [1ns, 0.25s, 365d]
  dimensions:
    - &route {name: http.route}
    - {coalesce: [a, b], label: c.d, default: "on", from: [scope, resource, span]}
  calls: {dimensions: [{name: on}]}
  duration: {dimensions: [{name: on}]}
  resource_labels: [k8s.pod.name, {name: x, label: y, default: z}]
  exclude: [span_kind, status_code]
  errors_zero: false
  errors_zero_drop: []
limits: {label_value_length: 1KiB, raw_key_bytes: 1GiB}
"""


def test_every_key_is_read(file: Path) -> None:
    file.write_text(EVERYTHING)
    config = load(file)
    grpc, http, metrics = config.receivers.otlp.grpc, config.receivers.otlp.http, config.metrics
    assert grpc is not None
    assert http is not None
    assert http.cors is not None
    assert (grpc.endpoint, grpc.max_request_size) == (Endpoint("", 0), 1 << 20)
    assert grpc.keepalive.max_connection_age == 90.0
    assert (http.endpoint, http.path) == (Endpoint("::1", 8080), "/otlp/v1/traces/")
    assert (http.max_request_size, http.max_json_size) == (2_000_000, 1_000_000)
    assert http.cors.allowed_origins == ("https://a.example", "*")
    assert (http.cors.allowed_headers, http.cors.max_age) == (("X-Tenant",), 0.0)
    assert config.intake.max_bytes == 1 << 30
    assert (config.web.telemetry_path, config.web.exporter_telemetry_path) == ("/spans", "/own/metrics")
    assert config.web.max_scrapes == 1
    assert (metrics.namespace, metrics.unit) == ("", Unit.MILLISECONDS)
    assert metrics.buckets == (1, 250_000_000, 365 * 86400 * 10**9)
    assert [d.attributes for d in metrics.dimensions] == [("http.route",), ("a", "b")]
    assert metrics.dimensions[1].from_ == (Source.SCOPE, Source.RESOURCE, Source.SPAN)
    assert (metrics.dimensions[1].label, metrics.dimensions[1].default) == ("c.d", "on")
    assert [d.name for d in (*metrics.calls.dimensions, *metrics.duration.dimensions)] == ["on", "on"]
    assert [(r.name, r.label, r.default) for r in metrics.resource_labels] == [
        ("k8s.pod.name", "", ""),
        ("x", "y", "z"),
    ]
    assert (metrics.exclude, metrics.errors_zero, metrics.errors_zero_drop) == (("span_kind", "status_code"), False, ())
    assert (config.limits.label_value_length, config.limits.raw_key_bytes) == (1024, 1 << 30)


def test_null_switches_one_receiver_off_and_leaves_the_other(file: Path) -> None:
    file.write_text("receivers: {otlp: {grpc: null}}")
    otlp = load(file).receivers.otlp
    assert otlp.grpc is None
    assert otlp.http is not None


def test_a_receiver_that_is_off_takes_no_port(file: Path) -> None:
    file.write_text("receivers: {otlp: {grpc: null}}\nweb: {listen_address: ':4317'}")
    assert load(file).web.listen_address.port == 4317


@pytest.mark.parametrize(
    ("one", "other"),
    [("localhost:0", "localhost:0"), ("127.0.0.1:9000", "[::1]:9000"), ("a.example:9000", "b.example:9000")],
)
def test_listeners_that_do_not_meet_may_stand_side_by_side(file: Path, one: str, other: str) -> None:
    file.write_text(f"receivers: {{otlp: {{grpc: {{endpoint: '{one}'}}, http: {{endpoint: '{other}'}}}}}}")
    assert load(file).receivers.otlp.http is not None


@pytest.mark.parametrize(
    ("one", "other"), [("localhost:9000", "[::1]:9000"), (":9000", "b.example:9000"), ("localhost:9000", "*:9000")]
)
def test_listeners_that_meet_are_refused(file: Path, one: str, other: str) -> None:
    file.write_text(f"receivers: {{otlp: {{grpc: {{endpoint: '{one}'}}, http: {{endpoint: '{other}'}}}}}}")
    assert [problem.path for problem in problems(file)] == ["receivers.otlp.http.endpoint"]


def test_an_excluded_built_in_label_can_be_given_to_a_dimension(file: Path) -> None:
    file.write_text("metrics: {exclude: [span_name], dimensions: [{name: http.route, label: span_name}]}")
    assert load(file).metrics.dimensions[0].label == "span_name"


def test_calls_and_durations_may_each_have_a_label_of_the_same_name(file: Path) -> None:
    file.write_text("metrics: {calls: {dimensions: [{name: a.b}]}, duration: {dimensions: [{name: a_b}]}}")
    assert load(file).metrics.duration.dimensions[0].name == "a_b"


def test_an_alias_is_read_like_what_it_stands_for(file: Path) -> None:
    file.write_text("metrics: {calls: {dimensions: &d [{name: a}]}, duration: {dimensions: *d}}")
    metrics = load(file).metrics
    assert metrics.calls.dimensions == metrics.duration.dimensions


# --- flags ------------------------------------------------------------------------------------------------------------


def test_a_flag_wins_over_the_file_and_the_default(file: Path) -> None:
    file.write_text("web:\n  listen_address: localhost:1\n  telemetry_path: /a\n")
    flags = {"web.listen_address": ":2", "web.exporter_telemetry_path": "/b", "receivers.otlp.grpc.endpoint": "*:3"}
    config = load(file, flags)
    assert config.receivers.otlp.grpc is not None
    assert config.web.listen_address == Endpoint("", 2)
    assert (config.web.telemetry_path, config.web.exporter_telemetry_path) == ("/a", "/b")
    assert config.receivers.otlp.grpc.endpoint == Endpoint("", 3)
    assert load(None, flags).web.listen_address == Endpoint("", 2)


def test_a_flag_has_the_type_that_its_setting_wants() -> None:
    flags = {
        "metrics.errors_zero": "false",
        "metrics.namespace": "true",
        "intake.max_bytes": "auto",
        "limits.raw_key_bytes": "1048576",
        "receivers.otlp.http": "null",
    }
    config = load(None, flags)
    assert config.metrics.errors_zero is False
    assert config.metrics.namespace == "true"
    assert config.intake.max_bytes is None
    assert config.limits.raw_key_bytes == 1 << 20
    assert config.receivers.otlp.http is None


def test_a_flag_switches_on_what_the_file_has_off(file: Path) -> None:
    file.write_text("receivers: {otlp: {grpc: null}}")
    grpc = load(file, {"receivers.otlp.grpc.endpoint": ":3"}).receivers.otlp.grpc
    assert grpc is not None
    assert grpc.endpoint == Endpoint("", 3)


def test_a_flag_changes_one_of_two_that_share_an_anchor(file: Path) -> None:
    file.write_text("receivers: {otlp: {grpc: &r {max_request_size: 1MiB}, http: *r}}")
    otlp = load(file, {"receivers.otlp.grpc.max_request_size": "2MiB"}).receivers.otlp
    assert otlp.grpc is not None
    assert otlp.http is not None
    assert (otlp.grpc.max_request_size, otlp.http.max_request_size) == (2 << 20, 1 << 20)


def test_nothing_is_substituted_in_a_flag(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S2M_PATH", "/x")
    (problem,) = problems(None, {"web.telemetry_path": "${S2M_PATH}"})
    assert problem.message.startswith("`${S2M_PATH}` is not a path")


def test_flags_go_through_the_same_checks_and_are_named(file: Path) -> None:
    file.write_text("metrics:\n  unit: h\n")
    told = problems(file, {"web.listen_address": "here", "web.colour": "red"})
    assert [(p.file, p.line, p.path) for p in told] == [
        ("--web.colour", 0, "web.colour"),
        ("--web.listen-address", 0, "web.listen_address"),
        (str(file), 2, "metrics.unit"),
    ]
    assert str(told[1]).startswith("--web.listen-address: web.listen_address: `here` is not an address")


def test_a_rule_between_a_flag_and_a_default_is_told_at_the_flag() -> None:
    (problem,) = problems(None, {"receivers.otlp.grpc.endpoint": "[::1]:10464"})
    assert (problem.file, problem.line, problem.path) == ("--otlp.grpc.endpoint", 0, "receivers.otlp.grpc.endpoint")


def test_both_receivers_off_by_flags_is_a_mistake() -> None:
    (problem,) = problems(None, {"receivers.otlp.grpc": "null", "receivers.otlp.http": "null"})
    assert problem.path == "receivers.otlp"


# --- files that are none ----------------------------------------------------------------------------------------------


def test_a_file_that_is_absent_is_one_problem_without_a_line(tmp_path: Path) -> None:
    absent = tmp_path / "absent.yaml"
    assert [Problem(str(absent), 0, "", "cannot be read: No such file or directory")] == problems(absent)


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path)
    assert problem.message.startswith("cannot be read: ")


def test_a_bad_flag_is_told_beside_a_bad_file(file: Path) -> None:
    file.write_text("{")
    told = problems(file, {"web.listen_address": "here", "receivers.otlp.grpc.endpoint": ":4318"})
    assert [("--web.listen-address", 0), (str(file), 1)] == [(p.file, p.line) for p in told]


def test_endless_nesting_is_refused(file: Path) -> None:
    file.write_text("metrics: " + "[" * 20_000 + "]" * 20_000)
    (problem,) = problems(file)
    assert problem.message == "is nested too deeply"


def test_an_anchor_inside_itself_is_only_a_wrong_type(file: Path) -> None:
    file.write_text("metrics:\n  dimensions: &a [*a]\n  calls: &b\n    dimensions: *b\n")
    assert [problem.path for problem in problems(file)] == ["metrics.dimensions[0]", "metrics.calls.dimensions"]
