"""Which format and which encoding a request gets: pure functions of its headers.

RFC 9110 §12.5: the most specific range that matches an offer gives its q, the greatest q wins, 0 refuses.  Equal q: the
client's order decides.  What only `*/*` names is the text format, which browsers and curl can show; OpenMetrics wants
to be asked for.  A page is never refused: whoever accepts nothing that we have gets text all the same, because a
scraper or a person with a strange header is better served by a page than by a 406.

`version` must be ours where it is given.  `escaping` and other parameters do not matter: names are always valid without
quotes, and the answer says so.  Parts that are no media range, or whose q is no number from 0 to 1, are skipped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from span2metrics.engine.plan import Format

_QUOTED = r'"(?:\\.|[^"\\])*+"?+'
_PARTS = re.compile(rf'(?:[^,"]|{_QUOTED})++')
_FIELDS = re.compile(rf'(?:[^;"]|{_QUOTED})++')
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_RANGE = re.compile(rf"\*/\*|(?!\*/){_TOKEN}/{_TOKEN}")
_QVALUE = re.compile(r"0?\.\d+|0\.?|1(?:\.0*)?")


class Encoding(Enum):
    """How a page's bytes travel; the value is the name in `Content-Encoding`."""

    IDENTITY = "identity"
    GZIP = "gzip"


class _Item(NamedTuple):
    """One part of a header: its name in lower case, its parameters, its weight."""

    name: str
    parameters: dict[str, str]
    q: float


class _Match(NamedTuple):
    """How well a header's part fits an offer; the greatest counts."""

    specificity: int
    q: float
    order: int  # the first part has 0, later ones less


def choose_format(accept: str) -> Format:
    """The format for an `Accept` header; several headers joined by commas, "" for none."""
    items = [item for item in _items(accept) if _RANGE.fullmatch(item.name)]
    best, best_rank = Format.TEXT, (0.0, 0)
    for format in Format:
        match = max((m for order, item in enumerate(items) if (m := _match(item, format, -order))), default=None)
        if match and match.q > 0 and (match.q, match.order) > best_rank:
            best, best_rank = format, (match.q, match.order)
    return best


def choose_encoding(accept_encoding: str) -> Encoding:
    """Gzip where the `Accept-Encoding` header takes it and does not like identity better; else identity."""
    weights = {item.name: item.q for item in _items(accept_encoding)}
    gzip = weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0)))
    return Encoding.GZIP if gzip > 0 and gzip >= weights.get("identity", 0.0) else Encoding.IDENTITY


def _items(header: str) -> Iterator[_Item]:
    for part in _PARTS.findall(header):
        name, *fields = _FIELDS.findall(part) or [""]
        parameters = dict(_parameter(field) for field in fields if "=" in field)
        q = parameters.pop("q", "1")
        if _QVALUE.fullmatch(q):
            yield _Item(name.strip().lower(), parameters, float(q))


def _parameter(field: str) -> tuple[str, str]:
    name, _, value = field.partition("=")
    value = value.strip()
    if value.startswith('"'):
        value = re.sub(r"\\(.)", r"\1", value.strip('"'))
    return name.strip().lower(), value


def _match(item: _Item, format: Format, order: int) -> _Match | None:
    specificity = _specificity(item, _OFFERS[format])
    return None if specificity is None else _Match(specificity, item.q, order)


def _specificity(item: _Item, offer: _Item) -> int | None:
    """3 for type and version, 2 for the type, 1 for `type/*`, 0 for `*/*`, None for something else."""
    if item.name == offer.name:
        version = item.parameters.get("version")
        return {None: 2, offer.parameters["version"]: 3}.get(version)
    return {"*/*": 0, f"{offer.name.partition('/')[0]}/*": 1}.get(item.name)


_OFFERS = {format: next(_items(format.content_type)) for format in Format}
