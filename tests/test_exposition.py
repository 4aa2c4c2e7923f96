"""Pages: their bytes (golden files), what outside parsers find on them, and that they can be read in peace."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from span2metrics.engine.core import Engine
from span2metrics.engine.plan import MS, Dimension, Format, Plan, Source, Unit
from tests.oracle import TEXTS, Oracle, read_page
from tests.payloads import CLIENT, ERROR, NOW, START, Placed, request

GOLDEN = Path(__file__).parent / "data" / "golden"
FILES = {Format.TEXT: "small.txt", Format.OPENMETRICS: "small.openmetrics.txt"}
S = 1000 * MS

SMALL = Plan(
    bounds_ns=(2 * MS, 250 * MS, S, 15 * S),
    dimensions=(Dimension("http_route", ("http.route", "url.path"), default="none"),),
    calls_dimensions=(Dimension("http_response_status_code", ("http.response.status_code",)),),
    resource_labels=(Dimension("deployment_environment", ("deployment.environment",), (Source.RESOURCE,)),),
    errors_zero_drop=frozenset({"http_response_status_code"}),
)
CHECKOUT = Placed(service="checkout", name="POST /pay", resource={"deployment.environment": "test"})
SMALL_SPANS = [
    CHECKOUT.but(attributes={"http.route": "/pay", "http.response.status_code": 200}, took=2 * MS),
    CHECKOUT.but(attributes={"http.route": "/pay", "http.response.status_code": 200}, took=2 * MS + 1),
    CHECKOUT.but(attributes={"http.route": "/pay", "http.response.status_code": 503}, took=16 * S, status=ERROR),
    CHECKOUT.but(name='SELECT "a\\b"\n', kind=CLIENT, took=120_500_000),
    CHECKOUT.but(service="café 😀", took=S, attributes={"url.path": "/p"}, parent_id=CHECKOUT.span_id),
    CHECKOUT.but(name="no time", start=0, end=START),
]


def engine_with(plan: Plan, *spans: Placed) -> Engine:
    engine = Engine(plan)
    engine.consume(request(spans), NOW)
    return engine


def page(engine: Engine, format: Format) -> bytes:
    return b"".join(engine.render(format, NOW))


def families(raw: bytes, format: Format) -> dict[str, str]:
    """Name to type, as the format's parser reads them."""
    parser = parse_text if format is Format.TEXT else parse_openmetrics
    return {family.name: family.type for family in parser((raw + format.trailer).decode())}


# --- bytes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", TEXTS)
def test_a_small_page_is_the_golden_one(format: Format) -> None:
    assert page(engine_with(SMALL, *SMALL_SPANS), format) + format.trailer == (GOLDEN / FILES[format]).read_bytes()


@pytest.mark.parametrize("format", TEXTS)
def test_the_golden_page_has_the_numbers_of_the_rules(format: Format) -> None:
    model = Oracle(SMALL)
    model.consume(request(SMALL_SPANS))
    golden = (GOLDEN / FILES[format]).read_bytes()
    assert read_page(golden.removesuffix(format.trailer), format) == model.numbers()


@pytest.mark.parametrize("format", TEXTS)
def test_a_page_without_spans_names_its_families(format: Format) -> None:
    raw = page(Engine(Plan()), format)
    assert raw == Oracle(Plan()).page(format)
    assert families(raw, format) == {
        "traces_span_metrics_calls": "counter",
        "traces_span_metrics_duration_seconds": "histogram",
        "traces_service_graph_request": "counter",
        "traces_service_graph_request_failed": "counter",
        "traces_service_graph_request_server_seconds": "histogram",
        "traces_service_graph_request_client_seconds": "histogram",
        "traces_service_graph_service_info": "gauge",
        "traces_service_graph_unpaired_spans": "counter",
        "traces_service_graph_dropped_spans": "counter",
    }


@pytest.mark.parametrize("format", TEXTS)
@pytest.mark.parametrize(
    ("plan", "names"),
    [
        (Plan(namespace="", graph=None), ["calls", "duration_seconds"]),
        (Plan(namespace="x", graph=None), ["x_calls", "x_duration_seconds"]),
        (
            Plan(unit=Unit.MILLISECONDS, graph=None),
            ["traces_span_metrics_calls", "traces_span_metrics_duration_milliseconds"],
        ),
    ],
)
def test_namespace_and_unit_are_in_the_names(plan: Plan, names: list[str], format: Format) -> None:
    assert sorted(families(page(engine_with(plan, Placed()), format), format)) == names


@pytest.mark.parametrize("unit", Unit)
def test_the_unit_is_said_where_openmetrics_wants_it(unit: Unit) -> None:
    engine = Engine(Plan(unit=unit, graph=None))
    line = f"# UNIT traces_span_metrics_duration_{unit.suffix} {unit.suffix}\n".encode()
    assert page(engine, Format.OPENMETRICS).count(b"# UNIT") == page(engine, Format.OPENMETRICS).count(line) == 1
    assert b"# UNIT" not in page(engine, Format.TEXT)


