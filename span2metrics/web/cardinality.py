"""`GET /api/v1/cardinality`: what the label sets of the running daemon are made of, as JSON.

`?top=N` names N services and values of each label, by default 10.  One report at a time is made, and others have their
turn between pieces of it: it takes a few microseconds a label set.
"""

from __future__ import annotations

import asyncio
from itertools import islice

from aiohttp import web

from span2metrics.cardinality import Cardinality
from span2metrics.engine.core import Engine
from span2metrics.web import replies

#: Label sets that are looked at in one turn of the loop: some milliseconds.
_TURN = 200
_MOST = 1000
_USUAL = 10


class CardinalityPage:
    """Called with a request, answers it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._under_way = False

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        top = request.query.get("top", str(_USUAL))
        if not (top.isascii() and top.isdigit() and len(top) <= 4 and 1 <= int(top) <= _MOST):
            return replies.plain(400, f"top is a number from 1 to {_MOST}.")
        if self._under_way:
            return replies.busy("another such report is under way.")
        self._under_way = True
        try:
            return web.json_response(await self._report(int(top)), headers=replies.SERVER)
        finally:
            self._under_way = False

    async def _report(self, top: int) -> dict[str, object]:
        cardinality = Cardinality(top)
        label_sets = self._engine.label_sets()
        while turn := list(islice(label_sets, _TURN)):
            for found in turn:
                cardinality.add(found)
            await asyncio.sleep(0)
        return await asyncio.to_thread(cardinality.report, self._engine.stats())
