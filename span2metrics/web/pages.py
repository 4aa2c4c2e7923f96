"""What there is at which path, for GET and HEAD.

The metrics paths are the operator's; where one of them is `/` there is no landing page.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from aiohttp import hdrs, web

from span2metrics.web import replies
from span2metrics.web.cardinality import CardinalityPage
from span2metrics.web.landing import FAVICON, landing
from span2metrics.web.runbooks import RunbooksPage
from span2metrics.web.scrape import Scrape

HEALTHY = "/-/healthy"
READY = "/-/ready"
ICON = "/favicon.ico"
CARDINALITY = "/api/v1/cardinality"
RUNBOOKS = "/runbooks"
_METHODS = (hdrs.METH_GET, hdrs.METH_HEAD)

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Pages:
    """Called with a request, answers it.  `metrics`: path → page; `cardinality`: what the label sets are made of;
    `runbooks`: what to do about alerts; the rest is as in `Web`."""

    def __init__(
        self,
        metrics: Mapping[str, Scrape],
        cardinality: CardinalityPage,
        runbooks: RunbooksPage,
        *,
        unready: Callable[[], str | None],
        version: str,
        receivers: Callable[[], dict[str, str]],
    ) -> None:
        self._unready = unready
        self._version = version
        self._receivers = receivers
        self._links = {path: scrape.title for path, scrape in metrics.items()} | {
            CARDINALITY: "What the series are made of",
            RUNBOOKS: "What to do about alerts",
            READY: "Ready",
            HEALTHY: "Healthy",
        }
        self._handlers: dict[str, Handler] = {
            "/": self._landing,
            ICON: self._icon,
            HEALTHY: self._healthy,
            READY: self._ready,
            CARDINALITY: cardinality,
            RUNBOOKS: runbooks,
            **metrics,
        }

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        handler = self._handlers.get(request.path)
        if handler is None:
            return replies.plain(404)
        if request.method not in _METHODS:
            return replies.plain(405, Allow=", ".join(_METHODS))
        return await handler(request)

    async def _healthy(self, _request: web.BaseRequest) -> web.StreamResponse:
        return replies.plain(200, "span2metrics is healthy.")

    async def _ready(self, _request: web.BaseRequest) -> web.StreamResponse:
        reason = self._unready()
        if reason is None:
            return replies.plain(200, "span2metrics is ready.")
        return replies.plain(503, f"span2metrics is not ready: {reason}.")

    async def _landing(self, _request: web.BaseRequest) -> web.StreamResponse:
        page = landing(self._version, self._links, self._receivers(), self._unready())
        return replies.document(page, "text/html")

    async def _icon(self, _request: web.BaseRequest) -> web.StreamResponse:
        return replies.document(FAVICON, "image/svg+xml")
