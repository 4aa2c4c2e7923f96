"""What a span's name becomes, by the rules alone: regular expressions over text, and a loop.

Shares nothing with the engine: what is a path is told by the text that is already written, not by states.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from span2metrics.engine.naming import Convention, NameRule

_BEHIND = "(?![A-Za-z0-9])"
_DAY = "(?:0[1-9]|1[0-2]){}(?:0[1-9]|[12][0-9]|3[01])"
_YEAR = "(?:19|20|21)[0-9]{2}"
_ZONE = "(?:[Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)?+"
_FRACTION = "(?:[.,][0-9]++)?+"


def _time(separator: str) -> str:
    return f"[0-9]{{2}}{separator}[0-9]{{2}}(?:{separator}[0-9]{{2}})?+{_FRACTION}{_ZONE}{_BEHIND}"


_TIMES = "|".join(
    f"{before}{_time(separator)}" for before, separator in ((" ", ":"), ("[Tt]", ":"), ("[Tt]", "-"), ("[Tt]", ""))
)
_DATES = "|".join(_YEAR + sign + _DAY.format(sign) for sign in ("-", "/", r"\.", "_"))
_WORD = "[A-Za-z0-9]+"

#: In this order at each place; the first that is there is what stands there.
_PARTS = [
    ("escape", "%[0-9A-Fa-f]{2}"),
    (
        "email",
        r"[A-Za-z0-9\x80-\U0010ffff](?:(?!%40)[A-Za-z0-9._%+\-\x80-\U0010ffff])*+"
        r"(?:@|%40)(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}(?![A-Za-z0-9-])",
    ),
    ("uuid", f"[0-9A-Fa-f]{{8}}(?:-[0-9A-Fa-f]{{4}}){{3}}-[0-9A-Fa-f]{{12}}{_BEHIND}"),
    ("date", f"(?:{_DATES})(?:(?:{_TIMES})|{_BEHIND})"),
    ("date", f"{_YEAR}{_DAY.format('')}[Tt](?:{_time('')}|{_time(':')}|{_time('-')})"),
    ("number", f"[0-9]{{4,}}{_BEHIND}"),
    ("segment", f"[0-9]{{1,3}}{_BEHIND}"),
    ("hex", f"(?:0[xX])?[0-9A-Fa-f]{{16,}}{_BEHIND}"),
    ("word", _WORD),
    ("other", r"[\s\S]"),
]
_SCANNERS = [(kind, re.compile(pattern)) for kind, pattern in _PARTS]
_PATH_END = re.compile(r"[\x00-\x20?#\"'`()\[\]<>|,;=&]")


def template(name: str) -> tuple[str, set[str]]:
    """The name with placeholders, and the kinds of those."""
    written, found, at = "", set(), 0
    while at < len(name):
        kind, match = next((kind, match) for kind, scanner in _SCANNERS if (match := scanner.match(name, at)))
        if kind == "segment" and _is_segment(written, name[match.end() : match.end() + 1]):
            kind = "number"
        if kind in {"email", "uuid", "date", "number", "hex"}:
            found.add(kind)
            written += f"{{{kind}}}"
        else:
            written += match[0]
        at = match.end()
    return written, found


def _is_segment(before: str, behind: str) -> bool:
    if not before.endswith("/") or not (behind in {"", "/", ":"} or _PATH_END.match(behind)):
        return False
    *segments, _ = _PATH_END.split(before)[-1].split("/")
    return any(map(_begins_path, segments))


def _begins_path(segment: str) -> bool:
    """Does a slash behind it stand in a path?"""
    if not re.search("[A-Za-z0-9]$", segment):
        return True
    return bool(re.search("[A-Za-z]", segment)) and segment.lower() != "http"


# --- the user's rules -------------------------------------------------------------------------------------------------

#: Text of an attribute of the span.
Lookup = Callable[[str], str]


def ruled(rules: Sequence[NameRule], service: str, name: str, lookup: Lookup) -> str:
    """The name by the first rule that makes one, else itself.  Patterns are Python's here: keep to what is common."""
    for rule in rules:
        if rule.service in ("", service) and (text := _by_rule(rule, name, lookup)):
            return text
    return name


def _by_rule(rule: NameRule, name: str, lookup: Lookup) -> str:
    if rule.convention:
        return _BY_CONVENTION[rule.convention](lookup)
    match = re.fullmatch(rule.match, name, re.DOTALL)
    if match is None:
        return ""
    return re.sub(r"\$([$1-9])", lambda at: "$" if at[1] == "$" else match[int(at[1])] or "", rule.replace)


def attributes_of(rules: Sequence[NameRule]) -> set[str]:
    """Every attribute that the rules may ask for."""
    asked: set[str] = set()

    def note(text: str) -> Lookup:
        return lambda key: asked.add(key) or text

    for rule in rules:
        for text in ("", "x", "true") if rule.convention else ():
            _BY_CONVENTION[rule.convention](note(text))
    return asked


def _http(of: Lookup) -> str:
    method = of("http.request.method") or of("http.method") or "_OTHER"
    target = of("http.route") or of("url.template")
    return target and f"{'HTTP' if method == '_OTHER' else method} {target}"


def _rpc(of: Lookup) -> str:
    return of("rpc.method") and "/".join(filter(None, [of("rpc.service"), of("rpc.method")]))


def _database(of: Lookup) -> str:
    if of("db.query.summary"):
        return of("db.query.summary")
    operation = of("db.operation.name") or of("db.operation")
    targets = ["db.collection.name", "db.sql.table", "db.namespace", "db.name"]
    target = next(filter(None, map(of, targets)), "")
    return f"{operation} {target}" if operation and target else ""


def _messaging(of: Lookup) -> str:
    operation = of("messaging.operation.name") or of("messaging.operation")
    own = "true" not in [of("messaging.destination.temporary"), of("messaging.destination.anonymous")]
    target = of("messaging.destination.template") or (of("messaging.destination.name") if own else "")
    return f"{operation} {target}" if operation and target else ""


_BY_CONVENTION: dict[Convention, Callable[[Lookup], str]] = {
    Convention.HTTP: _http,
    Convention.RPC: _rpc,
    Convention.DATABASE: _database,
    Convention.MESSAGING: _messaging,
}
