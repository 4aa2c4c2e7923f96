"""What the label sets are made of: in a report, and on the page of a running daemon."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from span2metrics import cardinality, names
from span2metrics.cardinality import Cardinality
from span2metrics.engine.core import Engine
from span2metrics.engine.plan import Dimension, Plan
from tests.payloads import CLIENT, ERROR, NOW, Placed, request
from tests.processes import FREE_PORTS, running
from tests.sites import Run, on_both_loops, site

ROUTE = Dimension("route", ("route",))
PLAN = Plan(dimensions=(ROUTE,), most_series_of_service=4)


def spans() -> list[Placed]:
    """Of shop three names on two routes each, of which two are too many; of stock one."""
    shop = [Placed(name=f"n{i % 3}", attributes={"route": f"/r{i % 2}"}) for i in range(6)]
    return [*shop, shop[0], Placed(service="stock", name="n0", status=ERROR)]


def report_of(engine: Engine, top: int = 10) -> Any:
    found = Cardinality(top)
    for label_set in engine.label_sets():
        found.add(label_set)
    return found.report(engine.stats())


def filled(plan: Plan = PLAN) -> Engine:
    engine = Engine(plan)
    engine.consume(request(spans()), NOW)
    return engine


def label(report: Any, name: str) -> Any:
    return next(found for found in report["labels"] if (found["family"], found["label"]) == (names.CALLS, name))


def test_a_report_has_services_by_label_sets_and_what_limits_did() -> None:
    report = report_of(filled())
    assert report["label_sets"] == {"calls": 5}
    assert report["services"] == [
        {"service": "shop", "label_sets": 4, "overflow_series": 1, "overflowed_spans": {"series_per_service": 2}},
        {"service": "stock", "label_sets": 1, "overflow_series": 0, "overflowed_spans": {}},
    ]
    used = {limit["limit"]: (limit["used"], limit["most"]) for limit in report["limits"]}
    assert used == {"services": (2, 5000), "series": (5, 100_000), "series_per_service": (4, 4), "edges": (0, 20_000)}


def test_a_label_has_its_values_and_what_would_be_left_without_it() -> None:
    report = report_of(filled(replace(PLAN, most_series_of_service=0)))
    assert report["label_sets"] == {"calls": 7}
    assert label(report, "route") == {
        "family": "calls",
        "label": "route",
        "values": 2,
        "all_values": True,
        "label_sets_without": 4,
        "most": [{"value": "/r0", "label_sets": 3}, {"value": "/r1", "label_sets": 3}],
    }
    assert label(report, "span_name")["label_sets_without"] == 3
    assert label(report, "service_name")["most"] == [
        {"value": "shop", "label_sets": 6},
        {"value": "stock", "label_sets": 1},
    ]


def test_no_more_than_was_asked_for_is_named(monkeypatch: Any) -> None:
    monkeypatch.setattr(cardinality, "MOST_VALUES", 2)
    report = report_of(filled(replace(PLAN, most_series_of_service=0)), top=1)
    assert [found["service"] for found in report["services"]] == ["shop"]
    assert report["more_services"] == 1
    assert [len(found["most"]) for found in report["labels"]] == [1] * len(report["labels"])
    assert (label(report, "span_name")["values"], label(report, "span_name")["all_values"]) == (2, False)


def test_durations_and_edges_are_families_of_their_own() -> None:
    engine = Engine(replace(PLAN, duration_dimensions=(Dimension("more", ("more",)),)))
    call = Placed(kind=CLIENT, attributes={"db.namespace": "orders", "more": "x"})
    engine.consume(request([call, call.but(attributes={"db.namespace": "orders", "more": "y"})]), NOW)
    assert report_of(engine)["label_sets"] == {"calls": 1, "duration": 2, "edges": 1}


def test_label_sets_may_come_and_go_while_they_are_listed() -> None:
    engine = filled()
    listed = engine.label_sets()
    first = next(listed)
    engine.consume(request([Placed(service=f"s{i}") for i in range(300)]), NOW)
    assert first.family == names.CALLS
    assert len(list(listed)) > 300


def test_values_are_read_as_they_are() -> None:
    odd = 'a"b\\c\nd,e="f'
    engine = Engine(PLAN)
    engine.consume(request([Placed(attributes={"route": odd})]), NOW)
    assert label(report_of(engine), "route")["most"] == [{"value": odd, "label_sets": 1}]


@on_both_loops
def test_the_page_is_json_and_says_what_top_may_be(run: Run) -> None:
    async def scenario() -> None:
        async with site() as s:
            async with s.get("/api/v1/cardinality?top=3") as response:
                assert response.headers["Content-Type"] == "application/json; charset=utf-8"
                assert set(await response.json()) == {"label_sets", "limits", "services", "more_services", "labels"}
            for wrong in ("0", "1001", "x", "-1", "\u0663", ""):
                async with s.get("/api/v1/cardinality", params={"top": wrong}) as response:
                    assert (response.status, await response.text()) == (400, "top is a number from 1 to 1000.\n")

    run(scenario)


def test_a_running_daemon_says_what_its_series_are_made_of() -> None:
    with running("serve", *FREE_PORTS, "--log.format=json") as daemon:
        daemon.ready()
        assert daemon.send(request(spans())) == 200
        status, text = daemon.get("/api/v1/cardinality?top=1")
        assert status == 200
        assert json.loads(text)["services"][0]["service"] == "shop"
