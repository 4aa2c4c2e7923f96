"""What the label sets are made of: by family and service, by label and value, beside the limits.

Filled with one label set at a time, so that whoever asks a running daemon can let others have their turn between.  How
many label sets would be left without a label is counted by 64-bit sums of hashes, seven of which are in 100,000 label
sets a few hundred KiB a label; the values that cost most are told as long as a label has no more than `MOST_VALUES`.
"""

from __future__ import annotations

from array import array
from collections import Counter
from typing import Any

from span2metrics import names
from span2metrics.engine.stats import LabelSet, Stats
from span2metrics.engine.text import pairs_of

#: Values of a label that are told apart by name.
MOST_VALUES = 20_000
_BITS = (1 << 64) - 1


class Cardinality:
    """Counts label sets.  `top`: how many services, and values of a label, a report names."""

    def __init__(self, top: int = 10) -> None:
        self._top = top
        self._families: Counter[str] = Counter()
        self._services: Counter[str] = Counter()
        self._beyond: Counter[str] = Counter()
        self._labels: dict[tuple[str, str], _Label] = {}

    def add(self, found: LabelSet) -> None:
        pairs = list(pairs_of(found.labels))
        if found.status:
            pairs.append((names.STATUS_CODE, found.status))
        if found.family != names.EDGES:
            service = next((value for label, value in pairs if label == names.SERVICE_NAME), "")
            self._services[service] += not found.beyond
            self._beyond[service] += found.beyond
        if found.beyond:
            return
        self._families[found.family] += 1
        total = sum(map(hash, pairs))
        for label, value in pairs:
            self._label(found.family, label).add(value, (total - hash((label, value))) & _BITS)

    def _label(self, family: str, label: str) -> _Label:
        if (family, label) not in self._labels:
            self._labels[family, label] = _Label()
        return self._labels[family, label]

    def report(self, stats: Stats) -> dict[str, Any]:
        """Plain data, for JSON; a limit of 0 is none."""
        return {
            "label_sets": dict(self._families),
            "limits": [
                {"limit": limit, "used": used, "most": stats.limits[limit]}
                for limit, used in (
                    (names.LIMIT_SERVICES, stats.services),
                    (names.LIMIT_SERIES, stats.label_sets),
                    (names.LIMIT_SERVICE_SERIES, max(self._services.values(), default=0)),
                    (names.LIMIT_EDGES, self._families[names.EDGES]),
                )
            ],
            "services": [self._service(service, stats) for service, _ in self._services.most_common(self._top)],
            "more_services": max(0, len(self._services) - self._top),
            "labels": sorted(
                (
                    {"family": family, "label": name, **label.report(self._families[family], self._top)}
                    for (family, name), label in self._labels.items()
                ),
                key=lambda label: (label["family"], label["label_sets_without"], label["label"]),
            ),
        }

    def _service(self, service: str, stats: Stats) -> dict[str, Any]:
        overflowed = {limit: spans for (of, limit), spans in stats.overflowed.items() if of == service}
        return {
            "service": service,
            "label_sets": self._services[service],
            "overflow_series": self._beyond[service],
            "overflowed_spans": overflowed,
        }


class _Label:
    """A label's values, and what is left of the label sets that have it without it."""

    def __init__(self) -> None:
        self._values: Counter[str] = Counter()
        self._others = array("Q")

    def add(self, value: str, rest: int) -> None:
        if value in self._values or len(self._values) < MOST_VALUES:
            self._values[value] += 1
        self._others.append(rest)

    def report(self, label_sets: int, top: int) -> dict[str, Any]:
        """`label_sets`: that the family has, some of which may lack the label."""
        having = len(self._others)
        return {
            "values": len(self._values),
            "all_values": len(self._values) < MOST_VALUES,
            "label_sets_without": label_sets - having + len(set(self._others)),
            "most": [{"value": value, "label_sets": sets} for value, sets in self._values.most_common(top)],
        }
