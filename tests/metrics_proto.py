"""metrics.proto of prometheus/client_model as a table, and protobuf's own reader of a delimited page.

The table is the whole schema of v0.6.2.  Nothing here shares code with the writers.
"""

from __future__ import annotations

import io
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, proto, timestamp_pb2

PACKAGE = "io.prometheus.client"
TYPES = ("COUNTER", "GAUGE", "SUMMARY", "UNTYPED", "HISTOGRAM", "GAUGE_HISTOGRAM")
TIMESTAMP = "google.protobuf.Timestamp"

#: Message → field → (number, type); "*" in front: repeated; a type with a capital is a message.
MESSAGES = {
    "LabelPair": {"name": (1, "string"), "value": (2, "string")},
    "Gauge": {"value": (1, "double")},
    "Counter": {"value": (1, "double"), "exemplar": (2, "Exemplar"), "created_timestamp": (3, TIMESTAMP)},
    "Quantile": {"quantile": (1, "double"), "value": (2, "double")},
    "Summary": {
        "sample_count": (1, "uint64"),
        "sample_sum": (2, "double"),
        "quantile": (3, "*Quantile"),
        "created_timestamp": (4, TIMESTAMP),
    },
    "Untyped": {"value": (1, "double")},
    "Histogram": {
        "sample_count": (1, "uint64"),
        "sample_sum": (2, "double"),
        "bucket": (3, "*Bucket"),
        "sample_count_float": (4, "double"),
        "schema": (5, "sint32"),
        "zero_threshold": (6, "double"),
        "zero_count": (7, "uint64"),
        "zero_count_float": (8, "double"),
        "negative_span": (9, "*BucketSpan"),
        "negative_delta": (10, "*sint64"),
        "negative_count": (11, "*double"),
        "positive_span": (12, "*BucketSpan"),
        "positive_delta": (13, "*sint64"),
        "positive_count": (14, "*double"),
        "created_timestamp": (15, TIMESTAMP),
        "exemplars": (16, "*Exemplar"),
    },
    "Bucket": {
        "cumulative_count": (1, "uint64"),
        "upper_bound": (2, "double"),
        "exemplar": (3, "Exemplar"),
        "cumulative_count_float": (4, "double"),
    },
    "BucketSpan": {"offset": (1, "sint32"), "length": (2, "uint32")},
    "Exemplar": {"label": (1, "*LabelPair"), "value": (2, "double"), "timestamp": (3, TIMESTAMP)},
    "Metric": {
        "label": (1, "*LabelPair"),
        "gauge": (2, "Gauge"),
        "counter": (3, "Counter"),
        "summary": (4, "Summary"),
        "untyped": (5, "Untyped"),
        "timestamp_ms": (6, "int64"),
        "histogram": (7, "Histogram"),
    },
    "MetricFamily": {
        "name": (1, "string"),
        "help": (2, "string"),
        "type": (3, "MetricType"),
        "metric": (4, "*Metric"),
        "unit": (5, "string"),
    },
}

_Field = descriptor_pb2.FieldDescriptorProto


def read_messages(page: bytes) -> list[Any]:
    """The MetricFamily messages of a page; fails on anything after the last, and on fields that the schema lacks."""
    stream, families = io.BytesIO(page), []
    while (family := proto.parse_length_prefixed(METRIC_FAMILY, stream)) is not None:
        plain = type(family)()
        plain.CopyFrom(family)
        plain.DiscardUnknownFields()
        assert plain.ByteSize() == family.ByteSize()
        families.append(family)
    return families


def type_name(family: Any) -> str:
    return TYPES[family.type]


def _field(name: str, number: int, kind: str) -> descriptor_pb2.FieldDescriptorProto:
    label = _Field.LABEL_REPEATED if kind.startswith("*") else _Field.LABEL_OPTIONAL
    field = _Field(name=name, number=number, label=label)
    kind = kind.removeprefix("*")
    if kind == "MetricType":
        field.type, field.type_name = _Field.TYPE_ENUM, f".{PACKAGE}.{kind}"
    elif kind == TIMESTAMP:
        field.type, field.type_name = _Field.TYPE_MESSAGE, f".{kind}"
    elif kind[0].isupper():
        field.type, field.type_name = _Field.TYPE_MESSAGE, f".{PACKAGE}.{kind}"
    else:
        field.type = _Field.Type.Value(f"TYPE_{kind.upper()}")
    return field


def _file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name="metrics.proto", package=PACKAGE, syntax="proto2")
    file.dependency.append(timestamp_pb2.DESCRIPTOR.name)
    types = file.enum_type.add(name="MetricType")
    for number, name in enumerate(TYPES):
        types.value.add(name=name, number=number)
    for name, fields in MESSAGES.items():
        file.message_type.add(name=name).field.extend(_field(field, *of) for field, of in fields.items())
    return file


def _metric_family() -> Any:
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(timestamp_pb2.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(_file().SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.MetricFamily"))


METRIC_FAMILY = _metric_family()
