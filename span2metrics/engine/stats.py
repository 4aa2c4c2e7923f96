"""What the engine says of its work: plain numbers, for telemetry and the pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

#: Upper bounds of `Lateness`, inclusive, nanoseconds: from spans that end now or in the future, and exporters' usual
#: delays, to a queue that was down for a day.
LATENESS_BOUNDS_NS = tuple(
    round(seconds * 1_000_000_000)
    for seconds in (0, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600, 21_600, 86_400)
)


class LabelSet(NamedTuple):
    """What counts as one against the limits.

    family     `names.CALLS`, `names.DURATION`, `names.EDGES`, or what `measures.label_of` calls a measure
    labels     rendered, `a="x",b="y",`, the status apart
    status     `names.STATUS_CODES`, or "" where it has none
    spans      that it counts; 0 of durations; of a measure the values
    beyond     it is an overflow series, and does not count
    """

    family: str
    labels: bytes
    status: str
    spans: int
    beyond: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a request's spans: `received` = `aggregated` + the values of `dropped` (by reason).

    `too_old` and `too_new` are those that were dropped for their time: the sender should know.
    """

    received: int
    aggregated: int
    dropped: Mapping[str, int]
    too_old: int = 0
    too_new: int = 0


class Lateness(NamedTuple):
    """How long before they were taken spans ended.

    counts     spans by `LATENESS_BOUNDS_NS`, each by the first bound that it is not above, and then those above all
    sum_ns     nanoseconds in all; a span that ends in the future adds none
    """

    counts: tuple[int, ...]
    sum_ns: int


@dataclass(frozen=True, slots=True)
class Stats:
    """Plain numbers, counted since the engine was made unless said otherwise.

    series                 family ("calls", "duration"; "edges" of the service graph; measures) → live series now, a
                           measure's by label sets
    anomalies              `names.ANOMALIES` reason → spans
    truncated              label → values cut, once a span; of the labels of edges once a request
    redacted               label → values of which something was hidden, likewise
    templated              `names.TEMPLATES` → span names that had such a part, or a rule's name, once a span
    weighted               spans that stand for more than themselves, and count as that
    capped_weights         spans whose own word would make them stand for more than `Plan.max_weight`
    dropped                `names.DROP_REASONS` reason → spans
    lateness               of spans that have an end, whatever became of them
    label_sets             that count against the limits, now
    limits                 `names.LIMIT_…` → how many there may be; 0: any number
    services               that are told apart, now
    overflowed             (service, `names.LIMIT_…`) → spans in a series of many, of services that there are
    expired                label sets that were removed because nothing came for them
    raw_keys, raw_key_bytes, contexts   of the engine's caches, now
    targets                instances of services that are shown now
    forgotten_targets      those that made room for others
    pending_edges          spans that wait for their partner now, and those kept for further ones
    edges                  `names.EDGE_OUTCOMES` → what became of spans of the service graph; none where there is none
    """

    received: int
    aggregated: int
    dropped: Mapping[str, int]
    lateness: Lateness
    anomalies: Mapping[str, int]
    truncated: Mapping[str, int]
    redacted: Mapping[str, int]
    templated: Mapping[str, int]
    weighted: int
    capped_weights: int
    series: Mapping[str, int]
    births: int
    label_sets: int
    limits: Mapping[str, int]
    services: int
    overflowed: Mapping[tuple[str, str], int]
    expired: int
    policy_errors: int
    raw_keys: int
    raw_key_bytes: int
    contexts: int
    targets: int
    forgotten_targets: int
    pending_edges: int
    edges: Mapping[str, int]
