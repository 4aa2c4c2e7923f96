"""Cross-origin requests: which pages may send spans from a browser, and what their browser must be told.

A browser asks first (the preflight) and sends only if the answer names its page's origin.  `*` among the origins allows
all.  What exporters always send, `Content-Type` and `Content-Encoding`, needs no listing.
https://fetch.spec.whatwg.org/#http-cors-protocol
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import hdrs, web

if TYPE_CHECKING:
    from span2metrics.config import models


class Cors:
    """The rules of one configuration, and the headers that follow from them."""

    def __init__(self, config: models.Cors) -> None:
        self._origins = frozenset(config.allowed_origins)
        self._preflight: dict[str, str] = {
            hdrs.ACCESS_CONTROL_ALLOW_METHODS: hdrs.METH_POST,
            hdrs.ACCESS_CONTROL_ALLOW_HEADERS: ", ".join(
                dict.fromkeys(("content-type", "content-encoding", *map(str.lower, config.allowed_headers)))
            ),
            hdrs.ACCESS_CONTROL_MAX_AGE: str(round(config.max_age)),
        }

    def preflight(self, request: web.BaseRequest) -> dict[str, str]:
        """Headers of the answer to an OPTIONS request, besides those of `headers`."""
        return self._preflight if self._allowed(request) else {}

    def headers(self, request: web.BaseRequest) -> dict[str, str]:
        """Headers of every answer, refusals too: without them the page cannot read what went wrong."""
        if not self._allowed(request):
            return {hdrs.VARY: hdrs.ORIGIN}
        return {
            hdrs.VARY: hdrs.ORIGIN,
            hdrs.ACCESS_CONTROL_ALLOW_ORIGIN: request.headers[hdrs.ORIGIN],
            hdrs.ACCESS_CONTROL_EXPOSE_HEADERS: hdrs.RETRY_AFTER,
        }

    def _allowed(self, request: web.BaseRequest) -> bool:
        origin = request.headers.get(hdrs.ORIGIN)
        return origin is not None and ("*" in self._origins or origin in self._origins)
