"""The user's own rules for span names: a pattern that rewrites the name, or a name made of semantic attributes.

Asked once for each key that was never seen, before the compiled core's own templates.  A rule that has nothing to say
of a span leaves it to the next one.  Patterns are RE2's, which no name can hold up.

Rules: semantics §1.5; OpenTelemetry's semantic conventions for the names of HTTP, RPC, database and messaging spans.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from span2metrics.engine.patterns import compiled
from span2metrics.engine.rewriting import replacement

_OTHER_METHOD = "_OTHER"


class Templating(enum.Enum):
    """What is done to span names; with DRY_RUN it is counted and not done."""

    OFF = "false"
    ON = "true"
    DRY_RUN = "dry_run"


class Convention(enum.Enum):
    """Whose semantic convention makes a name."""

    HTTP = "http"
    RPC = "rpc"
    DATABASE = "database"
    MESSAGING = "messaging"


@dataclass(frozen=True, slots=True)
class NameRule:
    """One rule: what matches `match` as a whole becomes `replace`, or the name is made by a convention.

    `replace` is as `rewriting` has it.  `service` "" means those of any service.
    """

    match: str = ""
    replace: str = ""
    convention: Convention | None = None
    service: str = ""


#: What a rule gets of a span: texts of its attributes by their names, "" where they are absent.
Attributes = Mapping[str, str]
Rename = Callable[[str, Attributes], str]


class Naming:
    """The rules of a plan, in order.  `attributes`: those of a span that they read, each once."""

    def __init__(self, rules: Sequence[NameRule]) -> None:
        self.rules = [(rule.service, _rename(rule)) for rule in rules]
        self.attributes = tuple(
            dict.fromkeys(name for rule in rules if rule.convention for name in _CONVENTIONS[rule.convention][0])
        )

    def rename(self, service: str, name: str, values: Sequence[str]) -> str:
        """The name by the first rule that has one, "" where none has.  `values`: texts by `attributes`."""
        found = dict(zip(self.attributes, values, strict=True))
        for of_service, rename in self.rules:
            if not of_service or of_service == service:
                text = rename(name, found)
                if text:
                    return text
        return ""


def _rename(rule: NameRule) -> Rename:
    if rule.convention:
        by_attributes = _CONVENTIONS[rule.convention][1]
        return lambda _, found: by_attributes(found)
    pattern, pieces = compiled(rule.match), replacement(rule.replace)

    def rewritten(name: str, _: Attributes) -> str:
        groups = pattern.groups_of(name)
        return (
            ""
            if groups is None
            else "".join(piece if isinstance(piece, str) else groups[piece - 1] for piece in pieces)
        )

    return rewritten


# --- names of the semantic conventions --------------------------------------------------------------------------------
# Each needs what makes it more than a verb, and takes the attributes' former names where the present ones are absent.


def _first(found: Attributes, *attributes: str) -> str:
    return next((found[attribute] for attribute in attributes if found[attribute]), "")


def _http(found: Attributes) -> str:
    method = _first(found, "http.request.method", "http.method")
    target = _first(found, "http.route", "url.template")
    return f"{'HTTP' if method in {'', _OTHER_METHOD} else method} {target}" if target else ""


def _rpc(found: Attributes) -> str:
    service, method = found["rpc.service"], found["rpc.method"]
    return f"{service}/{method}" if service and method else method


def _database(found: Attributes) -> str:
    operation = _first(found, "db.operation.name", "db.operation")
    target = _first(found, "db.collection.name", "db.sql.table", "db.namespace", "db.name")
    return found["db.query.summary"] or (f"{operation} {target}" if operation and target else "")


def _messaging(found: Attributes) -> str:
    operation = _first(found, "messaging.operation.name", "messaging.operation")
    passing = "true" in (found["messaging.destination.temporary"], found["messaging.destination.anonymous"])
    target = found["messaging.destination.template"] or ("" if passing else found["messaging.destination.name"])
    return f"{operation} {target}" if operation and target else ""


_CONVENTIONS: Mapping[Convention, tuple[tuple[str, ...], Callable[[Attributes], str]]] = {
    Convention.HTTP: (("http.request.method", "http.method", "http.route", "url.template"), _http),
    Convention.RPC: (("rpc.service", "rpc.method"), _rpc),
    Convention.DATABASE: (
        (
            "db.query.summary",
            *("db.operation.name", "db.operation"),
            *("db.collection.name", "db.sql.table", "db.namespace", "db.name"),
        ),
        _database,
    ),
    Convention.MESSAGING: (
        (
            *("messaging.operation.name", "messaging.operation"),
            *("messaging.destination.template", "messaging.destination.name"),
            *("messaging.destination.temporary", "messaging.destination.anonymous"),
        ),
        _messaging,
    ),
}
