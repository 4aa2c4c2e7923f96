"""Nothing of a span leaves a running daemon but what labels show, and ids: in pages, logs, answers."""

from __future__ import annotations

import json
import re
import signal
import time
from collections import Counter
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.cases_cards import grouped
from tests.edges import EXPORT
from tests.payloads import START, key_values
from tests.processes import FREE_PORTS, PATIENCE, Running, running

#: What must not be seen; in groups, as a number and in bytes it is sent too.
CARD = "5105105105105100"
WORD = "a-word-of-a-sender"
GROUPS = re.compile(r"5105[^0-9a-z]{0,3}1051[^0-9a-z]{0,3}0510[^0-9a-z]{0,3}5100|" + WORD + "|NTEwNTEwNTEwNTEwNTEwMA")

CONFIG = """
span_names: {templating: false}
metrics:
  dialects: [otel, jaeger, tempo]
  dimensions:
    - {name: span.value, from: [span, resource, scope]}
    - {name: resource.value, from: [resource]}
    - {name: scope.name}
    - {name: scope.version}
    - {name: list}
    - {name: map}
    - {name: bytes}
    - {name: number}
  resource_labels: [service.version]
  target_info: true
  created: true
  utf8_names: true
  histograms: both
service_graph:
  wait: 1ms
  dimensions: [{name: span.value}]
  connection_info: true
"""


def values() -> list[KeyValue]:
    """Attributes of which each has a card; those of the words are nobody's labels."""
    text = f"card {CARD} or {grouped(CARD)}"
    read = {"span.value": text, "list": [text, CARD.encode()], "map": {CARD: text}, "bytes": CARD.encode()}
    unread = {"enduser.id": WORD, "note": [WORD, {"k": WORD}], CARD: CARD, WORD: int(CARD)}
    return key_values({**read, "number": int(CARD), "peer.service": f"bank {CARD}", **unread})


def span(kind: Any, number: int, **more: Any) -> Span:
    return Span(
        trace_id=bytes([number]) * 16,
        span_id=bytes([number]) * 8,
        trace_state=f"card={CARD},{WORD}={WORD},ot=th:{CARD}",
        name=f"POST /cards/{CARD}?n={grouped(CARD, '-')}",
        kind=kind,
        start_time_unix_nano=START,
        end_time_unix_nano=START + 10**6,
        attributes=values(),
        events=[Span.Event(name=f"{WORD} {CARD}", attributes=values())],
        links=[Span.Link(trace_id=b"\7" * 16, span_id=b"\7" * 8, trace_state=CARD, attributes=values())],
        status=Status(code=Status.STATUS_CODE_ERROR, message=f"{WORD}: {CARD} was declined"),
        **more,
    )


def everything() -> ExportTraceServiceRequest:
    message = ExportTraceServiceRequest()
    resource = message.resource_spans.add(schema_url=f"https://{WORD}/{CARD}")
    own = {"service.name": f"shop {CARD}", "service.version": CARD, "service.instance.id": CARD}
    resource.resource.attributes.extend([*key_values({**own, "resource.value": grouped(CARD)}), *values()[5:]])
    scope = resource.scope_spans.add(schema_url=f"https://{WORD}/{CARD}")
    scope.scope.name, scope.scope.version = f"lib {CARD}", CARD
    scope.scope.attributes.extend(values())
    scope.spans.extend(span(kind, 1 + kind) for kind in range(6))
    scope.spans.append(span(3, 9, parent_span_id=b"\1"))
    database = key_values({"db.name": f"cards {CARD}", "url.full": f"https://u:{CARD}@{CARD}.example/{CARD}"})
    scope.spans.add(trace_id=b"\x0a" * 16, span_id=b"\x0a" * 8, kind=3, attributes=database)
    host = KeyValue(key="url.full", value=AnyValue(string_value=f"https://{CARD}.example/{WORD}"))
    scope.spans.add(trace_id=b"\x0b" * 16, span_id=b"\x0b" * 8, kind=3, attributes=[host])
    return message


def exchange(address: str, method: str, path: str, body: bytes = b"", **headers: str) -> str:
    """The whole answer: status, headers and body."""
    connection = HTTPConnection(address, timeout=PATIENCE)
    try:
        connection.request(method, path, body or None, {key.replace("_", "-"): text for key, text in headers.items()})
        response = connection.getresponse()
        return f"{response.status} {response.headers} {response.read().decode('utf-8', 'replace')}"
    finally:
        connection.close()


def malformed() -> dict[str, tuple[str, bytes]]:
    """Media type and body of requests that are refused."""
    whole = everything().SerializeToString()
    text = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [{"name": CARD, "traceId": CARD + WORD}]}]}]})
    protobuf, as_json = "application/x-protobuf", "application/json"
    return {
        "cut off": (protobuf, whole[:-1]),
        "cut off in a value": (protobuf, whole[: whole.index(b"card ") + 9]),
        "a text": (protobuf, f"{WORD} {CARD}".encode()),
        "JSON as protobuf": (protobuf, text.encode()),
        "an id that is none": (as_json, text.encode()),
        "JSON that ends early": (as_json, text[:-9].encode()),
        "JSON of another shape": (as_json, json.dumps({"resourceSpans": CARD, WORD: CARD}).encode()),
        "a number that is none": (as_json, text.replace(f'"{CARD}{WORD}"', f'"", "kind": "{WORD}{CARD}"').encode()),
        "another media type": (f"text/{WORD}; pan={CARD}", whole),
        "protobuf as JSON": (as_json, whole),
    }


