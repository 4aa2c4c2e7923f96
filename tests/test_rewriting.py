"""Values that a label shows in place of others: what replacements mean, and what becomes of series and edges."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import pytest

from span2metrics.engine.core import Engine
from span2metrics.engine.plan import Dimension, Format, Graph, Plan, Source
from span2metrics.engine.rewriting import Rewrite, Rewriter, last_group, replacement
from tests.cases import SPAN, plan
from tests.cases_edges import CALL, SERVED
from tests.cases_filters import having
from tests.oracle import TEXTS, Oracle
from tests.payloads import BAD, FEEDS, NOW, Placed, request

CLASSES = (Rewrite("2..", "2xx"), Rewrite("(4|5)..", "$1xx"))

#: Rewrites, a value, and what it becomes.
REWRITTEN: dict[str, tuple[Sequence[Rewrite], str, str]] = {
    "the value that matches": (CLASSES, "200", "2xx"),
    "with a group of the pattern": (CLASSES, "503", "5xx"),
    "the first that matches counts": ([Rewrite("a.*", "1"), Rewrite("ab", "2")], "ab", "1"),
    "and none after it": ([Rewrite("a", "b"), Rewrite("b", "c")], "a", "b"),
    "what matches nothing stays": (CLASSES, "302", "302"),
    "a part is no match": (CLASSES, "2000", "2000"),
    "the whole of a choice": ([Rewrite("a|bc", "x")], "abc", "abc"),
    "groups in any order": ([Rewrite("(.)(.)(.)", "$3$1$3")], "abc", "cac"),
    "the ninth group": ([Rewrite("(.)(.)(.)(.)(.)(.)(.)(.)(.)", "$9-$1")], "abcdefghi", "i-a"),
    "a group that took no part is empty": ([Rewrite("(a)|(b)", "<$1$2>")], "b", "<b>"),
    "a dollar": ([Rewrite("(.*)", "$$1 is $1$$")], "x", "$1 is x$"),
    "a backslash is itself": ([Rewrite(".*", r"a\b\\c")], "x", r"a\b\\c"),
    "text that looks like a pattern is text": ([Rewrite(".", ".*")], "x", ".*"),
    "line ends are matched and kept": ([Rewrite("a(.*)", "$1")], "a\nb", "\nb"),
    "any alphabet": ([Rewrite("(ü+)(.)", "$2$1")], "üü本", "本üü"),
    "a part of a character is mended": ([Rewrite(r"(\C)(.*|\C)", "$1")], "é", "\ufffd"),
    "nothing": ([Rewrite("secret-.*", "")], "secret-1", ""),
    "nothing becomes nothing": ([], "x", "x"),
}


@pytest.mark.parametrize(("rewrites", "value", "text"), REWRITTEN.values(), ids=REWRITTEN)
def test_a_value_becomes(rewrites: Sequence[Rewrite], value: str, text: str) -> None:
    assert Rewriter(tuple(rewrites), 256).of(value) == (text, False, False)


@pytest.mark.parametrize("text", ["$", "a$", "$0", "$10", "$a", "$ 1", "${1}", r"\1", r"\0", "$$$"])
def test_what_stands_for_no_group_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"write \$1 to \$9"):
        replacement(text)


@pytest.mark.parametrize(("text", "last"), [("", 0), ("x", 0), ("$$1", 0), ("$1", 1), ("$3$1", 3), ("a$9$$", 9)])
def test_the_last_group_is_known(text: str, last: int) -> None:
    assert last_group(replacement(text)) == last


def test_what_becomes_too_long_is_cut() -> None:
    double = Rewriter((Rewrite("(.*)", "$1$1"),), 16)
    assert double.of("x" * 8) == ("x" * 16, False, False)
    assert double.of("x" * 9) == ("x" * 13 + "…", False, True)
    assert len(double.of("ü" * 7).text.encode()) <= 16


def test_equal_rewrites_are_equal() -> None:
    """So that calls and durations with the same labels are one table."""
    shared = plan(Dimension("status", ("status",), rewrites=CLASSES))
    assert Rewriter(CLASSES, 256) == Rewriter(CLASSES, 256) != Rewriter(CLASSES, 255)
    assert fed(shared, request([SPAN])).stats().series["calls"] == 1


# --- through the engine -----------------------------------------------------------------------------------------------


def fed(plan: Plan, *bodies: bytes) -> Engine:
    engine = Engine(plan)
    for body in bodies:
        engine.consume(body, NOW)
    return engine


def page(engine: Engine, format: Format = Format.TEXT) -> bytes:
    return b"".join(engine.render(format, NOW))


def dimension(*rewrites: Rewrite, **more: Any) -> Dimension:
    return Dimension("k", ("k",), rewrites=rewrites, **more)


CASES: dict[str, tuple[Plan, Sequence[Placed]]] = {
    "many values become one series": (plan(dimension(*CLASSES)), having("k", 200, 201, "204", 404, 500, 503, 302)),
    "a default is shown as it is": (plan(dimension(Rewrite("none|v", "x"), default="none")), [SPAN, *having("k", "v")]),
    "a value that becomes nothing has no label": (plan(dimension(Rewrite("v", ""), default="none")), having("k", "v")),
    "what is absent is not rewritten": (plan(dimension(Rewrite("", "x"))), [SPAN, *having("k", "")]),
    "the value that is found first": (
        plan(Dimension("k", ("k", "l"), (Source.RESOURCE, Source.SPAN), rewrites=CLASSES)),
        [SPAN.but(attributes={"k": "200"}, resource={"l": "500"}), SPAN.but(resource={"l": "500"})],
    ),
    "of the scope": (
        plan(Dimension("k", ("scope.name",), (Source.SCOPE,), rewrites=(Rewrite("lib-(.).*", "$1"),))),
        [SPAN.but(scope_name="lib-a1"), SPAN.but(scope_name="lib-a2"), SPAN.but(scope_name="x")],
    ),
    "of the calls alone": (
        plan(calls_dimensions=(dimension(*CLASSES),), duration_dimensions=(dimension(),)),
        having("k", 200, 201, 404),
    ),
    "with siblings at 0": (
        Plan(dimensions=(dimension(*CLASSES),), errors_zero_drop=frozenset({"k"})),
        having("k", 200, 201, 404),
    ),
    "what is escaped": (plan(dimension(Rewrite("(.*)", '"\\\n$1'))), having("k", "v")),
    "a value that was cut": (
        plan(dimension(Rewrite("x{13}…", "long")), label_value_length=16),
        having("k", "x" * 17, "x" * 18, "x" * 16),
    ),
    "a value that is cut then": (
        plan(dimension(Rewrite("(.)(.*)", "$1$2$2")), label_value_length=16),
        having("k", "abc", "a" * 12, "a" * 20, 7, 77777777777),
    ),
    "bytes that are no text": (plan(dimension(Rewrite("(.)[^a]*", "$1"))), having("k", f"a{BAD}", BAD)),
}


@pytest.mark.parametrize("way", FEEDS)
@pytest.mark.parametrize("name", CASES)
def test_labels_are_rewritten_however_spans_are_fed(name: str, way: str) -> None:
    plan, spans = CASES[name]
    model = Oracle(plan)
    bodies = FEEDS[way](spans)
    engine = fed(plan, *bodies)
    model.consume(request(spans))
    for _ in range(2):
        for format in TEXTS:
            assert page(engine, format) == model.page(format)
        stats = engine.stats()
        assert {label: n for label, n in stats.truncated.items() if n} == model.truncated
        assert {reason: n for reason, n in stats.anomalies.items() if n} == model.anomalies
        for body in bodies:  # known by now
            engine.consume(body, NOW)
        model.consume(request(spans))


def test_the_series_of_a_class_of_values_is_one() -> None:
    shown = page(fed(plan(dimension(*CLASSES)), request(having("k", 200, 201, 204, 503, 302))))
    calls = [line for line in shown.splitlines() if line.startswith(b"traces_span_metrics_calls_total{")]
    assert sorted(line.split(b',k="')[1] for line in calls) == [b'2xx"} 3', b'302"} 1', b'5xx"} 1']


def test_what_is_rewritten_is_not_counted_as_cut() -> None:
    engine = fed(plan(dimension(*CLASSES)), request(having("k", 200)))
    assert set(engine.stats().truncated.values()) == {0}


@pytest.mark.parametrize("first", [77777777777, "77777777777"])
def test_what_is_cut_then_is_counted_whichever_of_equal_values_came_first(first: Any) -> None:
    shown = plan(dimension(Rewrite("(.*)", "$1$1")), label_value_length=16)
    engine = fed(shown, request(having("k", first)), *(request(having("k", 77777777777, "77777777777")) for _ in "ab"))
    assert engine.stats().truncated["k"] == 5


def test_dimensions_of_edges_are_rewritten_too() -> None:
    graph = Graph(dimensions=(Dimension("zone", ("zone",), rewrites=(Rewrite("(.*)-[0-9]", "$1"),), default="none"),))
    shown = dataclasses.replace(plan(), graph=graph)
    spans = [CALL.but(resource={"zone": "eu-1"}), SERVED.but(attributes={"zone": "us-2"})]
    engine, model = fed(shown, request(spans)), Oracle(shown)
    model.consume(request(spans))
    assert page(engine) == model.page(Format.TEXT)
    assert b'client_zone="eu",server_zone="us"' in page(engine)
