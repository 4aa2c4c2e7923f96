"""Which label sets there are: limits, overflow and expiry, as a short plain model.

A span asks for its label sets in the order in which it came.  It is written from semantics §1.5 alone and is held
against the engine; it knows nothing of keys, slots and passes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from span2metrics.engine.plan import MS, Now, Plan
from tests.oracle_page import Pairs

OTHER = "__other__"
OVERFLOW = ("otel_metric_overflow", "true")
ERROR = ("status_code", "STATUS_CODE_ERROR")
CALLS, DURATION = "calls", "duration"
#: One of these, or the number of a measure.
Family = str | int


@dataclass
class LabelSet:
    """Who has it, when a span of it came (milliseconds), whether it counts against the limits or is beyond them."""

    service: str
    seen: int
    within: bool
    beyond: bool = False


class Limits:
    """`overflowed`: (service, limit) → spans.  `sets`: (family, labels) → the label set; siblings at 0 are no sets."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.split = plan.calls_dimensions != plan.duration_dimensions
        self.services: set[str] = set()
        self.sets: dict[tuple[Family, Pairs], LabelSet] = {}
        self.overflowed: Counter[tuple[str, str]] = Counter()
        self.limited = False  # whether a limit kept the span at hand from series of its own
        self._beside: Counter[Pairs] = Counter()  # how many sets have that series at 0 beside them

    # --- who asks -----------------------------------------------------------------------------------------------------

    def service(self, name: str) -> str:
        """The name under which its spans count."""
        most = self.plan.most_services
        if name == OTHER or name in self.services or name == "unknown_service":
            self.services |= {name} - {OTHER}
            return name
        named = {text for where in self.plan.selected if where.service for text in where.service.equal}
        if most and len(self.services) >= most and name not in named:
            return OTHER
        self.services.add(name)
        return name

    def place(self, service: str, calls: Pairs, duration: Pairs, now: Now, selected: bool) -> tuple[Pairs, Pairs]:
        """The labels with which a span counts, and notes that it came; `selected`: the plan asks for its label sets."""
        reasons: list[str] = ["services"] if service == OTHER else []
        self.limited = False
        found = []
        for family, labels in ((CALLS, calls), (DURATION, duration)):
            if family == DURATION and not self.split:
                found.append(found[0])
                continue
            capped = self._capped(labels, reasons)
            if not self._admit(family, capped, service, now, selected):
                self.limited = True
                reasons.append("selected" if selected else self._why(service))
                capped = self._overflow_of(family, capped, service)
                if not self._there(family, capped):
                    self._add(family, capped, LabelSet(service, 0, within=False))
            self._touch(family, capped, now)
            found.append(capped)
        self.overflowed.update({(service, reason): 1 for reason in reasons})
        return found[0], found[1]

    def measure(self, number: int, service: str, calls: Pairs, own: Pairs, now: Now) -> tuple[Pairs, str]:
        """The labels of the values of a span that counts with those of `calls`; the limit where they are of many."""
        labels, reason = calls + own, ""
        selected = self.plan.measures[number].where in self.plan.selected
        if OVERFLOW in calls or not self._admit(number, labels, service, now, selected):
            reason = "selected" if selected else self._why(service)
            labels = self._overflow_of(number, calls, service)
            if not self._there(number, labels):
                self._add(number, labels, LabelSet(service, 0, within=False))
        self._touch(number, labels, now)
        return labels, reason

    def _admit(self, family: Family, labels: Pairs, service: str, now: Now, selected: bool) -> bool:
        if self._there(family, labels):
            return True
        full = bool(self._why(service))
        if full and not (selected and self._has_reserve(service)):
            return False
        self._add(family, labels, LabelSet(service, _ms(now), within=True, beyond=full))
        return True

    def _has_reserve(self, service: str) -> bool:
        """What is selected may be admitted beyond the limits, up to as many again."""
        beyond = [found.service for found in self._counted() if found.beyond]
        every, own = self.plan.most_series, self.plan.most_series_of_service
        return not (0 < every <= len(beyond)) and not (0 < own <= beyond.count(service))

    def _add(self, family: Family, labels: Pairs, found: LabelSet) -> None:
        self.sets[family, labels] = found
        if family == CALLS and (sibling := self.sibling(labels)):
            self._beside[sibling] += 1

    def _why(self, service: str) -> str:
        """The limit that is reached."""
        if not any(0 < most <= len(self.sets) for most in (self.plan.most_series, self.plan.most_series_of_service)):
            return ""
        mine = [s for s in self._counted() if s.service == service]
        if self.plan.most_series_of_service and len(mine) >= self.plan.most_series_of_service:
            return "series_per_service"
        if self.plan.most_series and len(self._counted()) >= self.plan.most_series:
            return "series"
        return ""

    def _counted(self) -> list[LabelSet]:
        """A series with errors that stands beside one without is a part of that one's set."""
        return [
            found
            for (family, labels), found in self.sets.items()
            if found.within and not (family == CALLS and self._beside[labels])
        ]

    def _touch(self, family: Family, labels: Pairs, now: Now) -> None:
        own = self.sets.get((family, labels))
        if own is None:
            own = self.sets[family, labels] = LabelSet(dict(labels)["service_name"], 0, within=True)
        own.seen = _ms(now)

    def _there(self, family: Family, labels: Pairs) -> bool:
        return (family, labels) in self.sets or (family == CALLS and self._beside[labels] > 0)

    def _overflow_of(self, family: Family, labels: Pairs, service: str) -> Pairs:
        """With the resource's labels, unless they have made as many such series as there may be others."""
        full = self._overflow(labels, resource=True)
        beyond = [
            found.service
            for (kind, of), found in self.sets.items()
            if not found.within and not (kind == CALLS and self._beside[of])
        ]
        all_full = 0 < self.plan.most_series <= len(beyond)
        if all_full or 0 < self.plan.most_series_of_service <= beyond.count(service):
            return full if self._there(family, full) else self._overflow(labels, resource=False)
        return full

    def _overflow(self, labels: Pairs, *, resource: bool) -> Pairs:
        kept_labels = {dimension.label for dimension in self.plan.resource_labels if resource}
        kept = [pair for pair in labels if pair[0] in ("service_name", "span_kind", "status_code")]
        kept += [pair for pair in labels if pair[0] in kept_labels]
        return tuple(sorted([*kept, OVERFLOW], key=lambda pair: pair[0] in self.plan.errors_zero_drop))

    # --- values -------------------------------------------------------------------------------------------------------

    def _capped(self, labels: Pairs, reasons: list[str]) -> Pairs:
        plan = self.plan
        dimensions = (*plan.resource_labels, *plan.dimensions, *plan.calls_dimensions, *plan.duration_dimensions)
        caps = {d.label: d.max_values for d in dimensions if d.max_values}
        shown = []
        for label, value in labels if caps else ():
            known = {dict(pairs).get(label) for _, pairs in self.sets} - {None, OTHER}
            if label in caps and value not in known and len(known) >= caps[label]:
                reasons.append("max_values")
                shown.append((label, OTHER))
            else:
                shown.append((label, value))
        return tuple(shown) if caps else labels

    # --- siblings and time --------------------------------------------------------------------------------------------

    def sibling(self, labels: Pairs) -> Pairs | None:
        """The labels of the series at 0 beside calls with these; None where there is none."""
        if not self.plan.errors_zero or ERROR in labels or "status_code" not in dict(labels):
            return None
        return tuple(
            ERROR if label == "status_code" else (label, value)
            for label, value in labels
            if label not in self.plan.errors_zero_drop
        )

    def expire(self, now: Now) -> Iterable[tuple[Family, Pairs]]:
        """Ends the sets for which no span has come; those series are gone."""
        after = -(-self.plan.expire_after_ns // MS)
        if not after:
            return []
        before = self.sets
        over = {key for key in before if _ms(now) - self._last_seen(*key) >= after}
        siblings = {key: self.sibling(key[1]) for key in before if key[0] == CALLS}
        kept = {labels for key, labels in siblings.items() if key not in over}
        ended = [key for key in over if not (key[0] == CALLS and key[1] in kept)]
        self.sets = {key: found for key, found in before.items() if key not in ended}
        self._beside = Counter(filter(None, (self.sibling(labels) for family, labels in self.sets if family == CALLS)))
        present = {found.service for found in self.sets.values()}
        self.services &= present
        self.overflowed = Counter({k: n for k, n in self.overflowed.items() if k[0] in present | {OTHER}})
        return ended

    def _last_seen(self, family: Family, labels: Pairs) -> int:
        own = self.sets[family, labels].seen
        beside = self.sibling(labels) if family == CALLS else None
        return max(own, self.sets[family, beside].seen) if beside and (family, beside) in self.sets else own


def _ms(now: Now) -> int:
    return now.mono_ns // MS
