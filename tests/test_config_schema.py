"""The JSON Schema: valid, complete, and of one mind with the loader about what is right."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from span2metrics.config import Config, dump, load, schema

EXAMPLES = Path(__file__).parent.parent / "config"


def validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(schema())


def test_it_is_a_valid_schema_of_2020_12_in_plain_json() -> None:
    described = schema()
    jsonschema.Draft202012Validator.check_schema(described)
    assert described["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert described == json.loads(json.dumps(described))


@pytest.mark.parametrize("name", ["span2metrics.yaml", "minimal.yaml"])
def test_the_shipped_files_are_valid(name: str) -> None:
    validator().validate(yaml.safe_load((EXAMPLES / name).read_text()))


def test_a_dump_is_valid() -> None:
    validator().validate(yaml.safe_load(dump(Config())))


def test_an_empty_mapping_is_valid() -> None:
    validator().validate({})


VALID: list[dict[str, Any]] = [
    {"receivers": {"otlp": {"grpc": None}}},
    {"receivers": {"otlp": {"http": {"cors": {"allowed_origins": ["https://a.example:8443"]}}}}},
    {"receivers": {"otlp": {"grpc": {"max_request_size": 4096, "keepalive": {"max_connection_age": "1h30m"}}}}},
    {"web": {"listen_address": "${HOST}:80", "telemetry_path": "/a/b-c.d", "max_scrapes": "2"}},
    {"metrics": {"errors_zero": "${ZERO:-true}", "unit": "${UNIT}", "buckets": ["${B}", "1.5s"]}},
    {"metrics": {"namespace": ""}},
    {"metrics": {"histograms": "native", "native": {"factor": 2, "max_buckets": "320"}}},
    {"metrics": {"native": {"factor": "1.5"}}},
    {"metrics": {"dimensions": [{"name": "a"}, {"coalesce": ["b", "c"], "from": ["scope"], "default": ""}]}},
    {"metrics": {"resource_labels": ["a", {"name": "b", "label": "c"}]}},
    {"limits": {"label_value_length": "1KiB"}},
    {"service_graph": {"enabled": "${ZERO:-true}", "wait": "${WAIT:-10s}", "max_items": "1000"}},
    {"service_graph": {"dimensions": [{"name": "le"}], "database_attributes": [], "peer_attributes": ["a"]}},
    {"span_names": {"templating": "dry_run", "rules": ["http", {"match": "a(b)", "replace": "c$1", "service": "s"}]}},
    {"span_names": {"templating": "${ZERO:-false}", "rules": [{"convention": "database"}]}},
    {"span_names": {"templating": False}},
    {"sampling": {"tracestate": False, "weight_attribute": "p", "max_weight": "100"}},
    {"sampling": {"weight_attribute": None, "max_weight": 1}},
    {"filters": {"include": [{"kind": "server", "status": ["ok", "STATUS_CODE_UNSET"]}], "exclude": []}},
    {"filters": {"exclude": [{"service": ["a", {"regex": "b.*"}], "span.k.l": {"regex": ""}, "resource.r": True}]}},
    {"filters": {"exclude": [{"span_name": "${HOST}", "kind": "${KIND:-server}", "span.code": [200, -1]}]}},
    {"metrics": {"dimensions": [{"name": "a", "rewrite": [{"match": "(.)..", "replace": "$1xx"}]}]}},
    {"time": {"slack": None}},
    {"time": {"slack": "1h30m"}},
    {"privacy": {"cards": False, "patterns": ["a+", {"pattern": "${UNIT}"}, {"pattern": "b", "name": ""}]}},
    {"privacy": {"action": "drop", "hmac_key_file": None}},
    {"measures": []},
    {"measures": [{"name": "a", "attribute": "b", "buckets": [0, 0.5, "${TEN:-10}", "11.25", 1e12], "unit": "eur"}]},
    {"measures": [{"name": "a", "attribute": "b", "negative": "allow", "where": {"kind": "server"}}]},
    {"measures": [{"name": "${UNIT}", "attribute": "b", "dimensions": [{"name": "c"}]}]},
    {"slos": [{"name": "a", "objective": 99.9, "where": {"service": "b"}, "sli": "availability"}]},
    {"slos": [{"name": "a", "objective": "0.5", "window": "7d", "where": {"kind": "server"}, "latency": "${B}"}]},
    {"slos": [{"name": "${UNIT}", "objective": 1, "where": {"kind": "server"}, "sli": {"latency": "250ms"}}]},
    {
        "apdex": [
            {"threshold": "1s", "where": {"service": "b"}},
            {"threshold": "1s", "where": {"name": "c"}, "name": "d"},
        ]
    },
]


@pytest.mark.parametrize("document", VALID)
def test_what_the_loader_takes_the_schema_takes(
    document: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"HOST": "localhost", "UNIT": "ms", "B": "1ms"}.items():
        monkeypatch.setenv(name, value)
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(document))
    load(file)
    validator().validate(document)


def test_every_key_is_described_for_the_reader_of_an_editor() -> None:
    definitions = schema()["$defs"].values()
    described = [each for definition in definitions for each in definition.get("properties", {}).values()]
    assert len(described) > 30
    assert all(each["description"].endswith(".") for each in described)


def test_a_key_says_its_default() -> None:
    definitions = schema()["$defs"]
    assert definitions["GrpcReceiver"]["properties"]["endpoint"]["default"] == "localhost:4317"
    assert definitions["Limits"]["properties"]["raw_key_bytes"]["default"] == "64MiB"
    assert definitions["Intake"]["properties"]["max_bytes"]["default"] == "auto"
    assert definitions["ServiceGraph"]["properties"]["wait"]["default"] == "10s"
    assert "default" not in definitions["Dimension"]["properties"]["label"]
