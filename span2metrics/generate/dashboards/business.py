"""Business measures: what goes through, what of it fails, where."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from span2metrics.config import Config
from span2metrics.generate.alerting import MEASURES
from span2metrics.generate.dashboards.alerts import firing_table
from span2metrics.generate.dashboards.amounts import Amounts, by_each, failed_and_all, units
from span2metrics.generate.dashboards.board import Board, LabelValues, Row, histograms
from span2metrics.generate.dashboards.link import cell, to_service
from span2metrics.generate.dashboards.panel import (
    ANY_IS_BAD,
    FAILURES,
    PER_SECOND,
    RATIO,
    SHORT,
    Column,
    Heatmap,
    Panel,
    Query,
    Stat,
    Table,
    TimeSeries,
)
from span2metrics.generate.dashboards.queries import legend_of, present
from span2metrics.generate.measure import AMOUNT, FAILED, MEASURE, USUAL
from span2metrics.generate.promql import SERVICE
from span2metrics.generate.red import ERROR

_CHOSEN = f'{{{MEASURE}=~"$measure",{SERVICE}=~"$service"}}'
_A_MINUTE = "60 * "
_LARGE = "How large single amounts are, failed ones too."
_OF_CURRENCIES = ("", " Those of all currencies, each as it is in its own.")
#: Panels of a line, at most.
_ABREAST = 3


def board(config: Config) -> Board:
    """For configurations for which there are rules on measures."""
    by = units(config)
    every = [Amounts.of(measure, config) for measure in config.measures]
    rows = [Row("What it costs", (*_costs(every), *_over_time(by)))]
    rows += [Row(amounts.name, tuple(_measure(amounts))) for amounts in every]
    alerts = f'{MEASURE}=~"$measure",{MEASURE}!="",{SERVICE}=~"$service"'
    rows += [Row("What is told", (firing_table("Active alerts on measures", alerts),))]
    return Board(
        MEASURES,
        "business",
        "span2metrics / Business",
        "What goes through, what of it fails, and where: amounts that spans carry.",
        (
            histograms(config),
            LabelValues(MEASURE, "Measure", AMOUNT, MEASURE, several=True),
            LabelValues("service", "Service", f'{AMOUNT}{{{MEASURE}=~"$measure"}}', SERVICE, several=True),
        ),
        tuple(rows),
    )


def _costs(every: Iterable[Amounts]) -> Iterator[Panel]:
    for amounts in every:
        failed, everything = failed_and_all(amounts, amounts.currencies)
        yield Stat(
            title=f"{amounts.name}: failed",
            description="What failed spans carried in the time that is shown, by currency if there is one; a payment "
            "that succeeds when it is tried again is in it all the same.",
            queries=(Query(f"sort_desc({failed})", legend_of(amounts.currencies)),),
            steps=ANY_IS_BAD, decimals=0, width=16, height=5,
        )  # fmt: skip
        yield Stat(
            title=f"{amounts.name}: share that failed",
            description="Of the amount in the time that is shown.",
            queries=(Query(f"sort_desc({failed} / ({everything} > 0))", legend_of(amounts.currencies)),),
            unit=RATIO, steps=FAILURES, decimals=1, width=8, height=5,
        )  # fmt: skip
        yield _table(amounts)


def _over_time(by: tuple[str, ...]) -> Iterator[Panel]:
    """Of all measures that are chosen: against what is usual, and as a share."""
    failed, usual, everything = (f"sum by ({', '.join(by)}) ({series}{_CHOSEN})" for series in (FAILED, USUAL, AMOUNT))
    yield TimeSeries(
        title="Amounts that fail, a minute",
        description="What failed spans carry, over five minutes, by currency, because those cannot be added up; dashed "
        "the usual, which is the median of the last day, known after two hours. Somebody is woken at three times that "
        "and 5 % of the amount.",
        queries=(Query(failed, legend_of(by)), Query(usual, f"{legend_of(by)} usually", dashed=True)),
        least=0,
    )
    yield TimeSeries(
        title="Share of the amount that fails",
        description="Over five minutes; from 5 % on somebody is woken, if it is also three times the usual.",
        queries=(Query(f"({failed} or 0 * {everything}) / ({everything} > 0)", legend_of(by)),),
        unit=RATIO,
        steps=FAILURES,
        lines_at_steps=True,
        least=0,
    )


def _measure(amounts: Amounts) -> Iterator[Panel]:
    yield from _failing_by(amounts)
    currencies, legend = amounts.currencies, legend_of(amounts.currencies)
    yield TimeSeries(
        title=f"{amounts.name} a minute", description="What goes through, a minute.",
        queries=(Query(_A_MINUTE + amounts.rate("sum", currencies), legend or amounts.name),), least=0, width=8,
    )  # fmt: skip
    yield TimeSeries(
        title=f"{amounts.name}: how many", description="Values a second, and those in failed spans.",
        queries=(
            Query(amounts.rate("count", ()), "all"),
            Query(f"({amounts.rate('count', (), ERROR)} or 0 * {amounts.rate('count', ())})", "failed", color="red"),
        ),
        unit=PER_SECOND, least=0, width=8,
    )  # fmt: skip
    average = f"{amounts.rate('sum', currencies)} / ({amounts.rate('count', currencies)} > 0)"
    yield TimeSeries(
        title=f"{amounts.name} on average", description="The amount of one; a jump is another kind of business.",
        queries=(Query(average, legend or amounts.name),), least=0, width=8,
    )  # fmt: skip
    if amounts.signed:
        yield _taken_back(amounts, legend)
    if amounts.buckets:
        yield Heatmap(
            title=f"{amounts.name}, how many of each", description=_LARGE + _OF_CURRENCIES[bool(currencies)],
            queries=(Query(amounts.distribution()),), unit=SHORT,
        )  # fmt: skip
    if amounts.signed:
        yield _net(amounts, legend)


def _failing_by(amounts: Amounts) -> Iterator[Panel]:
    """Over time, by service and by each of the measure's own labels."""
    others = (SERVICE, *(label for label in amounts.labels if label not in amounts.currencies))
    for label in others:
        by, called = (label, *amounts.currencies), "service" if label == SERVICE else label.replace("_", " ")
        failed = present(f"{_A_MINUTE}{amounts.rate('sum', by, ERROR)}", *by)
        yield TimeSeries(
            title=f"{amounts.name} that fails, by {called}",
            description="What failed spans carry, a minute. One line that rises alone is a fault of that one.",
            queries=(Query(failed, legend_of(by)),),
            least=0,
            width=24 // len(others) if len(others) <= _ABREAST else 24 // _ABREAST,
            no_value="Nothing fails",
        )


