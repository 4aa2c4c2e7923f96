"""The daemon in a container against one outside: `python -m tests.image` while `.ci/image` runs its container.

The same requests to both make the same page, but for the daemon's own numbers; then the demo's company sends to the
container over gRPC while a real Prometheus scrapes it, and Prometheus counts every span.  Fails where it is otherwise.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

from span2metrics import names
from span2metrics.demo.encode import encode
from tests.processes import FREE_PORTS, PATIENCE, fetch, running
from tests.prometheus import Prometheus, eventually, prometheus
from tests.scrapers import OPENMETRICS, TEXT
from tests.sent import SPANS, send

#: Where the container listens, on the network of this machine.
GRPC, HTTP, WEB = "127.0.0.1:4317", "127.0.0.1:4318", "127.0.0.1:10464"
CONFIG = Path(__file__).parent.parent / "config" / "container.yaml"
BATCH = 200
#: Lines of families that are the daemon's own and its process'.
OWN = re.compile(rf"(# \w+ )?({names.PREFIX}|process_|python_)")
CALLS = "sum(traces_span_metrics_calls_total)"


def requests() -> Iterator[bytes]:
    """What the company sends in six seconds, as recorded requests."""
    for start in range(0, len(SPANS), BATCH):
        yield encode(SPANS[start : start + BATCH])


def page(web: str) -> list[str]:
    """Text and OpenMetrics, once no span waits for its other half, without the daemon's own families."""
    eventually(lambda: f"\n{names.PENDING_EDGES.name} 0\n" in scraped(web, TEXT))
    return [line for accept in (TEXT, OPENMETRICS) for line in scraped(web, accept).splitlines() if not OWN.match(line)]


def scraped(web: str, accept: str) -> str:
    with urlopen(Request(f"http://{web}/metrics", headers={"Accept": accept}), timeout=PATIENCE) as answer:
        return str(answer.read().decode())


def same_page() -> None:
    """The container's page and that of a daemon outside with the same configuration, after the same requests."""
    with running("serve", f"--config.file={CONFIG}", *FREE_PORTS) as outside:
        outside.ready()
        for body in requests():
            statuses = {outside.send(body), fetch(HTTP, "POST", "/v1/traces", body)[0]}
            assert statuses == {200}
        inside, expected = page(WEB), page(outside.web)
    differing = [(ours, theirs) for ours, theirs in zip(inside, expected, strict=False) if ours != theirs]
    assert len(inside) == len(expected) > 1000, f"{len(inside)} lines inside, {len(expected)} outside"
    assert not differing, f"{len(differing)} lines differ, such as {differing[0]}"
    print(f"{len(SPANS)} spans make the same page inside and outside: {len(inside)} lines")


def traffic() -> None:
    """The demo's company and Prometheus at the container: nothing is lost on either way."""
    with tempfile.TemporaryDirectory() as folder, prometheus(WEB, Path(folder)) as server:
        before = eventually(lambda: counted(server))
        send(GRPC)
        expected = before + len(SPANS)
        eventually(lambda: counted(server), lambda seen: seen == expected)
        assert server.complaints() == []
        print(f"{len(SPANS)} spans of the demo went through it over gRPC; Prometheus counts each")


def counted(server: Prometheus) -> float:
    return server.query(CALLS).get((), 0.0)


if __name__ == "__main__":
    same_page()
    traffic()
