"""Whole answers: the headers that all of them have, plain texts, pages for people.

`Server` names the product and not its version, which is the landing page's to tell and not a scanner's to find.
"""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web

SERVER = {"Server": "span2metrics"}
_PAGE = {
    **SERVER,
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'",
    "X-Content-Type-Options": "nosniff",
}


def plain(status: int, text: str | None = None, **headers: str) -> web.Response:
    """One line of text; by default the status in words."""
    line = HTTPStatus(status).phrase.lower() if text is None else text
    return web.Response(status=status, text=f"{line}\n", headers=SERVER | headers)


def busy(reason: str) -> web.Response:
    """Not now, and when to come back; most of what stands in the way is gone in a second."""
    return plain(503, reason, **{"Retry-After": "1"})


def document(body: str, media_type: str) -> web.Response:
    """A page or picture for a browser, allowed to load nothing from elsewhere."""
    return web.Response(text=body, content_type=media_type, headers=_PAGE)
