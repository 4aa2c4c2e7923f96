"""The life of the daemon: start, signals, the order in which it stops, and what it leaves behind."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from span2metrics import names
from span2metrics.cli import main
from span2metrics.config import load
from span2metrics.daemon import Daemon, ScrapeWatch
from span2metrics.engine.core import Engine
from span2metrics.engine.plan import Format, Plan
from span2metrics.errors import StartupError
from tests.cases_edges import CALL, ROOT, SERVED, edge, id_of, trace_of
from tests.graph_page import read
from tests.oracle_families import REQUESTS
from tests.payloads import Placed, request
from tests.processes import FREE_PORTS, PATIENCE, Running, command, running

SPAN = request([Placed(name="pay")])
#: Two that meet, and two that nobody comes to meet; from their words it is known who else was there.
WAITING = request([CALL, SERVED, ROOT, CALL.but(trace_id=trace_of(2), attributes={"peer.service": "bank"})])
NAMELESS = request([CALL.but(trace_id=trace_of(3), span_id=id_of(5))])
#: The edge of the first two.
MET = edge("shop", "stock")
CALLS = 'traces_span_metrics_calls_total{service_name="shop",span_name="pay"'


@pytest.fixture
def taken() -> Iterator[str]:
    """An address on which somebody else listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def edges(page: str) -> dict[Any, Any]:
    """Requests by edge."""
    return dict(read(page.encode(), Format.TEXT).get(REQUESTS, {}))


def serving(*words: str) -> Any:
    return running("serve", *FREE_PORTS, *words)


# --- start ------------------------------------------------------------------------------------------------------------


def test_it_tells_its_version_and_addresses_takes_spans_and_shows_them() -> None:
    with serving() as daemon:
        assert daemon.ready().records[0].keys() >= {"version", "web", "otlp_grpc", "otlp_http"}
        assert daemon.get("/-/ready")[0] == 200
        assert daemon.send(SPAN) == 200
        assert CALLS in daemon.get("/metrics")[1]


@pytest.mark.parametrize("on", [True, False])
def test_utf8_names_and_targets_are_shown_where_the_file_says_so(tmp_path: Path, on: bool) -> None:
    file = tmp_path / "config.yaml"
    switches = f"utf8_names: {str(on).lower()}, target_info: {str(on).lower()}"
    file.write_text(f"metrics: {{dimensions: [{{name: http.route}}], {switches}}}")
    with serving(f"--config.file={file}") as daemon:
        assert daemon.ready().send(request([Placed(attributes={"http.route": "/x"})])) == 200
        host, _, port = (daemon.web or "").rpartition(":")
        connection = HTTPConnection(host, int(port), timeout=PATIENCE)
        connection.request("GET", "/metrics", headers={"Accept": "text/plain;version=1.0.0;escaping=allow-utf-8"})
        response = connection.getresponse()
        page = response.read().decode()
        connection.close()
    assert response.headers["Content-Type"].endswith("escaping=allow-utf-8" if on else "escaping=underscores")
    assert ('"http.route"="/x"' in page, 'http_route="/x"' in page) == (on, not on)
    assert ('target_info{service_name="shop"} 1' in page) is on


def test_without_a_command_it_serves() -> None:
    with running(*FREE_PORTS) as daemon:
        assert daemon.ready().get("/-/healthy")[0] == 200


@pytest.mark.parametrize("flag", ["--web.listen-address", "--otlp.grpc.endpoint", "--otlp.http.endpoint"])
def test_a_port_in_use_is_one_line_and_1(flag: str, taken: str) -> None:
    done = subprocess.run(
        command("serve", *FREE_PORTS, f"{flag}={taken}"), check=False, capture_output=True, text=True, timeout=PATIENCE
    )
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("span2metrics: ")
    assert taken in line


def test_a_receiver_that_is_switched_off_has_no_address() -> None:
    with serving("--otlp.grpc.endpoint=") as daemon:
        assert daemon.ready().otlp_grpc is None
        assert daemon.send(SPAN) == 200


