"""What a mistake in a configuration is told as."""

from __future__ import annotations

from typing import NamedTuple


class Told(NamedTuple):
    """A problem: its line, its path, and a part of what it says."""

    line: int
    path: str
    message: str


class Mistake(NamedTuple):
    problems: list[Told]
    schema: bool = False  # whether a schema, too, refuses it


def seen(line: int, path: str, message: str) -> Mistake:
    """A mistake that an editor with the schema shows."""
    return Mistake([Told(line, path, message)], schema=True)


def unseen(line: int, path: str, message: str) -> Mistake:
    """A mistake that only the loader can know of."""
    return Mistake([Told(line, path, message)])
