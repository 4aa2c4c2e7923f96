"""`?name[]=`: the families that are named, and no more work than they take."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prometheus_client.openmetrics import parser as openmetrics_parser
from prometheus_client.parser import text_string_to_metric_families

from span2metrics.engine.core import Engine
from span2metrics.engine.plan import Plan
from span2metrics.web.selection import Selection
from tests.payloads import NOW, Placed, request
from tests.sites import OPENMETRICS, Rendering, Run, on_both_loops, settings, site

CALLS, DURATION = "traces_span_metrics_calls", "traces_span_metrics_duration_seconds"
SCRAPES, RENDER = "span2metrics_scrapes", "span2metrics_render_seconds"

#: Names → families.
NAMED = {
    (CALLS,): {CALLS},
    (f"{CALLS}_total",): {CALLS},
    (DURATION,): {DURATION},
    (f"{DURATION}_bucket",): {DURATION},
    (f"{DURATION}_sum",): {DURATION},
    (f"{DURATION}_count", f"{DURATION}_bucket"): {DURATION},
    (CALLS, DURATION): {CALLS, DURATION},
    (SCRAPES,): {SCRAPES},
    (f"{SCRAPES}_total",): {SCRAPES},
    (f"{RENDER}_bucket",): {RENDER},
    ("process_open_fds",): {"process_open_fds"},
    (DURATION, SCRAPES): {DURATION, SCRAPES},
    (CALLS, "nothing"): {CALLS},
    ("nothing",): set(),
    ("",): set(),
    (f"{CALLS}_bucket",): set(),
    (f"{DURATION}_total",): set(),
    ("traces_span_metrics",): set(),
}


def families(page: str, headers: dict[str, str]) -> dict[str, list[str]]:
    """Name → its samples, without their values."""
    read = openmetrics_parser.text_string_to_metric_families if headers else text_string_to_metric_families
    return {f.name: [f"{s.name}{s.labels}" for s in f.samples] for f in read(page)}


@on_both_loops
@pytest.mark.parametrize("headers", [{}, OPENMETRICS], ids=["text", "openmetrics"])
def test_the_named_families_are_there_whole_and_no_others(run: Run, headers: dict[str, str]) -> None:
    async def scenario() -> None:
        engine = Engine(Plan())
        engine.consume(request([Placed(service="shop", name="# HELP\n# HELP a b")]), NOW)
        async with site(engine) as s:
            whole = families(await s.text("/metrics", headers=headers), headers)
            for names, expected in NAMED.items():
                page = await s.text("/metrics", headers=headers, params=[("name[]", name) for name in names])
                assert families(page, headers) == {name: whole[name] for name in whole if name in expected}
                assert len(families(page, headers)) == len(expected)

    run(scenario)


@on_both_loops
def test_two_paths_keep_their_own(run: Run) -> None:
    async def scenario() -> None:
        async with site(web=settings("/spans", "/own")) as s:
            asked = {"params": [("name[]", CALLS), ("name[]", SCRAPES)]}
            assert list(families(await s.text("/spans", **asked), {})) == [CALLS]
            assert list(families(await s.text("/own", **asked), {})) == [SCRAPES]

    run(scenario)


def rendered() -> Iterator[bytes]:
    yield b"# HELP a_total A.\n# TYPE a_total counter\na_total 1\n"
    yield b"a_total 2\n# HELP b B.\n# TYPE b histogram\nb_count 3\n"
    yield b"b_count 4\n"
    yield b"b_count 5\n# HELP c C.\n# TYPE c gauge\nc 6\n"


@on_both_loops
@pytest.mark.parametrize(
    ("name", "chunks"), [(SCRAPES, 0), ("a", 2), ("a_total", 2), ("b", 4), ("c", 4), ("nothing", 4)]
)
def test_the_engine_renders_no_further_than_what_is_named(run: Run, name: str, chunks: int) -> None:
    async def scenario() -> None:
        engine = Rendering(rendered)
        async with site(engine) as s:
            await s.text("/metrics", params=[("name[]", name)])
        assert engine.rendered == chunks

    run(scenario)


PAGE = b"".join(rendered())
LEFT = {
    "a": b"# HELP a_total A.\n# TYPE a_total counter\na_total 1\na_total 2\n",
    "b_sum": b"# HELP b B.\n# TYPE b histogram\nb_count 3\nb_count 4\nb_count 5\n",
    "c": b"# HELP c C.\n# TYPE c gauge\nc 6\n",
}


@pytest.mark.parametrize("name", LEFT)
@pytest.mark.parametrize(
    "chunks", [[PAGE], list(rendered()), PAGE.replace(b"# HELP", b"|# HELP").split(b"|")], ids=["one", "some", "heads"]
)
def test_it_does_not_matter_where_chunks_end(name: str, chunks: list[bytes]) -> None:
    assert b"".join(Selection([name]).of_page(chunks)) == LEFT[name]