def answers(daemon: Running) -> Iterator[tuple[str, str]]:
    """What the daemon says to senders."""
    assert daemon.otlp_http and daemon.otlp_grpc
    for name, (media_type, body) in malformed().items():
        yield name, exchange(daemon.otlp_http, "POST", "/v1/traces", body, Content_Type=media_type)
    protobuf = {"Content_Type": "application/x-protobuf"}
    yield "a path", exchange(daemon.otlp_http, "POST", f"/{WORD}/{CARD}", b"x", **protobuf)
    encoding = {"Content_Encoding": WORD + CARD}
    yield "an encoding", exchange(daemon.otlp_http, "POST", "/v1/traces", b"x", **encoding, **protobuf)
    yield "a method", exchange(daemon.otlp_http, "PATCH", f"/v1/traces?{WORD}={CARD}", b"x", **protobuf)
    refused = {name: body for name, (_, body) in malformed().items() if body != everything().SerializeToString()}
    for name, body in refused.items():
        with grpc.insecure_channel(daemon.otlp_grpc) as channel:
            call = channel.unary_unary(EXPORT)
            try:
                call(body, timeout=PATIENCE)
            except grpc.RpcError as error:
                answer: Any = error  # it is the call as well, which the types do not say
                yield f"gRPC: {name}", f"{answer.code()} {answer.details()} {answer.trailing_metadata()}"


ACCEPTS = {
    "text": "text/plain;version=1.0.0;escaping=allow-utf-8",
    "openmetrics": "application/openmetrics-text;version=1.0.0",
    "protobuf": "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
}


def pages(daemon: Running) -> Iterator[tuple[str, str]]:
    assert daemon.web
    for name, accept in ACCEPTS.items():
        yield name, exchange(daemon.web, "GET", "/metrics", Accept=accept)
    for path in ("/", "/-/ready", "/-/healthy", "/absent"):
        yield path, exchange(daemon.web, "GET", path)


def settle(daemon: Running) -> None:
    """Waits until every edge is made that will be."""
    assert daemon.web
    until = time.monotonic() + PATIENCE
    while "\nspan2metrics_pending_edges 0\n" not in exchange(daemon.web, "GET", "/metrics"):
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """All that a daemon says while it is sent everything, by where it says it."""
    file = tmp_path_factory.mktemp("privacy") / "config.yaml"
    file.write_text(CONFIG)
    with running("serve", *FREE_PORTS, f"--config.file={file}", "--log.level=debug", "--shutdown.grace=1s") as daemon:
        heard: dict[str, str] = {}
        daemon.ready()
        for _ in range(2):
            assert daemon.send(everything().SerializeToString()) == 200
        heard |= dict(answers(daemon))
        settle(daemon)
        heard |= dict(pages(daemon))
        daemon.signal(signal.SIGTERM)
        daemon.record("stopped")
        daemon.wait()
        heard["log"] = json.dumps(daemon.records)
        assert daemon.process.stdout
        heard["stdout"] = daemon.process.stdout.read()
    return heard


def test_no_answer_page_or_log_line_has_a_card_or_a_word_that_no_label_shows(said: dict[str, str]) -> None:
    assert {where: found[0] for where, text in said.items() if (found := GROUPS.search(text))} == {}


def test_it_was_sent_all_that(said: dict[str, str]) -> None:
    sent = everything().SerializeToString().decode("latin-1")
    assert len(GROUPS.findall(sent)) > 100
    assert {"cut off", "gRPC: cut off", "a path", "log", "protobuf", "/"} <= said.keys()
    assert {where for where, text in said.items() if where in malformed() and not text.startswith("4")} == set()


#: Spans that had a card in it, of the nine that are sent twice: two have neither a name nor lists of their own.
COUNTED = {
    **dict.fromkeys(("span_name", "list", "map", "bytes", "number"), 14),
    **dict.fromkeys(("service_name", "service_version", "span_value", "resource_value"), 18),
    **dict.fromkeys(("scope_name", "scope_version"), 18),
}
OF_TARGETS = {"service_namespace": 0, "service_instance_id": 18}
SHOWN = (
    'service_name="shop ****"',
    'span_name="POST /cards/****?n=****"',
    '"span.value"="card **** or ****"',
    'traces_service_graph_request_total{client="shop ****",server="cards ****",connection_type="database"',
    'traces_service_graph_request_total{client="shop ****",server="****.example",connection_type="virtual_node"',
    'target_info{service_name="shop ****",service_instance_id="****"}',
)


def test_every_label_that_had_a_card_is_masked_and_counted(said: dict[str, str]) -> None:
    page = said["text"]
    assert [pair for pair in SHOWN if pair not in page] == []
    counted = re.findall(r'^span2metrics_redacted_values_total\{label="(.*)"\} (\d+)', page, re.MULTILINE)
    assert {label: int(count) for label, count in counted} == COUNTED | of_edges(page) | OF_TARGETS


def of_edges(page: str) -> Counter[str]:
    """Requests of edges by the labels that have something hidden."""
    hidden: Counter[str] = Counter()
    for labels, count in re.findall(r"^traces_service_graph_request_total\{(.*)\} (\d+)$", page, re.MULTILINE):
        for label in re.findall(r'"?([\w.]+)"?="[^"]*\*\*\*\*', labels):
            hidden[label.replace(".", "_")] += int(count)
    assert hidden.keys() == {"client", "server", "client_span_value", "server_span_value"}
    return hidden
