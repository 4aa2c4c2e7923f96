"""What a dashboard's panels show, as data; how Grafana writes that down is `grafana`'s.

A panel is of 24 columns `width` wide and `height` rows of 30 pixels high.  Its texts are for whoever looks at it in a
hurry: `title` says what is seen, `description` what it means and what to do about it.
"""

from __future__ import annotations

from dataclasses import dataclass

from span2metrics.generate.dashboards.link import Link

GREEN, YELLOW, ORANGE, RED, BLUE, GREY = "green", "yellow", "orange", "red", "blue", "text"
#: From which value on a number has which colour; the first one's is None, which is all below the second.
Steps = tuple[tuple[float | None, str], ...]
PLAIN: Steps = ((None, GREY),)
#: Shares of failures: from the alerts' threshold on red, from a fifth of it on yellow.
FAILURES: Steps = ((None, GREEN), (0.01, YELLOW), (0.05, RED))
#: Seconds, likewise.
LATENCY: Steps = ((None, GREEN), (0.5, YELLOW), (1.0, RED))
#: What is left of an error budget.
BUDGET: Steps = ((None, RED), (0.0, YELLOW), (0.25, GREEN))
#: The share of a caller's time that it waits for one other: who does little else depends on it.
TIME: Steps = ((None, GREEN), (0.5, YELLOW), (0.9, RED))
#: Of what there should be none.
ANY_IS_BAD: Steps = ((None, GREEN), (1e-9, RED))

#: Grafana's names of units.
SECONDS, RATIO, PER_SECOND, BYTES, SHORT, DAYS = "s", "percentunit", "reqps", "bytes", "short", "d"
#: Seconds spent a second, and how many times as much.
BUSY, TIMES = "suffix: s/s", "suffix: x"


@dataclass(frozen=True, slots=True)
class Query:
    """One question to Prometheus.

    legend     of its series, with labels as {{label}}; in a table unused
    ref        its name in the panel; "" for the letter of its place
    exemplars  ask for those, too
    dashed     its lines are, and grey: what is shown for comparison
    color      of its lines; "" for one by the series' name
    """

    expr: str
    legend: str = ""
    ref: str = ""
    exemplars: bool = False
    dashed: bool = False
    color: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """`unit` is that of its numbers, `links` lead from a series, `no_value` stands where Prometheus has no answer."""

    title: str
    description: str
    queries: tuple[Query, ...]
    unit: str = SHORT
    width: int = 12
    height: int = 8
    steps: Steps = PLAIN
    links: tuple[Link, ...] = ()
    decimals: int | None = None
    no_value: str = ""
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeSeries(Panel):
    """Lines over time.  `lines_at_steps`: the thresholds are drawn, too."""

    stacked: bool = False
    lines_at_steps: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Stat(Panel):
    """A number a series, now; with `sparkline` how it came about behind it.

    `texts` are shown in place of values: (least, most, text) each.
    """

    sparkline: bool = False
    texts: tuple[tuple[float, float, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Column:
    """Of a table: `of` is a label, or the `ref` of the query whose number it shows.

    width   in pixels; 0 for what is left
    filled  the cell has its threshold's colour, not the text alone
    bar     the number is also a bar, as long as its share of the greatest
    trend   the query is asked over time, and shown as a line
    texts   as in `Stat`
    """

    of: str
    title: str
    unit: str = ""
    steps: Steps = ()
    links: tuple[Link, ...] = ()
    width: int = 0
    decimals: int | None = None
    filled: bool = False
    bar: bool = False
    trend: bool = False
    texts: tuple[tuple[float, float, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Table(Panel):
    """A row for each label set of its queries now, which all have the same labels; other columns are not shown.

    `sort`: title of the column by which rows are sorted, and whether the greatest comes first.
    """

    columns: tuple[Column, ...]
    sort: tuple[str, bool] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Heatmap(Panel):
    """How many of each magnitude over time, of one histogram; `unit` is that of the magnitude."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeGraph(Panel):
    """Circles and arrows: https://grafana.com/docs/grafana/latest/panels-visualizations/visualizations/node-graph/.

    Queries whose `ref` begins with "nodes" have the labels `id` and `title`, those of "edges" `id`, `source` and
    `target`, and may have `color`, as CSS writes it.  `fields` tells what the number of each query is called: mainstat,
    secondarystat, arc__….  Units are texts that Grafana puts behind a number of two decimals; it knows no unit here.
    `links` lead from a node.
    """

    fields: tuple[tuple[str, str], ...]
    node_units: tuple[str, str] = ("", "")
    edge_units: tuple[str, str] = ("", "")
    arcs: tuple[tuple[str, str], ...] = ()
