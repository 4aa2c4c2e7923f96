"""OTLP requests for tests, built with opentelemetry-proto, and the ways of feeding the same spans.

Strings that contain `BAD` become invalid UTF-8 when they are serialised with `to_bytes`: protobuf would not write them.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

import hypothesis.strategies as st
from google.protobuf.message import Message
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import (
    AnyValue,
    ArrayValue,
    InstrumentationScope,
    KeyValue,
    KeyValueList,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from span2metrics.engine.plan import (
    MS,
    Dialect,
    Dimension,
    Graph,
    Histograms,
    Measure,
    Negative,
    Now,
    Plan,
    Source,
    Unit,
)
from span2metrics.engine.where import Texts, Where
from span2metrics.names import BUILTIN_LABELS
from tests import wire

NOW = Now(wall_ns=1_760_000_000_000_000_000, mono_ns=5_000_000_000)
#: When spans start.
START = 1_750_000_000_000_000_000

UNSPECIFIED, INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = range(6)
UNSET, OK, ERROR = range(3)

BAD = "<bad>"
BAD_BYTES = b"\xff\xc3(\xf0\x9f"
BAD_TEXT = BAD_BYTES.decode("utf-8", "replace")


class Pairs(list[tuple[str, Any]]):
    """Attributes, or a map, in which a key is given twice."""


Attributes = Mapping[str, Any] | Pairs


def to_bytes(message: Message) -> bytes:
    """The message on the wire, with `BAD` made invalid UTF-8."""
    return message.SerializeToString().replace(BAD.encode(), BAD_BYTES)


_FIELDS = {bool: "bool_value", int: "int_value", float: "double_value", str: "string_value", bytes: "bytes_value"}


def any_value(value: Any) -> AnyValue:
    """A plain value as an AnyValue; None is the empty one; a `Pairs` is a map with repeated keys."""
    if value is None or isinstance(value, AnyValue):
        return value or AnyValue()
    if type(value) in _FIELDS:
        return AnyValue(**{_FIELDS[type(value)]: value})
    if isinstance(value, dict | Pairs):
        return AnyValue(kvlist_value=KeyValueList(values=key_values(value)))
    return AnyValue(array_value=ArrayValue(values=map(any_value, value)))


def key_values(attributes: Attributes) -> list[KeyValue]:
    pairs = attributes.items() if isinstance(attributes, Mapping) else attributes
    return [KeyValue(key=key, value=any_value(value)) for key, value in pairs]


@dataclass(frozen=True)
class Placed:
    """A span with its resource and scope.  `took` in nanoseconds; `start` and `end` override it.

    `links` are (trace id, span id).
    """

    name: str = "GET /"
    kind: int = SERVER
    status: int = UNSET
    took: int = 3 * MS
    attributes: Attributes = field(default_factory=dict)
    service: str | None = "shop"
    resource: Attributes = field(default_factory=dict)
    scope: Attributes = field(default_factory=dict)
    scope_name: str = ""
    scope_version: str = ""
    trace_id: bytes = b"\1" * 16
    span_id: bytes = b"\2" * 8
    parent_id: bytes = b""
    links: Sequence[tuple[bytes, bytes]] = ()
    trace_state: str = ""
    start: int = START
    end: int | None = None

    def span(self) -> Span:
        return Span(
            trace_id=self.trace_id,
            span_id=self.span_id,
            parent_span_id=self.parent_id,
            trace_state=self.trace_state,
            name=self.name,
            kind=self.kind,
            start_time_unix_nano=self.start,
            end_time_unix_nano=self.start + self.took if self.end is None else self.end,
            attributes=key_values(self.attributes),
            links=[Span.Link(trace_id=trace_id, span_id=span_id) for trace_id, span_id in self.links],
            status=Status(code=self.status) if self.status else None,
        )

    def resource_message(self) -> Resource:
        service = [] if self.service is None else key_values({"service.name": self.service})
        return Resource(attributes=[*service, *key_values(self.resource)])

    def scope_message(self) -> InstrumentationScope:
        return InstrumentationScope(name=self.scope_name, version=self.scope_version, attributes=key_values(self.scope))

    def but(self, **changes: Any) -> Placed:
        return replace(self, **changes)


def request(spans: Iterable[Placed]) -> bytes:
    """One request; neighbours share a resource and a scope where these are equal."""
    message = ExportTraceServiceRequest()
    for resource, placed in groupby(spans, key=_resource_key):
        resource_spans = message.resource_spans.add(resource=Resource.FromString(resource))
        for scope, inner in groupby(placed, key=_scope_key):
            scope_spans = resource_spans.scope_spans.add(scope=InstrumentationScope.FromString(scope))
            scope_spans.spans.extend(item.span() for item in inner)
    return to_bytes(message)


def backwards(spans: Iterable[Placed]) -> bytes:
    """One request in which each resource and each scope stands behind its spans."""
    resources = []
    for resource, placed in groupby(spans, key=_resource_key):
        scopes = [
            wire.field(2, *(wire.field(2, item.span().SerializeToString()) for item in inner), wire.field(1, scope))
            for scope, inner in groupby(placed, key=_scope_key)
        ]
        resources.append(wire.field(1, *scopes, wire.field(1, resource)))
    return b"".join(resources).replace(BAD.encode(), BAD_BYTES)


def _resource_key(placed: Placed) -> bytes:
    return placed.resource_message().SerializeToString()


def _scope_key(placed: Placed) -> bytes:
    return placed.scope_message().SerializeToString()


def _halves(spans: Sequence[Placed]) -> list[bytes]:
    middle = len(spans) // 2
    return [request(spans[middle:]), request(spans[:middle])]


#: Ways of feeding the same spans; all must give the same page.
FEEDS: dict[str, Callable[[Sequence[Placed]], list[bytes]]] = {
    "one batch": lambda spans: [request(spans)],
    "one span a batch": lambda spans: [request([item]) for item in spans],
    "reversed": lambda spans: [request(spans[::-1])],
    "split mid-trace": _halves,
    "each resource apart": lambda spans: [
        request(inner) for _, inner in groupby(sorted(spans, key=_resource_key), key=_resource_key)
    ],
    "each span with a resource of its own": lambda spans: [b"".join(request([item]) for item in spans)],
    "resource and scope after their spans": lambda spans: [backwards(spans)],
    "between empty requests": lambda spans: [b"", request(spans), to_bytes(_EMPTY)],
}

_EMPTY = ExportTraceServiceRequest(resource_spans=[ResourceSpans(scope_spans=[ScopeSpans()])])


# --- hypothesis -------------------------------------------------------------------------------------------------------

_KEYS = ("k", "k.b", "http.route", "service.name", "service.instance.id")
_RARE_KEYS = ("", "K", "kk", "http.routes", BAD)
_TEXTS = (
    "",
    "a",
    "b",
    "200",
    "true",
    '"quoted"',
    "back\\slash\\n",
    "new\nline",
    "\0",
    "é" * 20,
    "日本語" * 9,
    "😀" * 12,
    BAD,
)
_any_text = st.text(st.characters(codec="utf-8"), max_size=24)
texts = st.sampled_from(_TEXTS) | st.text(alphabet='aé日😀"\\\n\r\t\x7f', max_size=24) | _any_text

_doubles = st.sampled_from(
    [0.0, -0.0, 200.0, 0.1, 1e21, 1e20, 1e-6, 1e-7, 5e-324, 1.5e300, math.nan, math.inf, -math.inf]
)
_scalars = (
    st.none()
    | texts
    | st.booleans()
    | st.sampled_from([0, 200, -1, 2**63 - 1, -(2**63)])
    | _doubles
    | st.floats()
    | st.binary(max_size=5)
    | st.just(AnyValue(string_value_strindex=1))
)


#: What measures read: numbers of every size, and what is nearly one.
amounts = (
    st.sampled_from(
        ["0.1", "-7.25", "1e18", "1000000000000000000.0000001", "+.5", "0.0000005", "0.0000015", "-1e-7", "1,5"]
    )
    | st.decimals(allow_nan=False, places=7, min_value=-(10**6), max_value=10**6).map(str)
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(-2e18, 2e18)
    | st.floats(-2, 2)
)


def _containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(inner, max_size=3) | st.lists(st.tuples(texts, inner), max_size=3).map(Pairs)


values = st.recursive(_scalars, _containers, max_leaves=5)
attributes = st.lists(
    st.tuples(st.sampled_from(_KEYS) | st.sampled_from(_RARE_KEYS), texts | values | amounts), max_size=4
).map(Pairs)

_times = st.sampled_from([0, 1, START, START + MS, START + 2 * MS, START + 2 * MS + 1, START + 10**10, 2**64 - 1])
_enums = st.integers(0, 5) | st.sampled_from([6, -1, 2**31 - 1, -(2**31)])
_resources = st.fixed_dictionaries({"service": st.none() | texts, "resource": attributes})
_scopes = st.fixed_dictionaries({"scope_name": texts, "scope_version": texts, "scope": attributes})


def _place(resource: dict[str, Any], scope: dict[str, Any], **span: Any) -> Placed:
    return Placed(**resource, **scope, **span)


_SPAN_IDS = (b"\1" * 8, bytes(7) + b"\2", b"", bytes(8), b"\1" * 7)


@st.composite
def placed_spans(draw: st.DrawFn, unique: bool = False) -> list[Placed]:
    """Spans of a few resources and scopes, in any order.

    `unique`: none has another's valid ids.  Of clients that share theirs the graph takes the first, so order shows.
    """
    span_ids = st.sampled_from(_SPAN_IDS)
    by: Any = (lambda placed: (placed.trace_id, placed.span_id)) if unique else None
    placed = st.builds(
        _place,
        st.sampled_from(draw(st.lists(_resources, min_size=1, max_size=3))),
        st.sampled_from(draw(st.lists(_scopes, min_size=1, max_size=2))),
        name=st.sampled_from(draw(st.lists(texts, min_size=1, max_size=3))),
        kind=_enums,
        status=_enums,
        attributes=attributes,
        start=_times,
        end=_times,
        trace_id=st.sampled_from([b"\1" * 16, b"\xfe" * 16, b"", bytes(16), b"\1" * 17]),
        span_id=span_ids,
        parent_id=st.sampled_from([b"", *_SPAN_IDS]),
        links=st.just(()) | st.lists(st.tuples(st.just(b"\1" * 16), st.sampled_from(_SPAN_IDS)), max_size=2).map(tuple),
    )
    return draw(st.lists(placed, max_size=8, unique_by=by))


_attribute_names = st.sampled_from((*_KEYS, "scope.name", "scope.version", "absent"))
_sources = st.lists(st.sampled_from(Source), min_size=1, max_size=3, unique=True).map(tuple)
_names = st.lists(_attribute_names, min_size=1, max_size=3, unique=True).map(tuple)


#: With the label in place of the x.
_UTF8_NAMES = ("", "x.é", '"x', "x\\", "\n= x,}{#😀\0", " x ", "\\n x", 'x="",')


def _dimensions(labels: Sequence[str], sources: st.SearchStrategy[Any] = _sources) -> st.SearchStrategy[Any]:
    """Up to all of the labels, each with attributes, places and perhaps a UTF-8 name of its own."""
    utf8 = st.sampled_from(_UTF8_NAMES) | _any_text.map("x.{}".format)
    one = st.tuples(_names, sources, st.sampled_from(["", "", "none"]), utf8)
    return st.lists(one, max_size=len(labels)).map(
        lambda drawn: tuple(
            Dimension(label, *rest, utf8.replace("x", label))
            for label, (*rest, utf8) in zip(labels, drawn, strict=False)
        )
    )


graphs = st.builds(
    Graph,
    bounds_ns=st.sampled_from([Graph().bounds_ns, (), (MS,), (MS // 10, 2 * MS, 10**11)]),
    dimensions=st.just(()) | _dimensions(["g", "h"]),
    through_internal=st.booleans(),
    database_attributes=st.sampled_from([Graph().database_attributes, (), ("k",)]),
    peer_attributes=st.sampled_from([Graph().peer_attributes, (), ("k.b",)]),
    virtual_node_label=st.booleans(),
    connection_info=st.booleans(),
    messaging_latency=st.booleans(),
)

_conditions = (Texts(("é", "v", "")), Texts(patterns=("[a-z].*",)), Texts(("0.1",), (".*[0-9]",)))
_wheres = st.one_of(
    st.sampled_from([Where(kinds=(0, 1, 2, 3)), Where(statuses=(0, 2)), Where(kinds=(2,), statuses=(0,))]),
    st.sampled_from(_conditions).flatmap(
        lambda texts: st.sampled_from(
            [Where(name=texts), Where(service=texts), Where(resource=(("k", texts),)), Where(span=(("k.b", texts),))]
        )
    ),
)
measures = st.builds(
    Measure,
    name=st.just("m"),
    attribute=st.sampled_from(("k", "k.b", "http.route")),
    unit=st.sampled_from(["", "eur"]),
    bounds=st.sampled_from([(), (), (10**6,), (0, 1, 500_000, 10**18)]),
    dimensions=_dimensions(["o", "a_first"]),
    where=st.just(Where()) | _wheres,
    negative=st.sampled_from(Negative),
)


def _named(found: Sequence[Measure]) -> tuple[Measure, ...]:
    return tuple(dataclasses.replace(measure, name=f"m{i}") for i, measure in enumerate(found))


plans = st.builds(
    Plan,
    measures=st.just(()) | st.lists(measures, min_size=1, max_size=3).map(_named),
    graph=st.none() | st.just(Graph()) | graphs,
    dialects=st.lists(st.sampled_from(Dialect), min_size=1, max_size=3, unique=True).map(tuple),
    namespace=st.sampled_from([Plan().namespace, "", "x"]),
    unit=st.sampled_from(Unit),
    bounds_ns=st.sampled_from([Plan().bounds_ns, (), (MS,), (MS // 10, 2 * MS, 10**11)]),
    histograms=st.sampled_from(Histograms),
    native_schema=st.integers(-4, 5),
    native_max_buckets=st.sampled_from([8, 160]),
    dimensions=_dimensions(["d", "e"]),
    calls_dimensions=st.just(()) | _dimensions(["own", "calls_own"]),
    duration_dimensions=st.just(()) | _dimensions(["own", "duration_own"]),
    resource_labels=st.just(()) | _dimensions(["r"], st.just((Source.RESOURCE,))),
    exclude=st.frozensets(st.sampled_from(BUILTIN_LABELS), max_size=2),
    errors_zero=st.booleans(),
    errors_zero_drop=st.frozensets(st.sampled_from(["d", "calls_own", "r"]), max_size=2),
    exemplars=st.booleans(),
    created=st.booleans(),
    zero_first_ns=st.sampled_from([0, 0, 1, 10**9]),
    target_info=st.booleans(),
    label_value_length=st.sampled_from([256, 256, 16, 17, 18, 24]),
    raw_key_bytes=st.sampled_from([64 << 20, 4096]),
).map(lambda plan: plan if plan.dialects == (Dialect.OTEL,) else dataclasses.replace(plan, exclude=frozenset()))