@pytest.mark.parametrize(
    ("unit", "bound_ns", "text"),
    [
        # As Go prints a float64 with %g, and ".0" where neither point nor exponent is (OpenMetrics 1.0.0, "Numbers").
        (Unit.SECONDS, 1, "1e-09"),
        (Unit.SECONDS, 1_500, "1.5e-06"),
        (Unit.SECONDS, 50_000, "5e-05"),
        (Unit.SECONDS, 100_000, "0.0001"),
        (Unit.SECONDS, 2 * MS, "0.002"),
        (Unit.SECONDS, 250 * MS, "0.25"),
        (Unit.SECONDS, S, "1.0"),
        (Unit.SECONDS, 1400 * MS, "1.4"),
        (Unit.SECONDS, 15 * S, "15.0"),
        (Unit.SECONDS, 86_400 * S, "86400.0"),
        (Unit.SECONDS, 10**6 * S, "1e+06"),
        (Unit.MILLISECONDS, 50_000, "0.05"),
        (Unit.MILLISECONDS, 2 * MS, "2.0"),
        (Unit.MILLISECONDS, 1400 * MS, "1400.0"),
        (Unit.MILLISECONDS, 15 * S, "15000.0"),
        (Unit.MILLISECONDS, 1000 * S, "1e+06"),
        (Unit.MILLISECONDS, 3600 * S, "3.6e+06"),
    ],
)
@pytest.mark.parametrize("format", TEXTS)
def test_a_bound_is_a_canonical_number(unit: Unit, bound_ns: int, text: str, format: Format) -> None:
    engine = engine_with(Plan(unit=unit, bounds_ns=(bound_ns,)), Placed())
    assert re.findall(rb'le="([^"]*)"', page(engine, format)) == [text.encode(), b"+Inf"]


@pytest.mark.parametrize(
    ("took", "seconds", "milliseconds"),
    [
        ([0], "0", "0"),
        ([1], "0.000000001", "0.000001"),
        ([123 * MS], "0.123", "123"),
        ([3 * S], "3", "3000"),
        ([1_000_000_001], "1.000000001", "1000.000001"),
        ([100 * S], "100", "100000"),
        ([2**64 - 1 - START] * 3, "50090232221.128654845", "50090232221128.654845"),
    ],
)
@pytest.mark.parametrize("format", TEXTS)
def test_a_sum_is_an_exact_decimal(took: list[int], seconds: str, milliseconds: str, format: Format) -> None:
    for unit, text in ((Unit.SECONDS, seconds), (Unit.MILLISECONDS, milliseconds)):
        engine = engine_with(Plan(unit=unit), *(Placed(took=ns) for ns in took))
        assert re.findall(rb"_sum\{[^}]*\} (.*)\n", page(engine, format)) == [text.encode()]


@pytest.mark.parametrize(("index", "edge"), list(enumerate(Plan().bounds_ns)))
def test_a_bound_is_inclusive(index: int, edge: int) -> None:
    for took, first in ((edge - 1, index), (edge, index), (edge + 1, index + 1)):
        counts = re.findall(rb'le="[^"]*"\} (\d)\n', page(engine_with(Plan(), Placed(took=took)), Format.TEXT))
        assert counts == [b"0"] * first + [b"1"] * (17 - first)


AWKWARD = [
    *('say "hi"', "back\\slash", "\\", '\\"', "\\n", "a\nb", "\n", '\\\n"', "a\rb", "tab\t", " lead and trail "),
    *(
        "😀",
        "é",
        "日本語",
        "\0",
        "a\0b",
        "\x7f",
        "\x1b[0m",
        "\u2028",
        "\ufeff",
        "}",
        '",le="1',
        "{}=,",
        "# EOF",
        "# {a} 1",
    ),
]


@pytest.mark.parametrize("format", TEXTS)
@pytest.mark.parametrize("value", AWKWARD)
def test_parsers_read_back_what_was_sent(value: str, format: Format) -> None:
    plan = Plan(dimensions=(Dimension("k", ("k",)),))
    calls, durations = read_page(page(engine_with(plan, Placed(name=value, attributes={"k": value})), format), format)
    assert {(dict(labels)["span_name"], dict(labels)["k"]) for labels in (*calls, *durations)} == {(value, value)}


@pytest.mark.parametrize("format", TEXTS)
def test_a_page_of_all_awkward_values_is_the_oracles(format: Format) -> None:
    spans = [Placed(name=name, service=service) for name in AWKWARD for service in AWKWARD]
    engine, model = engine_with(Plan(), *spans), Oracle(Plan())
    model.consume(request(spans))
    raw = page(engine, format)
    assert raw == model.page(format)
    assert read_page(raw, format) == model.numbers()


