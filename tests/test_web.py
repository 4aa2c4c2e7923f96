"""The pages that are not metrics, and the life of the server."""

from __future__ import annotations

import asyncio
import html.parser
import re
import socket
from collections.abc import Iterator

import pytest

from span2metrics import config, names
from span2metrics.engine.core import Engine
from span2metrics.engine.plan import Plan
from span2metrics.errors import StartupError
from span2metrics.telemetry import Telemetry
from span2metrics.web import Web
from tests.sites import (
    CHUNK,
    OPENMETRICS,
    SECRET,
    Rendering,
    Run,
    endless,
    on_both_loops,
    raw_get,
    settings,
    site,
    talk,
)

pytestmark = on_both_loops


def test_readiness_comes_with_its_reason_and_health_does_not_depend_on_it(run: Run) -> None:
    async def scenario() -> None:
        async with site() as s:
            async with s.get("/-/ready") as response:
                assert (response.status, await response.text()) == (200, "span2metrics is ready.\n")
            s.unready.append("draining")
            async with s.get("/-/ready") as response:
                assert (response.status, await response.text()) == (503, "span2metrics is not ready: draining.\n")
            async with s.get("/-/healthy") as response:
                assert (response.status, await response.text()) == (200, "span2metrics is healthy.\n")

    run(scenario)


