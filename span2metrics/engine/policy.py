"""How series are named: from a span's values to the label texts of its series, in plain Python.

Called once for each key that was never seen, so that rules about labels can be read and changed here; the compiled core
pays nothing for them on known keys.  Owns which attributes are read, in which order a label looks for its value, what
is escaped and what a sibling at 0 looks like.  Knows nothing of the wire, of counts or of the configuration's files.

Rules: semantics §1.1 (labels, `errors_zero`), §1.3 (dimensions, `exclude`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from span2metrics import names
from span2metrics.engine.naming import Naming
from span2metrics.engine.plan import Dimension, Plan, Source

#: Marks of a value on its way from the wire to a label.
CUT = 1
REPLACED = 2

SERVICE_ATTRIBUTE = "service.name"
#: A key's values come as three lists, in this order.
LISTS = (Source.SPAN, Source.RESOURCE, Source.SCOPE)
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


@dataclass(slots=True, eq=False)
class Context:
    """What a resource and a scope say of their spans: the values that the plan reads, and no others.

    `resource` and `scope` are texts by the policy's attribute lists, "" for none; `resource_marks` and `scope_marks`
    say what was done to each (`CUT`, `REPLACED`).  Contexts with equal values are one, whatever else their
    resources hold.  `head` is the policy's own: the service's rendered pair, made once.
    """

    number: int
    resource: tuple[str, ...]
    scope: tuple[str, ...]
    resource_marks: tuple[int, ...] = ()
    scope_marks: tuple[int, ...] = ()
    service: str = field(init=False)
    known: bool = field(init=False)
    marked: bool = field(init=False)
    head: str = ""

    def __post_init__(self) -> None:
        self.known = bool(self.resource[0])
        self.service = self.resource[0] or names.UNKNOWN_SERVICE
        self.marked = any(self.resource_marks) or any(self.scope_marks)


class Names(NamedTuple):
    """Rendered labels of a key's series, each pair with a comma behind it, the status apart.

    `calls` and `durations` are the texts; at `status_at` in both goes the status pair, which the core keeps as a
    number.  `zero` says how much of `calls` the sibling with status ERROR shows; -1: there is none.  So a sibling needs
    no text of its own.
    """

    calls: bytes
    durations: bytes
    status_at: int
    status: int
    zero: int


class Place(NamedTuple):
    """Where a value may be: which of a key's three lists (`LISTS`), and the position in it."""

    list: int
    position: int


class Label(NamedTuple):
    """A configured label, ready to look up: its places in order of precedence."""

    name: str
    places: tuple[Place, ...]
    default: str
    in_zero: bool