def test_an_edge_that_nobody_answers_is_shown_without_a_further_request(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("service_graph: {wait: 1ms}")
    with serving(f"--config.file={file}") as daemon:
        assert daemon.ready().send(request([ROOT])) == 200
        end = time.monotonic() + PATIENCE
        while edges(daemon.get("/metrics")[1]) != {edge("user", "shop", "virtual_node"): 1}:
            assert time.monotonic() < end


def test_without_a_service_graph_no_page_says_anything_of_edges(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("service_graph: {enabled: false}")
    with serving(f"--config.file={file}", "--shutdown.grace=1h") as daemon:
        assert daemon.ready().send(WAITING) == 200
        daemon.signal(signal.SIGTERM)
        daemon.record("drained; waiting for a last scrape")
        page = daemon.get("/metrics")[1]
        assert daemon.wait() == 0
    assert "traces_span_metrics_calls_total{" in page
    assert "traces_service_graph" not in page
    assert "span2metrics_edges_total{" not in page


# --- stop -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_where_no_span_came_a_signal_ends_it_at_once(number: signal.Signals) -> None:
    with serving("--shutdown.grace=1h") as daemon:
        daemon.ready().signal(number)
        assert daemon.record("stopping")["signal"] == number.name
        assert daemon.record("stopped")["requests_cut"] == 0
        assert daemon.wait() == 0


def test_after_the_drain_it_stays_for_one_scrape_that_has_the_last_numbers() -> None:
    with serving("--shutdown.grace=1h") as daemon:
        daemon.ready().send(SPAN)
        daemon.signal(signal.SIGTERM)
        daemon.record("drained; waiting for a last scrape")
        status, reason = daemon.get("/-/ready")
        assert (status, "shutting down" in reason) == (503, True)
        with pytest.raises(OSError, match="refused"):
            daemon.send(SPAN)
        assert CALLS in daemon.get("/metrics")[1]
        daemon.record("stopped")
        assert daemon.wait() == 0


def test_in_the_last_scrape_is_what_became_of_all_that_waited_for_a_partner(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("service_graph: {wait: 1h}")
    with serving(f"--config.file={file}", "--shutdown.grace=1h") as daemon:
        daemon.ready()
        assert (daemon.send(WAITING), daemon.send(NAMELESS)) == (200, 200)
        early = edges(daemon.get("/metrics")[1])
        daemon.signal(signal.SIGTERM)
        daemon.record("drained; waiting for a last scrape")
        page = daemon.get("/metrics")[1]
        assert daemon.wait() == 0
    assert early == {MET: 1}
    assert edges(page) == {MET: 1, edge("user", "shop", "virtual_node"): 1, edge("shop", "bank", "virtual_node"): 1}
    assert 'unpaired_spans_total{service="shop",side="client",reason="expired"} 1' in page
    assert "\nspan2metrics_pending_edges 0\n" in page


def test_without_a_last_scrape_it_ends_when_the_grace_is_over() -> None:
    with serving("--shutdown.grace=50ms") as daemon:
        daemon.ready().send(SPAN)
        daemon.signal(signal.SIGTERM)
        assert daemon.record("stopped")["seconds"] >= 0.05
        assert daemon.wait() == 0


def test_a_request_in_flight_is_finished_and_in_the_last_scrape() -> None:
    with serving("--shutdown.grace=1h") as daemon:
        upload = half_sent(daemon.ready())
        daemon.signal(signal.SIGTERM)
        daemon.record("stopping")
        upload.send(SPAN[5:])
        assert upload.getresponse().status == 200
        upload.close()
        daemon.record("drained; waiting for a last scrape")
        assert CALLS in daemon.get("/metrics")[1]
        assert daemon.wait() == 0


def test_a_sender_that_hangs_does_not_take_the_last_scrape_away() -> None:
    with serving("--shutdown.grace=1s") as daemon:
        daemon.ready().send(SPAN)
        upload = half_sent(daemon)
        daemon.signal(signal.SIGTERM)
        assert daemon.record("drained; waiting for a last scrape")["at_most_seconds"] > 0
        assert CALLS in daemon.get("/metrics")[1]
        assert daemon.wait() == 0
        upload.close()


def half_sent(daemon: Running) -> HTTPConnection:
    """A request of which the daemon has the headers and five bytes."""
    assert daemon.otlp_http
    upload = HTTPConnection(daemon.otlp_http, timeout=PATIENCE)
    upload.putrequest("POST", "/v1/traces")
    upload.putheader("Content-Type", "application/x-protobuf")
    upload.putheader("Content-Length", str(len(SPAN)))
    upload.endheaders(SPAN[:5])
    end = time.monotonic() + PATIENCE
    while "\nspan2metrics_intake_bytes 0\n" in daemon.get("/metrics")[1]:
        assert time.monotonic() < end
    return upload


def test_a_second_signal_ends_it_where_it_stands() -> None:
    with serving("--shutdown.grace=1h") as daemon:
        daemon.ready().send(SPAN)
        daemon.signal(signal.SIGTERM)
        daemon.record("drained; waiting for a last scrape")
        daemon.signal(signal.SIGTERM)
        assert daemon.wait() == -signal.SIGTERM


def test_a_hangup_is_told_and_survived() -> None:
    with serving() as daemon:
        daemon.ready().signal(signal.SIGHUP)
        assert daemon.record("reload is not supported yet; carrying on")["level"] == "warn"
        assert daemon.send(SPAN) == 200


# --- one object -------------------------------------------------------------------------------------------------------


def built(**overrides: str) -> Daemon:
    free = {"web.listen_address": "127.0.0.1:0"}
    free |= {f"receivers.otlp.{name}.endpoint": "127.0.0.1:0" for name in ("grpc", "http")}
    given = {key.replace("__", "."): value for key, value in overrides.items()}
    return Daemon(load(None, free | given), version="1", shutdown_grace=0)


def test_stop_is_safe_without_start_and_twice() -> None:
    async def live() -> None:
        daemon = built()
        await daemon.stop()
        await daemon.start()
        await daemon.stop()
        await daemon.stop()

    asyncio.run(live())


@pytest.mark.parametrize("receiver", ["grpc", "http"])
def test_a_start_that_fails_half_way_leaves_no_socket_open(receiver: str, taken: str) -> None:
    async def live() -> Daemon:
        daemon = built(**{f"receivers__otlp__{receiver}__endpoint": taken})
        with pytest.raises(StartupError):
            await daemon.start()
        return daemon

    daemon = asyncio.run(live())
    for address in (daemon.web_address, *daemon.receivers().values()):
        if address != taken and not address.endswith(":0"):
            with pytest.raises(OSError, match="refused"):
                socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])))


