"""Amounts of business measures, as far as they may be added up."""

from __future__ import annotations

from span2metrics.config import Config
from span2metrics.config.labels import label_of
from span2metrics.config.measures import Measure
from span2metrics.generate.measure import MEASURE


def currencies(measure: Measure) -> tuple[str, ...]:
    """Labels that are the amounts' unit: those of attributes that are called currency."""
    return tuple(label for label in map(label_of, measure.dimensions) if label.endswith("currency"))


def units(config: Config) -> tuple[str, ...]:
    """Labels by which no sum of amounts may reach, of all measures."""
    found = dict.fromkeys(label for measure in config.measures for label in currencies(measure))
    return (MEASURE, *found)
