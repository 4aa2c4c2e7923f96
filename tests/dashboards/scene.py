"""The incident, as dashboards see it: the company's card network is down, and somebody looks.

In each variant, of dialects and kinds of histograms, a daemon gets the company's spans and a real Prometheus scrapes it
and evaluates that configuration's rules.  Everything is real but the time, which is shortened: in rules and in panels
alike each duration is what `SHORTENED` says, so that a week ago is some seconds ago.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from span2metrics.config import Config, load
from span2metrics.demo import CONFIG
from span2metrics.generate import rule_files, text
from span2metrics.generate.alerting import SERVICES, Links
from span2metrics.generate.dashboards.link import HISTOGRAM
from tests.company import Company
from tests.dashboards import crowd
from tests.dashboards.boards import Clock, Json, Values, chosen, interpolated, listed, made
from tests.dashboards.frames import Frame, series, table, transformed
from tests.processes import FREE_PORTS, Running, running
from tests.prometheus import Prometheus, eventually, launched
from tests.scrapers import BUILT, DEBIAN, SCRAPERS, Scraper

#: Durations in rules and panels, and how long they are here; longer ones are `_LONGEST`.
SHORTENED = {"1m": "5s", "2m": "8s", "3m": "8s", "5m": "16s", "1h": "16s"}
_LONGEST = "30s"
#: Of offsets, which must not reach back to before the start.
OFFSETS = {"15m": "25s", "2h": "15s", "1d": "20s", "1w": "30s", "23h45m": "5s", "167h45m": "6s", "335h45m": "7s"}
#: What has an answer besides.
_KNOWN = (
    "up == 1",
    'service:failure_cause{service_name="gateway",hops="2"}',
    'service:failure_cause{service_name="settlement"}',
    'service:slowness_cause{service_name="gateway"}',
    "measure:amount_failed:usual1d",
    "edge:requests_per_request:usual_ratio1d",
)
_LONG = r"(?P<long>(?:\d+[smhdw])+)\b"
_DURATION = re.compile(rf"(?P<before>\[|:(?=\d+[smhdw]\])|offset |\b(?:for|keep_firing_for|interval): ){_LONG}")
_OFTEN = "1s"
_METRICS = "metrics: {{dialects: [{dialect}], histograms: {histograms}}}\n"
#: Seconds of calm before the incident: what is usual.
_CALM_S = 20
#: What fires in the end, and where there are objectives.
ALERTS, OF_SLOS = {"DependencyFailing", "ServiceErrors", "FailedAmount"}, {"SLOErrorBudgetBurnsFast"}


@dataclass(frozen=True, slots=True)
class Variant:
    dialect: str
    histograms: str
    version: str

    def __str__(self) -> str:
        return f"{self.dialect}, {self.histograms}, {self.version}"

    @property
    def suffix(self) -> str:
        """What the dashboards' variable `histogram` is set to."""
        return "_bucket" if self.histograms == "classic" else "()"

    @property
    def exemplars(self) -> bool:
        """Prometheus 2.42 keeps none of native histograms."""
        return (self.histograms, self.version) != ("native", DEBIAN)

    @property
    def settings(self) -> str:
        """The demo's configuration, changed.  Objectives and the buckets of measures need classic histograms."""
        demo = CONFIG.read_text()
        if self.histograms == "native":
            demo = re.sub(r" +buckets: .*\n", "", demo.split("slos:")[0])
        return demo + _METRICS.format(dialect=self.dialect, histograms=self.histograms) + crowd.SETTINGS

    @property
    def scraper(self) -> Scraper:
        return SCRAPERS[f"{self.version} {'openmetrics' if self.histograms == 'classic' else 'protobuf'}"]


VARIANTS = (
    Variant("otel", "classic", DEBIAN),
    Variant("otel", "native", DEBIAN),
    Variant("tempo", "classic", DEBIAN),
    Variant("tempo", "native", DEBIAN),
    Variant("otel", "both", BUILT),
)


def shortened(rules: str) -> str:
    """The same with short durations."""

    def short(match: re.Match[str]) -> str:
        before, long = match["before"], match["long"]
        if before in {"interval: ", ":"}:
            return f"{before}{_OFTEN}"
        return before + (OFFSETS[long] if before == "offset " else SHORTENED.get(long, _LONGEST))

    return _DURATION.sub(short, rules)


