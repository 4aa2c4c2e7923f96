"""A real Jaeger on free ports whose Monitor tab asks a Prometheus."""

from __future__ import annotations

import json
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bench.servers import free_ports
from tests.processes import PATIENCE
from tests.programs import built, there
from tests.prometheus import eventually

VARIABLE = "SPAN2METRICS_JAEGER"
REMEDY = (
    f"no Jaeger at ${VARIABLE} or in ~/go/bin: in a module that has "
    "`go get -tool github.com/jaegertracing/jaeger/cmd/jaeger@v1.76.0`, "
    "go build -o ~/go/bin/jaeger github.com/jaegertracing/jaeger/cmd/jaeger"
)
#: The traces' own storage is not looked at, but Jaeger does not start without one, nor without a pipeline.  Its own
#: traces would go to whoever listens on 4317.
CONFIG = """\
service:
  extensions: [jaeger_storage, jaeger_query]
  pipelines: {{traces: {{receivers: [otlp], exporters: [jaeger_storage_exporter]}}}}
  telemetry: {{metrics: {{level: none}}}}
extensions:
  jaeger_query:
    enable_tracing: false
    storage: {{traces: memory, metrics: prometheus}}
    http: {{endpoint: "127.0.0.1:{http}"}}
    grpc: {{endpoint: "127.0.0.1:{grpc}"}}
  jaeger_storage:
    backends: {{memory: {{memory: {{max_traces: 10}}}}}}
    metric_backends:
      prometheus:
        prometheus: {{endpoint: "http://{prometheus}", normalize_calls: true, normalize_duration: true}}
receivers: {{otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:{otlp}"}}}}}}}}
exporters: {{jaeger_storage_exporter: {{trace_storage: memory}}}}
"""

Labels = tuple[str, ...]


class Jaeger:
    def __init__(self, address: str) -> None:
        self._address = address

    def get(self, path: str, parameters: list[tuple[str, str]]) -> Any:
        url = f"http://{self._address}{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=PATIENCE) as response:
            return json.load(response)

    def monitor(
        self, metric: str, at: float, window_s: float, *services: str, **parameters: str
    ) -> dict[Labels, float]:
        """`latencies`, `calls` or `errors` at a time, over the seconds before it: service, operation → value."""
        fixed = {"endTs": f"{at * 1000:.0f}", "lookback": "0", "step": "1000", "ratePer": f"{window_s * 1000:.0f}"}
        pairs = [*(("service", service) for service in services), *fixed.items(), *parameters.items()]
        return {
            _labels(found["labels"]): found["metricPoints"][-1]["gaugeValue"]["doubleValue"]
            for found in self.get(f"/api/metrics/{metric}", pairs)["metrics"]
        }


def _labels(found: list[dict[str, str]]) -> Labels:
    """Jaeger gives them in any order; what it does not group by it leaves out."""
    by_name = {label["name"]: label["value"] for label in found}
    return tuple(by_name[name] for name in ("service_name", "operation") if name in by_name)


def needed() -> str:
    """Jaeger's path; a test that needs it where it is not there is skipped."""
    return there(built("jaeger", VARIABLE), REMEDY)


@contextmanager
def jaeger(prometheus: str, folder: Path) -> Iterator[Jaeger]:
    """Jaeger, ready, over a Prometheus at `host:port`."""
    binary = needed()
    http, grpc, otlp = free_ports(3)
    config = folder / "jaeger.yaml"
    config.write_text(CONFIG.format(http=http, grpc=grpc, otlp=otlp, prometheus=prometheus))
    with open(folder / "jaeger.log", "wb") as log:
        process = subprocess.Popen([binary, f"--config={config}"], stdout=log, stderr=log)
        try:
            server = Jaeger(f"127.0.0.1:{http}")
            eventually(lambda: server.get("/api/metrics/minstep", []))
            yield server
        finally:
            process.terminate()
            process.wait(PATIENCE)
