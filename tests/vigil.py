"""Two long watches by the clock, each a command: `python -m tests.vigil quiet`, `python -m tests.vigil outage`.

A daemon and the demo's company run beside Prometheus and Alertmanager with our files.  In the quiet one the daemon and
Prometheus are restarted and nobody may be told of anything; in the other the card network fails, and those who are told
must be told of that, of nothing that follows from it, and that it is over.  Ends with 1 if it was otherwise.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from span2metrics.demo import CONFIG
from tests.processes import PATIENCE, Running, running
from tests.watch import Watch, watch

MINUTE = 60.0
#: Of whom the outage is told, and that it is over; of nobody else, though gateway, payments and settlement fail by it.
LISTED = {
    (
        status,
        "page",
        f"DependencyFailing {{client={client}, server=card-network, service_name=card-network, severity=page}}",
    )
    for client in ("payments", "settlement")
    for status in ("firing", "resolved")
}


@contextmanager
def company(grpc: str, incident: str) -> Iterator[None]:
    words = [sys.executable, "-m", "span2metrics.demo", grpc, f"--incident={incident}"]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE)


@contextmanager
def daemon(like: Running | None = None) -> Iterator[Running]:
    """On free ports, or on those that another had."""
    web, grpc, http = (like.web, like.otlp_grpc, like.otlp_http) if like else ("127.0.0.1:0",) * 3
    words = [f"--web.listen-address={web}", f"--otlp.grpc.endpoint={grpc}", f"--otlp.http.endpoint={http}"]
    with running("serve", f"--config.file={CONFIG}", *words) as started:
        yield started.ready()


def quiet() -> bool:
    """Ten minutes after the first five, with a restart of the daemon and one of Prometheus: is nobody told?"""
    with tempfile.TemporaryDirectory() as folder, daemon() as first, watch(first.web, Path(folder)) as watching:
        assert first.otlp_grpc
        with company(first.otlp_grpc, "none"):
            follow(watching, 5 * MINUTE)
            first.process.terminate()
            first.wait()
            print(f"{clock()} the daemon starts anew", flush=True)
            with daemon(first):
                follow(watching, 3 * MINUTE)
                print(f"{clock()} Prometheus starts anew", flush=True)
                watching.restart_prometheus()
                follow(watching, 7 * MINUTE)
                return report(watching) == 0


def outage() -> bool:
    """An outage of ten minutes, after five: is it told as listed, and nothing else?"""
    print("listed:", *sorted(LISTED), sep="\n  ", flush=True)
    with tempfile.TemporaryDirectory() as folder, daemon() as started, watch(started.web, Path(folder)) as watching:
        assert started.otlp_grpc
        with company(started.otlp_grpc, "outage"):
            follow(watching, 30 * MINUTE)
            report(watching)
            told = {(note.status, note.receiver, shown(note.labels)) for note in watching.webhook.told}
            print("missing:", sorted(LISTED - told), "not listed:", sorted(told - LISTED))
            return told == LISTED


def follow(watching: Watch, seconds: float) -> None:
    """Prints each change of what fires in Prometheus and each notification."""
    end = time.monotonic() + seconds
    before: set[tuple[str, str]] = set()
    told = len(watching.webhook.told)
    while time.monotonic() < end:
        now = {(alert["state"], shown(alert["labels"])) for alert in watching.alerts()}
        for state, labels in sorted(now - before):
            print(f"{clock()} {state}: {labels}", flush=True)
        for state, labels in sorted(before - now):
            print(f"{clock()} no longer {state}: {labels}", flush=True)
        before = now
        for note in watching.webhook.told[told:]:
            print(f"{clock()} told {note.receiver}, {note.status}: {shown(note.labels)}", flush=True)
            print(f"      {note.annotations.get('summary')}\n      {note.annotations.get('description')}", flush=True)
            told += 1
        time.sleep(2)


def report(watching: Watch) -> int:
    """Prints what the receivers were told, and how much."""
    told = watching.webhook.told
    print(f"{clock()} {len(told)} notifications")
    for note in told:
        print(f"  {note.receiver} {note.status} {shown(note.labels)}")
    return len(told)


def shown(labels: dict[str, str]) -> str:
    rest = ", ".join(f"{name}={value}" for name, value in sorted(labels.items()) if name != "alertname")
    return f"{labels['alertname']} {{{rest}}}"


def clock() -> str:
    return time.strftime("%H:%M:%S")


if __name__ == "__main__":
    sys.exit(0 if {"quiet": quiet, "outage": outage}[sys.argv[1]]() else 1)