class Links(html.parser.HTMLParser):
    """Everything that a page points to, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.targets += [value for name, value in attrs if name in ("href", "src", "action") and value]

    def handle_data(self, data: str) -> None:
        self.text += f"{data} "


def test_the_landing_page_links_to_pages_that_exist_and_loads_nothing_from_elsewhere(
    run: Run,
) -> None:
    async def scenario() -> None:
        async with site(web=settings("/spans", "/own")) as s:
            async with s.get("/") as response:
                landing = await response.text()
                assert response.headers["Content-Type"] == "text/html; charset=utf-8"
            links = Links(landing)
            pages = {"spans", "own", "api/v1/cardinality", "runbooks", "-/ready", "-/healthy"}
            assert set(links.targets) == {"favicon.ico"} | pages
            for target in links.targets:
                async with s.get(f"/{target}") as response:
                    assert response.status == 200
        assert "://" not in landing
        assert "@import" not in landing
        assert {"1.2.3", "127.0.0.1:4317", "127.0.0.1:4318"} <= set(re.split(r"\s+", links.text))

    run(scenario)


def test_the_landing_page_says_why_the_daemon_is_not_ready_without_markup(run: Run) -> None:
    async def scenario() -> None:
        async with site() as s:
            assert "Ready." in Links(await s.text("/")).text
            s.unready.append("<b>draining</b>")
            assert "Not ready: &lt;b&gt;draining&lt;/b&gt;." in await s.text("/")

    run(scenario)


def test_metrics_at_the_root_leave_no_landing_page(run: Run) -> None:
    async def scenario() -> None:
        async with site(web=settings("/", "/")) as s:
            assert "span2metrics_build_info" in await s.text("/")

    run(scenario)


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        ("GET", "/nowhere", 404, "not found\n"),
        ("POST", "/nowhere", 404, "not found\n"),
        ("GET", "/metrics/", 404, "not found\n"),
        ("POST", "/metrics", 405, "method not allowed\n"),
        ("DELETE", "/-/healthy", 405, "method not allowed\n"),
        ("PUT", "/", 405, "method not allowed\n"),
    ],
)
def test_what_there_is_not_is_refused_in_plain_words(run: Run, method: str, path: str, status: int, text: str) -> None:
    async def scenario() -> None:
        async with site() as s, s.client.request(method, f"http://{s.web.address}{path}") as response:
            assert (response.status, await response.text()) == (status, text)
            assert response.content_type == "text/plain"
            assert response.headers.get("Allow") == ("GET, HEAD" if status == 405 else None)

    run(scenario)


def test_what_is_no_http_is_refused_without_being_quoted(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with site() as s:
            answer = await talk(s.port, f"{SECRET} \x01\r\n\r\n".encode())
            assert answer.startswith(b"HTTP/1.0 400 Bad Request\r\n")
            assert answer.endswith(b"\r\n\r\nbad request\n")

    run(scenario)
    assert caplog.text == ""


@pytest.mark.parametrize("asked", ["/", "/metrics", "/-/ready", "/no", "\x01"])
def test_no_answer_tells_a_version_of_what_serves_it(run: Run, asked: str) -> None:
    async def scenario() -> None:
        async with site() as s:
            head = (await talk(s.port, raw_get(asked))).partition(b"\r\n\r\n")[0].decode().lower()
            assert "\r\nserver: span2metrics\r\n" in head
            assert "aiohttp" not in head

    run(scenario)


# --- start and stop ---------------------------------------------------------------------------------------------------


def idle(endpoint: config.Endpoint) -> Web:
    engine = Engine(Plan())
    web = config.Web(endpoint, "/metrics", "/metrics")
    return Web(web, engine, Telemetry(engine, version="1"), unready=lambda: None, version="1", receivers=dict)


def test_a_port_in_use_is_told_in_one_line(run: Run) -> None:
    async def scenario() -> None:
        async with site() as s:
            second = idle(config.Endpoint("127.0.0.1", s.port))
            with pytest.raises(StartupError) as caught:
                await second.start()
            await second.stop(0)
            assert str(caught.value).startswith(f"web.listen_address: cannot listen on 127.0.0.1:{s.port}: address al")
            assert "\n" not in str(caught.value)
            assert await s.text("/-/healthy")

    run(scenario)


def has_ipv6_loopback() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


def test_localhost_is_both_loopbacks(run: Run) -> None:
    async def scenario() -> None:
        async with site(web=settings(listen="localhost")) as s:
            for host in ["127.0.0.1", "[::1]"] if has_ipv6_loopback() else ["127.0.0.1"]:
                async with s.client.get(f"http://{host}:{s.port}/-/healthy") as response:
                    assert response.status == 200

    run(scenario)


def test_stop_is_safe_without_start_and_twice_and_frees_the_port(run: Run) -> None:
    async def scenario() -> None:
        await idle(config.Endpoint("127.0.0.1", 0)).stop(1)
        async with site() as s:
            await s.text("/-/healthy")  # leaves an idle connection
            await s.web.stop(1)
            await s.web.stop(1)
            again = idle(config.Endpoint("127.0.0.1", s.port))
            await again.start()
            await again.stop(0)

    run(scenario)


def test_a_page_that_is_under_way_is_finished_within_the_grace(run: Run) -> None:
    stopping = asyncio.Event()

    def until_stopping() -> Iterator[bytes]:
        while not stopping.is_set():
            yield CHUNK
        yield from [CHUNK] * 100

    async def scenario() -> None:
        async with site(Rendering(until_stopping)) as s:
            async with s.get("/metrics", headers=OPENMETRICS) as response:
                reading = asyncio.create_task(response.text())
                stop = asyncio.create_task(s.web.stop(20))
                stopping.set()
                text = await reading
                await stop
            assert text.endswith("# EOF\n")
            assert s.telemetry.ended.get_nowait() == names.SCRAPE_COMPLETE

    run(scenario)


def test_a_page_that_outlives_the_grace_is_cut_and_looks_it(run: Run) -> None:
    async def scenario() -> None:
        async with site(Rendering(endless)) as s:
            reader, writer = await asyncio.open_connection("127.0.0.1", s.port)
            writer.write(raw_get("/metrics", "1.0"))
            await reader.readexactly(100_000)
            await s.web.stop(0)
            with pytest.raises(ConnectionResetError):
                await reader.read()
            writer.close()
            assert s.telemetry.ended.get_nowait() == names.SCRAPE_ABORTED

    run(scenario)