def test_ready_is_said_only_while_every_receiver_listens() -> None:
    async def live() -> None:
        daemon = built()
        reasons = [daemon.unready]
        await daemon.start()
        reasons.append(daemon.unready)
        await daemon.stop()
        reasons.append(daemon.unready)
        assert reasons == ["not started", None, "shutting down"]

    asyncio.run(live())


@pytest.mark.parametrize(
    ("outcome", "seconds", "counts"),
    [
        (names.SCRAPE_COMPLETE, 0.0, True),
        (names.SCRAPE_COMPLETE, 60.0, False),
        (names.SCRAPE_ABORTED, 0.0, False),
        (names.SCRAPE_ERROR, 0.0, False),
        (names.SCRAPE_REJECTED, 0.0, False),
    ],
)
def test_the_last_scrape_is_one_that_began_after_the_drain_and_came_to_its_end(
    outcome: str, seconds: float, counts: bool
) -> None:
    async def live() -> None:
        watch = ScrapeWatch(Engine(Plan()), version="1")
        last = asyncio.create_task(watch.next_scrape())
        await asyncio.sleep(0)
        watch.scraped(Format.TEXT, outcome, seconds)
        await asyncio.sleep(0)
        assert last.done() is counts
        last.cancel()

    asyncio.run(live())


# --- beside it --------------------------------------------------------------------------------------------------------


def test_healthcheck_tells_alive_from_ready(capsys: pytest.CaptureFixture[str]) -> None:
    with serving("--shutdown.grace=1h") as daemon:
        where = f"--web.listen-address={daemon.ready().web}"
        assert main(["healthcheck", where]) == 0
        assert main(["healthcheck", where, "--ready"]) == 0
        daemon.send(SPAN)
        daemon.signal(signal.SIGTERM)
        daemon.record("drained; waiting for a last scrape")
        assert main(["healthcheck", where]) == 0
        assert main(["healthcheck", where, "--ready"]) == 1
    assert len(capsys.readouterr().out.splitlines()) == 4


def test_healthcheck_finds_the_address_in_the_configuration(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with serving() as daemon:
        (tmp_path / "c.yaml").write_text(f"web: {{listen_address: '{daemon.ready().web}'}}")
        assert main(["healthcheck", f"--config.file={tmp_path / 'c.yaml'}"]) == 0


def test_the_demo_says_where_to_look_sends_and_ends_with_0() -> None:
    with running("demo", *FREE_PORTS, "--duration=2s", "--rate=50", "--incident=none", "--shutdown.grace=1h") as demo:
        demo.ready()
        demo.record("drained; waiting for a last scrape")
        page = demo.get("/metrics")[1]
        assert demo.wait() == 0
        assert demo.process.stdout
        assert f"http://{demo.web}/metrics" in demo.process.stdout.read()
    assert 'service_name="payments"' in page


def test_the_demo_ends_at_a_signal_with_0_and_its_company_with_it() -> None:
    with running("demo", *FREE_PORTS) as demo:
        demo.ready().signal(signal.SIGINT)
        assert demo.wait() == 0
