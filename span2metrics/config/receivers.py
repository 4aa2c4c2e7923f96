"""The configuration of what takes spans in: the receivers, and the queue behind them.

A part of `models`, whose rules hold here too.
"""

# ruff: noqa: RUF009 - `setting` returns a dataclass field, as `field` does

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from span2metrics.config.forms import DAY, HEADER, KIB, MIB, ORIGIN, REQUEST_PATH, REQUEST_SIZE, TIB
from span2metrics.config.kinds import Address, Distinct, Or, Seconds, Size
from span2metrics.config.scalars import Endpoint
from span2metrics.config.section import Section, setting


@dataclass(frozen=True, slots=True)
class Keepalive:
    max_connection_age: float | None = setting(
        Or(Seconds(1, 24 * DAY), None),
        None,
        "Close a connection after this time, so that clients spread over new replicas. null: never, because a single "
        "replica gains nothing from it.",
    )


@dataclass(frozen=True, slots=True)
class GrpcReceiver:
    endpoint: Endpoint = setting(
        Address(),
        Endpoint("localhost", 4317),
        "Where to listen: host:port, or :port for all interfaces. Only this machine unless told otherwise, because "
        "whoever can connect can make series. 4317 is the port that SDKs try.",
    )
    max_request_size: int | None = setting(
        Or(REQUEST_SIZE, "auto"),
        None,
        "Largest request, after decompression; a larger one is refused. auto: 64MiB, or an eighth of the container's "
        "memory limit where that is less, so that no request can fill the memory.",
    )
    keepalive: Keepalive = setting(Section(Keepalive), Keepalive(), "How long connections live.")


@dataclass(frozen=True, slots=True)
class Cors:
    allowed_origins: tuple[str, ...] = setting(
        Distinct(ORIGIN, least=1),
        (),
        "Origins whose pages may send spans, such as https://app.example.com; * is any. None by default: a browser "
        "lets no other page send.",
        required=True,
    )
    allowed_headers: tuple[str, ...] = setting(
        Distinct(HEADER),
        (),
        "Headers that such a request may have besides Content-Type and Content-Encoding, which every exporter sends.",
    )
    max_age: float = setting(
        Seconds(0, DAY),
        7200.0,
        "How long a browser may remember the answer. 2h is the most that Chromium honours.",
    )


@dataclass(frozen=True, slots=True)
class HttpReceiver:
    endpoint: Endpoint = setting(
        Address(),
        Endpoint("localhost", 4318),
        "Where to listen, as for grpc. 4318 is the port that SDKs try.",
    )
    path: str = setting(REQUEST_PATH, "/v1/traces", "Path of the POST. The one that SDKs append to their endpoint.")
    max_request_size: int | None = setting(
        Or(REQUEST_SIZE, "auto"), None, "Largest request, after decompression, as for grpc."
    )
    max_json_size: int = setting(
        REQUEST_SIZE,
        8 * MIB,
        "Largest request in JSON, after decompression. Less than for protobuf, because parsed JSON takes many times "
        "its size in memory.",
    )
    cors: Cors | None = setting(
        Or(Section(Cors), None), None, "Lets pages of other origins send spans from a browser. null: none may."
    )


@dataclass(frozen=True, slots=True)
class Otlp:
    SHAPE: ClassVar[dict[str, Any]] = {
        "not": {"properties": {"grpc": {"type": "null"}, "http": {"type": "null"}}, "required": ["grpc", "http"]}
    }

    grpc: GrpcReceiver | None = setting(
        Or(Section(GrpcReceiver), None), GrpcReceiver(), "OTLP over gRPC. null switches it off."
    )
    http: HttpReceiver | None = setting(
        Or(Section(HttpReceiver), None), HttpReceiver(), "OTLP over HTTP, protobuf and JSON. null switches it off."
    )


@dataclass(frozen=True, slots=True)
class Receivers:
    otlp: Otlp = setting(Section(Otlp), Otlp(), "OTLP, the protocol of OpenTelemetry. At least one of the two is on.")


@dataclass(frozen=True, slots=True)
class Intake:
    max_bytes: int | None = setting(
        Or(Size(KIB, TIB), "auto"),
        None,
        "Bytes of requests that may wait for their turn; beyond, clients are told to try again. auto: 256MiB, or a "
        "quarter of the container's memory limit where that is less.",
    )
