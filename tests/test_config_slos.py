"""Objectives and apdex in the configuration: read, dumped, made into bounds and into what the engine always admits."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from span2metrics.config import compile_plan, dump, load, notes
from span2metrics.config.contradictions import filtered_by
from span2metrics.config.models import Config
from span2metrics.config.names_shown import becomes
from span2metrics.config.slos import DAY_NS, Sli
from span2metrics.engine.plan import DEFAULT_BOUNDS_NS, MS
from span2metrics.engine.where import Texts, Where

EVERY = """
metrics: {resource_labels: [a], histograms: both}
slos:
  - {name: "1e3", objective: 99.95, window: 720h, where: {service: "null", span_name: "on"}, sli: availability}
  - {name: half, objective: "0.000001", where: {resource.a: "$${X}", name: {regex: "1|2"}}, latency: 1.5s}
  - {name: "no", objective: 99.90, window: 90d, where: {status: [ok, unset]}, sli: {latency: 250ms}}
apdex:
  - {threshold: 1500us, where: {service: [a, "0x1F"]}}
  - {threshold: 1500us, where: {service: c}, name: "2"}
"""


def loaded(tmp_path: Path, text: str) -> Config:
    file = tmp_path / "config.yaml"
    file.write_text(text)
    return load(file)


def test_what_is_written_is_read_exactly(tmp_path: Path) -> None:
    config = loaded(tmp_path, EVERY)
    assert [(slo.objective, slo.window // DAY_NS, slo.sli) for slo in config.slos] == [
        (Decimal("99.95"), 30, Sli()),
        (Decimal("0.000001"), 30, Sli(1500 * MS)),
        (Decimal("99.9"), 90, Sli(250 * MS)),
    ]
    assert [(apdex.threshold, apdex.name) for apdex in config.apdex] == [(1_500_000, ""), (1_500_000, "2")]


def test_a_dump_is_loaded_to_the_same_objectives(tmp_path: Path) -> None:
    config = loaded(tmp_path, EVERY)
    assert config == loaded(tmp_path, dump(config))
    assert "sli: {latency: 1500ms}" in dump(config)


# --- bounds -----------------------------------------------------------------------------------------------------------

BOUNDS = {
    "usual ones": ("", DEFAULT_BOUNDS_NS),
    "a latency": ("slos: [{name: a, objective: 99, where: {service: b}, latency: 3ms}]", (3 * MS,)),
    "one that is there": ("slos: [{name: a, objective: 99, where: {service: b}, latency: 50ms}]", ()),
    "availability": ("slos: [{name: a, objective: 99, where: {service: b}, sli: availability}]", ()),
    "apdex": ("apdex: [{threshold: 75ms, where: {service: b}}]", (75 * MS, 300 * MS)),
    "two of one": (
        "apdex: [{threshold: 1ms, where: {service: b}}, {threshold: 4ms, where: {service: c}}]",
        (MS, 16 * MS),
    ),
}


@pytest.mark.parametrize(("text", "added"), BOUNDS.values(), ids=BOUNDS)
def test_every_threshold_is_a_bound_beside_the_others(tmp_path: Path, text: str, added: Sequence[int]) -> None:
    expected = tuple(sorted({*DEFAULT_BOUNDS_NS, *added}))
    assert compile_plan(loaded(tmp_path, text)).bounds_ns == expected


def test_64_bounds_in_all_are_allowed(tmp_path: Path) -> None:
    buckets = ", ".join(f"{i}ms" for i in range(1, 63))
    plan = compile_plan(
        loaded(tmp_path, f"metrics: {{buckets: [{buckets}]}}\napdex: [{{threshold: 1s, where: {{service: a}}}}]")
    )
    assert len(plan.bounds_ns) == 64


# --- what is selected -------------------------------------------------------------------------------------------------


def selected(tmp_path: Path, metrics: str, where: str, sli: str = "availability") -> tuple[Where, ...]:
    slo = f"slos: [{{name: a, objective: 99, where: {where}, sli: {sli}}}]"
    return compile_plan(loaded(tmp_path, f"metrics: {{{metrics}}}\n{slo}")).selected


def is_text(*texts: str) -> Texts:
    return Texts(equal=texts)


def test_an_attribute_is_what_its_label_shows_wherever_that_came_from(tmp_path: Path) -> None:
    """A query by the label cannot tell a span's tier from its resource's, nor from the default."""
    found = selected(tmp_path, "dimensions: [{name: tier, default: none}]", "{span.tier: [gold, none]}")
    texts, absent = is_text("gold", "none"), is_text("")
    assert found == (
        Where(span=(("tier", texts),)),
        Where(span=(("tier", absent),), resource=(("tier", texts),)),
        Where(span=(("tier", absent),), resource=(("tier", absent),)),
    )


@pytest.mark.parametrize(
    ("metrics", "where", "expected"),
    [
        ("", "{service: b, kind: server}", Where(kinds=(2,), service=is_text("b"))),
        ("dimensions: [{name: t, from: [span]}]", "{span.t: x}", Where(span=(("t", is_text("x")),))),
        ("resource_labels: [r]", "{resource.r: x}", Where(resource=(("r", is_text("x")),))),
        ("calls: {dimensions: [{name: t, from: [span]}]}", "{span.t: x}", Where(span=(("t", is_text("x")),))),
        # Of two labels that show it the one that shows nothing else.
        (
            "dimensions: [{name: t}, {name: t, label: u, from: [span]}]",
            "{span.t: x}",
            Where(span=(("t", is_text("x")),)),
        ),
    ],
)
def test_conditions_arrive_as_they_are_where_labels_show_nothing_else(
    tmp_path: Path, metrics: str, where: str, expected: Where
) -> None:
    assert selected(tmp_path, metrics, where) == (expected,)


# --- what cannot be ---------------------------------------------------------------------------------------------------

NAMES = {
    "as it is": ("{}", "GET /users", None, None),
    "an id": ("{}", "GET /users/12345", None, "GET /users/{number}"),
    "a placeholder": ("{}", "GET /users/{number}", None, None),
    "templates off": ("{templating: false}", "GET /users/12345", None, None),
    "dry run": ("{templating: dry_run}", "GET /users/12345", None, None),
    "renamed": ('{rules: [{match: "a.*", replace: b}]}', "ab", None, "b"),
    "what a rule makes": ('{rules: [{match: "a.*", replace: ab}]}', "ab", None, None),
    "what a rule may make": ('{rules: [{match: "a(.*)", replace: a$1$1}]}', "abb", None, None),
    "by groups": ('{rules: [{match: "a(.*)", replace: $1}]}', "ab", None, None),
    "a convention may make any": ('{rules: [{match: "a.*", replace: b}, http]}', "ab", None, None),
    "of another service": ('{rules: [{match: "a.*", replace: b, service: s}]}', "ab", is_text("t"), None),
    "of that service": ('{rules: [{match: "a.*", replace: b, service: s}]}', "ab", is_text("s"), "b"),
    "of one of two services": ('{rules: [{match: "a.*", replace: b, service: s}]}', "ab", is_text("s", "t"), None),
    "of a service by pattern": ('{rules: [{match: "a.*", replace: b, service: s}]}', "ab", Texts((), ("s",)), None),
    "by the first that matches": (
        '{rules: [{match: "x", replace: y}, {match: "a.*", replace: b}, {match: "ab", replace: c}]}',
        "ab",
        None,
        "b",
    ),
}


@pytest.mark.parametrize(("settings", "name", "service", "shown"), NAMES.values(), ids=NAMES)
def test_a_name_that_no_span_can_have_is_told_only_where_that_is_certain(
    tmp_path: Path, settings: str, name: str, service: Texts | None, shown: str | None
) -> None:
    assert becomes(name, service, loaded(tmp_path, f"span_names: {settings}")) == shown


FILTERS = {
    "no filters": ("{}", "{service: a}", ""),
    "excluded as it is": ("{exclude: [{service: a}]}", "{service: a, kind: server}", "filters.exclude[0]"),
    "one of two is left": ("{exclude: [{service: a}]}", "{service: [a, b]}", ""),
    "both excluded": ("{exclude: [{service: [a, b, c]}]}", "{service: [a, b]}", "filters.exclude[0]"),
    "excluded by pattern": ('{exclude: [{service: {regex: "[ab]"}}]}', "{service: [a, b]}", "filters.exclude[0]"),
    "excluded by its own pattern": (
        '{exclude: [{name: {regex: "x.*"}}]}',
        '{name: {regex: "x.*"}}',
        "filters.exclude[0]",
    ),
    "a pattern may mean others": ("{exclude: [{service: a}]}", '{service: {regex: "a"}}', ""),
    "excluded in part": ("{exclude: [{service: a, kind: client}]}", "{service: a}", ""),
    "excluded by kind": ("{exclude: [{kind: [client, server]}]}", "{kind: client}", "filters.exclude[0]"),
    "excluded by another attribute": ("{exclude: [{span.b: x}]}", "{span.a: x}", ""),
    "excluded by attribute": ("{exclude: [{kind: client}, {span.a: [x, y]}]}", "{span.a: x}", "filters.exclude[1]"),
    "included": ("{include: [{kind: client}, {kind: server}]}", "{kind: server}", ""),
    "included by something else": ("{include: [{kind: client}]}", "{service: a}", ""),
    "not included": ("{include: [{kind: client}, {service: b}]}", "{kind: server, service: a}", "filters.include"),
    "not included by pattern": ('{include: [{service: {regex: "b.*"}}]}', "{service: a}", "filters.include"),
    "included by pattern": ('{include: [{service: {regex: "b.*"}}]}', "{service: [a, bc]}", ""),
    "patterns may meet": ('{include: [{service: {regex: "b.*"}}]}', '{service: {regex: "a.*"}}', ""),
    "a pattern and texts": ("{include: [{service: [b, c]}]}", '{service: {regex: "a.*"}}', "filters.include"),
    "not included by status": ("{include: [{status: error}]}", "{status: [ok, unset]}", "filters.include"),
}


@pytest.mark.parametrize(("filters", "where", "path"), FILTERS.values(), ids=FILTERS)
def test_filters_that_leave_nothing_are_told_only_where_that_is_certain(
    tmp_path: Path, filters: str, where: str, path: str
) -> None:
    config = loaded(tmp_path, f"filters: {filters}")
    (asked,) = loaded(tmp_path, f"filters: {{include: [{where}]}}").filters.include
    assert filtered_by(asked, config) == path


# --- notes ------------------------------------------------------------------------------------------------------------


def test_notes_say_which_bounds_are_added_and_what_a_rate_does_not_see(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        """
metrics: {utf8_names: true, errors_zero: false, dimensions: [{name: a.b}]}
slos: [{name: a, objective: 99, where: {service: b, span.a.b: c}, latency: 250ms}]
apdex: [{threshold: 25ms, where: {service: b}}]
""",
    )
    told = list(notes(config))
    assert told[0] == "metrics.buckets: slos and apdex add 25ms, 250ms to every series; that makes 18 bounds"
    assert [note.partition(":")[0] for note in told[1:]] == [
        "metrics.zero_first",
        "metrics.errors_zero",
        "metrics.utf8_names",
    ]


@pytest.mark.parametrize(
    ("objective", "told"), [("0.999", "99.9"), ("0.99", "99"), ("0.9", "90"), ("1", ""), ("99.9", ""), ("50", "")]
)
def test_an_objective_that_was_meant_as_a_ratio_is_noted(objective: str, told: str, tmp_path: Path) -> None:
    slo = f"{{name: a, objective: {objective}, where: {{service: b}}, sli: availability}}"
    found = list(notes(loaded(tmp_path, f"metrics: {{zero_first: 30s}}\nslos: [{slo}]")))
    assert [note.partition(": ")[0] for note in found] == ["slos[0].objective"] * bool(told)
    assert all(f" {objective} per cent " in note and note.endswith(f"write {told}") for note in found)


def test_measures_alone_are_told_what_a_rate_does_not_see(tmp_path: Path) -> None:
    measures = "measures: [{name: a, attribute: b}]"
    (told,) = notes(loaded(tmp_path, measures))
    assert told.startswith("metrics.zero_first: a rate does not see the first values")
    assert list(notes(loaded(tmp_path, f"metrics: {{zero_first: 30s}}\n{measures}"))) == []


def test_there_is_no_note_where_all_is_well(tmp_path: Path) -> None:
    slo = "slos: [{name: a, objective: 99, where: {service: b}, sli: availability}]"
    assert list(notes(loaded(tmp_path, f"metrics: {{zero_first: 30s}}\n{slo}"))) == []


def test_with_both_kinds_of_histograms_prometheus_must_keep_the_classic_one(tmp_path: Path) -> None:
    told = list(notes(loaded(tmp_path, EVERY)))
    assert any("always_scrape_classic_histograms: true" in note for note in told)
