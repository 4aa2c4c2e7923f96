"""A preview as text, for somebody who has never seen it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from span2metrics import names
from span2metrics.recorded.preview import Preview

_WHAT = {
    names.CALLS: "calls and durations",
    names.DURATION: "durations (of other labels than calls)",
    names.EDGES: "edges of the service graph",
}
_KEYS = {
    names.LIMIT_SERVICES: "limits.services",
    names.LIMIT_SERIES: "limits.series",
    names.LIMIT_SERVICE_SERIES: "limits.series_per_service",
    names.LIMIT_EDGES: "limits.edges",
    names.LIMIT_VALUES: "max_values",
    names.LIMIT_SELECTED: "limits.series, of slos",
}
#: Characters of a value that are shown.
_WIDTH = 60


def text(preview: Preview, values: int) -> Iterator[str]:
    """Lines.  `values`: how many of a label's values are named."""
    if not preview.spans:
        yield "There are no spans."
        return
    services = len(preview.report["services"]) + preview.report["more_services"]
    yield f"{_n(preview.spans)} spans of {_n(services)} services, {_time(preview.first_ns)} to {_time(preview.last_ns)}"
    yield from _dropped(preview)
    yield from _section("Label sets, without limits", _families(preview))
    yield from _section("Services with the most", _services(preview))
    yield from _section(
        "Labels: how many values, and how many label sets would be left without", _labels(preview, values)
    )
    yield from _section("Limits", _limits(preview))
    yield from _section("One more dimension: label sets that it would add", _dimensions(preview))


def _section(title: str, rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A title and its rows in columns: the first to the left, numbers to the right, what is last as it is."""
    table = [list(row) for row in rows]
    if not table:
        return
    yield ""
    yield title
    widths = [max(len(row[i]) for row in table if i < len(row) - 1 or i == 0) for i in range(max(map(len, table)) - 1)]
    for first, *rest in table:
        cells = [cell.rjust(widths[i + 1]) if i + 1 < len(widths) else cell for i, cell in enumerate(rest)]
        yield "  " + "  ".join([first.ljust(widths[0]), *cells]).rstrip()


def _dropped(preview: Preview) -> Iterator[str]:
    for reason, spans in preview.stats.dropped.items():
        if spans:
            yield f"{_n(spans)} of them are dropped: {reason}"


def _families(preview: Preview) -> Iterator[Sequence[str]]:
    for family, sets in preview.report["label_sets"].items():
        yield _what(family), _n(sets), ""


def _what(family: str) -> str:
    return _WHAT.get(family, f"measure {family}")


def _services(preview: Preview) -> Iterator[Sequence[str]]:
    kept = {found["service"]: found["label_sets"] for found in preview.cut["services"]}
    for found in preview.report["services"]:
        sets = found["label_sets"]
        less = sets - kept.get(found["service"], sets)
        yield found["service"], _n(sets), f"{_n(less)} of them cut by a limit" if less > 0 else ""
    if preview.report["more_services"]:
        yield f"and {_n(preview.report['more_services'])} more", "", ""


def _labels(preview: Preview, values: int) -> Iterator[Sequence[str]]:
    for label in preview.report["labels"]:
        of = "" if label["family"] == names.CALLS else f" of {_what(label['family'])}"
        count = _n(label["values"]) + ("" if label["all_values"] else " or more")
        yield f"{label['label']}{of}", f"{count} values", f"{_n(label['label_sets_without'])} left", ""
        for most in label["most"][:values]:
            yield f"    {_short(most['value'])}", "", f"in {_n(most['label_sets'])}", ""


def _limits(preview: Preview) -> Iterator[Sequence[str]]:
    used = {found["limit"]: found["used"] for found in preview.report["limits"]}
    for found in preview.cut["limits"]:
        limit, most = found["limit"], found["most"]
        yield _KEYS[limit], _n(most) if most else "none", f"{_n(used[limit])} would be used{_beyond(preview, limit)}"
    for limit in (names.LIMIT_VALUES, names.LIMIT_SELECTED):
        if _overflowed(preview, limit):
            yield _KEYS[limit], "", _beyond(preview, limit).removeprefix("; ")


def _beyond(preview: Preview, limit: str) -> str:
    spans = _overflowed(preview, limit)
    if not spans:
        return ""
    most = sorted(((n, service) for (service, of), n in preview.stats.overflowed.items() if of == limit), reverse=True)
    return f"; {_n(spans)} spans count in a series of many, most of them of {most[0][1]}"


def _overflowed(preview: Preview, limit: str) -> int:
    return sum(spans for (_, of), spans in preview.stats.overflowed.items() if of == limit)


def _dimensions(preview: Preview) -> Iterator[Sequence[str]]:
    found: dict[str, Any] = preview.report["label_sets"]
    now = found.get(names.CALLS, 0) + found.get(names.DURATION, 0)
    for attribute, (spans, sets) in sorted(preview.dimensions.items(), key=lambda tried: (tried[1][1], tried[0])):
        more = f"+{_n(sets - now)}" if sets != now else "none"
        yield attribute, more, f"on {100 * spans / preview.spans:.0f} % of spans"


def _n(number: int) -> str:
    return f"{number:,}"


def _short(value: str) -> str:
    return value if len(value) <= _WIDTH else value[: _WIDTH - 1] + "…"


def _time(nanoseconds: int) -> str:
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%S")
