"""Prometheus' own unit tests of rules, from tables: synthetic series, and what is recorded and told at a time."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from span2metrics.config import load
from span2metrics.generate import rule_files, text
from span2metrics.generate.alerting import Links
from span2metrics.generate.rule import Alert, Recording, RuleFile
from tests.scrapers import promtool

LINKS = Links("https://wiki.example/runbooks", "https://grafana.example")
MINUTE, HOUR, DAY = 1, 60, 24 * 60


@dataclass(frozen=True)
class Case:
    """What comes of series: `series` are selectors and values in promtool's notation, a minute apart.

    firing      minutes from the first sample → all alerts that fire, by the labels `alertname`, `slo` and `window`
    values      minutes → query → its one value, to a relative 1e-9; None: the query has no answer
    """

    series: Mapping[str, str]
    firing: Mapping[int, Iterable[tuple[str, str, str]]] = field(default_factory=dict)
    values: Mapping[int, Mapping[str, float | None]] = field(default_factory=dict)


def files_of(config: str, folder: Path) -> tuple[RuleFile, ...]:
    """Those of objectives and apdex, and the thresholds that they ask for."""
    file = folder / "config.yaml"
    file.write_text(config)
    return tuple(file for file in rule_files(load(file), LINKS) if file.name in {"slos", "apdex", "thresholds"})


def without_alerts(file: RuleFile) -> RuleFile:
    groups = (
        replace(group, rules=tuple(rule for rule in group.rules if isinstance(rule, Recording)))
        for group in file.groups
    )
    return replace(file, groups=tuple(groups))


def written(files: Iterable[RuleFile], folder: Path) -> list[Path]:
    paths = []
    for file in files:
        path = folder / f"{file.name}.yml"
        path.write_text(text.rule_file(file))
        paths.append(path)
    return paths


def rules_of(files: Iterable[RuleFile]) -> list[Recording | Alert]:
    return [rule for file in files for group in file.groups for rule in group.rules]


def linted(version: str, paths: Sequence[Path]) -> str:
    """What `promtool check rules` has to complain of."""
    done = subprocess.run(
        [promtool(version), "check", "rules", "--lint=all", "--lint-fatal", *map(str, paths)],
        check=False,
        capture_output=True,
        text=True,
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def outcome(version: str, paths: Sequence[Path], cases: Sequence[Case], folder: Path, every: int = 1) -> str:
    """What `promtool test rules` finds otherwise than a case has it, with so many minutes between evaluations."""
    return run(version, paths, [_group(case) for case in cases], folder, every)


def run(version: str, paths: Sequence[Path], groups: Sequence[Any], folder: Path, every: int = 1) -> str:
    """The same of test groups in promtool's form."""
    file = folder / "test.yml"
    files = [str(path) for path in paths]
    document = {"rule_files": files, "evaluation_interval": f"{every}m", "tests": groups}
    file.write_text(yaml.safe_dump(document, allow_unicode=True, width=10_000))
    done = subprocess.run([promtool(version), "test", "rules", str(file)], check=False, capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def _group(case: Case) -> dict[str, Any]:
    queries = [_query(query, value, at) for at, values in case.values.items() for query, value in values.items()]
    queries += [_firing(at, firing) for at, firing in case.firing.items()]
    return {
        "interval": "1m",
        "input_series": [{"series": series, "values": values} for series, values in case.series.items()],
        "promql_expr_test": queries,
    }


def _query(query: str, value: float | None, at: int) -> dict[str, Any]:
    """With a tolerance: what promtool compares must be equal to the last bit."""
    if value is None:
        return {"expr": query, "eval_time": f"{at}m", "exp_samples": []}
    near = f"max(abs(({query}) - {value!r})) <= bool {max(abs(value) * 1e-9, 1e-12):.3g}"
    if value in (float("inf"), 0.0):
        near = f"max(({query}) == bool {'Inf' if value else 0})"
    return {"expr": near, "eval_time": f"{at}m", "exp_samples": [{"labels": "{}", "value": 1}]}


def _firing(at: int, firing: Iterable[tuple[str, str, str]]) -> dict[str, Any]:
    labels = [
        ", ".join(
            f'{label}="{value}"' for label, value in zip(("alertname", "slo", "window"), told, strict=True) if value
        )
        for told in firing
    ]
    return {
        "expr": 'count by (alertname, slo, window) (ALERTS{alertstate="firing"})',
        "eval_time": f"{at}m",
        "exp_samples": [{"labels": f"{{{told}}}", "value": 1} for told in labels],
    }