def _table(amounts: Amounts) -> Panel:
    by = by_each(amounts)
    failed, everything = failed_and_all(amounts, by)
    now = present(f"sum by ({', '.join(by)}) ({FAILED}{_of_measure(amounts)})", *amounts.labels)
    titles = {label: label.replace("_", " ").capitalize() for label in amounts.labels}
    return Table(
        title=f"{amounts.name}, where it fails",
        description="In the time that is shown, by service and the measure's own labels, what fails most first. Now: "
        "what fails a minute.",
        queries=(
            Query(present(failed, *amounts.labels), ref="failed"),
            Query(present(f"{failed} / ({everything} > 0)", *amounts.labels), ref="share"),
            Query(present(everything, *amounts.labels), ref="all"),
            Query(now, ref="now"),
            Query(now, ref="trend"),
        ),
        columns=(
            *(Column(label, title) for label, title in titles.items()),
            Column(SERVICE, "Service", links=(to_service(cell("Service")),), width=160),
            Column("failed", "Failed", SHORT, width=200, decimals=0, bar=True),
            Column("share", "Share", RATIO, FAILURES, width=90, decimals=1, filled=True),
            Column("now", "Now", SHORT, ANY_IS_BAD, width=100, decimals=0),
            Column("trend", "Failed over time", SHORT, trend=True, width=200),
            Column("all", "All", SHORT, width=110, decimals=0),
        ),
        sort=("Failed", True),
        width=24,
        height=9,
    )


def _of_measure(amounts: Amounts) -> str:
    return f'{{{MEASURE}="{amounts.name}",{SERVICE}=~"$service"}}'


def _taken_back(amounts: Amounts, legend: str) -> Panel:
    back = amounts.rate("sum", amounts.currencies, negative=True)
    return TimeSeries(
        title=f"{amounts.name} taken back, a minute",
        description="Negative values, by their magnitude: refunds, chargebacks.",
        queries=(Query(_A_MINUTE + back, legend or amounts.name),),
        no_value="None",
        least=0,
    )


def _net(amounts: Amounts, legend: str) -> Panel:
    forth = amounts.total("sum", amounts.currencies)
    back = amounts.total("sum", amounts.currencies, negative=True)
    return Stat(
        title=f"{amounts.name}, net",
        description="In the time that is shown: what went through, less what was taken back; failed ones are in it.",
        queries=(Query(f"{forth} - ({back} or 0 * {forth})", legend or amounts.name),),
        decimals=0,
        width=24,
        height=5,
    )
