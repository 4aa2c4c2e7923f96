"""Which metrics and labels a query names: a scanner for the PromQL that our rules and runbooks are written in."""

from __future__ import annotations

import re
from typing import NamedTuple

#: Words between vectors.
WORDS = frozenset({"and", "or", "unless", "offset", "bool"})
_GROUPING = frozenset({"by", "without", "on", "ignoring", "group_left", "group_right"})
#: What follows the name of a function or an aggregation.
_OPERATIONS = frozenset({"(", "by", "without"})
_TOKEN = re.compile(
    r"""
    (?P<text>"(?:\\.|[^"\\])*")
  | (?P<range>\[[^]]*\])
  | (?P<duration>\d+(?:ms|[smhdwy])(?:\d+(?:ms|[smhdwy]))*)
  | (?P<number>\d+(?:\.\d+)?(?:e[+-]?\d+)?)
  | (?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)
  | (?P<sign>=~|!~|!=|==|>=|<=|[-+*/%^<>=(){},])
  | \s+
    """,
    re.VERBOSE,
)


class Selector(NamedTuple):
    """A metric as it is asked for; `labels` are those of its matchers."""

    metric: str
    labels: frozenset[str]


class Query(NamedTuple):
    """`grouping`: labels of by, on and the like, anywhere in it; `made`: labels that label_replace makes."""

    selectors: tuple[Selector, ...]
    grouping: frozenset[str]
    made: frozenset[str]


def read(expr: str) -> Query:
    """Raises `ValueError` at what it does not know."""
    tokens = _tokens(expr)
    selectors: list[Selector] = []
    grouping: set[str] = set()
    made: set[str] = set()
    at = 0
    while at < len(tokens):
        kind, word = tokens[at]
        following = tokens[at + 1][1] if at + 1 < len(tokens) else ""
        if kind == "name" and word in _GROUPING and following == "(":
            end = _index(tokens, ")", at)
            grouping |= {text for kind, text in tokens[at:end] if kind == "name"} - _GROUPING
            at = end
        elif word == "{" or (
            kind == "name" and word not in WORDS | _GROUPING and following not in ("(", "by", "without")
        ):
            opening = at if word == "{" else at + 1
            if word == "{" or following == "{":
                at = _index(tokens, "}", opening)
                matched = frozenset(text for kind, text in tokens[opening:at] if kind == "name")
            else:
                matched = frozenset()
            selectors.append(Selector("" if word == "{" else word, matched))
        elif word == "label_replace":
            made |= _made(tokens, at)
        at += 1
    return Query(tuple(selectors), frozenset(grouping), frozenset(made))


def _tokens(expr: str) -> list[tuple[str, str]]:
    found, at = [], 0
    while at < len(expr):
        match = _TOKEN.match(expr, at)
        if match is None:
            raise ValueError(f"what is this: {expr[at : at + 20]}")
        if match.lastgroup:
            found.append((match.lastgroup, match[0]))
        at = match.end()
    return found


def _index(tokens: list[tuple[str, str]], sign: str, since: int) -> int:
    return next(i for i in range(since, len(tokens)) if tokens[i] == ("sign", sign))


def _made(tokens: list[tuple[str, str]], at: int) -> set[str]:
    """The label that a label_replace makes: its second argument."""
    depth = 0
    for i in range(at + 1, len(tokens)):
        depth += {"(": 1, ")": -1}.get(tokens[i][1], 0)
        if depth == 1 and tokens[i][1] == ",":
            return {tokens[i + 1][1].strip('"')}
    raise ValueError("label_replace without an end")
