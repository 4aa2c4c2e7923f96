"""How the oracles read a span: texts of values, where it stands, its ids, its time.  By the rules alone, over twins."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import Any

from span2metrics.engine.plan import Now, Source
from tests.oracle_cards import OPEN, Hiding
from tests.oracle_page import Exemplar
from tests.twins import BrokenError, parse, parse_value

# --- value text -------------------------------------------------------------------------------------------------------


def number_text(x: float) -> str:
    """ECMAScript's Number::toString, as JSON prints numbers; NaN and infinities by name."""
    if math.isnan(x) or math.isinf(x):
        return "NaN" if math.isnan(x) else "Infinity" if x > 0 else "-Infinity"
    if x == 0:
        return "0"
    sign, digits, exponent = Decimal(repr(x)).normalize().as_tuple()
    text, minus = "".join(map(str, digits)), "-" * sign
    n = len(text) + int(exponent)
    if len(text) <= n <= 21:
        return minus + text.ljust(n, "0")
    if 0 < n <= 21:
        return minus + text[:n] + "." + text[n:]
    if -6 < n <= 0:
        return minus + "0." + "0" * -n + text
    return minus + text[0] + ("." + text[1:] if text[1:] else "") + f"e{n - 1:+d}"


def _json(value: Any, faults: set[str], hiding: Hiding) -> str:
    kind = value.WhichOneof("value")
    if kind in (None, "string_value_strindex"):
        return "null"
    if kind == "array_value":
        return "[" + ",".join(_json(parse_value(item), faults, hiding) for item in value.array_value.values) + "]"
    if kind == "kvlist_value":
        members: dict[str, str] = {}
        for member in value.kvlist_value.values:
            members.setdefault(decode(member.key, faults), _json(parse_value(*member.value), faults, hiding))
        return "{" + ",".join(f"{_quote(key)}:{members[key]}" for key in sorted(members)) + "}"
    text = value_text(value, faults, hiding)
    is_word = kind in ("bool_value", "int_value") or (kind == "double_value" and math.isfinite(value.double_value))
    return text if is_word else _quote(text)


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def decode(raw: bytes, faults: set[str]) -> str:
    text = raw.decode("utf-8", "replace")
    if text.encode() != raw:
        faults.add("invalid_utf8")
    return text


def value_text(value: Any, faults: set[str], hiding: Hiding = OPEN) -> str:
    """The text of an AnyValue twin; "" where it has none.  Adds to `faults` what was odd about it."""
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return decode(value.string_value, faults)
    if kind == "bool_value":
        return "true" if value.bool_value else "false"
    if kind == "int_value":
        return str(value.int_value)
    if kind == "double_value":
        return number_text(value.double_value)
    if kind == "bytes_value":
        return hiding.base64(value.bytes_value, faults)
    return _json(value, faults, hiding) if kind in ("array_value", "kvlist_value") else ""


def cut(text: str, limit: int) -> str:
    raw = text.encode()
    return text if len(raw) <= limit else raw[: limit - 3].decode("utf-8", "ignore") + "…"


# --- where a span stands ----------------------------------------------------------------------------------------------


def _first(attributes: Iterable[bytes], key: str) -> Any | None:
    """The value of the first attribute with that key.  Where an attribute is broken, what stands before the fault
    says whether it is the one that is asked for."""
    for raw in attributes:
        try:
            attribute = parse("KeyValue", raw)
        except BrokenError:
            if any(_key_of(raw[:end]) == key.encode() for end in range(len(raw))):
                raise
            continue
        if attribute.key == key.encode():
            return parse_value(*attribute.value)
    return None


def _key_of(piece: bytes) -> bytes | None:
    try:
        return bytes(parse("KeyValue", piece).key)
    except BrokenError:
        return None


class Place:
    """A span with its resource and its scope."""

    def __init__(self, span: bytes, resource: Iterable[bytes], scope: Iterable[bytes], hiding: Hiding = OPEN) -> None:
        self.span, self._scope, self._hiding = parse("Span", span), scope, hiding
        self.size = len(span)
        self._resource = parse("Resource", *resource)

    def value(self, key: str, source: Source) -> Any | None:
        """The twin of an attribute's value, None where there is no such attribute."""
        return _first((self.span if source is Source.SPAN else self._resource).attributes, key)

    def text(self, key: str, source: Source, faults: set[str]) -> str:
        """As it is shown, but for its length."""
        own: set[str] = set()
        return self.shown(self.raw(key, source, own), own, faults)

    def host(self, key: str, host_of: Callable[[str], str], faults: set[str]) -> str:
        """The host of a URL, of which alone is looked at what is to be hidden."""
        return self.shown(host_of(self.raw(key, Source.SPAN, set())), set(), faults)

    def shown(self, text: str, own: set[str], faults: set[str]) -> str:
        """The text as labels show it; `own` faults were found in making it."""
        text = self._hiding.text(text, own)
        if self._hiding.drops(own):
            faults.add(Hiding.REDACTED)
            return ""
        faults |= own
        return text

    def raw(self, key: str, source: Source, faults: set[str]) -> str:
        if source is Source.SCOPE:
            scope = parse("InstrumentationScope", *self._scope)
            if key in ("scope.name", "scope.version"):
                return decode(scope.name if key == "scope.name" else scope.version, faults)
            value = _first(scope.attributes, key)
        else:
            value = self.value(key, source)
        return "" if value is None else value_text(value, faults, self._hiding)


def places_of(request: Any, hiding: Hiding = OPEN) -> Iterator[Place]:
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                yield Place(span, resource_spans.resource, scope_spans.scope, hiding)


def is_id(raw: bytes, length: int) -> bool:
    return len(raw) == length and any(raw)


def duration_of(span: Any, faults: set[str]) -> int | None:
    start, end = span.start_time_unix_nano, span.end_time_unix_nano
    if start == 0 or end == 0:
        faults.add("no_time")
        return None
    if end < start:
        faults.add("negative_duration")
    return int(max(0, end - start))


def exemplar_of(span: Any, took: int, now: Now) -> Exemplar | None:
    valid = is_id(span.trace_id, 16) and is_id(span.span_id, 8)
    if not valid or span.end_time_unix_nano > now.wall_ns:
        return None
    return Exemplar(span.end_time_unix_nano, span.trace_id, span.span_id, took)
