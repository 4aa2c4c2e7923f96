"""One file a mistake, named after it: each is refused at its line, with its path and what to do."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
import yaml

from span2metrics.config import load, schema
from span2metrics.errors import ConfigError
from tests import cases_config_filters, cases_config_slos
from tests.cases_config_measures import MEASURES
from tests.cases_config_names import SPAN_NAMES
from tests.mistakes import Mistake, Told, seen, unseen

FILES = Path(__file__).parent / "data" / "config"


GRPC, HTTP, METRICS = "receivers.otlp.grpc", "receivers.otlp.http", "metrics"
FIRST, SECOND = "metrics.dimensions[0]", "metrics.dimensions[1]"

#: Of the document as such: no schema sees it, because no parser gets that far.
DOCUMENT = {
    "not_yaml": unseen(3, "", "is not YAML: while parsing a flow sequence, expected ',' or ']'"),
    "tab_as_indent": unseen(2, "", "is not YAML: while scanning for the next token, found character '\\t'"),
    "two_documents": unseen(2, "", "is not YAML: expected a single document"),
    "control_character": unseen(2, "", "is not YAML: it holds a control character; remove it"),
    "not_utf8": unseen(2, "", "is not UTF-8; save the file as UTF-8"),
    "key_is_no_text": unseen(2, "web", "a key must be text"),
    "value_is_tagged": unseen(
        2, f"{METRICS}.namespace", "expected a prefix of metric names, found a value with the tag"
    ),
}
STRUCTURE = {
    "not_a_mapping": seen(
        1,
        "",
        "expected a mapping (receivers, intake, web, metrics, span_names, filters, time, sampling, limits, privacy, ",
    ),
    "unknown_key": seen(3, "metrics.buckts", "unknown key; did you mean `buckets`?"),
    "unknown_key_in_dimension": seen(4, f"{FIRST}.lable", "unknown key; did you mean `label`?"),
    "unknown_section": seen(
        2, "exporters", "unknown key; known: receivers, intake, web, metrics, span_names, filters, time, sampling"
    ),
    "merge_key": unseen(2, "web.<<", "unknown key"),
    "key_twice": unseen(3, "web.telemetry_path", "stands twice in one mapping, first on line 2; keep one of them"),
    "section_is_a_list": seen(1, "web", "expected a mapping (listen_address, telemetry_path,"),
    "section_is_null": Mistake(
        [
            Told(1, "limits", "found null; remove the key to have the defaults"),
            Told(2, "metrics", "found null; remove the key to have the defaults"),
        ],
        schema=True,
    ),
}
RECEIVERS = {
    "receivers_both_off": seen(2, "receivers.otlp", "both receivers are off, so no span could come in"),
    "endpoint_without_port": seen(4, f"{GRPC}.endpoint", "`localhost` is not an address; write host:port"),
    "endpoint_with_scheme": seen(3, f"{HTTP}.endpoint", "has a scheme; write host:port alone"),
    "endpoint_port_too_high": unseen(2, "web.listen_address", "`localhost:65536` has a port above 65535"),
    "endpoint_address_invalid": unseen(2, "web.listen_address", "has an invalid IP address"),
    "endpoint_host_invalid": unseen(2, "web.listen_address", "has a host that is neither a name nor an IP address"),
    "endpoint_ipv6_without_brackets": seen(2, "web.listen_address", "or [::1]:port for IPv6"),
    "endpoint_taken": unseen(
        4, f"{HTTP}.endpoint", f"listens where {GRPC}.endpoint does (line 3); choose another port"
    ),
    "endpoint_taken_by_default": unseen(
        2, "web.listen_address", f"listens where {GRPC}.endpoint does by default; choose another port"
    ),
    "request_path_relative": seen(4, f"{HTTP}.path", "`v1/traces` is not a path; write /"),
    "cors_without_origins": seen(4, f"{HTTP}.cors", "has no `allowed_origins`; add it"),
    "cors_origin_with_path": seen(4, f"{HTTP}.cors.allowed_origins[0]", "is not an origin; write scheme://host"),
    "cors_header_invalid": seen(4, f"{HTTP}.cors.allowed_headers[0]", "`x tenant` is not the name of an HTTP header"),
    "page_path_relative": seen(2, "web.telemetry_path", "`metrics` is not a path for a page; write /"),
    "page_path_is_the_root": seen(2, "web.telemetry_path", "`/` is not a path for a page"),
    "page_path_of_the_runbooks": seen(2, "web.telemetry_path", "`/runbooks` is not a path for a page"),
    "page_path_taken": Mistake(
        [
            Told(2, "web.telemetry_path", "`/-/healthy` is not a path for a page"),
            Told(3, "web.exporter_telemetry_path", "`/-/ready` is not a path for a page"),
        ],
        schema=True,
    ),
}
AGE = f"{GRPC}.keepalive.max_connection_age"
SCALARS = {
    "size_unit_unknown": seen(2, "intake.max_bytes", "`64M` is not a size; write bytes, or a number and a unit"),
    "size_out_of_bounds": seen(3, f"{GRPC}.max_request_size", "`64` is out of bounds; write 1KiB to 1GiB; or auto"),
    "size_not_whole": seen(2, "limits.raw_key_bytes", "is not a whole number of bytes"),
    "size_is_a_boolean": seen(2, "intake.max_bytes", "expected a size such as 64MiB, found the boolean `true`"),
    "max_scrapes_none": seen(2, "web.max_scrapes", "`0` is out of bounds; write 1 to 1000"),
    "max_scrapes_not_whole": seen(2, "web.max_scrapes", "expected a whole number such as 8, found the number `1.5`"),
    "max_scrapes_is_text": seen(2, "web.max_scrapes", "`many` is not a whole number; write digits alone, such as 8"),
    "label_value_length_out_of_bounds": unseen(1, "limits.label_value_length", "out of bounds; write 16 to 1KiB"),
    "duration_without_unit": seen(4, AGE, "`300` has no unit; write for example 250ms, 10s, 15m or 30d"),
    "duration_out_of_bounds": unseen(4, AGE, "`60d` is out of bounds; write 1s to 24d; or null"),
    "duration_is_no_duration": seen(4, AGE, "`5 minutes` is not a duration; write a number and a unit"),
    "max_weight_below_1": seen(3, "sampling.max_weight", "`0` is out of bounds; write 1 to 1000000000"),
    "max_weight_not_whole": seen(2, "sampling.max_weight", "expected a whole number such as 8, found the number `2.5`"),
    "weight_attribute_empty": seen(
        2, "sampling.weight_attribute", "is no name; write the name of an attribute; or null"
    ),
    "weight_attribute_is_a_number": seen(
        2, "sampling.weight_attribute", "expected the name of an attribute, found the number `0.25`"
    ),
    "environment_missing": Mistake(
        [
            Told(2, f"{METRICS}.namespace", "SPAN2METRICS_TEST_ABSENT is not set; set it, or write"),
            Told(2, f"{METRICS}.namespace", "SPAN2METRICS_TEST_MISSING is not set; set it, or write"),
        ]
    ),
    "file_missing": unseen(2, f"{METRICS}.namespace", "see that it exists and may be read"),
    "file_relative": unseen(2, f"{METRICS}.namespace", "${file:namespace} is not an absolute path"),
    "substitution_unfinished": unseen(2, f"{METRICS}.namespace", "`${` begins a substitution that does not end"),
    "substitution_nested": unseen(2, f"{METRICS}.namespace", "or holds another one; write ${NAME}"),
    "substitution_without_name": unseen(2, f"{METRICS}.namespace", "holds neither the name of an environment variable"),
}
BUCKETS = f"{METRICS}.buckets"
FAMILIES = {
    "dialect_unknown": seen(
        2, f"{METRICS}.dialects[1]", "`zipkin` is not a dialect that is known here; known: otel, jaeger, tempo"
    ),
    "dialects_share_a_name": unseen(
        3, f"{METRICS}.namespace", "traces_spanmetrics_calls would be a metric of two dialects with different labels"
    ),
    "dialect_needs_a_label": unseen(3, f"{METRICS}.exclude[0]", "what reads the dialect jaeger needs span_kind"),
    "label_of_a_dialect": unseen(4, FIRST, "produces the label `service`, which is built in"),
    "dialects_empty": seen(2, f"{METRICS}.dialects", "is empty; name at least one, or remove the key"),
    "namespace_invalid": seen(2, f"{METRICS}.namespace", "`my-spans` cannot begin a metric's name; write letters"),
    "namespace_of_the_daemon": unseen(2, f"{METRICS}.namespace", "as the daemon's own do; choose another namespace"),
    "unit_unknown": seen(2, f"{METRICS}.unit", "`us` is not a unit that is known here; known: s, ms"),
    "buckets_unsorted": unseen(2, f"{BUCKETS}[1]", "`500ms` is less than the one before it; write them in ascending"),
    "buckets_repeated": unseen(2, f"{BUCKETS}[1]", "`0.5s` repeats metrics.buckets[0]; remove one of them"),
    "buckets_negative": seen(2, f"{BUCKETS}[0]", "`-1ms` is negative"),
    "buckets_zero": unseen(2, f"{BUCKETS}[0]", "`0s` is out of bounds; write 1ns to 365d"),
    "buckets_not_finite": Mistake(
        [Told(2, f"{BUCKETS}[{i}]", f"`{text}` is not finite") for i, text in enumerate((".inf", "+Inf", ".nan"), 1)],
        schema=True,
    ),
    "buckets_without_unit": seen(2, f"{BUCKETS}[0]", "`0.005` has no unit"),
    "buckets_too_fine": unseen(2, f"{BUCKETS}[0]", "`0.5ns` is finer than a nanosecond"),
    "buckets_too_long": unseen(2, f"{BUCKETS}[1]", "`366d` is out of bounds"),
    "buckets_too_many": seen(2, BUCKETS, "has 65 elements; at most 64 are allowed"),
    "buckets_empty": seen(2, BUCKETS, "is empty; name at least one, or remove the key"),
    "buckets_is_text": seen(2, BUCKETS, "expected a list, found the text `1ms, 2ms`"),
    "histograms_unknown": seen(
        2, f"{METRICS}.histograms", "is not a kind of histogram that is known here; known: classic, native, both"
    ),
    "native_factor_too_fine": seen(2, f"{METRICS}.native.factor", "`1` is out of bounds; write 1.003 to 65536"),
    "native_factor_is_no_number": seen(2, f"{METRICS}.native.factor", "`.inf` is not a number; write digits"),
    "native_max_buckets_too_few": seen(
        3,
        f"{METRICS}.native.max_buckets",
        "out of bounds; write 8 to 1000; five of the coarsest buckets hold every duration",
    ),
    "exclude_unknown": seen(2, f"{METRICS}.exclude[0]", "`span.kind` is not a built-in label that is known here"),
    "exclude_repeats": seen(2, f"{METRICS}.exclude[1]", "`span_kind` repeats metrics.exclude[0]"),
    # YAML 1.1, in which the schema's test reads it, has `yes` for true.
    "errors_zero_is_text": unseen(2, f"{METRICS}.errors_zero", "expected true or false, found the text `yes`"),
    "errors_zero_drops_a_built_in": seen(
        2, f"{METRICS}.errors_zero_drop[1]", "`span.kind` names no label that a series could be without; remove it"
    ),
}
DIMENSIONS = {
    "edges_max_values": Mistake(
        [Told(2, "service_graph.dimensions[0].max_values", "has no effect on edges; remove it, and set limits.edges")]
    ),
    "expire_after_without_unit": seen(2, "metrics.expire_after", "15m"),
    "limits_negative": seen(2, "limits.series", "-1"),
    "dimension_is_text": seen(3, FIRST, "rewrite, max_values), found the text `http.route`; write {name: …}"),
    "dimension_without_attribute": seen(3, FIRST, "has neither `name` nor `coalesce`; say which attribute to read"),
    "dimension_with_name_and_coalesce": seen(3, FIRST, "has both `name` and `coalesce`; keep one of them"),
    "attribute_empty": seen(3, f"{FIRST}.name", "empty text is no name; write the name of an attribute"),
    "attribute_is_a_boolean": seen(4, f"{SECOND}.name", "found the boolean `true`; put it in quotes"),
    "label_is_an_integer": seen(4, f"{FIRST}.label", "found the integer `5`; put it in quotes"),
    "label_empty": seen(4, f"{FIRST}.label", "write the name of a label, or remove the key"),
    "default_is_null": seen(4, f"{FIRST}.default", "expected text, found null"),
    "default_is_no_unicode": unseen(4, f"{FIRST}.default", "is not valid Unicode"),
    "default_too_long": unseen(4, f"{FIRST}.default", "is longer than limits.label_value_length (256 bytes)"),
    "coalesce_empty": seen(3, f"{FIRST}.coalesce", "is empty; name at least one"),
    "coalesce_repeats": seen(3, f"{FIRST}.coalesce[1]", f"`http.route` repeats {FIRST}.coalesce[0]"),
    "from_unknown": seen(4, f"{FIRST}.from[1]", "`process` is not a place that is known here; known: span, resource"),
    "from_empty": seen(4, f"{FIRST}.from", "is empty; name at least one"),
    "from_is_text": seen(4, f"{FIRST}.from", "expected a list, found the text `span`"),
    "scope_is_mixed": unseen(3, FIRST, "say where with `from`, such as from: [span, resource, scope]"),
    "resource_label_without_name": seen(3, f"{METRICS}.resource_labels[0]", "has no `name`; add it"),
    "resource_label_is_an_integer": seen(3, f"{METRICS}.resource_labels[0]", "found the integer `5`; put it in quotes"),
}
LABELS = {
    "label_twice": unseen(
        5, "metrics.dimensions[2]", f"produces the label `http_method`, which {FIRST} (line 3) produces"
    ),
    "label_twice_by_name": unseen(5, SECOND, f"produces the label `x`, which {FIRST} (line 3) produces already"),
    "label_twice_with_utf8_names": Mistake(
        [
            Told(5, SECOND, f"produces the label `http_method`, which {FIRST} (line 4) produces already"),
            Told(6, "metrics.dimensions[2]", "produces the label `span_name`, which is built in"),
            Told(7, "metrics.dimensions[3]", "the label `__x` is reserved"),
        ]
    ),
    "label_is_built_in": unseen(3, FIRST, "produces the label `span_name`, which is built in"),
    "label_is_reserved": Mistake(
        [
            Told(3, FIRST, "the label `le` is reserved"),
            Told(4, SECOND, "the label `quantile` is reserved"),
            Told(6, "metrics.dimensions[2]", "the label `__x` is reserved"),
            Told(7, "metrics.dimensions[3]", "the label `__y` is reserved"),
            Told(8, "metrics.dimensions[4]", "the label `otel_metric_overflow` is reserved"),
        ]
    ),
    "calls_repeat_a_common_label": unseen(
        6, FIRST, "produces the label `http_route`, which metrics.calls.dimensions[0] (line 4) produces already"
    ),
    "duration_repeats_a_common_label": unseen(
        6, f"{METRICS}.duration.dimensions[0]", f"produces the label `http_route`, which {FIRST} (line 3) produces"
    ),
    "resource_label_repeats_a_dimension": unseen(
        5, f"{METRICS}.resource_labels[0]", f"produces the label `k8s_pod_name`, which {FIRST} (line 3) produces"
    ),
    "resource_label_is_built_in": unseen(3, f"{METRICS}.resource_labels[0]", "`service_name`, which is built in"),
}
GRAPH, END = "service_graph", "service_graph.dimensions[0]"
SERVICE_GRAPH = {
    "graph_is_null": seen(
        1, GRAPH, "found null; remove the key to have the defaults, or write {enabled: false} to have none"
    ),
    "graph_unknown_key": seen(3, f"{GRAPH}.wiat", "unknown key; did you mean `wait`?"),
    "graph_enabled_is_text": seen(2, f"{GRAPH}.enabled", "expected true or false, found the text `sometimes`"),
    "graph_wait_too_long": unseen(2, f"{GRAPH}.wait", "`2h` is out of bounds; write 1ms to 1h"),
    "graph_wait_too_short": unseen(2, f"{GRAPH}.wait", "`0s` is out of bounds; write 1ms to 1h"),
    "graph_wait_without_unit": seen(2, f"{GRAPH}.wait", "`10` has no unit; write for example 250ms"),
    "graph_max_items_none": seen(2, f"{GRAPH}.max_items", "`0` is out of bounds; write 1 to 10000000"),
    "graph_max_items_too_many": seen(2, f"{GRAPH}.max_items", "`10000001` is out of bounds; write 1 to 10000000"),
    "graph_buckets_unsorted": unseen(2, f"{GRAPH}.buckets[1]", "`500ms` is less than the one before it; write them in"),
    "graph_buckets_repeated": unseen(2, f"{GRAPH}.buckets[1]", "`0.5s` repeats service_graph.buckets[0]; remove one"),
    "graph_buckets_empty": seen(2, f"{GRAPH}.buckets", "is empty; name at least one, or remove the key"),
    "graph_buckets_too_many": seen(2, f"{GRAPH}.buckets", "has 65 elements; at most 64 are allowed"),
    "graph_dimension_twice": unseen(
        4, "service_graph.dimensions[1]", f"produces the label `http_method`, which {END} (line 3) produces already"
    ),
    "graph_dimension_without_attribute": seen(3, END, "has neither `name` nor `coalesce`; say which attribute to read"),
    "graph_unknown_key_in_dimension": seen(4, f"{END}.lable", "unknown key; did you mean `label`?"),
    "graph_default_too_long": unseen(4, f"{END}.default", "is longer than limits.label_value_length (256 bytes)"),
    "graph_scope_is_mixed": unseen(3, END, "say where with `from`, such as from: [span, resource, scope]"),
    "graph_databases_repeat": seen(
        2, f"{GRAPH}.database_attributes[1]", "`db.name` repeats service_graph.database_attributes[0]; remove one"
    ),
    "graph_peer_is_empty": seen(
        2, f"{GRAPH}.peer_attributes[0]", "empty text is no name; write the name of an attribu"
    ),
    "graph_peers_are_text": seen(2, f"{GRAPH}.peer_attributes", "expected a list, found the text `peer.service`"),
}
PRIVACY, PATTERNS, KEY_FILE = "privacy", "privacy.patterns", "privacy.hmac_key_file"
HIDING = {
    "privacy_is_null": seen(1, PRIVACY, "found null; remove the key to have the defaults"),
    "privacy_unknown_key": seen(3, f"{PRIVACY}.pattern", "unknown key; did you mean `patterns`?"),
    "privacy_cards_is_text": seen(2, f"{PRIVACY}.cards", "expected true or false, found the text `sometimes`"),
    "privacy_action_unknown": seen(2, f"{PRIVACY}.action", "`hide` is not an action that is known here; known: mask"),
    "privacy_hmac_without_key": unseen(3, f"{PRIVACY}.action", "hmac needs a key; name the file that holds it in"),
    "privacy_key_file_missing": unseen(3, KEY_FILE, "`/nonexistent/key` cannot be used: No such file or directory"),
    "privacy_key_file_relative": seen(2, KEY_FILE, "`key` is not an absolute path; write /"),
    "privacy_key_file_is_a_directory": unseen(2, KEY_FILE, "`/` cannot be used: it is not a regular file"),
    "privacy_key_file_is_empty": unseen(2, KEY_FILE, "`/dev/null` cannot be used: it is not a regular file"),
    "privacy_pattern_broken": Mistake(
        [
            Told(4, f"{PATTERNS}[1]", "`(unclosed` is no pattern of RE2: missing ); it has no look-around"),
            Told(5, f"{PATTERNS}[2].pattern", "is no pattern of RE2: invalid escape sequence; it has no look-around"),
        ]
    ),
    "privacy_pattern_looks_around": unseen(2, f"{PATTERNS}[0]", "is no pattern of RE2: invalid perl operator"),
    "privacy_pattern_matches_nothing": unseen(3, f"{PATTERNS}[0]", "`[0-9]*` matches empty text too; say what must be"),
    "privacy_pattern_empty": seen(2, f"{PATTERNS}[0]", "empty text is no pattern; write 1 to 1000 characters"),
    "privacy_pattern_is_a_number": seen(2, f"{PATTERNS}[0]", "found the integer `4111`; put it in quotes"),
    "privacy_pattern_without_pattern": seen(3, f"{PATTERNS}[0]", "has no `pattern`; add it"),
    "privacy_patterns_are_text": seen(2, PATTERNS, "expected a list, found the text `tok_[a-z]+`"),
    "privacy_patterns_too_many": seen(2, PATTERNS, "has 65 elements; at most 64 are allowed"),
}
MANY = {
    "everything_at_once": Mistake(
        [
            Told(3, f"{GRPC}.endpoint", "`nowhere` is not an address"),
            Told(3, f"{GRPC}.max_request_size", "`big` is not a size"),
            Told(5, "web.telemetry_path", "`metrics` is not a path for a page"),
            Told(6, "web.listen", "unknown key; did you mean `listen_address`?"),
            Told(8, f"{BUCKETS}[1]", "`1ms` is less than the one before it"),
            Told(8, f"{BUCKETS}[2]", "`x` is not a duration"),
            Told(10, f"{FIRST}.from[0]", "`spam` is not a place"),
            Told(11, f"{SECOND}.name", "empty text is no name"),
            Told(12, "metrics.dimensions[2]", "the label `le` is reserved"),
            Told(13, "metrics.dimensions[3].default", "expected text, found the integer `3`"),
            Told(14, "metrics.dimensions[4]", "which metrics.dimensions[3] (line 13) produces already"),
            Told(15, "limits", "found the integer `7`"),
        ],
        schema=True,
    ),
}
FILTERS = {
    name: Mistake([Told(*wrong[:3]) for wrong in wrongs], schema=wrongs[0].seen)
    for name, wrongs in cases_config_filters.MISTAKES.items()
}
MISTAKES = (
    DOCUMENT
    | STRUCTURE
    | RECEIVERS
    | SCALARS
    | FAMILIES
    | DIMENSIONS
    | LABELS
    | SERVICE_GRAPH
    | HIDING
    | SPAN_NAMES
    | FILTERS
    | MEASURES
    | cases_config_slos.MISTAKES
    | MANY
)


def test_every_mistake_has_its_file() -> None:
    assert sorted(MISTAKES) == sorted(file.stem for file in FILES.glob("*.yaml"))


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_at_its_line_with_its_path_and_a_remedy(name: str) -> None:
    file = FILES / f"{name}.yaml"
    with pytest.raises(ConfigError) as caught:
        load(file)
    problems = caught.value.problems
    expected = MISTAKES[name].problems
    assert [(str(file), told.line, told.path) for told in expected] == [(p.file, p.line, p.path) for p in problems]
    for told, problem in zip(expected, problems, strict=True):
        assert told.message in problem.message


@pytest.mark.parametrize("name", [name for name in MISTAKES if name not in DOCUMENT])
def test_the_schema_refuses_what_a_schema_can(name: str) -> None:
    document = yaml.safe_load((FILES / f"{name}.yaml").read_text())
    assert MISTAKES[name].schema is not jsonschema.Draft202012Validator(schema()).is_valid(document)
