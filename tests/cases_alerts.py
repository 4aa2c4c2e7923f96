"""What cases of alerts are made of: what services and daemons show over time, under the names of a dialect.

A case gives series and says which alerts fire at which minute, by the labels that they are about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from span2metrics import names
from tests.promtool import Gone, Part, Series, combined, counter, gauge, labelled

#: An alert's labels, without its name and severity.
About = dict[str, str]
SERVER, CLIENT, CONSUMER, INTERNAL = (names.SPAN_KINDS[kind] for kind in (2, 3, 5, 1))
UNSET, FAILED = names.STATUS_CODES[0], names.STATUS_CODES[names.ERROR]
FAST_S, SLOW_S = 0.05, 3.0
BOUNDS_S = ("0.1", "0.8", "6.4")


@dataclass(frozen=True)
class Page:
    """What a dialect's page is called; `scale`: its durations' unit in a second."""

    calls: str
    duration: str
    service: str
    scale: int = 1

    def spans(
        self,
        service: str,
        *parts: Part,
        failed: tuple[Part, ...] = (),
        kind: str = SERVER,
        name: str = "GET /",
        **more: str,
    ) -> Iterator[Series]:
        """Calls of a service that succeed, and that fail."""
        labels = {self.service: service, "span_name": name, "span_kind": kind}
        if parts:
            yield Series(labelled(self.calls, labels | {"status_code": UNSET} | more), counter(*parts))
        if failed:
            yield Series(labelled(self.calls, labels | {"status_code": FAILED} | more), counter(*failed))

    def timed(
        self, service: str, fast: tuple[Part, ...], slow: tuple[Part, ...], kind: str = SERVER
    ) -> Iterator[Series]:
        """Durations of `FAST_S` and of `SLOW_S`; both have parts of the same lengths."""
        labels = {self.service: service, "span_name": "GET /", "span_kind": kind, "status_code": UNSET}
        yield from histogram(self.duration, labels, fast, slow, self.scale)


def histogram(
    name: str, labels: dict[str, str], fast: tuple[Part, ...], slow: tuple[Part, ...], scale: int = 1
) -> Iterator[Series]:
    """A classic histogram; bounds as a page writes them."""
    both = combined(fast, slow, lambda a, b: a + b)
    for bound, parts in zip((*BOUNDS_S, "+Inf"), (fast, fast, both, both), strict=True):
        le = bound if bound == "+Inf" or scale == 1 else f"{float(bound) * scale:.1f}"
        yield Series(labelled(f"{name}_bucket", labels | {"le": le}), counter(*parts))
    spent = combined(fast, slow, lambda a, b: (a * FAST_S + b * SLOW_S) * scale)
    yield Series(labelled(f"{name}_sum", labels), counter(*spent))
    yield Series(labelled(f"{name}_count", labels), counter(*both))


PAGES = {
    "otel": Page("traces_span_metrics_calls_total", "traces_span_metrics_duration_seconds", "service_name"),
    "jaeger": Page(
        "traces_span_metrics_calls_total", "traces_span_metrics_duration_milliseconds", "service_name", 1000
    ),
    "tempo": Page("traces_spanmetrics_calls_total", "traces_spanmetrics_latency", "service"),
}


def edge(
    client: str, server: str, *parts: Part, failed: tuple[Part, ...] = (), slow: tuple[Part, ...] = (), type: str = ""
) -> Iterator[Series]:
    """Requests of an edge in all, those that failed, and durations by the client: `slow` ones and the rest."""
    labels = {"client": client, "server": server, "connection_type": type}
    none = combined(parts, parts, lambda _a, _b: 0.0)
    late = slow or none
    yield Series(labelled("traces_service_graph_request_total", labels), counter(*parts))
    yield Series(labelled("traces_service_graph_request_failed_total", labels), counter(*(failed or none)))
    rest = combined(parts, late, lambda a, b: a - b)
    yield from histogram("traces_service_graph_request_client_seconds", labels, rest, late)


#: The series of a page.
Of = Callable[[Page], Iterator[Series]]
Gauge = tuple[tuple[float, float] | Gone, ...]
#: A daemon's own labels.
DAEMON = {"job": "span2metrics", "instance": "a:1"}


def own(name: str, values: str, **labels: str) -> Series:
    """A series of the daemon itself."""
    return Series(labelled(name, DAEMON | labels), values)


def daemon(
    minutes: float = 120,
    up: Gauge = (),
    spans: tuple[Part, ...] = (),
    started: tuple[tuple[float, float], ...] = (),
) -> Iterator[Series]:
    """A daemon that is well, but for what is said: whether it is up, spans a second, when it was started."""
    yield own("up", gauge(*(up or ((minutes, 1),))))
    yield own("process_start_time_seconds", gauge(*(started or ((minutes, 0),))))
    yield own("span2metrics_received_spans_total", counter(*(spans or ((minutes, 100),))), receiver="otlp_grpc")


@dataclass(frozen=True)
class Case:
    """A promise about an alert.

    fires   minute → whom the alert is about, all of them; none: ()
    page    the series of a dialect's page
    """

    alert: str
    promise: str
    fires: dict[float, tuple[About, ...]]
    page: Of


def about(*labels: str) -> tuple[About, ...]:
    """`about("service_name=shop,client=a", …)`."""
    return tuple(dict(pair.split("=", 1) for pair in each.split(",") if pair) for each in labels)


NOBODY: tuple[About, ...] = ()