class Policy:
    """Names series for a plan.

    `span_attributes`, `resource_attributes` and `scope_attributes` are what the core must read, in the order in which
    it must pass the values; the service's name is the resource's first.  Of the first, so many as `label_values` are
    for labels; those behind them are what `naming` reads, at the positions `naming_at`.  `read_attributes` are those of
    a span and what it is weighed by, which is at `weight_at` (-1: by none).  `split` says that calls and durations have
    labels of their own.  `labels` are all label names that may come from the traffic.
    """

    def __init__(self, plan: Plan) -> None:
        self.attributes: dict[Source, list[str]] = {
            Source.SPAN: [],
            Source.RESOURCE: [SERVICE_ATTRIBUTE],
            Source.SCOPE: [],
        }
        self._exclude = plan.exclude
        self._zero_drop = plan.errors_zero_drop
        self._errors_zero = plan.errors_zero and names.STATUS_CODE not in plan.exclude
        common = (*plan.resource_labels, *plan.dimensions)
        self._resource_labels = self._compiled(plan.resource_labels)
        self._calls = self._compiled((*common, *plan.calls_dimensions))
        self._durations = self._compiled((*common, *plan.duration_dimensions))
        self.split = self._calls != self._durations
        self.label_values = len(self.attributes[Source.SPAN])
        self.naming = Naming(() if names.SPAN_NAME in plan.exclude else plan.name_rules)
        self.naming_at = tuple(map(self._span_position, self.naming.attributes))
        self.span_attributes = tuple(self.attributes[Source.SPAN])
        self.weight_at = self._place_of_weight(plan.weight_attribute)
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
        labels = [Label(d.label, tuple(self.places(d)), d.default, d.label not in self._zero_drop) for d in dimensions]
        return tuple(sorted(labels, key=lambda label: not label.in_zero))

    def places(self, dimension: Dimension) -> Iterable[Place]:
        """Where a dimension's value may be, in order; what must be read for it is noted."""
        for attribute in dimension.attributes:
            for source in dimension.sources:
                known = self.attributes[source]
                if attribute not in known:
                    known.append(attribute)
                yield Place(LISTS.index(source), known.index(attribute))

    def _place_of_weight(self, attribute: str) -> int:
        return self._span_position(attribute) if attribute else -1

    def _span_position(self, attribute: str) -> int:
        known = self.attributes[Source.SPAN]
        if attribute not in known:
            known.append(attribute)
        return known.index(attribute)

    def _label_names(self) -> tuple[str, ...]:
        built_in = (label for label in (names.SERVICE_NAME, names.SPAN_NAME) if label not in self._exclude)
        return tuple(dict.fromkeys((*built_in, *(label.name for label in (*self._calls, *self._durations)))))

    # --- naming -------------------------------------------------------------------------------------------------------

    def name(self, context: Context, name: str, kind: int, status: int, values: Sequence[str]) -> Names:
        """Label texts for a key.  `values`: texts by `span_attributes`, those for labels, "" for none."""
        head = f"{self._head(context)}{self._shown(names.SPAN_NAME, name)}{self._kinds[kind]}"
        tail = _texts(self._calls, context, values)
        calls = (head + "".join(tail)).encode()
        durations = (head + "".join(_texts(self._durations, context, values))).encode() if self.split else calls
        zero = -1
        if self._errors_zero and status != names.ERROR:
            dropped = "".join(tail[self._kept_in_zero :])
            zero = len(calls) - len(dropped.encode())
        return Names(calls, durations, len(head.encode()), status, zero)

    def overflow(self, context: Context, kind: int, status: int) -> Names:
        """Label texts of the series that stands for a service's spans which could not be named."""
        head = f"{self._head(context)}{self._kinds[kind]}"
        resource = "".join(_texts(self._resource_labels, context, ()))
        text = f"{head}{resource}{pair(names.OVERFLOW_LABEL, 'true')}".encode()
        zero = len(text) if self._errors_zero and status != names.ERROR else -1
        return Names(text, text, len(head.encode()), status, zero)

    def _head(self, context: Context) -> str:
        if not context.head:
            context.head = self._shown(names.SERVICE_NAME, context.service)
        return context.head

    def _shown(self, label: str, text: str) -> str:
        return "" if label in self._exclude else pair(label, text)

    # --- what was done to values --------------------------------------------------------------------------------------

    def marked(
        self, context: Context, name_mark: int, values: Sequence[str], marks: Sequence[int]
    ) -> tuple[tuple[str, ...], bool]:
        """Labels whose value was cut, and whether any label's value had bytes replaced.

        Only values that a label shows count: what a label passed over on its way does not.
        """
        found = {names.SERVICE_NAME: context.resource_marks[0], names.SPAN_NAME: name_mark}
        shown = {label: mark for label, mark in found.items() if label not in self._exclude}
        for label in (*self._calls, *self._durations):
            shown[label.name] = shown.get(label.name, 0) | self._mark(label, context, values, marks)
        return tuple(name for name, mark in shown.items() if mark & CUT), any(m & REPLACED for m in shown.values())

    def _mark(self, label: Label, context: Context, values: Sequence[str], marks: Sequence[int]) -> int:
        found = (values, context.resource, context.scope)
        marked = (marks, context.resource_marks, context.scope_marks)
        return next((marked[at][i] for at, i in label.places if found[at][i]), 0)


def _texts(labels: Iterable[Label], context: Context, values: Sequence[str]) -> list[str]:
    """A rendered pair for each label, "" where it has no value."""
    found = (values, context.resource, context.scope)
    texts = []
    for label, places, default, _ in labels:
        text = default
        for at, position in places:
            if value := found[at][position]:
                text = value
                break
        texts.append(pair(label, text) if text else "")
    return texts


def pair(label: str, value: str) -> str:
    """`label="value",`, escaped as the exposition formats have it."""
    return f"{label}={quoted(value)},"


def quoted(text: str) -> str:
    """In quotes, escaped as values and UTF-8 names are."""
    if '"' in text or "\\" in text or "\n" in text:
        text = text.translate(_ESCAPES)
    return f'"{text}"'
