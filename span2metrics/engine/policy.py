"""How series are named: from a span's values to the label texts of its series, in plain Python.

Called once for each key that was never seen, so that rules about labels can be read and changed here; the compiled core
pays nothing for them on known keys.  Owns which attributes are read, in which order a label looks for its value, what
is escaped and what a sibling at 0 looks like.  Which keys have series at all is `predicate`'s to say, what a value is
rewritten to `rewriting`'s.  Knows nothing of the wire, of counts or of the configuration's files.

Rules: semantics §1.1 (labels, `errors_zero`), §1.3 (dimensions, filters, `exclude`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from span2metrics import names
from span2metrics.engine.labels import (
    LISTS,
    REPLACED,
    Label,
    Marked,
    Place,
    looked_up,
    mark_of,
    marked_of,
    pair,
    rendered,
)
from span2metrics.engine.measures import Measuring
from span2metrics.engine.naming import Naming
from span2metrics.engine.plan import Dimension, Plan, Source
from span2metrics.engine.predicate import Filter, Subject
from span2metrics.engine.rewriting import Hide, Rewriter, as_it_is
from span2metrics.engine.text import pairs_of
from span2metrics.engine.value_limits import ValueLimits
from span2metrics.engine.where import Filters, services_of

SERVICE_ATTRIBUTE = "service.name"


@dataclass(slots=True, eq=False)
class Context:
    """What a resource and a scope say of their spans: the values that the plan reads, and no others.

    `resource` and `scope` are texts by the policy's attribute lists, "" for none; `resource_marks` and `scope_marks`
    say what was done to each (`CUT`, `REPLACED`, `REDACTED`).  Contexts with equal values are one, whatever else their
    resources hold.  `head` is the policy's own: the service's rendered pair, made once, and so are
    `overflows`, by kind, status and `bare`.  `room` is the core's own: who its spans count for.
    `sender` is the service's name as it was sent, "" for none, also where the first of `resource` is `__other__`; who
    asks for it has set `Policy.tells_senders`.
    """

    number: int
    resource: tuple[str, ...]
    scope: tuple[str, ...]
    resource_marks: tuple[int, ...] = ()
    scope_marks: tuple[int, ...] = ()
    sender: str = ""
    service: str = field(init=False)
    known: bool = field(init=False)
    marked: bool = field(init=False)
    head: str = ""
    room: object = None
    overflows: dict[tuple[int, int, bool], Names] | None = None

    def __post_init__(self) -> None:
        self.known = bool(self.resource[0])
        self.service = self.resource[0] or names.UNKNOWN_SERVICE
        self.marked = any(self.resource_marks) or any(self.scope_marks)

    def found(self, values: Sequence[str]) -> tuple[Sequence[str], ...]:
        """A key's texts by `LISTS`; `values` are the span's."""
        return values, self.resource, self.scope


class Names(NamedTuple):
    """Rendered labels of a key's series, each pair with a comma behind it, the status apart.

    `calls` and `durations` are the texts; at `status_at` in both goes the status pair, which the core keeps as a
    number.  `zero` says how much of `calls` the sibling with status ERROR shows; -1: there is none.  So a sibling needs
    no text of its own.  `capped` are the labels that have `__other__` in place of a value too many.
    """

    calls: bytes
    durations: bytes
    status_at: int
    status: int
    zero: int
    capped: tuple[str, ...] = ()


class Note(NamedTuple):
    """What is counted of each span of a key besides its series.

    marked     as `Policy.marked` has it
    limits     of `names.LIMITS`: those that its series are short of
    capped     labels that have `__other__` in place of a value too many
    templates  bits of `names.TEMPLATES`, in their order: what became of ids in its name
    """

    marked: Marked | None
    limits: tuple[str, ...]
    capped: tuple[str, ...]
    templates: int


NO_NOTE = Note(None, (), (), 0)


class Policy:
    """Names series for a plan.  `hide`: what rewritten values must not show; None: nothing need be hidden.

    `span_attributes`, `resource_attributes` and `scope_attributes` are what the core must read, in the order in which
    it must pass the values; the service's name is the resource's first.  Of the first, so many as `label_values` are
    for labels and conditions; those behind them are what `naming` reads, at the positions `naming_at`.
    `read_attributes` are those of a span, what it is weighed by, which is at `weight_at` (-1: by none), and what is
    measured of it, at `measured_at`.  `split` says that calls and durations have labels of their own.  `labels` are all
    label names that may come from the traffic.  `filters` says that not all keys may be kept, `rewrites` that labels
    may show other values than were read, `selection` that it `selects` some; `selected_services` are the services that
    those name.
    """

    def __init__(self, plan: Plan, hide: Hide | None = None) -> None:
        self.attributes: dict[Source, list[str]] = {
            Source.SPAN: [],
            Source.RESOURCE: [SERVICE_ATTRIBUTE],
            Source.SCOPE: [],
        }
        self._exclude = plan.exclude
        self._zero_drop = plan.errors_zero_drop
        self._errors_zero = plan.errors_zero and names.STATUS_CODE not in plan.exclude
        self._length, self._hide = plan.label_value_length, hide or as_it_is
        common = (*plan.resource_labels, *plan.dimensions)
        self.values = ValueLimits((*common, *plan.calls_dimensions, *plan.duration_dimensions))
        self._resource_labels = self._compiled(plan.resource_labels)
        self._calls = self._compiled((*common, *plan.calls_dimensions))
        self._durations = self._compiled((*common, *plan.duration_dimensions))
        self.split = self._calls != self._durations
        self._measuring = Measuring(plan.measures, self.place, self._compiled)
        self._shown_labels = (*self._calls, *self._durations, *self._measuring.labels)
        self.rewrites = any(label.rewriter for label in self._shown_labels)
        self.filters = bool(plan.filters)
        self._filter = Filter(plan.filters, self.place)
        self.selection = bool(plan.selected)
        self.selected_services = services_of(plan.selected)
        self._selected = Filter(Filters(include=plan.selected), self.place)
        self.tells_senders = (
            self.filters or self._measuring.tells_senders or any(rule.service for rule in plan.name_rules)
        )
        self.label_values = len(self.attributes[Source.SPAN])
        self.naming = Naming(() if names.SPAN_NAME in plan.exclude else plan.name_rules)
        self.naming_at = tuple(map(self._span_position, self.naming.attributes))
        self.span_attributes = tuple(self.attributes[Source.SPAN])
        self.weight_at = self._place_of_weight(plan.weight_attribute)
        self.measured_at = tuple(map(self._span_position, self._measuring.attributes))
        self.read_attributes = tuple(self.attributes[Source.SPAN])
        for dimension in () if plan.graph is None else plan.graph.dimensions:
            list(self.places(dimension))
        self.resource_attributes = tuple(self.attributes[Source.RESOURCE])
        self.scope_attributes = tuple(self.attributes[Source.SCOPE])
        self.labels = self._label_names()
        self._kinds = tuple(self._shown(names.SPAN_KIND, text) for text in names.SPAN_KINDS)
        self._kept_in_zero = sum(label.in_zero for label in self._calls)
        #: Rendered pairs by status number, "" where the label is left out.
        self.statuses = tuple(self._shown(names.STATUS_CODE, text) for text in names.STATUS_CODES)

    def _compiled(self, dimensions: Iterable[Dimension]) -> tuple[Label, ...]:
        """Ready to look up; what a sibling at 0 lacks comes last, so that its text is the beginning of another."""
        labels = [
            Label(d.label, tuple(self.places(d)), d.default, d.label not in self._zero_drop, self.rewriter(d))
            for d in dimensions
        ]
        return tuple(sorted(labels, key=lambda label: not label.in_zero))

    def rewriter(self, dimension: Dimension) -> Rewriter | None:
        return Rewriter(dimension.rewrites, self._length, self._hide) if dimension.rewrites else None

    def places(self, dimension: Dimension) -> Iterable[Place]:
        """Where a dimension's value may be, in order; what must be read for it is noted."""
        for attribute in dimension.attributes:
            for source in dimension.sources:
                yield self.place(source, attribute)

    def place(self, source: Source, attribute: str) -> Place:
        """Where an attribute's value is; that it must be read is noted."""
        known = self.attributes[source]
        if attribute not in known:
            known.append(attribute)
        return Place(LISTS.index(source), known.index(attribute))

    def reads(self, label: str) -> bool:
        """Whether what a built-in label shows is part of a key."""
        filtered = {
            names.SPAN_NAME: self._filter.reads_name or self._selected.reads_name,
            names.SPAN_KIND: self._filter.reads_kind or self._selected.reads_kind,
            names.STATUS_CODE: self._filter.reads_status or self._selected.reads_status,
        }
        return label not in self._exclude or filtered[label] or self._measuring.reads(label)

    def _place_of_weight(self, attribute: str) -> int:
        return self._span_position(attribute) if attribute else -1

    def _span_position(self, attribute: str) -> int:
        known = self.attributes[Source.SPAN]
        if attribute not in known:
            known.append(attribute)
        return known.index(attribute)

    def _label_names(self) -> tuple[str, ...]:
        built_in = (label for label in (names.SERVICE_NAME, names.SPAN_NAME) if label not in self._exclude)
        return tuple(dict.fromkeys((*built_in, *(label.name for label in self._shown_labels))))

    # --- naming -------------------------------------------------------------------------------------------------------

    def keeps(self, context: Context, name: str, kind: int, status: int, values: Sequence[str]) -> bool:
        """Whether spans with that key count; the arguments are those of `name`."""
        return self._filter.keeps(_subject(context, name, kind, status, values))

    def measured(
        self, context: Context, name: str, kind: int, status: int, values: Sequence[str]
    ) -> tuple[bytes | None, ...] | None:
        """By measure, the pairs that its series have behind those of the calls; None: it means no such spans.

        None for all where no measure does.  The arguments are those of `name`.
        """
        subject = _subject(context, name, kind, status, values)
        return self._measuring.own(subject, lambda labels: "".join(rendered(labels, context.found(values))).encode())

    def selects(self, context: Context, name: str, kind: int, status: int, values: Sequence[str]) -> bool:
        """Whether the plan asks for the label set of that key in particular; by what its labels show."""
        found = (values, context.resource, context.scope)
        return self._selected.keeps(Subject(context.service, name, kind, status, found))

    def name(self, context: Context, name: str, kind: int, status: int, values: Sequence[str]) -> Names:
        """Label texts for a key.  `values`: texts by `span_attributes`, those for labels, "" for none."""
        head = f"{self._head(context)}{self._shown(names.SPAN_NAME, name)}{self._kinds[kind]}"
        tail = self._texts(self._calls, context, values)
        calls = (head + "".join(tail)).encode()
        durations = (head + "".join(self._texts(self._durations, context, values))).encode() if self.split else calls
        zero = -1
        if self._errors_zero and status != names.ERROR:
            dropped = "".join(tail[self._kept_in_zero :])
            zero = len(calls) - len(dropped.encode())
        return Names(calls, durations, len(head.encode()), self._status(status), zero, self.values.refused())

    def overflow(self, context: Context, kind: int, status: int, *, bare: bool = False) -> Names:
        """Label texts of the series that stands for a service's spans which have none of their own.

        `bare`: without the labels of the resource.
        """
        if self._resource_labels:  # then there may be any number of contexts, each with texts of its own
            return self._overflow(context, kind, status, bare)
        if context.overflows is None:
            context.overflows = {}
        key = (kind, status, bare)
        if key not in context.overflows:
            context.overflows[key] = self._overflow(context, kind, status, bare)
        return context.overflows[key]

    def _overflow(self, context: Context, kind: int, status: int, bare: bool) -> Names:
        head = f"{self._head(context)}{self._kinds[kind]}"
        resource = [] if bare else rendered(self._resource_labels, context.found(()))
        kept = sum(label.in_zero for label in self._resource_labels)
        shown = f"{head}{''.join(resource[:kept])}{pair(names.OVERFLOW_LABEL, 'true')}".encode()
        text = shown + "".join(resource[kept:]).encode()
        zero = len(shown) if self._errors_zero and status != names.ERROR else -1
        return Names(text, text, len(head.encode()), self._status(status), zero)

    def overflow_of(self, labels: bytes, *, bare: bool = False) -> tuple[bytes, int]:
        """The same by the labels of a series, perhaps of such a one: the text, and where the status goes."""
        pairs = {label: pair(label, value) for label, value in pairs_of(labels)}
        resource = () if bare else self._resource_labels
        head = "".join(pairs.get(label, "") for label in (names.SERVICE_NAME, names.SPAN_KIND))
        kept = "".join(pairs.get(label.name, "") for label in resource if label.in_zero)
        dropped = "".join(pairs.get(label.name, "") for label in resource if not label.in_zero)
        return f"{head}{kept}{pair(names.OVERFLOW_LABEL, 'true')}{dropped}".encode(), len(head.encode())

    def _status(self, status: int) -> int:
        """A series' status; one for all where no label shows it, although a filter may read it."""
        return 0 if names.STATUS_CODE in self._exclude else status

    def _texts(self, labels: Sequence[Label], context: Context, values: Sequence[str]) -> list[str]:
        """A rendered pair for each label, "" where it has no value."""
        return rendered(labels, context.found(values), self.values if self.values.caps else None)

    def _head(self, context: Context) -> str:
        if not context.head:
            context.head = self._shown(names.SERVICE_NAME, context.service)
        return context.head

    def _shown(self, label: str, text: str) -> str:
        return "" if label in self._exclude else pair(label, text)

    # --- what was done to values --------------------------------------------------------------------------------------

    def marked(self, context: Context, name_mark: int, values: Sequence[str], marks: Sequence[int]) -> Marked | None:
        """Labels whose value was cut, those of whose value something was hidden, and whether any had bytes replaced.

        None for nothing of it.

        Only values that a label shows count: what a label passed over on its way does not, unless it was hidden whole.
        """
        found = {names.SERVICE_NAME: context.resource_marks[0], names.SPAN_NAME: name_mark}
        shown = {label: mark for label, mark in found.items() if label not in self._exclude}
        for label in self._shown_labels:
            shown[label.name] = shown.get(label.name, 0) | self._mark(label, context, values, marks)
        return marked_of(shown, replaced=any(mark & REPLACED for mark in shown.values()))

    def _mark(self, label: Label, context: Context, values: Sequence[str], marks: Sequence[int]) -> int:
        found = looked_up(label.places, label.rewriter, (values, context.resource, context.scope))
        return mark_of(found, label.places, (marks, context.resource_marks, context.scope_marks))


def _subject(context: Context, name: str, kind: int, status: int, values: Sequence[str]) -> Subject:
    """A key as its sender has it, also where it counts as `__other__`."""
    found = (values, (context.sender, *context.resource[1:]), context.scope)
    return Subject(context.sender or names.UNKNOWN_SERVICE, name, kind, status, found)
