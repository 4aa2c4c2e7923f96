"""Clients that nobody here wrote: the Python SDK over gRPC and HTTP, and Node's exporter, which sends JSON."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import grpc
import pytest
import uvloop
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from span2metrics import names
from span2metrics.engine.plan import Format, Now
from tests import programs
from tests.conftest import Run
from tests.edges import Edge, http, on_loop, over_grpc

SPANS = 1000
NODE = shutil.which("node")
PACKAGES = (
    "@opentelemetry/exporter-trace-otlp-http@0.223.1",
    "@opentelemetry/sdk-trace-node@2.12.0",
)


@pytest.fixture
def run() -> Run:
    return on_loop(uvloop.new_event_loop)


def send(exporter: SpanExporter) -> bool:
    """Sends `SPANS` server spans, every tenth failed, and says whether all could be flushed."""
    provider = TracerProvider(resource=Resource.create({"service.name": "shop"}), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=2 * SPANS))
    tracer = provider.get_tracer("tests")
    for n in range(SPANS):
        with tracer.start_as_current_span("pay", kind=SpanKind.SERVER, attributes={"n": n, "ok": True}) as span:
            if n % 10 == 0:
                span.set_status(StatusCode.ERROR)
    flushed = provider.force_flush()
    provider.shutdown()
    return flushed


def calls(edge: Edge) -> dict[str, float]:
    """Status → calls of `pay`."""
    page = b"".join(edge.engine.render(Format.TEXT, Now(0, 0))).decode()
    lines = [line for line in page.splitlines() if "calls_total{" in line and 'span_name="pay"' in line]
    assert all('service_name="shop"' in line and 'span_kind="SPAN_KIND_SERVER"' in line for line in lines)
    return {line.split('status_code="')[1].split('"')[0]: float(line.split()[-1]) for line in lines}


def expect_all(edge: Edge) -> None:
    assert calls(edge) == {"STATUS_CODE_UNSET": SPANS * 0.9, "STATUS_CODE_ERROR": SPANS * 0.1}
    assert edge.outcomes.keys() == {names.ACCEPTED}
    anomalies = {reason: n for reason, n in edge.engine.stats().anomalies.items() if n}
    assert anomalies == {}


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip], ids=str)
def test_the_python_sdk_over_grpc(run: Run, compression: grpc.Compression) -> None:
    async def scenario() -> None:
        async with over_grpc() as edge:
            exporter = GrpcExporter(endpoint=edge.receiver.address, insecure=True, compression=compression)
            assert await asyncio.to_thread(send, exporter)
            expect_all(edge)

    run(scenario())


@pytest.mark.parametrize("compression", list(Compression), ids=str)
def test_the_python_sdk_over_http(run: Run, compression: Compression) -> None:
    async def scenario() -> None:
        async with http() as edge:
            url = f"http://{edge.receiver.address}/v1/traces"
            assert await asyncio.to_thread(send, HttpExporter(endpoint=url, compression=compression))
            expect_all(edge)

    run(scenario())


SCRIPT = """
const { NodeTracerProvider, BatchSpanProcessor } = require('@opentelemetry/sdk-trace-node');
const { OTLPTraceExporter } = require('@opentelemetry/exporter-trace-otlp-http');
const { resourceFromAttributes } = require('@opentelemetry/resources');
const { SpanKind, SpanStatusCode } = require('@opentelemetry/api');
const [url, compression, count] = process.argv.slice(2);
const exporter = new OTLPTraceExporter({ url, compression });
const provider = new NodeTracerProvider({
  resource: resourceFromAttributes({ 'service.name': 'shop' }),
  spanProcessors: [new BatchSpanProcessor(exporter, { maxQueueSize: 2 * count })],
});
const tracer = provider.getTracer('tests');
for (let n = 0; n < count; n++) {
  const attributes = { n, half: n / 2, ok: true, list: ['a', 'é'] };
  const span = tracer.startSpan('pay', { kind: SpanKind.SERVER, attributes });
  if (n % 10 === 0) span.setStatus({ code: SpanStatusCode.ERROR });
  span.addEvent('paid', { amount: n });
  span.end();
}
provider.shutdown().then(() => process.exit(0), (error) => { console.error(error); process.exit(1); });
"""


@pytest.fixture(scope="session")
def node_packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the exporter installed: `SPAN2METRICS_NODE_CACHE` where that is set, and kept there."""
    if NODE is None:
        programs.missing("node is not installed: apt-get install nodejs npm")
    cache = os.environ.get("SPAN2METRICS_NODE_CACHE")
    folder = Path(cache) if cache else tmp_path_factory.mktemp("node")
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "node_modules" / "@opentelemetry" / "exporter-trace-otlp-http").exists():
        install: list[Any] = ["npm", "install", "--prefix", folder, "--no-audit", "--no-fund", "--ignore-scripts"]
        subprocess.run([*install, *PACKAGES], check=True, capture_output=True, timeout=110)
    (folder / "send.cjs").write_text(SCRIPT)
    return folder


@pytest.mark.timeout(180)
@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_nodes_json_exporter(run: Run, node_packages: Path, compression: str) -> None:
    async def scenario() -> None:
        async with http() as edge:
            url = f"http://{edge.receiver.address}/v1/traces"
            command = [str(NODE), "send.cjs", url, compression, str(SPANS)]
            node = await asyncio.create_subprocess_exec(*command, cwd=node_packages)
            assert await node.wait() == 0
            expect_all(edge)

    run(scenario())
