"""Each alert fires when it should and not otherwise: promtool evaluates the rules of several configurations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from span2metrics.config import Config, load
from span2metrics.generate import rule_files, text
from span2metrics.generate.alerting import Links
from span2metrics.generate.rule import Alert, RuleFile
from span2metrics.generate.runbooks import alerts
from tests import cases_alerts_daemon, cases_alerts_graph, cases_alerts_measures, cases_alerts_red
from tests.cases_alerts import PAGES, Case
from tests.promtool import Question, labelled, run, unit_test
from tests.scrapers import BUILT, DEBIAN, promtool

LINKS = Links("http://runbooks.example", "http://grafana.example")


@dataclass(frozen=True)
class Part:
    """Cases that need the same files; `evaluation` of the rules, coarser for those that take hours."""

    cases: tuple[Case, ...]
    files: frozenset[str]
    evaluation: str = "15s"


PARTS = {
    "services": Part(cases_alerts_red.CASES, frozenset({"thresholds", "red", "alerts"})),
    "traffic": Part(cases_alerts_red.DROP, frozenset({"thresholds", "red", "alerts", "daemon"}), "1m"),
    "graph": Part(cases_alerts_graph.CASES, frozenset({"thresholds", "red", "graph", "causes", "alerts"})),
    "measures": Part(cases_alerts_measures.CASES, frozenset({"thresholds", "measures"})),
    "daemon": Part(cases_alerts_daemon.CASES, frozenset({"thresholds", "daemon"}), "1m"),
    "thresholds": Part(cases_alerts_daemon.WITHOUT_THRESHOLDS, frozenset({"daemon"}), "1m"),
}
#: Each dialect on one of the versions at least.
VARIANTS = {
    "services": [(DEBIAN, "otel"), (DEBIAN, "tempo"), (BUILT, "jaeger")],
    "traffic": [(DEBIAN, "tempo"), (BUILT, "otel")],
    "graph": [(DEBIAN, "otel"), (BUILT, "tempo")],
    "measures": [(DEBIAN, "otel"), (BUILT, "tempo")],
    "daemon": [(DEBIAN, "otel"), (BUILT, "otel")],
    "thresholds": [(DEBIAN, "otel"), (BUILT, "otel")],
}
CASES = [case for part in PARTS.values() for case in part.cases]
RUNS = [(part, version, dialect) for part, variants in VARIANTS.items() for version, dialect in variants]


def config(folder: Path, dialect: str = "otel", histograms: str = "classic") -> Config:
    file = folder / "config.yaml"
    file.write_text(f"metrics: {{dialects: [{dialect}], histograms: {histograms}}}\n{cases_alerts_measures.CONFIG}")
    return load(file)


def written(files: Iterable[RuleFile], folder: Path) -> list[Path]:
    paths = []
    for file in files:
        paths.append(folder / f"{file.name}.yml")
        paths[-1].write_text(text.rule_file(file), encoding="utf-8")
    return paths


def questions(case: Case, alert: Alert) -> list[Question]:
    apart = {"alertname": alert.alert, "alertstate": "firing"} | dict(alert.labels)
    return [
        Question(
            f"{round(minute * 60)}s",
            labelled("ALERTS", {"alertname": alert.alert, "alertstate": "firing"}),
            {labelled("ALERTS", apart | about): 1 for about in firing},
        )
        for minute, firing in case.fires.items()
    ]


@pytest.mark.parametrize(("name", "version", "dialect"), RUNS)
def test_alerts_fire_when_they_should_and_not_otherwise(name: str, version: str, dialect: str, tmp_path: Path) -> None:
    part, files = PARTS[name], rule_files(config(tmp_path, dialect), LINKS)
    known = alerts(files)
    tests = [
        unit_test(
            f"{case.alert}: {case.promise}", list(case.page(PAGES[dialect])), questions(case, known[case.alert]), "15s"
        )
        for case in part.cases
    ]
    needed = written((file for file in files if file.name in part.files), tmp_path)
    assert len(needed) == len(part.files)
    run(promtool(version), tmp_path, needed, tests, part.evaluation)


def test_every_alert_has_cases_in_which_it_fires_and_in_which_it_does_not(tmp_path: Path) -> None:
    known = alerts(rule_files(config(tmp_path), LINKS))
    assert {case.alert for case in CASES if any(case.fires.values())} == set(known)
    assert {case.alert for case in CASES if not any(case.fires.values())} == set(known)
