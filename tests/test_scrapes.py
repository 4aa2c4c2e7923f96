"""Metrics pages over real sockets: whole ones, and how one that cannot be whole ends."""

from __future__ import annotations

import asyncio
import gzip
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from prometheus_client.openmetrics import parser as openmetrics_parser

from span2metrics import names
from span2metrics.engine.core import Engine
from span2metrics.engine.plan import Format, Plan
from span2metrics.web.negotiate import Negotiated
from span2metrics.web.page import BLOCK, Chunks, gzipped, page
from span2metrics.web.scrape import SERVED
from tests.metrics_proto import read_messages
from tests.payloads import NOW, Placed, request
from tests.sites import (
    CHUNK,
    NOISE,
    OPENMETRICS,
    SECRET,
    Rendering,
    Run,
    Watched,
    endless,
    on_both_loops,
    raw_get,
    settings,
    site,
    talk,
)

pytestmark = on_both_loops


def test_one_page_has_span_series_and_our_own_metrics(run: Run) -> None:
    async def scenario() -> None:
        engine = Engine(Plan())
        engine.consume(request([Placed(service="shop", name="GET /cart")]), NOW)
        async with site(engine) as s, s.get("/metrics", headers=OPENMETRICS) as response:
            assert response.headers["Content-Type"] == Format.OPENMETRICS.content_type
            text = await response.text()
        families = {f.name: f for f in openmetrics_parser.text_string_to_metric_families(text)}
        calls = [sample for sample in families["traces_span_metrics_calls"].samples if sample.value]
        assert [sample.labels["span_name"] for sample in calls] == ["GET /cart"]
        assert families["span2metrics_aggregated_spans"].samples[0].value == 1
        assert text.endswith("# EOF\n")
        assert text.count("# EOF") == 1

    run(scenario)


def test_a_client_that_asks_for_nothing_gets_text(run: Run) -> None:
    async def scenario() -> None:
        async with site() as s, s.get("/metrics") as response:
            assert response.headers["Content-Type"] == Format.TEXT.content_type
            assert "EOF" not in await response.text()

    run(scenario)


@pytest.mark.parametrize("format", SERVED)
def test_each_version_has_its_header_and_the_page_of_its_format(run: Run, format: Format) -> None:
    async def scenario() -> None:
        engine = Engine(Plan())
        engine.consume(request([Placed()]), NOW)
        asked = {"Accept": format.content_type}
        async with site(engine, settings("/spans", "/own")) as s, s.get("/spans", headers=asked) as response:
            assert response.headers["Content-Type"] == format.content_type
            found = await response.read()
        assert found == b"".join(engine.render(format.body, NOW)) + format.trailer

    run(scenario)


def test_protobuf_has_the_spans_and_the_daemons_own(run: Run) -> None:
    async def scenario() -> None:
        async with site() as s, s.get("/metrics", headers={"Accept": Format.PROTOBUF.content_type}) as response:
            assert response.headers["Content-Type"] == Format.PROTOBUF.content_type
            names = [family.name for family in read_messages(await response.read())]
        assert "traces_span_metrics_calls_total" in names
        assert "span2metrics_aggregated_spans_total" in names
        assert len(names) == len(set(names))

    run(scenario)


def test_a_few_families_are_answered_as_text_even_to_who_prefers_protobuf(run: Run) -> None:
    async def scenario() -> None:
        accept = f"{Format.PROTOBUF.content_type},text/plain;version=0.0.4;q=0.5"
        path = "/metrics?name[]=traces_span_metrics_calls"
        async with site() as s, s.get(path, headers={"Accept": accept}) as response:
            assert response.headers["Content-Type"] == Format.TEXT.content_type

    run(scenario)


def test_two_paths_divide_the_page(run: Run) -> None:
    async def scenario() -> None:
        async with site(web=settings("/spans", "/own")) as s:
            spans, own = await s.text("/spans"), await s.text("/own")
        assert "traces_span_metrics" in spans
        assert "span2metrics_" not in spans
        assert "process_" not in spans
        assert "traces_span_metrics" not in own
        assert "span2metrics_aggregated_spans_total" in own

    run(scenario)


