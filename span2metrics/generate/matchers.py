"""Label matchers of PromQL, made of what a `where` says; and numbers that are exact.

A matcher's pattern is anchored by Prometheus; RE2 is the language of both sides.  In ours `.` is a line's end too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from span2metrics.engine.labels import quoted
from span2metrics.engine.where import Texts

_SPECIAL = re.compile(r"[\\.+*?()|\[\]{}^$]")


class Matcher(NamedTuple):
    """`label OP "value"`; `op` is =, !=, =~ or !~."""

    label: str
    op: str
    value: str

    def __str__(self) -> str:
        return f"{self.label}{self.op}{quoted(self.value)}"


def selector(metric: str, matchers: Iterable[Matcher]) -> str:
    return f"{metric}{{{', '.join(map(str, matchers))}}}"


def matching(label: str, texts: Texts) -> Matcher:
    """The label is one of the texts, or a pattern matches all of it."""
    if not texts.patterns and len(texts.equal) == 1:
        return Matcher(label, "=", texts.equal[0])
    return Matcher(label, "=~", "|".join((*map(escaped, texts.equal), *map(_alone, texts.patterns))))


def among(label: str, values: Iterable[str]) -> Matcher:
    return matching(label, Texts(equal=tuple(values)))


def escaped(text: str) -> str:
    """A pattern that matches this text alone."""
    return _SPECIAL.sub(r"\\\g<0>", text)


def _alone(pattern: str) -> str:
    """The pattern as one of several: its flags are its own, and its `.` is any character."""
    return f"(?s:{pattern})" if "." in pattern or "(?" in pattern else pattern


def number(value: Decimal | int) -> str:
    """Without exponent and without zeros at the end."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
