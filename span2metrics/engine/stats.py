"""What the engine says of its work: plain numbers, for telemetry and the pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


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
    templated              `names.TEMPLATES` → span names that had such a part, or a rule's name, once a span
    weighted               spans that stand for more than themselves, and count as that
    capped_weights         spans whose own word would make them stand for more than `Plan.max_weight`
    dropped                reason → spans
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
    templated: Mapping[str, int]
    weighted: int
    capped_weights: int
    series: Mapping[str, int]
    births: int
    policy_errors: int
    raw_keys: int
    raw_key_bytes: int
    contexts: int
    targets: int
    forgotten_targets: int
    pending_edges: int
    edges: Mapping[str, int]
