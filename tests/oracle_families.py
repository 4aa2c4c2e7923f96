"""The numbers of a service graph as a page has them: family to labels to value, and the exemplars.

`Record` is what the oracle keeps of an edge and what a case's table is written in; `families` and `exemplars` turn
either into what a parser must find.  A histogram without an observation is absent, a counter of failures is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.oracle_halves import Settings
from tests.oracle_page import GRAPH_PREFIX, Exemplar, Histogram, Labels, histogram

PREFIX = GRAPH_PREFIX
REQUESTS, FAILED = f"{PREFIX}request_total", f"{PREFIX}request_failed_total"
SERVER_SECONDS, CLIENT_SECONDS = f"{PREFIX}request_server_seconds", f"{PREFIX}request_client_seconds"
MESSAGING_SECONDS = f"{PREFIX}request_messaging_system_seconds"
CONNECTION_INFO, SERVICE_INFO = f"{PREFIX}connection_info", f"{PREFIX}service_info"
UNPAIRED, DROPPED = f"{PREFIX}unpaired_spans_total", f"{PREFIX}dropped_spans_total"
SECOND = 1_000_000_000

#: A counter's or gauge's value, or a histogram with its sum in nanoseconds.  Families without samples are left out.
Families = dict[str, dict[Labels, int | Histogram]]
#: By family, labels and `le`, "" for a counter.
Exemplars = dict[tuple[str, Labels, str], Exemplar]


class Observed(NamedTuple):
    """Nanoseconds, and the exemplar that they may have."""

    value: int
    exemplar: Exemplar | None = None


@dataclass
class Record:
    """What is counted of one edge; durations as they were observed, in any order."""

    requests: int = 0
    failed: int = 0
    server: list[Observed] = field(default_factory=list)
    client: list[Observed] = field(default_factory=list)
    messaging: list[Observed] = field(default_factory=list)
    told: list[Exemplar] = field(default_factory=list)
    told_failed: list[Exemplar] = field(default_factory=list)


def families(
    edges: Mapping[Labels, Record],
    unpaired: Mapping[tuple[str, str, str], int],
    dropped: Mapping[tuple[str, str], int],
    services: Iterable[str],
    settings: Settings,
) -> Families:
    """`unpaired` by service, side and reason, `dropped` by service and reason."""
    shown: Families = {
        REQUESTS: {labels: edge.requests for labels, edge in edges.items()},
        FAILED: {labels: edge.failed for labels, edge in edges.items()},
        **{
            family: {labels: _histogram(seen[labels], settings) for labels in edges if seen[labels]}
            for family, seen in _observations(edges, settings).items()
        },
        CONNECTION_INFO: {labels: 1 for labels in edges if settings.connection_info},
        SERVICE_INFO: {frozenset({("service", service)}): 1 for service in services},
        UNPAIRED: {_labels(("service", "side", "reason"), key): n for key, n in unpaired.items() if n},
        DROPPED: {_labels(("service", "reason"), key): n for key, n in dropped.items() if n},
    }
    return {family: samples for family, samples in shown.items() if samples}


def exemplars(edges: Mapping[Labels, Record], settings: Settings) -> Exemplars:
    """Of each counter and each bucket the greatest."""
    found: Exemplars = {}
    for labels, edge in edges.items():
        for family, told in ((REQUESTS, edge.told), (FAILED, edge.told_failed)):
            if told:
                found[family, labels, ""] = max(told)
    for family, seen in _observations(edges, settings).items():
        for labels, observed in seen.items():
            found |= {(family, labels, le): told for le, told in _bucket_exemplars(observed, settings).items()}
    return found


def _bucket_exemplars(observed: list[Observed], settings: Settings) -> dict[str, Exemplar]:
    found: dict[str, Exemplar] = {}
    below = -1
    for le, bound in zip(_histogram(observed, settings)[0], [*settings.bounds_ns, 2**70], strict=True):
        told = [item.exemplar for item in observed if item.exemplar and below < item.value <= bound]
        found |= {le: max(told)} if told else {}
        below = bound
    return found


def _observations(edges: Mapping[Labels, Record], settings: Settings) -> dict[str, dict[Labels, list[Observed]]]:
    seen = {
        SERVER_SECONDS: {labels: edge.server for labels, edge in edges.items()},
        CLIENT_SECONDS: {labels: edge.client for labels, edge in edges.items()},
        MESSAGING_SECONDS: {labels: edge.messaging for labels, edge in edges.items()},
    }
    return seen if settings.messaging_latency else {f: s for f, s in seen.items() if f != MESSAGING_SECONDS}


def _histogram(observed: list[Observed], settings: Settings) -> Histogram:
    return histogram([item.value for item in observed], settings.bounds_ns, SECOND)


def _labels(names: Iterable[str], values: Iterable[str]) -> Labels:
    return frozenset(zip(names, values, strict=True))
