"""A failing service reaches a human: spans, daemon, Prometheus and Alertmanager with our files, a webhook.

Longer watches by the clock are in `vigil`.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.payloads import CLIENT, ERROR, MS, SERVER, UNSET, Placed, request
from tests.processes import FREE_PORTS, Running, running
from tests.watch import watch

#: Who asks whom, from the outside in; the last one fails and all others with it.
CHAIN = ("gateway", "payments", "ledger")
FAILS_EVERY = 2
#: Seconds that the rules may take: a rate needs two scrapes, and what it says must hold for a minute.
WAIT = 240


def trace(number: int) -> Iterator[Placed]:
    """A request that goes through all of them."""
    status = ERROR if number % FAILS_EVERY == 0 else UNSET
    trace_id, now, parent = number.to_bytes(16, "big"), time.time_ns(), b""
    for depth, (service, callee) in enumerate(itertools.zip_longest(CHAIN, CHAIN[1:])):
        for kind, name in ((SERVER, f"do {service}"), (CLIENT, f"ask {callee}")):
            if kind == SERVER or callee:
                span_id = bytes([1 + 2 * depth + (kind == CLIENT)]) * 8
                yield Placed(
                    name,
                    kind,
                    status,
                    MS,
                    service=service,
                    trace_id=trace_id,
                    span_id=span_id,
                    parent_id=parent,
                    start=now,
                )
                parent = span_id


@contextmanager
def traffic(daemon: Running) -> Iterator[None]:
    """Twenty such requests a second, in the background."""
    stop = threading.Event()

    def send() -> None:
        for batch in itertools.count(1):
            daemon.send(request([span for n in range(20) for span in trace(batch * 20 + n)]))
            if stop.wait(1):
                return

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@pytest.mark.timeout(WAIT + 60)
def test_who_fails_is_told_and_not_those_who_ask_it(tmp_path: Path) -> None:
    with running("serve", *FREE_PORTS) as daemon:
        daemon.ready()
        with watch(daemon.web, tmp_path, quick=True) as watching, traffic(daemon):
            told = watching.webhook.told
            end = time.monotonic() + WAIT
            while not told and time.monotonic() < end:
                time.sleep(1)
            assert told, watching.alerts()
            seen = {alert["labels"].get("service_name") for alert in watching.alerts() if alert["state"] == "firing"}
            assert "payments" in seen or len(seen) == 1, "nothing was inhibited: the test shows too little"
    assert {(note.receiver, note.labels["service_name"], note.status) for note in told} == {
        ("page", "ledger", "firing")
    }
    assert all("ledger" in note.annotations["summary"] for note in told)