# --- chunks -----------------------------------------------------------------------------------------------------------

MANY = [Placed(name=f"name n{n:04}", took=n * MS) for n in range(700)]
CHUNK = 256 << 10
SERIES = 8 << 10  # more than the lines of one series take here


@pytest.mark.parametrize("format", [Format.TEXT, Format.OPENMETRICS])
def test_a_chunk_that_somebody_keeps_is_never_written_again(format: Format) -> None:
    engine = engine_with(Plan(), *MANY)
    kept, copies = [], []
    for number, chunk in enumerate(engine.render(format, NOW)):
        copies.append(bytearray(chunk))
        if number % 3 != 1:  # the others' memory may be used again
            kept.append((number, chunk))
    assert all(chunk == copies[number] for number, chunk in kept)
    assert b"".join(copies) == b"".join(engine.render(format, NOW))


@pytest.mark.parametrize("format", TEXTS)
def test_chunks_are_of_about_256_kib_and_end_with_a_line(format: Format) -> None:
    chunks = list(engine_with(Plan(), *MANY).render(format, NOW))
    assert len(chunks) > 5
    assert all(chunk.endswith(b"\n") for chunk in chunks)
    assert max(map(len, chunks)) <= CHUNK + SERIES
    assert min(map(len, chunks[:-1])) >= CHUNK - SERIES


def test_nothing_is_rendered_before_it_is_asked_for() -> None:
    engine = engine_with(Plan(), Placed(name="early"))
    chunks = engine.render(Format.TEXT, NOW)
    engine.consume(request([Placed(name="late")]), NOW)
    assert b"late" in b"".join(chunks)


def _interrupted(engine: Engine, format: Format, bodies: Iterator[bytes]) -> bytes:
    """A page between whose chunks requests arrive."""
    chunks = []
    for chunk in engine.render(format, NOW):
        chunks.append(chunk)
        engine.consume(next(bodies), NOW)
    return b"".join(chunks)


def _new_and_known() -> Iterator[bytes]:
    for n in range(10_000):
        known = [Placed(name=f"name n{n * 7 % 700:04}", took=n * MS, status=n % 3) for n in range(n, n + 20)]
        yield request(
            [*known, Placed(name=f"name n{n % 700:04} and more"), Placed(name=f"aaa n{n}"), Placed(name=f"zzz n{n}")]
        )


@pytest.mark.parametrize("format", TEXTS)
def test_spans_between_chunks_do_not_break_a_page(format: Format) -> None:
    engine = engine_with(Plan(), *MANY)
    before = read_page(page(engine, format), format)
    during = read_page(_interrupted(engine, format, _new_and_known()), format)
    after = read_page(page(engine, format), format)
    assert set(before[0]) == set(during[0]) < set(after[0])
    assert set(before[1]) <= set(during[1]) < set(after[1])
    assert all(before[0][labels] <= during[0][labels] <= after[0][labels] for labels in before[0])
    for buckets, _, count in during[1].values():
        assert buckets["+Inf"] == count
        assert sorted(buckets.values()) == list(buckets.values())


def test_two_open_pages_do_not_disturb_each_other() -> None:
    engine = engine_with(Plan(), *MANY)
    pages = list(zip(engine.render(Format.TEXT, NOW), engine.render(Format.TEXT, NOW), strict=True))
    assert b"".join(one for one, _ in pages) == b"".join(other for _, other in pages) == page(engine, Format.TEXT)


def test_an_abandoned_page_leaves_the_next_one_whole() -> None:
    engine = engine_with(Plan(), *MANY)
    next(engine.render(Format.TEXT, NOW))
    half = engine.render(Format.TEXT, NOW)
    next(half)
    del half
    engine.consume(request([Placed(name="late")]), NOW)
    model = Oracle(Plan())
    model.consume(request([*MANY, Placed(name="late")]))
    assert page(engine, Format.TEXT) == model.page(Format.TEXT)


@pytest.mark.parametrize("format", TEXTS)
def test_a_page_does_not_depend_on_when_it_is_read(format: Format) -> None:
    engine = engine_with(Plan(), *SMALL_SPANS)
    later = NOW._replace(wall_ns=NOW.wall_ns + S, mono_ns=NOW.mono_ns + S)
    assert b"".join(engine.render(format, later)) == page(engine, format)


def test_a_plan_with_more_bounds_than_a_page_can_hold_is_refused() -> None:
    bounds = tuple(range(1, 66))
    engine = engine_with(Plan(bounds_ns=bounds[:64]), Placed(took=64), Placed(took=65))
    assert page(engine, Format.TEXT).count(b"_bucket{") == 65
    with pytest.raises(ValueError, match="at most 64 bounds"):
        Engine(Plan(bounds_ns=bounds))
