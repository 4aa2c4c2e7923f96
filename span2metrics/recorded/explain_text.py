"""Explanations as text.

A span is named by its ids and its times: its name and attributes are shown as labels have them alone, so that what the
configuration hides stays hidden where the text is passed on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from span2metrics import names
from span2metrics.recorded.explain import Explained, Series

_COLUMN = 11


def text(explained: Iterable[Explained]) -> Iterator[str]:
    """Lines, an empty one between spans."""
    number = 0
    for number, found in enumerate(explained, 1):
        if number > 1:
            yield ""
        yield from _span(number, found)
    if not number:
        yield "There are no spans."


def _span(number: int, found: Explained) -> Iterator[str]:
    span = found.recorded.span
    took = f"{(span.end_time_unix_nano - span.start_time_unix_nano) / 1e6:g} ms"
    yield f"span {number}: id {span.span_id.hex() or 'none'} of trace {span.trace_id.hex() or 'none'}, {took}"
    if found.dropped:
        yield from _column("dropped", [found.dropped])
    yield from _column("counted in", _series(found.series))
    yield from _column("beside", [f"{_short(zero)} at 0, until its first error" for zero in found.zeros])
    yield from _column("because", found.notes)
    yield from _column("graph", found.graph)


def _series(series: list[Series]) -> Iterator[str]:
    for number, found in enumerate(series):
        same = number > 0 and found.labels == series[0].labels
        yield str(found._replace(labels="…") if same else found)


def _short(zero: Series) -> str:
    return f'{zero.name}{{…,{names.STATUS_CODE}="{names.STATUS_CODES[names.ERROR]}",…}}'


def _column(title: str, lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        yield f"  {title:{_COLUMN}} {line}"
        title = ""
