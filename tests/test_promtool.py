"""Prometheus' own linter reads the text pages: the spans' families and the daemon's own alike."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from span2metrics.demo.encode import encode
from tests.processes import FREE_PORTS, PATIENCE, running
from tests.scrapers import BUILT, DEBIAN, promtool
from tests.sent import SPANS

MILLISECONDS = 'traces_span_metrics_duration_milliseconds use base unit "seconds" instead of "milliseconds"'
#: What the linter has to say of a dialect's page once it has spans, and its exit code.
VERDICTS = {"otel": ([], 0), "tempo": ([], 0), "jaeger": ([MILLISECONDS], 3)}


@pytest.fixture(scope="module", params=VERDICTS)
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def pages(dialect: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The page of a daemon that has just started, and after it has got the demo's spans."""
    config = tmp_path_factory.mktemp("daemon") / "config.yaml"
    config.write_text(f"metrics: {{dialects: [{dialect}]}}")
    with running("serve", f"--config.file={config}", *FREE_PORTS) as daemon:
        fresh = daemon.ready().get("/metrics")[1]
        assert daemon.send(encode(SPANS)) == 200
        yield fresh, daemon.get("/metrics")[1]


def check(version: str, page: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [promtool(version), "check", "metrics", *options],
        input=page,
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


@pytest.mark.parametrize("version", [DEBIAN, BUILT])
def test_a_fresh_page_is_without_fault(version: str, pages: tuple[str, str]) -> None:
    done = check(version, pages[0])
    assert (done.stderr, done.returncode) == ("", 0)


@pytest.mark.parametrize("version", [DEBIAN, BUILT])
def test_a_page_with_spans_has_no_fault_but_jaegers_milliseconds(
    version: str, dialect: str, pages: tuple[str, str]
) -> None:
    done = check(version, pages[1])
    assert (done.stderr.splitlines(), done.returncode) == VERDICTS[dialect]


@pytest.mark.parametrize("version", [DEBIAN, BUILT])
def test_its_table_of_cardinality_counts_every_line(version: str, dialect: str, pages: tuple[str, str]) -> None:
    lines = [line for line in pages[1].splitlines() if not line.startswith("#")]
    done = check(version, pages[1], "--extended")
    if VERDICTS[dialect][1] and version == DEBIAN:
        assert done.stdout == ""  # it ends at the first complaint
    else:
        total = done.stdout.splitlines()[-1].split()
        assert int(total[1]) == len(lines) > 500
