"""Real scrapers read one daemon at once, each version in each format: all see what the company sent, and the same."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from span2metrics.demo.span import Span
from tests import sent
from tests.processes import FREE_PORTS, Running, running
from tests.prometheus import Prometheus
from tests.questions import CALLS, DURATION, QUESTIONS, Question
from tests.relay import Relay
from tests.scrapers import ESCAPED, OPENMETRICS, SCRAPERS, TEXT_1, all_launched, needed
from tests.sent import SPANS

#: Every scraper comes by twice while a series is young; more scrapers than usual may meet.
CONFIG = """\
metrics: {zero_first: 4s}
web: {max_scrapes: 32}
"""
#: What a scrape adds to a target's labels.
OF_THE_SCRAPE = {"job", "instance"}


class Scraped(NamedTuple):
    """A scraper that has seen all; `at`: the time of a scrape that did."""

    server: Prometheus
    relay: Relay
    at: float


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    config = tmp_path_factory.mktemp("daemon") / "config.yaml"
    config.write_text(CONFIG)
    with running("serve", f"--config.file={config}", *FREE_PORTS) as started:
        yield started.ready()


@pytest.fixture(scope="module")
def all_scraped(daemon: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Scraped]]:
    """By name, every scraper that is there, after the company has sent all that it has."""
    with ExitStack() as stack:
        found = all_launched(daemon.web, tmp_path_factory.mktemp, stack)
        sent.send(str(daemon.otlp_grpc))
        yield {name: Scraped(server, between, seen_all(server)) for name, (server, between) in found.items()}


def seen_all(server: Prometheus) -> float:
    """Waits until the server has scraped every span in both families; the time of that scrape."""
    for total in (f"sum({CALLS})", f"sum({DURATION}_count)"):
        server.wait_for(total, len(SPANS))
    return server.last_scrape()


@pytest.fixture(params=SCRAPERS)
def name(request: pytest.FixtureRequest) -> Any:
    needed(SCRAPERS[request.param])
    return request.param


@pytest.fixture
def scraped(name: str, all_scraped: dict[str, Scraped]) -> Scraped:
    return all_scraped[name]


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)
def test_answers_are_those_computed_from_the_spans_that_were_sent(scraped: Scraped, question: Question) -> None:
    answer = scraped.server.query(question.promql, *question.by, at=scraped.at)
    assert answer == pytest.approx(question.answer, rel=1e-9)


def series(scraped: Scraped) -> dict[frozenset[tuple[str, str]], float]:
    """Every sample of the span metrics, by its labels."""
    return {
        frozenset((key, value) for key, value in labels.items() if key not in OF_THE_SCRAPE): value
        for labels, value in scraped.server.vector('{__name__=~"traces_span_metrics_.+"}', scraped.at)
    }


def test_all_scrapers_store_the_same_to_the_last_bit(all_scraped: dict[str, Scraped]) -> None:
    reference, *others = map(series, all_scraped.values())
    assert len(reference) > 1000
    assert [set(other.items()) ^ set(reference.items()) for other in others] == [set() for _ in others]


def test_a_scraper_gets_the_format_that_it_asks_for(name: str, scraped: Scraped) -> None:
    scraper = SCRAPERS[name]
    [(accept, answer)] = scraped.relay.exchanges
    assert answer == scraper.answer
    assert scraper.accept or accept.startswith(answer.partition(";")[0])


def test_a_scraper_that_allows_utf8_names_is_told_that_they_are_escaped(all_scraped: dict[str, Scraped]) -> None:
    needed(SCRAPERS["3.16 openmetrics"])
    exchanges = {exchange for scraped in all_scraped.values() for exchange in scraped.relay.exchanges}
    answers = {answer for accept, answer in exchanges if "escaping=allow-utf-8" in accept.partition(",")[0]}
    assert answers == {OPENMETRICS + ESCAPED, TEXT_1 + ESCAPED}


def test_no_scrape_failed_and_none_was_complained_of(scraped: Scraped) -> None:
    assert scraped.server.query("min_over_time(up[10m])") == {(): 1}
    assert scraped.server.query("count_over_time(up[10m])")[()] > sent.SECONDS
    assert scraped.server.complaints() == []


#: Lines of both versions' logs, and whether they are complaints.
LOG = {
    b'level=debug component="scrape manager" scrape_pool=span2metrics msg="Append failed" err="expected value"': True,
    b'level=DEBUG msg="Duplicate sample for timestamp" component="scrape manager" scrape_pool=span2metrics': True,
    b'level=warn component="rule manager" msg="anything"': True,
    b'level=WARN msg="Error on ingesting out-of-order exemplars" num_dropped=1': True,
    b'level=DEBUG msg="Error while adding an exemplar on AppendSample" err="out of order exemplar"': True,
    b'level=DEBUG msg="Error while adding an exemplar on AppendSample" err="duplicate exemplar"': False,
    b'level=info msg="Experimental in-memory exemplar storage enabled"': False,
}


@pytest.mark.parametrize(("line", "complaint"), LOG.items())
def test_a_complaint_is_told_from_news(tmp_path: Path, line: bytes, complaint: bool) -> None:
    log = tmp_path / "prometheus.log"
    log.write_bytes(line + b"\n")
    assert bool(Prometheus("", log).complaints()) == complaint


def test_the_daemon_counts_the_scrapes_of_each_format(scraped: Scraped) -> None:
    counted = scraped.server.query("span2metrics_scrapes_total > 0", "format", "outcome")
    assert set(counted) == {(format, "complete") for format in ("protobuf", "openmetrics", "text")}


# --- exemplars --------------------------------------------------------------------------------------------------------

BY_ID = {(span.trace_id.hex(), span.span_id.hex()): span for span in SPANS}


class Told(NamedTuple):
    """An exemplar: the labels of its series, the span that was sent with its ids, its value, its time."""

    series: dict[str, str]
    span: Span
    value: float
    at: float


def exemplars(scraped: Scraped, metric: str) -> list[Told]:
    now = time.time()
    found = scraped.server.get("/api/v1/query_exemplars", query=metric, start=str(now - 3600), end=str(now + 60))
    return [
        Told(
            series["seriesLabels"],
            BY_ID[exemplar["labels"]["trace_id"], exemplar["labels"]["span_id"]],
            float(exemplar["value"]),
            exemplar["timestamp"],
        )
        for series in found
        for exemplar in series["exemplars"]
    ]


@pytest.mark.parametrize("metric", [f"{DURATION}_bucket", CALLS])
def test_exemplars_are_spans_that_were_sent_in_the_series_and_bucket_that_counts_them(
    name: str, scraped: Scraped, metric: str
) -> None:
    told = exemplars(scraped, metric)
    assert bool(told) == SCRAPERS[name].exemplars
    for exemplar in told:
        labels, span = exemplar.series, exemplar.span
        assert (labels["service_name"], labels["span_name"], labels["span_kind"]) == sent.operation(span)
        assert exemplar.value == pytest.approx(sent.took(span) / 1e9, rel=1e-9)
        assert exemplar.value <= float(labels.get("le", "inf"))
        assert abs(time.time() - exemplar.at) < 3600


def test_every_operation_has_an_exemplar_where_the_format_has_any(name: str, scraped: Scraped) -> None:
    with_exemplar = {sent.operation(exemplar.span) for exemplar in exemplars(scraped, CALLS)}
    assert with_exemplar == (set(sent.counts(sent.operation)) if SCRAPERS[name].exemplars else set())
