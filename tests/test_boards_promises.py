"""The dashboards of objectives, of business measures and of the daemon fit their configuration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from span2metrics import names
from span2metrics.config import Config, load
from span2metrics.generate.dashboards import business, daemon, slos
from span2metrics.generate.dashboards.board import Board
from span2metrics.generate.dashboards.panel import Column, Panel, Stat, Table, TimeSeries
from span2metrics.generate.slo_windows import LONGER, SHORTEST

SLO = "slos:\n- {name: week, objective: 99, window: 7d, where: {service: s}, sli: availability}\n"
MONTH = "- {name: month, objective: 99, window: 30d, where: {service: s}, sli: availability}\n"
APDEX = "apdex: [{threshold: 100ms, where: {service: s}}]\n"
PAYMENT = (
    "measures:\n- {name: paid, attribute: p, negative: allow, buckets: [10, 100], "
    "dimensions: [{name: method}, {name: currency}]}\n"
)
PLAIN = "measures:\n- {name: items, attribute: i}\n"


def board(of: Callable[[Config], Board], text: str, folder: Path) -> Board:
    file = folder / "config.yaml"
    file.write_text(text or "{}")
    return of(load(file))


def panels(made: Board) -> dict[str, Panel]:
    return {panel.title: panel for row in made.rows for panel in row.panels}


def asked(made: Board) -> str:
    return "\n".join(query.expr for panel in panels(made).values() for query in panel.queries)


# --- objectives -------------------------------------------------------------------------------------------------------


def test_every_window_of_alerts_has_its_line(tmp_path: Path) -> None:
    shown = panels(board(slos.board, SLO, tmp_path))
    burns = [query.expr for title, panel in shown.items() if title.startswith("Burn rates") for query in panel.queries]
    assert len(burns) == len({SHORTEST, *LONGER}) + 1  # 6h belongs to a page and to a ticket
    assert all(any(f"ratio_rate{window}{{" in expr for expr in burns) for window in (SHORTEST, *LONGER))


@pytest.mark.parametrize(
    ("text", "rates"),
    [
        (SLO + MONTH, [1.0, 1.4, 3.36]),  # of the shorter window, whose are lower
        ("slos:\n" + MONTH, [1.0, 3.0, 6.0, 14.4]),
    ],
)
def test_burn_rates_are_coloured_from_where_somebody_is_told(text: str, rates: list[float], tmp_path: Path) -> None:
    burns = panels(board(slos.board, text, tmp_path))["Burn rates. Fast: who is woken"]
    assert [value for value, _ in burns.steps] == [None, *rates]
    assert [color for _, color in burns.steps][-2:] == ["orange", "red"]


@pytest.mark.parametrize(("text", "days"), [(SLO, 7), (SLO + MONTH, 30)])
def test_a_forecast_ends_with_the_longest_window(text: str, days: int, tmp_path: Path) -> None:
    forecast = panels(board(slos.board, text, tmp_path))["Gone in"]
    assert isinstance(forecast, TimeSeries)
    assert (forecast.least, forecast.most) == (0, days)
    assert forecast.queries[0].expr.endswith(f", {days})")


def test_objectives_of_other_windows_are_asked_for_their_own(tmp_path: Path) -> None:
    made = asked(board(slos.board, SLO + MONTH, tmp_path))
    assert 'ratio_rate7d{slo=~"$slo",slo="week"}' in made
    assert 'ratio_rate30d{slo=~"$slo",slo="month"}' in made


@pytest.mark.parametrize(("text", "there"), [(SLO, False), (SLO + APDEX, True)])
def test_apdex_is_shown_where_there_is_one(text: str, there: bool, tmp_path: Path) -> None:
    assert ("Apdex" in panels(board(slos.board, text, tmp_path))) is there


def test_the_state_of_an_objective_comes_before_its_numbers(tmp_path: Path) -> None:
    table = panels(board(slos.board, SLO, tmp_path))["Objectives"]
    assert isinstance(table, Table)
    (told,) = (column for column in table.columns if column.of == "told")
    assert isinstance(told, Column)
    assert [text for _, _, text in told.texts] == ["quiet", "ticket", "PAGE"]
    assert table.columns.index(told) < [column.of for column in table.columns].index("left")


# --- measures ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "there", "missing"),
    [
        (
            PAYMENT,
            ["paid that fails, by service", "paid that fails, by method", "paid, how many of each", "paid, net"],
            ["paid that fails, by currency"],
        ),
        (PLAIN, ["items that fails, by service"], ["items, how many of each", "items, net"]),
        (PAYMENT + PLAIN.split("\n", 1)[1], ["paid, where it fails", "items, where it fails"], ["items, net"]),
    ],
)
def test_a_measure_has_the_panels_it_has_numbers_for(
    text: str, there: list[str], missing: list[str], tmp_path: Path
) -> None:
    shown = panels(board(business.board, text, tmp_path))
    assert set(there) <= set(shown)
    assert not set(missing) & set(shown)


def test_no_sum_of_amounts_reaches_across_currencies(tmp_path: Path) -> None:
    shown = panels(board(business.board, PAYMENT, tmp_path))
    amounts = [
        query.expr
        for panel in shown.values()
        for query in panel.queries
        if "_paid_sum" in query.expr or "amount" in query.expr
    ]
    assert len(amounts) > 10
    sums = [part for expr in amounts for part in expr.split("sum by (")[1:] if "_paid_count" not in part]
    assert all("currency" in part.split(")")[0] for part in sums)


def test_refunds_are_no_sales(tmp_path: Path) -> None:
    shown = panels(board(business.board, PAYMENT, tmp_path))
    apart = {title for title, panel in shown.items() if 'sign="negative"' in panel.queries[0].expr}
    assert apart == {"paid taken back, a minute", "paid, net"}
    sales = shown["paid a minute"].queries[0].expr
    assert 'sign!="negative"' in sales


@pytest.mark.parametrize(("dialect", "label"), [("otel", "service_name"), ("tempo", "service")])
def test_services_are_chosen_by_the_label_of_the_dialect(dialect: str, label: str, tmp_path: Path) -> None:
    made = board(business.board, f"{PAYMENT}metrics: {{dialects: [{dialect}]}}\n", tmp_path)
    assert f'{label}=~"$service"' in panels(made)["paid a minute"].queries[0].expr


# --- the daemon -------------------------------------------------------------------------------------------------------


def test_every_metric_of_its_own_is_on_a_panel(tmp_path: Path) -> None:
    own = [metric.name for metric in vars(names).values() if isinstance(metric, names.SelfMetric)]
    made = asked(board(daemon.board, "", tmp_path))
    assert len(own) > 30
    assert [name for name in own if name not in made] == []


def test_other_processes_are_not_taken_for_it(tmp_path: Path) -> None:
    """All instances are chosen at first: Prometheus scrapes itself, too."""
    made = asked(board(daemon.board, "", tmp_path))
    asked_of = [part for name in ("process_", "up{") for part in made.split(name)[1:]]
    assert len(asked_of) >= 6
    assert all('job="span2metrics"' in part.split("}")[0] for part in asked_of)


def test_alerts_that_it_is_gone_are_shown_whatever_instance_is_chosen(tmp_path: Path) -> None:
    alerts = panels(board(daemon.board, "", tmp_path))["Active alerts on span2metrics"]
    assert 'instance=~"$instance|"' in alerts.queries[0].expr


def test_a_daemon_that_is_gone_is_down_and_not_without_a_limit(tmp_path: Path) -> None:
    shown = panels(board(daemon.board, "", tmp_path))
    up, room = shown["Up"], shown["Room for series"]
    assert up.queries[0].expr.endswith(" or vector(0)")
    assert isinstance(up, Stat)
    assert isinstance(room, Stat)
    assert (up.texts[0], room.texts, room.no_value) == ((0, 0, "DOWN"), ((-1, -1, "No limit"),), "")


@pytest.mark.parametrize(("text", "there"), [("", True), ("service_graph: {enabled: false}", False)])
def test_the_graph_is_asked_where_there_is_one(text: str, there: bool, tmp_path: Path) -> None:
    made = board(daemon.board, text, tmp_path)
    assert ("Service graph" in {row.title for row in made.rows}) is there


def test_what_is_refused_or_lost_is_told_by_its_colour(tmp_path: Path) -> None:
    shown = panels(board(daemon.board, "", tmp_path))
    colors = {query.color: query.expr for query in shown["Requests by outcome"].queries}
    assert list(colors) == ["green", "orange", "red"]
    assert all(outcome in "".join(colors.values()) for outcome in names.OUTCOMES)
    assert [query.color for query in shown["Dropped"].queries] == ["blue", "red"]


def test_all_three_keep_lines_full(tmp_path: Path) -> None:
    made = board(daemon.board, "", tmp_path), board(slos.board, SLO, tmp_path), board(business.board, PAYMENT, tmp_path)
    ragged = []
    for one in made:
        for row in one.rows:
            left = 0
            for panel in row.panels:
                if left + panel.width > 24:
                    ragged.append((one.name, row.title, panel.title))
                    left = 0
                left = (left + panel.width) % 24
            if left:
                ragged.append((one.name, row.title, "end"))
    assert ragged == []
