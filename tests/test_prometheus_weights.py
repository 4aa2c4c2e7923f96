"""Real scrapers read weighted spans in every format that they can ask for, as near to the fractions as doubles are."""

from __future__ import annotations

import random
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from span2metrics.config import compile_plan, load
from span2metrics.engine.plan import MS, Format
from tests.oracle_weights import WeightedOracle
from tests.payloads import ERROR, Placed, request
from tests.processes import FREE_PORTS, PATIENCE, Running, running
from tests.prometheus import Prometheus, launched
from tests.scrapers import SCRAPERS, all_launched, needed
from tests.weights_page import HISTOGRAMS, SECOND, Key, near, renamed, wanted

SAMPLING = "sampling: {weight_attribute: sampling.probability}\n"
CLASSIC = "metrics: {dialects: [otel, tempo], exemplars: true}\n" + SAMPLING
BOTH = "metrics: {dialects: [otel, tempo], histograms: both, native: {max_buckets: 12}}\n" + SAMPLING
#: Reads no doubles in classic buckets of protobuf, but the nearest integers.
ROUNDS = "2.42 protobuf"
KEEPERS = ("2.42 protobuf", "3.16 protobuf")
#: What a scrape adds to a target's labels.
OF_THE_SCRAPE = {"job", "instance"}


def spans() -> list[Placed]:
    """Of series that are all weighted, partly weighted, or not at all."""
    dice, parts = random.Random(4), ("ot=th:3", "ot=th:aaa", "ot=th:e6666666666668", "ot=th:0")
    sampled = [
        Placed(
            name=dice.choice(["weighted", "mixed"]),
            status=dice.choice([0, 0, ERROR]),
            took=dice.choice([0, MS, 3 * MS, dice.randrange(20 * SECOND)]),
            trace_state=dice.choice(parts),
            attributes={"sampling.probability": dice.choice([0.3, "0.07"])} if dice.random() < 0.3 else {},
        )
        for _ in range(300)
    ]
    return [*sampled, *(Placed(name=name, took=took) for name in ("mixed", "plain") for took in (0, MS, SECOND))]


BODY = request(spans())


def model(folder: Path, settings: str) -> WeightedOracle:
    """What a daemon of these settings must show."""
    file = folder / "model.yaml"
    file.write_text(settings)
    counted = WeightedOracle(compile_plan(load(file)))
    counted.consume(BODY)
    return counted


def send(daemon: Running) -> None:
    headers = {"Content-Type": "application/x-protobuf"}
    post = urllib.request.Request(f"http://{daemon.otlp_http}/v1/traces", BODY, headers)
    with urllib.request.urlopen(post, timeout=PATIENCE) as answer:
        assert answer.status == 200


def started(stack: ExitStack, folder: Path, settings: str) -> Running:
    config = folder / "span2metrics.yaml"
    config.write_text(settings)
    daemon = stack.enter_context(running("serve", f"--config.file={config}", *FREE_PORTS)).ready()
    send(daemon)
    return daemon


@pytest.fixture(scope="module")
def classic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Prometheus]]:
    """By name, every scraper that is there, of one daemon."""
    with ExitStack() as stack:
        daemon = started(stack, tmp_path_factory.mktemp("daemon"), "web: {max_scrapes: 32}\n" + CLASSIC)
        found = all_launched(daemon.web, tmp_path_factory.mktemp, stack)
        yield {name: server for name, (server, _) in found.items()}


@pytest.mark.parametrize("name", SCRAPERS)
def test_every_number_is_stored_as_near_as_doubles_are(
    name: str, classic: Mapping[str, Prometheus], tmp_path: Path
) -> None:
    needed(SCRAPERS[name])
    found, must = stored(classic[name]), wanted(model(tmp_path, CLASSIC))
    assert found.keys() == must.keys()
    for key, (value, fractional) in must.items():
        if name == ROUNDS and key[0].endswith(("_bucket", "_count")):
            assert abs(Fraction(found[key]) - value) <= Fraction(1, 2), key
        else:
            assert near(found[key], value), key
        assert fractional or found[key] == value or key[0].endswith("_sum")
    assert sum(fractional for _, fractional in must.values()) > len(must) // 2
    assert classic[name].complaints() == []


def stored(server: Prometheus) -> dict[Key, float]:
    """Every sample of the span families by its name and labels."""
    vector = server.vector('{__name__=~"traces_span_?metrics_.+"}')
    return {
        (labels.pop("__name__"), frozenset(item for item in labels.items() if item[0] not in OF_THE_SCRAPE)): value
        for labels, value in vector
    }


@pytest.mark.parametrize("name", KEEPERS)
def test_native_buckets_are_stored_as_near(name: str, tmp_path: Path) -> None:
    scraper = SCRAPERS[name]
    binary, expected = needed(scraper), model(tmp_path, BOTH)
    with ExitStack() as stack:
        daemon = started(stack, tmp_path, BOTH)
        options = {"binary": binary, "settings": scraper.settings}
        server = stack.enter_context(launched(daemon.web, tmp_path, scraper.features, **options))
        server.wait_for("count(up == 1)", 1)
        assert_natives_near(server, expected)
        assert server.complaints() == []


def assert_natives_near(server: Prometheus, expected: WeightedOracle) -> None:
    durations, natives = expected.weighted_durations(), expected.weighted_natives(SECOND)
    assert {native.schema < expected.plan.native_schema for native in natives.values()} == {True, False}
    for (name, service), labels in product(HISTOGRAMS, durations):
        told = native(server, name, renamed(labels, service))
        assert near(float(told["count"]), durations[labels].count)
        assert near(float(told["sum"]), durations[labels].sum / SECOND)
        _, zero, buckets = natives[labels]
        counts = [zero] * bool(zero) + [buckets[i] for i in sorted(buckets)]
        for (*_, count), value in zip(told["buckets"], counts, strict=True):
            assert near(float(count), value)


def native(server: Prometheus, name: str, labels: Any) -> Any:
    """The native histogram of a series: count, sum, and buckets that are not empty, ascending."""
    selector = ",".join(f'{label}="{text}"' for label, text in labels)
    (series,) = server.get("/api/v1/query", query=f"{name}{{{selector}}}")["result"]
    return series["histogram"][1]


def test_the_formats_that_were_read_are_all_that_there_are() -> None:
    answers = {scraper.answer.partition(";")[0] for scraper in SCRAPERS.values()}
    assert answers == {format.media_type.partition(";")[0] for format in Format}
