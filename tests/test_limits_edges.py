"""Edges of the service graph come and go, and there is a limit of them: nothing is lost, and nobody is mistaken."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from span2metrics import names
from span2metrics.engine.core import Engine
from span2metrics.engine.plan import Dimension, Format, Graph, Now, Plan
from tests.payloads import CLIENT, ERROR, NOW, SERVER, UNSET, Placed, request

SECOND = 10**9
PLAN = Plan(expire_after_ns=60 * SECOND)
_LINE = re.compile(r"(traces_service_graph_\w+)\{(.*)\} (\S+)")


def later(seconds: float) -> Now:
    return Now(NOW.wall_ns + int(seconds * SECOND), NOW.mono_ns + int(seconds * SECOND))


def call(client: str, server: str, number: int = 1, status: int = UNSET) -> list[Placed]:
    trace = number.to_bytes(16, "big")
    return [
        Placed(service=client, kind=CLIENT, trace_id=trace, span_id=b"\1" * 8, status=status),
        Placed(service=server, kind=SERVER, trace_id=trace, span_id=b"\2" * 8, parent_id=b"\1" * 8),
    ]


def database(client: str, name: str, number: int = 1) -> Placed:
    attributes = {"db.namespace": name, "db.system": "pg"}
    return Placed(service=client, kind=CLIENT, trace_id=number.to_bytes(16, "big"), attributes=attributes)


def wait(engine: Engine, now: Now) -> None:
    while engine.expire(now):
        pass


def shown(engine: Engine, family: str, now: Now = NOW) -> dict[tuple[str, ...], float]:
    """Values of the labels → value."""
    found = {}
    for line in b"".join(engine.render(Format.TEXT, now)).decode().splitlines():
        match = _LINE.fullmatch(line)
        if match and match[1] == f"traces_service_graph_{family}":
            found[tuple(re.findall(r'="([^"]*)"', match[2]))] = float(match[3])
    return found


def send(engine: Engine, spans: Iterable[Placed], now: Now = NOW) -> None:
    engine.consume(request(list(spans)), now)


def test_an_edge_without_spans_goes_with_all_its_families_and_comes_back_from_0() -> None:
    engine = Engine(PLAN)
    send(engine, [*call("a", "b", 1, ERROR), *call("a", "b", 2), *call("b", "c", 3)])
    wait(engine, later(50))
    send(engine, call("b", "c", 4), later(50))
    wait(engine, later(60))
    assert shown(engine, "request_total", later(60)) == {("b", "c"): 2}
    assert shown(engine, "request_failed_total", later(60)) == {("b", "c"): 0}
    assert set(shown(engine, "request_client_seconds_count", later(60))) == {("b", "c")}
    assert shown(engine, "service_info", later(60)) == {("b",): 1, ("c",): 1}
    send(engine, [*call("a", "b", 5), *call("x", "y", 6)], later(61))
    assert shown(engine, "request_total", later(61)) == {("a", "b"): 1, ("b", "c"): 2, ("x", "y"): 1}
    assert shown(engine, "request_failed_total", later(61)) == {("a", "b"): 0, ("b", "c"): 0, ("x", "y"): 0}
    assert engine.stats().series["edges"] == 3


def test_counters_of_halves_go_and_come_back() -> None:
    engine = Engine(PLAN)
    lonely = Placed(service="a", kind=CLIENT, trace_id=b"\7" * 16)
    send(engine, [lonely])
    wait(engine, later(11))
    assert shown(engine, "unpaired_spans_total", later(11)) == {("a", "client", "expired"): 1}
    wait(engine, later(71))
    assert shown(engine, "unpaired_spans_total", later(71)) == {}
    send(engine, [lonely], later(80))
    wait(engine, later(91))
    assert shown(engine, "unpaired_spans_total", later(91)) == {("a", "client", "expired"): 1}


def test_beyond_the_limit_the_end_that_was_not_seen_is_other_and_totals_stay_exact() -> None:
    engine = Engine(replace(PLAN, most_edges=2))
    send(engine, [*call("a", "b", 1), database("a", "orders", 2)])
    send(engine, [database("a", f"tenant-{i}", 10 + i) for i in range(50)])
    send(engine, [database("b", f"tenant-{i}", 100 + i) for i in range(5)])
    send(engine, [*call("a", "b", 3), *call("c", "d", 4), *call("c", "e", 5)])
    assert shown(engine, "request_total") == {
        ("a", "b"): 2,
        ("a", "orders", "database"): 1,
        ("a", "__other__", "database"): 50,
        ("b", "__other__", "database"): 5,
        ("c", "__other__"): 2,
    }
    edges = {service: n for (service, limit), n in engine.stats().overflowed.items() if limit == names.LIMIT_EDGES}
    assert edges == {"a": 50, "b": 5, "c": 2}


def test_an_unseen_client_is_other_too_and_such_edges_have_no_dimensions() -> None:
    tier = Dimension("tier", ("tier",))
    engine = Engine(replace(PLAN, most_edges=1, graph=Graph(dimensions=(tier,))))
    roots = [Placed(service="a", trace_id=i.to_bytes(16, "big"), attributes={"tier": f"t{i}"}) for i in range(1, 5)]
    send(engine, roots)
    wait(engine, later(10))
    assert shown(engine, "request_total", later(10)) == {
        ("user", "a", "virtual_node", "t1"): 1,
        ("__other__", "a", "virtual_node"): 3,
    }


def test_an_edge_that_was_turned_away_has_a_series_once_there_is_room() -> None:
    engine = Engine(replace(PLAN, most_edges=1))
    send(engine, [*call("a", "b", 1), *call("c", "d", 2)])
    assert set(shown(engine, "request_total")) == {("a", "b"), ("c", "__other__")}
    wait(engine, later(60))
    send(engine, call("c", "d", 3), later(60))
    assert shown(engine, "request_total", later(60)) == {("c", "d"): 1}


def test_what_met_the_limit_of_edges_is_told_as_long_as_its_service_sends() -> None:
    engine = Engine(replace(PLAN, most_edges=1))
    send(engine, call("a", "b", 1))
    send(engine, [database("c", "orders", 2)])
    told = {("c", names.LIMIT_EDGES): 1}
    assert engine.stats().overflowed == told
    alive = Placed(service="c", trace_id=b"\7" * 16, parent_id=b"\6" * 8)
    for seconds in (50, 100):
        send(engine, [alive, *call("a", "b", 3)], later(seconds))
        wait(engine, later(seconds + 1))
    assert ("c", "__other__", "database") not in shown(engine, "request_total", later(101))
    assert engine.stats().overflowed == told


def test_edges_that_come_and_go_keep_their_numbers_apart() -> None:
    """Each generation of edges lives in the places of the one before the last; counts are those of the spans sent."""
    engine = Engine(PLAN)
    number = 0
    for generation in range(6):
        now = later(70 * generation)
        wait(engine, now)
        sent: Counter[tuple[str, ...]] = Counter()
        for i in range(800):
            pair = (f"{generation}-{i % 40}", f"{generation}-{i // 40}s")
            number += 1
            send(engine, call(*pair, number), now)
            sent[pair] += 1
        assert shown(engine, "request_total", now) == sent
        assert shown(engine, "request_server_seconds_count", now) == sent
        assert engine.stats().series["edges"] == len(sent)
