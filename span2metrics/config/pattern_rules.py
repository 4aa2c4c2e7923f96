"""Rules between settings that texts and patterns have to do with: what could never match, and what has no such group.

A part of `rules`, whose manner they have.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from span2metrics.config.dimensions import Dimension
from span2metrics.config.models import Config
from span2metrics.config.reading import Reading
from span2metrics.config.rewrite import Rewrite
from span2metrics.config.where import ALIAS, texts_of
from span2metrics.engine.patterns import compiled
from span2metrics.engine.rewriting import last_group, replacement
from span2metrics.engine.where import Where


def conditions_can_hold(config: Config, reading: Reading) -> None:
    limit = config.limits.label_value_length
    for path, where in _conditions(config):
        for key, texts in texts_of(where):
            at = f"{path}.{ALIAS if key == 'name' and f'{path}.{ALIAS}' in reading.places else key}"
            if any(len(text.encode()) > limit for text in texts.equal):
                reading.add(at, f"no text is longer than limits.label_value_length ({limit} bytes); write a pattern")


def _conditions(config: Config) -> Iterator[tuple[str, Where]]:
    for key, entries in (("include", config.filters.include), ("exclude", config.filters.exclude)):
        yield from ((f"filters.{key}[{i}]", where) for i, where in enumerate(entries))
    yield from ((f"measures[{i}].where", measure.where) for i, measure in enumerate(config.measures))
    for i, entry in enumerate(config.slos):
        yield f"slos[{i}].where", entry.where
    for i, apdex in enumerate(config.apdex):
        yield f"apdex[{i}].where", apdex.where


def rewrites_fit(dimensions: Iterable[tuple[str, Dimension]], config: Config, reading: Reading) -> None:
    limit = config.limits.label_value_length
    for path, rewrite in _rewrites(dimensions):
        if not reading.sound(f"{path}.match", f"{path}.replace"):
            continue
        pieces = replacement(rewrite.replace)
        groups = compiled(rewrite.match).groups
        if last_group(pieces) > groups:
            reading.add(
                f"{path}.replace", f"takes group ${last_group(pieces)} of a pattern that has {groups}; mend one of them"
            )
        if len("".join(piece for piece in pieces if isinstance(piece, str)).encode()) > limit:
            reading.add(f"{path}.replace", f"is longer than limits.label_value_length ({limit} bytes); shorten it")


def _rewrites(dimensions: Iterable[tuple[str, Dimension]]) -> Iterator[tuple[str, Rewrite]]:
    for path, dimension in dimensions:
        yield from ((f"{path}.rewrite[{i}]", rewrite) for i, rewrite in enumerate(dimension.rewrite))
