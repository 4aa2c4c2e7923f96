"""Real scrapers: two versions of Prometheus in each format that they can be made to ask for.

Debian's 2.42 is in every run.  It asks for OpenMetrics first, for protobuf with `native-histograms`; text is the last
in its list whatever its configuration says, so a relay asks for that.  3.16 asks for what `scrape_protocols` says.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.programs import built, program, there
from tests.prometheus import Prometheus, launched
from tests.relay import Relay, relay

DEBIAN = "2.42"
BUILT = "3.16"
VARIABLE = "SPAN2METRICS_PROMETHEUS3"
#: Also what a test that needs 3.16 says where it is missing.
REMEDY = (
    f"no Prometheus 3 at ${VARIABLE} or in ~/go/bin: go install -tags remove_all_sd "
    "github.com/prometheus/prometheus/cmd/{prometheus,promtool}@v0.316.0"
)

PROTOBUF = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
OPENMETRICS_0 = "application/openmetrics-text; version=0.0.1; charset=utf-8"
TEXT_1 = "text/plain; version=1.0.0; charset=utf-8"
TEXT = "text/plain; version=0.0.4; charset=utf-8"
ESCAPED = "; escaping=underscores"


@dataclass(frozen=True)
class Scraper:
    """A Prometheus.  `answer`: the `Content-Type` that it gets; `exemplars`: whether that format carries them.

    `features`: what is enabled by flag; `settings`: keys of its scrape configuration, as YAML; `accept`: what a
    relay asks for in its stead.
    """

    version: str
    answer: str
    exemplars: bool = True
    features: str = "exemplar-storage"
    settings: str = ""
    accept: str | None = None

    @property
    def binary(self) -> str | None:
        """Its path, None for a 3.16 that is not there."""
        if self.version == DEBIAN:
            return program("prometheus", "apt-get install prometheus")
        return built("prometheus", VARIABLE)


def _built(protocol: str, answer: str, more: str = "", **others: Any) -> Scraper:
    return Scraper(BUILT, answer, settings=f"scrape_protocols: [{protocol}]{more}", **others)


#: Keeps native histograms, and the classic ones beside them.
NATIVE = ", scrape_native_histograms: true, always_scrape_classic_histograms: true"


SCRAPERS = {
    "2.42 protobuf": Scraper(DEBIAN, PROTOBUF + ESCAPED, features="exemplar-storage,native-histograms"),
    "2.42 openmetrics": Scraper(DEBIAN, OPENMETRICS + ESCAPED),
    "2.42 text": Scraper(DEBIAN, TEXT, exemplars=False, accept="text/plain;version=0.0.4"),
    "3.16 protobuf": _built("PrometheusProto", PROTOBUF + ESCAPED, NATIVE),
    "3.16 openmetrics": _built("OpenMetricsText1.0.0", OPENMETRICS + ESCAPED),
    "3.16 openmetrics 0.0.1": _built("OpenMetricsText0.0.1", OPENMETRICS_0),
    "3.16 text 1.0.0": _built("PrometheusText1.0.0", TEXT_1 + ESCAPED, exemplars=False),
    "3.16 text 0.0.4": _built("PrometheusText0.0.4", TEXT, exemplars=False),
}


def launch(scraper: Scraper, page: str, folder: Path, stack: ExitStack) -> tuple[Prometheus, Relay]:
    """A Prometheus that scrapes a page, until the stack is left, and what stands between them."""
    between = stack.enter_context(relay(page, scraper.accept))
    options = {"binary": scraper.binary, "settings": scraper.settings}
    return stack.enter_context(launched(between.address, folder, scraper.features, **options)), between


def all_launched(page: str, folders: Callable[[str], Path], stack: ExitStack) -> dict[str, tuple[Prometheus, Relay]]:
    """By name, every scraper that is there; each has scraped the page.  `folders` makes a folder by a name's stem."""
    found = {
        name: launch(scraper, page, folders("prometheus"), stack)
        for name, scraper in SCRAPERS.items()
        if scraper.binary
    }
    for server, _ in found.values():
        server.wait_for("count(up == 1)", 1)
    return found


def needed(scraper: Scraper) -> str:
    """The scraper's path; a test that needs one that is not there is skipped."""
    return there(scraper.binary, REMEDY)


def promtool(version: str) -> str:
    """Path of the linter that comes with a version."""
    if version == DEBIAN:
        return program("promtool", "apt-get install prometheus")
    beside = built("prometheus", VARIABLE)
    return there(beside and shutil.which(Path(beside).with_name("promtool")), REMEDY)
