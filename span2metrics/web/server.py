"""The web server: sockets and connections; what is at which path is `pages`' business.

It stands directly on aiohttp's protocol.  There is no access log, and what is no HTTP is refused without quoting it, to
the sender or in the log.

    start   take the addresses (a port in use: `StartupError`), then listen
    stop    listen no more, give what is under way `grace` seconds, cut the rest
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from aiohttp import web

from span2metrics.engine.core import Engine
from span2metrics.engine.plan import Now
from span2metrics.faults import FaultLog
from span2metrics.generate.rule import RuleFile
from span2metrics.intake import read_clock
from span2metrics.receivers import listen
from span2metrics.telemetry import Telemetry
from span2metrics.web import replies
from span2metrics.web.cardinality import CardinalityPage
from span2metrics.web.pages import Pages
from span2metrics.web.runbooks import RunbooksPage
from span2metrics.web.scrape import scrapes

if TYPE_CHECKING:
    from span2metrics.config import models

_log = logging.getLogger(__name__)

#: `keepalive_timeout`: seconds that an idle connection is kept, more than usual scrape intervals.
_MANNERS: dict[str, Any] = {"access_log": None, "keepalive_timeout": 300.0}
#: Seconds for connections to end once nothing is under way on them.
_CLOSING = 1.0


class Web:
    """The pages on `config.listen_address`.

    `unready()` is why the daemon is not ready, or None; `receivers()` is name → bound address, for the landing page;
    `rules()` are the rule files whose alerts have runbooks; `utf8_names` as in `Scrape`.
    """

    def __init__(
        self,
        config: models.Web,
        engine: Engine,
        telemetry: Telemetry,
        *,
        unready: Callable[[], str | None],
        version: str,
        receivers: Callable[[], dict[str, str]],
        rules: Callable[[], Iterable[RuleFile]] = tuple,
        clock: Callable[[], Now] = read_clock,
        utf8_names: bool = False,
    ) -> None:
        self._endpoint = config.listen_address
        metrics = scrapes(config, engine, telemetry, clock, utf8_names=utf8_names)
        self._pages = Pages(
            metrics,
            CardinalityPage(engine),
            RunbooksPage(rules),
            unready=unready,
            version=version,
            receivers=receivers,
        )
        self._server: web.Server | None = None
        self._listeners: list[asyncio.Server] = []
        self._faults = FaultLog("a page could not be answered")
        self._busy: set[asyncio.Task[object]] = set()
        self.address = str(self._endpoint)  # as bound, from `start` on

    async def start(self) -> None:
        """Raises `StartupError` where an address cannot be had; nothing is left open then."""
        sockets = listen.bind(self._endpoint, "web.listen_address")
        self._server = web.Server(self._answer)
        try:
            for bound in sockets:
                self._listeners.append(await self._listen(bound))
        except BaseException:
            for bound in sockets:
                bound.close()
            await self.stop(0)
            raise
        self.address = listen.address(sockets[0])

    async def stop(self, grace: float) -> None:
        """Answers under way may take `grace` more seconds; what is cut then is cut visibly."""
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
        server, self._server = self._server, None
        if server is None:
            return
        server.pre_shutdown()
        await self._settle(grace)
        await server.shutdown(_CLOSING)

    async def _listen(self, bound: socket.socket) -> asyncio.Server:
        server, loop = self._server, asyncio.get_running_loop()
        assert server is not None
        return await loop.create_server(lambda: _Connection(server, loop=loop, **_MANNERS), sock=bound)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        task = asyncio.current_task()
        assert task is not None
        self._busy.add(task)
        try:
            return await self._pages(request)
        except Exception as error:
            self._faults.report(error)
            return replies.plain(500)
        finally:
            self._busy.discard(task)

    async def _settle(self, grace: float) -> None:
        if not self._busy:
            return
        _, late = await asyncio.wait(self._busy, timeout=grace)
        for task in late:
            task.cancel()
        if late:
            _log.warning("pages were cut at shutdown", extra={"pages": len(late)})
            await asyncio.wait(late)


class _Connection(web.RequestHandler):
    """aiohttp's connection, with our manner of refusing what is no HTTP."""

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Without `message`, which quotes the request, and without a line in the log, which would too."""
        response = replies.plain(status)
        response.force_close()
        return response
