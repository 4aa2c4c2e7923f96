"""The demo's payments company in this process: its traces, sent to daemons while a test goes on."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterable, Sequence

from span2metrics.demo.encode import encode
from span2metrics.demo.incident import CALM, CARD_NETWORK_DOWN, Incident
from span2metrics.demo.traffic import Traffic
from tests.processes import Running

TRACES_A_SECOND = 40
#: Whether the card network is down → what that is like.
WORLDS = {True: CARD_NETWORK_DOWN, False: CALM}


class Company:
    """Sends the same traces to all daemons while the block runs; `down` says whether the card network is.

    `others`: requests that are sent beside the traces, round after round, until there are no more.
    """

    def __init__(self, *daemons: Running, others: Iterable[bytes] = ()) -> None:
        self.down = True
        self._others = iter(others)
        self._daemons: Sequence[Running] = daemons
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._send)

    def __enter__(self) -> Company:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _send(self) -> None:
        numbers = itertools.count()
        worlds = {down: Traffic(1, Incident("", 1, ((0, world),), "")) for down, world in WORLDS.items()}
        while not self._stopping.wait(0.5):
            began_ns = time.time_ns() - 10_000_000_000
            rounds = itertools.islice(numbers, TRACES_A_SECOND // 2)
            traces = [encode(worlds[self.down].trace(number, began_ns, 0)) for number in rounds]
            for daemon, request in itertools.product(self._daemons, [*traces, *itertools.islice(self._others, 1)]):
                daemon.send(request)
