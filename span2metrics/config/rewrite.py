"""The configuration of what a label shows in place of a value.

A part of `models`, whose rules hold here too.
"""

from __future__ import annotations

from dataclasses import dataclass

from span2metrics.config.kinds import ListOf
from span2metrics.config.patterns import PATTERN, REPLACEMENT
from span2metrics.config.section import Entry, setting


@dataclass(frozen=True, slots=True)
class Rewrite:
    match: str = setting(PATTERN, "", "A pattern of RE2 that matches all of the value.", required=True)
    replace: str = setting(
        REPLACEMENT,
        "",
        "What the label shows then; $1 to $9 are groups of the pattern, $$ is a dollar. Empty text is no value.",
        required=True,
    )


REWRITES = ListOf(Entry(Rewrite))
