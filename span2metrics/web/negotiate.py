"""Which format and which encoding a request gets: pure functions of its headers.

RFC 9110 §12.5: the most specific range that matches an offer gives its q, the greatest q wins, 0 refuses.  Equal q: the
offer that was named more exactly, then the client's order; Prometheus' own exporters (expfmt) too put wildcards last
and keep the order.  What one range names alike is taken in the server's order.  That begins with text 0.0.4: `*/*` and
`text/*` come from browsers and curl, which show it, and `text/plain` from those who knew no other version, as in
expfmt.  The rest wants to be asked for.  A page is never refused: whoever accepts nothing that we have gets text 0.0.4
all the same, because a scraper or a person with a strange header is better served by a page than by a 406.

`version`, `proto` and `encoding` must be ours where they are given.  `escaping` does not make a range match or not: it
is a wish of the range that won, and granted if it is `allow-utf-8` and the daemon may; other schemes (`dots`, `values`)
get underscores, and the answer says so.  Other parameters do not matter.  Parts that are no media range, or whose q is
no number from 0 to 1, are skipped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from span2metrics.engine.plan import Escaping, Format

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


@dataclass(frozen=True, slots=True)
class Negotiated:
    """What a page is written in; `escaping` is UNDERSCORES for formats that know none."""

    format: Format
    escaping: Escaping = Escaping.UNDERSCORES

    @property
    def content_type(self) -> str:
        """As the answer's header states it."""
        return self.format.stating(self.escaping)


class _Item(NamedTuple):
    """One part of a header: its name, its parameters, both in lower case, and its weight."""

    name: str
    parameters: dict[str, str]
    q: float


class _Match(NamedTuple):
    """How well a header's part fits an offer; of one offer's matches the greatest counts."""

    specificity: int
    q: float
    order: int  # the first part has 0, later ones less
    escaping: str

    @property
    def rank(self) -> tuple[float, int, int]:
        """Orders the matches of several offers."""
        return self.q, self.specificity, self.order


@lru_cache(maxsize=64)  # scrapers ask for the same thing again and again
def choose_format(accept: str, formats: tuple[Format, ...], *, utf8_names: bool = False) -> Negotiated:
    """The format for an `Accept` header; several headers joined by commas, "" for none.

    `formats` are those that are served, the server's own favourite first; `utf8_names` allows names that need quotes.
    Text 0.0.4 is the answer to those who accept none of them, served or not.
    """
    items = [item for item in _items(accept) if _RANGE.fullmatch(item.name)]
    matches = [(match, format) for format in formats if (match := _best_match(items, format)) and match.q > 0]
    if not matches:
        return Negotiated(Format.TEXT)
    match, format = max(matches, key=lambda found: found[0].rank)  # of equals the first
    return Negotiated(format, _escaping(match, format, utf8_names))


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
    return name.strip().lower(), value.lower()


def _best_match(items: Sequence[_Item], format: Format) -> _Match | None:
    """What the header says about the format: by its most specific range, or None."""
    matches = (_match(item, _OFFERS[format], -order) for order, item in enumerate(items))
    return max(filter(None, matches), default=None)


def _match(item: _Item, offer: _Item, order: int) -> _Match | None:
    specificity = _specificity(item, offer)
    return None if specificity is None else _Match(specificity, item.q, order, item.parameters.get("escaping", ""))


def _specificity(item: _Item, offer: _Item) -> int | None:
    """3 for the type with parameters, 2 for the type alone, 1 for `type/*`, 0 for `*/*`, None for something else."""
    if item.name != offer.name:
        return {"*/*": 0, f"{offer.name.partition('/')[0]}/*": 1}.get(item.name)
    told = [item.parameters[name] == value for name, value in offer.parameters.items() if name in item.parameters]
    return 2 + bool(told) if all(told) else None


def _escaping(match: _Match, format: Format, utf8_names: bool) -> Escaping:
    wished = match.escaping == Escaping.ALLOW_UTF8.value
    return Escaping.ALLOW_UTF8 if wished and utf8_names and format.escapes else Escaping.UNDERSCORES


def _offer(format: Format) -> _Item:
    """The format as a part of a header, with the parameters alone that tell it from others of its type."""
    name, parameters, q = next(_items(format.media_type))
    return _Item(name, {key: value for key, value in parameters.items() if key != "charset"}, q)


_OFFERS = {format: _offer(format) for format in Format}
