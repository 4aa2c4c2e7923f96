"""What the engine says of its work: plain numbers, for telemetry and the pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple


class LabelSet(NamedTuple):
    """What counts as one against the limits.

    family     `names.CALLS`, `names.DURATION` or `names.EDGES`
    labels     rendered, `a="x",b="y",`, the status apart
    status     `names.STATUS_CODES`, or "" where it has none
    spans      that it counts; 0 of durations
    beyond     it is an overflow series, and does not count
    """

    family: str
    labels: bytes
    status: str
    spans: int
    beyond: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a request's spans: `received` = `aggregated` + the values of `dropped` (by reason)."""

    received: int
    aggregated: int
    dropped: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Stats:
    """Plain numbers, counted since the engine was made unless said otherwise.

    series                 family ("calls", "duration"; "edges" of the service graph) → live series now
    anomalies              `names.ANOMALIES` reason → spans
    truncated              label → values cut, once a span
    weighted               spans that stand for more than themselves, and count as that
    capped_weights         spans whose own word would make them stand for more than `Plan.max_weight`
    dropped                reason → spans
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
    anomalies: Mapping[str, int]
    truncated: Mapping[str, int]
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