@dataclass(frozen=True, slots=True)
class Scene:
    """A variant in the incident, `at` which everything is asked.  `boards` are those of its configuration.

    `service` is the one that is looked at where it is one, `instead` what is chosen in place of that with which a
    dashboard is opened.  `answers` are those that Prometheus has given already.
    """

    variant: Variant
    config: Config
    boards: dict[str, Json]
    prometheus: Prometheus
    at: float
    service: str = "payments"
    instead: Values = field(default_factory=dict)
    answers: dict[tuple[str, str], list[Json]] = field(default_factory=dict)

    def values(self, board: Json) -> Values:
        """What is chosen."""
        known = chosen(board, self._label_values)
        if board["uid"] == SERVICES:
            known["service"] = self.service
        return known | Clock().values | {HISTOGRAM: self.variant.suffix, **self.instead}

    def options(self, board: Json, variable: Json) -> list[str]:
        """Among which is chosen, of a variable that asks."""
        return listed(variable, self.values(board), self._label_values)

    def _label_values(self, selector: str, label: str) -> list[str]:
        found: list[str] = self.prometheus.get(f"/api/v1/label/{label}/values", **{"match[]": selector})
        return found

    def expr(self, board: Json, target: Json) -> str:
        """A panel's query, as Prometheus is asked it."""
        return interpolated(shortened(target["expr"]), self.values(board))

    def asked(self, board: Json, target: Json) -> list[Json]:
        """What Prometheus answers to it."""
        expr = self.expr(board, target)
        path, when = "/api/v1/query", {"time": f"{self.at:.3f}"}
        if target.get("range"):
            start = self.at - float(Clock().shown.rstrip("s"))
            path, when = "/api/v1/query_range", {"start": f"{start:.3f}", "end": f"{self.at:.3f}", "step": "2"}
        if (path, expr) not in self.answers:
            self.answers[path, expr] = self.prometheus.get(path, query=expr, **when)["result"]
        return self.answers[path, expr]

    def exemplars(self, board: Json, target: Json) -> list[Json]:
        expr = self.expr(board, target)
        when = {"start": f"{self.at - 120:.3f}", "end": f"{self.at:.3f}"}
        return list(self.prometheus.get("/api/v1/query_exemplars", query=expr, **when))

    def shown(self, board: Json, panel: Json) -> list[Frame]:
        """What the panel gets, after its transformations."""
        tables = [target["refId"] for target in panel["targets"] if target.get("format") == "table"]
        frames: list[Frame] = []
        for target in panel["targets"]:
            answer = self.asked(board, target)
            is_table = target["refId"] in tables
            frames += [table(target["refId"], answer, len(tables))] if is_table else series(target["refId"], answer)
        return transformed(frames, panel.get("transformations", ()))

    def legends(self, board: Json, panel: Json) -> list[str]:
        """Of the lines, in the order of `shown`."""
        if any(target.get("format") in {"table", "heatmap"} for target in panel["targets"]):
            return []
        formats = {target["refId"]: target.get("legendFormat", "") for target in panel["targets"]}
        values = self.values(board)
        return [
            _legend(interpolated(formats[frame.ref], values), frame)
            for frame in self.shown(board, panel)
            if frame.fields and frame.ref in formats
        ]


def _legend(form: str, frame: Frame) -> str:
    labels = frame.fields[1].labels
    if form == "__auto":
        return ", ".join(f"{name}={value}" for name, value in sorted(labels.items())) or "Value"
    return re.sub(r"\{\{(\w+)\}\}", lambda match: labels.get(match[1], ""), form).strip()


@contextmanager
def scenes(folder: Callable[[str], Path]) -> Iterator[dict[str, Scene]]:
    """All variants at once, by name, in the midst of the incident; those whose Prometheus is not there are left out."""
    with ExitStack() as stack:
        variants = [variant for variant in VARIANTS if variant.scraper.binary]
        begun = [_begun(variant, folder("scene"), stack) for variant in variants]
        company = Company(*(daemon for daemon, _, _ in begun), others=crowd.requests())
        company.down = False
        stack.enter_context(company)
        time.sleep(_CALM_S)
        company.down = True
        times = _looked_at({prometheus: config for _, config, prometheus in begun})
        yield {
            str(variant): Scene(variant, config, made(config), prometheus, times[prometheus])
            for variant, (_, config, prometheus) in zip(variants, begun, strict=True)
        }


def _looked_at(configs: dict[Prometheus, Config]) -> dict[Prometheus, float]:
    """When each knew all that the incident leads to, for the first time: what is usual changes while it lasts."""
    times: dict[Prometheus, float] = {}

    def unknown() -> dict[Prometheus, list[str]]:
        found = {}
        for prometheus in configs.keys() - times:
            wanted = (*_KNOWN, *map(_fires, ALERTS | OF_SLOS if configs[prometheus].slos else ALERTS))
            now, found[prometheus] = _missing(prometheus, wanted)
            if not found[prometheus]:
                times[prometheus] = now
        return {prometheus: missing for prometheus, missing in found.items() if missing}

    eventually(unknown, lambda missing: not missing, patience=90)
    return times


def _missing(prometheus: Prometheus, wanted: Iterable[str]) -> tuple[float, list[str]]:
    """What has no answer now, and when that was."""
    now = time.time()
    return now, [expr for expr in wanted if not prometheus.vector(expr, now)]


def _fires(alert: str) -> str:
    return f'ALERTS{{alertname="{alert}",alertstate="firing"}}'


def _begun(variant: Variant, folder: Path, stack: ExitStack) -> tuple[Running, Config, Prometheus]:
    file = folder / "span2metrics.yaml"
    file.write_text(variant.settings)
    config = load(file)
    rules = folder / "rules"
    rules.mkdir()
    for made_file in rule_files(config, Links("http://localhost", "http://localhost")):
        (rules / f"{made_file.name}.yml").write_text(shortened(text.rule_file(made_file)))
    daemon = stack.enter_context(running("serve", f"--config.file={file}", *FREE_PORTS)).ready()
    scraper = variant.scraper
    options = {"binary": scraper.binary, "settings": scraper.settings, "rules": rules}
    return daemon, config, stack.enter_context(launched(daemon.web, folder, scraper.features, **options))
