"""Which label sets objectives, apdex and measures ask of in particular: those that the engine always admits."""

from __future__ import annotations

from collections.abc import Iterator

from span2metrics import names
from span2metrics.config.models import Config
from span2metrics.config.shown import by_labels
from span2metrics.engine.where import EVERYTHING, Where


def selected_of(config: Config) -> tuple[Where, ...]:
    """Each once."""
    return tuple(dict.fromkeys(_selected(config)))


def _selected(config: Config) -> Iterator[Where]:
    for slo in config.slos:
        yield from by_labels(slo.where, config, names.DURATION if slo.sli.latency else names.CALLS)
    for apdex in config.apdex:
        yield from by_labels(apdex.where, config, names.DURATION)
    yield from (measure.where for measure in config.measures if measure.where != EVERYTHING)
