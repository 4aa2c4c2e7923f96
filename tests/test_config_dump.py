"""The dump: the effective configuration, for people and for the loader."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from span2metrics.config import Config, dump, load
from span2metrics.config.document import empty, overlay
from span2metrics.config.kinds import Nanoseconds, Text
from span2metrics.config.models import Dimension, Metrics
from span2metrics.config.reading import Reading, Value
from span2metrics.config.section import Section, setting


def reloaded(config: Config, directory: Path) -> Config:
    file = directory / "dumped.yaml"
    file.write_text(dump(config))
    return load(file)


CHANGED = """
receivers:
  otlp:
    grpc: null
    http: {endpoint: "[::1]:0", cors: {allowed_origins: ["*"], max_age: 90s}}
intake: {max_bytes: 1500}
web: {max_scrapes: 3}
metrics:
  namespace: ""
  unit: ms
  histograms: both
  native: {factor: 1.0625, max_buckets: 200}
  buckets: [1500us, 1.4s]
  dimensions:
    - {name: "null", default: "on"}
    - {coalesce: ["1", "1e3", "~"], label: "yes", default: "$${X} # é", from: [scope, span]}
    - {name: c, rewrite: [{match: "(5)..|null", replace: "$1xx"}, {match: "1", replace: "$$${X}"}]}
    - {name: d, rewrite: [{match: "", replace: ""}]}
  resource_labels: [a, {name: b, default: "0x1F"}]
  exclude: [span_kind]
  errors_zero: false
  errors_zero_drop: []
filters:
  include: [{kind: [client, SPAN_KIND_SERVER], status: ok, service: ["null", {regex: "$${X}|1e3"}, "0x1F"]}]
  exclude:
    - {span_name: "on", resource.a: {regex: ""}, resource.b.c: "", span.d: [200, true, "1e3", {regex: a}, {regex: b}]}
time: {slack: 90s}
privacy: {cards: false, patterns: ["$${a}+", {pattern: "1", name: "null"}], action: drop}
sampling: {tracestate: false, weight_attribute: "1", max_weight: 5}
service_graph:
  enabled: false
  wait: 1500ms
  max_items: 20
  buckets: [1500us, 1.4s]
  dimensions: [{name: a, label: b, default: c, from: [scope]}]
  through_internal: true
  database_attributes: []
  peer_attributes: ["null", "1e3"]
  virtual_node_label: true
  connection_info: true
  messaging_latency: true
measures:
  - name: a
    attribute: "null"
    unit: "1"
    buckets: [0, 0.000001, "9.99", 999999999999.999999, 1000000000000]
    dimensions: [{name: e, rewrite: [{match: a, replace: ""}]}]
    where: {kind: server, span.c: {regex: "$${X}"}}
    negative: allow
  - {name: b, attribute: b}
"""


def test_a_dump_is_loaded_to_the_same_configuration(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(CHANGED)
    config = load(file)
    assert config != Config()
    assert config == reloaded(config, tmp_path)
    assert Config() == reloaded(Config(), tmp_path)


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20))
def test_any_text_survives_the_dump(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    config = Config(metrics=Metrics(dimensions=(Dimension(name="a", default=text),)))
    assert config == reloaded(config, tmp_path_factory.getbasetemp())


def test_a_dump_names_every_key_and_says_values_as_people_write_them() -> None:
    dumped = yaml.safe_load(dump(Config()))
    assert list(dumped) == [
        "receivers",
        "intake",
        "web",
        "metrics",
        "span_names",
        "filters",
        "time",
        "sampling",
        "limits",
        "privacy",
        "service_graph",
        "measures",
        "slos",
        "apdex",
    ]
    assert dumped["receivers"]["otlp"]["grpc"] == {
        "endpoint": "localhost:4317",
        "max_request_size": "auto",
        "keepalive": {"max_connection_age": None},
    }
    assert dumped["measures"] == []
    assert dumped["metrics"]["buckets"] == "auto"
    assert dumped["metrics"]["unit"] == "s"
    assert dumped["web"]["max_scrapes"] == 8
    assert (dumped["filters"], dumped["time"]) == ({"include": [], "exclude": []}, {"slack": None})
    assert dumped["span_names"] == {"templating": True, "rules": []}
    assert dumped["sampling"] == {"tracestate": True, "weight_attribute": None, "max_weight": 10000}
    assert dumped["limits"] == {
        "services": 5000,
        "series": 100_000,
        "series_per_service": 2000,
        "edges": 20_000,
        "label_value_length": 256,
        "raw_key_bytes": "64MiB",
        "targets": 10_000,
    }
    assert dumped["metrics"]["expire_after"] == "15m"
    assert dumped["privacy"] == {"cards": True, "patterns": [], "action": "mask", "hmac_key_file": None}
    assert dumped["service_graph"] == {
        "enabled": True,
        "wait": "10s",
        "max_items": 100_000,
        "buckets": ["100ms", "200ms", "400ms", "800ms", "1600ms", "3200ms", "6400ms", "12800ms"],
        "dimensions": [],
        "through_internal": False,
        "database_attributes": ["db.namespace", "db.name", "db.system.name", "db.system"],
        "peer_attributes": ["peer.service", "server.address", "url.full"],
        "virtual_node_label": False,
        "connection_info": False,
        "messaging_latency": False,
    }


def test_rules_for_span_names_are_dumped_as_mappings_of_what_was_given(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("""span_names:
  templating: dry_run
  rules: [http, {convention: rpc, service: shop}, {match: 'a(.)\\.${x:-$}', replace: $1}]
""")
    config = load(file)
    assert yaml.safe_load(dump(config))["span_names"] == {
        "templating": "dry_run",
        "rules": [
            {"convention": "http"},
            {"convention": "rpc", "service": "shop"},
            {"match": r"a(.)\.$", "replace": "$1"},
        ],
    }
    assert config == reloaded(config, tmp_path)


def test_an_entry_of_a_list_has_only_the_keys_that_were_given() -> None:
    config = Config(metrics=Metrics(dimensions=(Dimension(name="a"), Dimension(coalesce=("b",), default="c"))))
    assert yaml.safe_load(dump(config))["metrics"]["dimensions"] == [{"name": "a"}, {"coalesce": ["b"], "default": "c"}]


# --- settings that are secret -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Login:
    user: str = setting(Text("a name"), "", "Who.")
    password: str = setting(Text("a password", "[a-z]*", "is too simple"), "", "The proof.", secret=True)
    wait: int = setting(Nanoseconds(0, 10), 0, "A secret that is no text.", secret=True)


def login(**keys: str) -> tuple[Login, Reading]:
    reading = Reading({})
    root: yaml.Node = empty("test")
    for key, text in keys.items():
        root = overlay(root, key, text)
    return Section(Login).read(Value(reading, root, "", root.start_mark)), reading


def test_a_secret_setting_is_read_but_not_shown() -> None:
    model, reading = login(user="me", password="abc", wait="7ns")
    assert (model.password, model.wait) == ("abc", 7)
    assert not reading.problems
    assert Section(Login).show(model) == {"user": "me", "password": "<secret>", "wait": "<secret>"}


def test_a_secret_setting_that_is_not_set_is_shown_as_such() -> None:
    assert Section(Login).show(Login()) == {"user": "", "password": "", "wait": "0s"}


def test_no_message_quotes_a_secret_setting() -> None:
    _, reading = login(password="ABC", wait="7xs")
    told = " ".join(problem.message for problem in reading.problems)
    assert len(reading.problems) == 2
    assert "ABC" not in told
    assert "7xs" not in told
