"""Whether filters leave anything of what a `where` means, as far as their texts decide it."""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeVar

from span2metrics.config.models import Config
from span2metrics.config.shown import accepts
from span2metrics.engine.where import Texts, Where

T = TypeVar("T")


def filtered_by(where: Where, config: Config) -> str:
    """The setting that leaves out all spans that are meant; "" if there may be some."""
    filters = config.filters
    for i, excluded in enumerate(filters.exclude):
        if _is_within(where, excluded):
            return f"filters.exclude[{i}]"
    if filters.include and not any(_may_meet(where, included) for included in filters.include):
        return "filters.include"
    return ""


def _is_within(where: Where, other: Where) -> bool:
    """Whether each span that `where` means is certainly meant by `other` too."""
    return (
        _are_within(where.kinds, other.kinds)
        and _are_within(where.statuses, other.statuses)
        and all(_implies(mine, texts) for mine, texts in _pairs(where, other))
    )


def _are_within(numbers: Collection[T], others: Collection[T]) -> bool:
    return not others or (bool(numbers) and set(numbers) <= set(others))


def _implies(mine: Texts | None, others: Texts) -> bool:
    if mine is None:
        return False
    return set(mine.patterns) <= set(others.patterns) and all(accepts(others, text) for text in mine.equal)


def _may_meet(where: Where, other: Where) -> bool:
    """Whether there may be a span that both mean."""
    return (
        _meet(where.kinds, other.kinds)
        and _meet(where.statuses, other.statuses)
        and all(mine is None or _overlap(mine, texts) for mine, texts in _pairs(where, other))
    )


def _meet(numbers: Collection[T], others: Collection[T]) -> bool:
    return not numbers or not others or bool(set(numbers) & set(others))


def _overlap(one: Texts, other: Texts) -> bool:
    if one.patterns and other.patterns:
        return True
    if one.patterns:
        return any(accepts(one, text) for text in other.equal)
    return any(accepts(other, text) for text in one.equal)


def _pairs(where: Where, other: Where) -> list[tuple[Texts | None, Texts]]:
    """What `where` says of each text of which `other` says something."""
    mine, theirs = _by_key(where), _by_key(other)
    return [(mine.get(key), texts) for key, texts in theirs.items()]


def _by_key(where: Where) -> dict[tuple[str, str], Texts]:
    found = {("", "name"): where.name, ("", "service"): where.service}
    found |= {("resource", name): texts for name, texts in where.resource}
    found |= {("span", name): texts for name, texts in where.span}
    return {key: texts for key, texts in found.items() if texts is not None}
