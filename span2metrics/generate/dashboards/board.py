"""A dashboard as data: its variables, and rows of panels."""

from __future__ import annotations

from dataclasses import dataclass

from span2metrics.config import Config
from span2metrics.generate.dashboards.link import HISTOGRAM
from span2metrics.generate.dashboards.panel import Panel


@dataclass(frozen=True, slots=True)
class LabelValues:
    """A variable: the values of a label among a metric's series.

    `metric` may have matchers, other variables in them.  `several`: of which any number may be chosen, and All, which
    is how it begins; else the first one is chosen.
    """

    name: str
    title: str
    metric: str
    label: str
    several: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """A variable: one of these texts, each with what it stands for; the first is chosen."""

    name: str
    title: str
    options: tuple[tuple[str, str], ...]


Variable = LabelValues | Choice


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under a title, from left to right and then down.  `folded`: they are asked when the row is unfolded."""

    title: str
    panels: tuple[Panel, ...]
    folded: bool = False


@dataclass(frozen=True, slots=True)
class Board:
    """`name` is its file's, without the ending; `time` is how far back it shows at first."""

    uid: str
    name: str
    title: str
    description: str
    variables: tuple[Variable, ...]
    rows: tuple[Row, ...]
    time: str = "1h"


def histograms(config: Config) -> Choice:
    """Which buckets quantiles are computed from; what is chosen is the end of a histogram's name, as a pattern."""
    classic_ones, native_ones = ("classic", "_bucket"), ("native", "()")
    options = (classic_ones, native_ones) if config.metrics.histograms.classic else (native_ones, classic_ones)
    return Choice(HISTOGRAM, "Histograms", options)