@pytest.mark.parametrize("size", [0, 10, BLOCK - 1, BLOCK, BLOCK + 1, 5 * BLOCK + 77])
def test_gzip_changes_nothing_but_the_size(run: Run, size: int) -> None:
    spans = b"".join(b"%d\n" % i for i in range(size // 7 + 1))[:size]
    pieces = [spans[i : i + 65536] for i in range(0, size, 65536)]

    async def scenario() -> None:
        async with site(Rendering(lambda: iter(pieces)), settings("/spans", "/own")) as s:
            async with s.get("/spans", headers=OPENMETRICS | {"Accept-Encoding": "gzip"}) as response:
                assert response.headers["Content-Encoding"] == "gzip"
                assert gzip.decompress(await response.read()) == spans + b"# EOF\n"
            async with s.get("/spans", headers=OPENMETRICS | {"Accept-Encoding": "identity"}) as response:
                assert "Content-Encoding" not in response.headers
                assert await response.read() == spans + b"# EOF\n"

    run(scenario)


def test_head_tells_the_headers_and_counts_no_scrape(run: Run) -> None:
    async def scenario() -> None:
        engine = Rendering(endless)
        async with site(engine) as s:
            answer = await talk(s.port, raw_get("/metrics").replace(b"GET", b"HEAD"))
            head, _, body = answer.partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 OK")
            assert f"Content-Type: {Format.TEXT.content_type}".encode() in head
            assert body == b""
            assert engine.rendered == 0
            assert s.telemetry.ended.empty()

    run(scenario)


def test_an_http_1_0_client_gets_the_page_and_then_the_end(run: Run) -> None:
    async def scenario() -> None:
        engine = Rendering(lambda: iter([CHUNK] * 3))
        async with site(engine, settings("/spans", "/own")) as s:
            head, _, body = (await talk(s.port, raw_get("/spans", "1.0"))).partition(b"\r\n\r\n")
            assert b"chunked" not in head
            assert body == CHUNK * 3

    run(scenario)


def test_each_scrape_is_counted_when_it_has_ended(run: Run) -> None:
    async def scenario() -> None:
        async with site() as s:
            assert 'span2metrics_scrapes_total{format="text",outcome="complete"} 0\n' in await s.text("/metrics")
            assert 'span2metrics_scrapes_total{format="text",outcome="complete"} 1\n' in await s.text("/metrics")

    run(scenario)


@pytest.mark.parametrize("travel", [lambda chunks: chunks, gzipped], ids=["plain", "gzip"])
def test_the_loop_has_a_turn_after_every_chunk(run: Run, travel: Callable[[Chunks], Chunks]) -> None:
    turns = 0
    seen: list[int] = []

    def noting_turns() -> Iterator[bytes]:
        for _ in range(40):
            seen.append(turns)
            yield CHUNK

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def scenario() -> None:
        task = asyncio.create_task(others())
        async for _ in travel(page(Rendering(noting_turns), None, Negotiated(Format.TEXT), NOW)):
            pass
        task.cancel()
        assert len(set(seen)) == 40

    run(scenario)


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_other_requests_are_answered_while_a_page_is_under_way(run: Run, encoding: str) -> None:
    answered: list[str] = []

    def until_answered() -> Iterator[bytes]:
        for _ in range(20_000):
            if answered:
                return
            yield CHUNK
        raise AssertionError("nobody else had a turn")

    async def scenario() -> None:
        engine = Rendering(until_answered)
        async with site(engine) as s:
            async with s.get("/metrics", headers={"Accept-Encoding": encoding}) as response:
                reading = asyncio.create_task(response.read())
                answered.append(await s.text("/-/healthy"))
                await reading
            assert await s.telemetry.ended.get() == names.SCRAPE_COMPLETE
            assert engine.rendered > 0

    run(scenario)


def test_a_reader_that_stalls_holds_up_its_own_page_alone(run: Run) -> None:
    async def scenario() -> None:
        engine = Rendering(lambda: iter([CHUNK] * 2000))
        async with site(engine) as s:
            reader, writer = await asyncio.open_connection("127.0.0.1", s.port)
            writer.write(raw_get("/metrics"))
            await reader.readexactly(1000)
            before = 0
            while engine.rendered > before:
                before = engine.rendered
                for _ in range(5):
                    await s.text("/-/healthy")
            assert engine.rendered < 1000  # what the kernel's buffers hold is far less
            writer.transport.abort()
            assert await s.telemetry.ended.get() == names.SCRAPE_ABORTED

    run(scenario)


# --- pages that break off ---------------------------------------------------------------------------------------------


def breaking() -> Iterator[bytes]:
    yield from [NOISE] * 40
    raise RuntimeError(SECRET)


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_a_page_that_fails_in_the_middle_resets_the_connection(
    run: Run, caplog: pytest.LogCaptureFixture, version: str, encoding: str
) -> None:
    async def scenario() -> None:
        async with site(Rendering(breaking)) as s:
            asked = raw_get("/metrics", version)[:-2] + f"Accept-Encoding: {encoding}\r\n\r\n".encode()
            with pytest.raises(ConnectionResetError):
                await talk(s.port, asked)
            assert s.telemetry.ended.get_nowait() == names.SCRAPE_ERROR
            assert await s.text("/-/healthy")

    run(scenario)
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert SECRET not in caplog.text


class Failing(Watched):
    def collect(self) -> Any:
        raise RuntimeError(SECRET)


@pytest.mark.parametrize("chunks", [[], [CHUNK]])
def test_metrics_of_our_own_that_cannot_be_had_fail_the_page(run: Run, chunks: list[bytes]) -> None:
    async def scenario() -> None:
        engine = Rendering(lambda: iter(chunks))
        async with site(engine, telemetry=Failing(engine)) as s:
            if chunks:
                with pytest.raises(ConnectionResetError):
                    await talk(s.port, raw_get("/metrics"))
            else:
                async with s.get("/metrics") as response:
                    assert response.status == 500
                    assert await response.text() == "internal server error\n"
            assert s.telemetry.ended.get_nowait() == names.SCRAPE_ERROR

    run(scenario)


def test_a_client_that_goes_ends_its_page_as_aborted(run: Run) -> None:
    async def scenario() -> None:
        async with site(Rendering(endless)) as s:
            reader, writer = await asyncio.open_connection("127.0.0.1", s.port)
            writer.write(raw_get("/metrics"))
            await reader.readexactly(100_000)
            writer.transport.abort()
            assert await s.telemetry.ended.get() == names.SCRAPE_ABORTED
            assert await s.text("/-/healthy")

    run(scenario)
