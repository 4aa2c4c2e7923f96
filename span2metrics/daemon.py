"""The process: builds the rooms, starts them downstream first, stops them upstream first, and listens to signals.

A start in four steps: the intake and the clock's ticks, the web server (`/-/ready` says 503 from here on), the
receivers, ready.  A stop in six, within one deadline of `shutdown_grace` seconds: not ready; the receivers take no more
and finish what is in flight; the intake drains; what waits for a partner is told that none comes; the web server stays
until a scrape that began after the drain has ended, so that Prometheus has the last numbers; the end.  Receivers and
intake have half the time at most, so that a sender who hangs cannot take the last scrape away.  Where no span ever came
there is nothing to tell, and no wait.

SIGTERM and SIGINT stop the daemon, a second one ends it where it stands.  SIGHUP is taken and changes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from typing import Protocol

from span2metrics import memory, names
from span2metrics.config import Config, compile_plan
from span2metrics.engine.core import Engine
from span2metrics.engine.plan import Format
from span2metrics.generate import rule_files
from span2metrics.generate.alerting import Links
from span2metrics.intake import Intake
from span2metrics.receivers.otlp_grpc import OtlpGrpc
from span2metrics.receivers.otlp_http import OtlpHttp
from span2metrics.telemetry import Telemetry
from span2metrics.ticks import Ticks
from span2metrics.web import Web

_log = logging.getLogger(__name__)

#: Seconds for the refusals of what was cut in the queue to reach their senders, who then try elsewhere.
_ANSWERING = 0.25
#: Runbooks are where others link to, and lead nowhere themselves.
_NO_LINKS = Links("", "")


class Receiver(Protocol):
    """What the daemon needs to know of a receiver."""

    @property
    def address(self) -> str: ...
    async def start(self) -> None: ...
    async def stop(self, grace: float) -> None: ...


class Daemon:
    """One span2metrics, from configuration to sockets.  `shutdown_grace` in seconds bounds a stop."""

    def __init__(self, config: Config, *, version: str, shutdown_grace: float) -> None:
        self._version = version
        self._grace = shutdown_grace
        #: Why the daemon takes no spans; None while it does.
        self.unready: str | None = "not started"
        self._engine = Engine(compile_plan(config))
        self._telemetry = ScrapeWatch(self._engine, version=version)
        limit = memory.intake_limit(config.intake.max_bytes)
        self._intake = Intake(self._engine, self._telemetry, max_bytes=limit)
        self._ticks = Ticks(self._engine)
        self._receivers = _receivers(config, self._intake, self._telemetry)
        self._web = Web(
            config.web,
            self._engine,
            self._telemetry,
            unready=lambda: self.unready,
            version=version,
            receivers=self.receivers,
            rules=lambda: rule_files(config, _NO_LINKS),
            utf8_names=config.metrics.utf8_names,
        )

    @property
    def web_address(self) -> str:
        """Where the pages are, as bound."""
        return self._web.address

    def receivers(self) -> dict[str, str]:
        """Name → address as bound, of the receivers that are switched on."""
        return {name: receiver.address for name, receiver in self._receivers.items()}

    async def start(self) -> None:
        """Raises `StartupError` where a socket cannot be had; nothing is left running then."""
        began = time.monotonic()
        self.unready = "starting"
        try:
            self._intake.start()
            self._ticks.start()
            await self._web.start()
            for receiver in self._receivers.values():
                await receiver.start()
        except BaseException:
            await self._end(cut_at=0, end_at=0)
            raise
        self._telemetry.loaded(time.time_ns())
        _log.info("listening", extra={"version": self._version, "web": self.web_address, **self.receivers()})
        self.unready = None
        _log.info("ready", extra={"seconds": round(time.monotonic() - began, 3)})

    async def stop(self) -> None:
        """Ends everything within the grace."""
        if self.unready is not None:
            return
        self.unready = "shutting down"
        began = time.monotonic()
        cut = await self._end(cut_at=began + self._grace / 2, end_at=began + self._grace)
        _log.info("stopped", extra={"requests_cut": cut, "seconds": round(time.monotonic() - began, 3)})

    async def run(self, until: asyncio.Event) -> None:
        """Starts, waits for the event, stops."""
        await self.start()
        try:
            await until.wait()
        finally:
            await self.stop()

    async def _end(self, *, cut_at: float, end_at: float) -> int:
        """Upstream first, by two readings of the monotonic clock; returns how many waiting requests were cut."""
        grace = _left(cut_at) + _ANSWERING
        receivers = asyncio.gather(*(receiver.stop(grace) for receiver in self._receivers.values()))
        await asyncio.wait([receivers], timeout=_left(cut_at))
        cut = await self._intake.stop(_left(cut_at))
        await receivers
        await self._ticks.stop(_left(end_at))
        if self._engine.stats().received and _left(end_at):
            _log.info("drained; waiting for a last scrape", extra={"at_most_seconds": round(_left(end_at), 1)})
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._telemetry.next_scrape(), _left(end_at))
        await self._web.stop(_left(end_at))
        return cut


class ScrapeWatch(Telemetry):
    """Telemetry that the daemon can ask to tell of the next whole scrape."""

    _since = float("inf")
    _seen: asyncio.Event | None = None

    def scraped(self, format: Format, outcome: str, seconds: float) -> None:
        super().scraped(format, outcome, seconds)
        if self._seen and outcome == names.SCRAPE_COMPLETE and time.monotonic() - seconds >= self._since:
            self._seen.set()

    async def next_scrape(self) -> None:
        """Waits until a page that is asked for from now on is complete."""
        self._since, self._seen = time.monotonic(), asyncio.Event()
        await self._seen.wait()


def stop_on_signals() -> asyncio.Event:
    """The event that SIGTERM or SIGINT sets; a second one of them ends the process at once.  Needs the running loop."""
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()

    def stop(number: signal.Signals) -> None:
        _log.info("stopping" if not stopping.is_set() else "ended at once", extra={"signal": number.name})
        if stopping.is_set():
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number)
    loop.add_signal_handler(signal.SIGHUP, _log.warning, "reload is not supported yet; carrying on")
    return stopping


def _receivers(config: Config, intake: Intake, telemetry: Telemetry) -> dict[str, Receiver]:
    otlp = config.receivers.otlp
    receivers: dict[str, Receiver] = {}
    if otlp.grpc:
        limit = memory.request_limit(otlp.grpc.max_request_size)
        receivers[names.RECEIVER_GRPC] = OtlpGrpc(otlp.grpc, intake, telemetry, max_request_size=limit)
    if otlp.http:
        limit = memory.request_limit(otlp.http.max_request_size)
        receivers[names.RECEIVER_HTTP] = OtlpHttp(otlp.http, intake, telemetry, max_request_size=limit)
    return receivers


def _left(until: float) -> float:
    return max(0.0, until - time.monotonic())
