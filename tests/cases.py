"""What a case of the engine's tests is: spans, a plan, and the numbers that they must come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from span2metrics.engine.plan import Dimension, Plan
from tests.oracle import Labels
from tests.payloads import Placed

#: Siblings at 0 have cases of their own.
BARE = Plan(errors_zero=False)


def labels(
    service: str | None = "shop",
    name: str | None = "GET /",
    kind: str | None = "SERVER",
    status: str | None = "UNSET",
    **more: str,
) -> Labels:
    """A label set; None leaves a built-in label out."""
    builtin = {
        "service_name": service,
        "span_name": name,
        "span_kind": kind and f"SPAN_KIND_{kind}",
        "status_code": status and f"STATUS_CODE_{status}",
    }
    return frozenset({label: text for label, text in {**builtin, **more}.items() if text is not None}.items())


def plan(*dimensions: Dimension, **more: Any) -> Plan:
    return Plan(**{"errors_zero": False, "dimensions": dimensions, **more})


@dataclass(frozen=True)
class Case:
    """Spans, and what they come to: `calls`; `sums` (count, nanoseconds) where a case is about durations."""

    promise: str
    spans: Sequence[Placed]
    calls: Mapping[Labels, int]
    plan: Plan = BARE
    sums: Mapping[Labels, tuple[int, int]] | None = None
    anomalies: Mapping[str, int] = field(default_factory=dict)
    truncated: Mapping[str, int] = field(default_factory=dict)
    redacted: Mapping[str, int] = field(default_factory=dict)


SPAN = Placed()
ROUTE = Dimension("http_route", ("http.route",))
