"""Answers one scrape: what is asked for, whether it can be had now, and what became of it.

Before a page is begun it needs a place among those under way, and the scraper's deadline must leave the time that such
a page takes; else the answer is a 503 that says why, at once.  A page that has begun and cannot be finished, because it
fails, the deadline has come or the reader stalls, ends in a reset (see `transfer`).  What fails before the first byte
is an ordinary 500, what is late before it a 503.

Each scrape is counted once, when its fate is known: complete (all of it with the kernel), aborted (the client went or
had no more time, or the daemon went), rejected (told to come back), error (ours, logged).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from aiohttp import hdrs, web

from span2metrics import names
from span2metrics.engine.core import Engine
from span2metrics.engine.plan import Escaping, Format, Now
from span2metrics.faults import FaultLog
from span2metrics.telemetry import Telemetry
from span2metrics.web import deadline, replies
from span2metrics.web.costs import Costs, Making
from span2metrics.web.negotiate import Encoding, Negotiated, choose_encoding, choose_format
from span2metrics.web.page import Chunks, gzipped, page
from span2metrics.web.places import Places
from span2metrics.web.selection import Selection
from span2metrics.web.transfer import reset, send

if TYPE_CHECKING:
    from span2metrics.config import models

#: What is answered, the best liked first where the client has no say.
SERVED = (Format.TEXT, Format.TEXT_1, Format.OPENMETRICS, Format.OPENMETRICS_0, Format.PROTOBUF)
#: What can be filtered by name.
FILTERED = SERVED[:-1]
SELECTING = "name[]"


class _Asked(NamedTuple):
    """What a request asks for; `seconds` to answer in, None for as long as it takes."""

    chosen: Negotiated
    encoding: Encoding
    selection: Selection | None
    seconds: float | None

    @property
    def format(self) -> Format:
        return self.chosen.format

    @property
    def kind(self) -> tuple[Format, Escaping, Encoding]:
        """Whole pages of a kind cost the same."""
        return self.format.body, self.chosen.escaping, self.encoding


class Scrape:
    """The handler of one metrics path: with the span series if `engine` is given, with our own metrics if `own`.

    `places` are shared by all paths; `utf8_names` lets labels have such names for those who ask for them.
    """

    def __init__(
        self,
        title: str,
        engine: Engine | None,
        telemetry: Telemetry,
        clock: Callable[[], Now],
        places: Places,
        *,
        own: bool,
        utf8_names: bool = False,
    ) -> None:
        self.title = title
        self._engine = engine
        self._telemetry = telemetry
        self._clock = clock
        self._places = places
        self._costs = Costs()
        self._shown = telemetry if own else None
        self._utf8_names = utf8_names
        self._faults = FaultLog("a metrics page broke off")

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        asked = _asked(request, self._utf8_names)
        response = _response(asked)
        if request.method == hdrs.METH_HEAD:
            return response
        if reason := self._hindrance(asked):
            self._telemetry.scraped(asked.format, names.SCRAPE_REJECTED, 0.0)
            return replies.busy(reason)
        with self._places.one():
            return await self._counted(request, response, asked)

    def _hindrance(self, asked: _Asked) -> str | None:
        """Why the page cannot be had now, or None."""
        if self._places.full:
            return f"{self._places.most} pages are under way, as many as may be at once (web.max_scrapes)"
        if asked.seconds is None or (cost := self._costs_for(asked).exceed(asked.kind, asked.seconds)) is None:
            return None
        return f"the scrape's timeout leaves {asked.seconds:.3g} s; such a page takes some {cost:.3g} s"

    async def _counted(
        self, request: web.BaseRequest, response: web.StreamResponse, asked: _Asked
    ) -> web.StreamResponse:
        began, outcome, making = time.monotonic(), names.SCRAPE_ERROR, Making()
        try:
            await send(making.timed(self._chunks(asked)), request, response, asked.seconds)
            outcome = names.SCRAPE_COMPLETE
            self._costs_for(asked).whole(asked.kind, making.seconds)
        except ConnectionError:
            outcome = names.SCRAPE_ABORTED
        except TimeoutError:
            outcome = names.SCRAPE_ABORTED if response.prepared else names.SCRAPE_REJECTED
            self._costs_for(asked).cut(asked.kind, making.seconds, time.monotonic() - began)
            return _broken(request, response, replies.busy("the page could not be begun within the scrape's timeout"))
        except asyncio.CancelledError:
            outcome = names.SCRAPE_ABORTED
            reset(request)
            raise
        except Exception as error:
            self._faults.report(error)
            return _broken(request, response, replies.plain(500))
        finally:
            self._telemetry.scraped(asked.format, outcome, time.monotonic() - began)
        return response

    def _costs_for(self, asked: _Asked) -> Costs:
        """A part of a page says nothing of a whole one, and there are too many parts to remember each."""
        return self._costs if asked.selection is None else Costs()

    def _chunks(self, asked: _Asked) -> Chunks:
        chunks = page(self._engine, self._shown, asked.chosen, self._clock(), asked.selection)
        return gzipped(chunks) if asked.encoding is Encoding.GZIP else chunks


def scrapes(
    config: models.Web, engine: Engine, telemetry: Telemetry, clock: Callable[[], Now], *, utf8_names: bool = False
) -> dict[str, Scrape]:
    """The metrics pages by path: one for everything, or one for the span series and one for the daemon's own."""
    spans, own = config.telemetry_path, config.exporter_telemetry_path
    places = Places(config.max_scrapes)
    if spans == own:
        return {spans: Scrape("Metrics", engine, telemetry, clock, places, own=True, utf8_names=utf8_names)}
    return {
        spans: Scrape("Metrics of spans", engine, telemetry, clock, places, own=False, utf8_names=utf8_names),
        own: Scrape("Metrics of the daemon", None, telemetry, clock, places, own=True),
    }


def _asked(request: web.BaseRequest, utf8_names: bool) -> _Asked:
    named = request.query.getall(SELECTING, [])
    accept = ",".join(request.headers.getall(hdrs.ACCEPT, ()))
    return _Asked(
        choose_format(accept, FILTERED if named else SERVED, utf8_names=utf8_names),
        choose_encoding(",".join(request.headers.getall(hdrs.ACCEPT_ENCODING, ()))),
        Selection(named) if named else None,
        deadline.seconds_to_answer(request.headers.get(deadline.HEADER)),
    )


def _response(asked: _Asked) -> web.StreamResponse:
    response = web.StreamResponse(headers=replies.SERVER | {hdrs.CONTENT_TYPE: asked.chosen.content_type})
    if asked.encoding is not Encoding.IDENTITY:
        response.headers[hdrs.CONTENT_ENCODING] = asked.encoding.value
    return response


def _broken(request: web.BaseRequest, response: web.StreamResponse, instead: web.Response) -> web.StreamResponse:
    """The answer in place of a page that was not begun; a reset for one that was."""
    if not response.prepared:
        return instead
    reset(request)
    return response
