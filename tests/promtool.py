"""promtool's unit tests of rules, written from Python: series over time in, and which alerts fire when."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from tests.processes import PATIENCE

#: Seconds between samples, and between rounds of rules.
STEP_S = 15
_A_MINUTE = 60 // STEP_S


class Series(NamedTuple):
    """A series, and its values in promtool's notation."""

    series: str
    values: str


def labelled(name: str, labels: dict[str, str]) -> str:
    """As a query has it."""
    return name + "{" + ",".join(f'{label}="{value}"' for label, value in labels.items() if value) + "}"


class Restart:
    """In a counter: it begins again at 0."""


class Gone:
    """In a counter or a gauge: no samples for so many minutes."""

    def __init__(self, minutes: float) -> None:
        self.minutes = minutes


Part = tuple[float, float] | Restart | Gone


def counter(*parts: Part) -> str:
    """A counter that grows for minutes by so much a second, and then otherwise."""
    value, words = 0.0, []
    for part in parts:
        if isinstance(part, Restart):
            value = 0.0
        elif isinstance(part, Gone):
            words.append(f"_x{round(part.minutes * _A_MINUTE)}")
        else:
            samples, step = round(part[0] * _A_MINUTE), part[1] * STEP_S
            words.append(f"{value:.10g}+{step:.10g}x{samples - 1}")
            value += step * samples
    return " ".join(words)


def combined(one: tuple[Part, ...], other: tuple[Part, ...], of: Callable[[float, float], float]) -> tuple[Part, ...]:
    """Parts of both rates."""
    return tuple(
        (a[0], of(a[1], b[1])) if isinstance(a, tuple) and isinstance(b, tuple) else a
        for a, b in zip(one, other, strict=True)
    )


def gauge(*parts: tuple[float, float] | Gone) -> str:
    """A gauge that has a value for minutes, and then another."""
    return " ".join(
        f"_x{round(part.minutes * _A_MINUTE)}"
        if isinstance(part, Gone)
        else f"{part[1]:.10g}+0x{round(part[0] * _A_MINUTE) - 1}"
        for part in parts
    )


@dataclass(frozen=True)
class Question:
    """Elements of a query's answer at a time: as a query has them, without a name, and their values."""

    at: str
    expr: str
    answer: dict[str, float]


def unit_test(name: str, inputs: Sequence[Series], questions: Iterable[Question], interval: str) -> dict[str, Any]:
    """One test of promtool's."""
    return {
        "name": name,
        "interval": interval,
        "input_series": [each._asdict() for each in inputs],
        "promql_expr_test": [
            {
                "expr": question.expr,
                "eval_time": question.at,
                "exp_samples": [{"labels": labels, "value": value} for labels, value in question.answer.items()],
            }
            for question in questions
        ],
    }


def run(promtool: str, folder: Path, rules: Iterable[Path], tests: Sequence[dict[str, Any]], evaluation: str) -> None:
    """Fails with what promtool says unless all tests hold."""
    document = {"rule_files": [str(path) for path in rules], "evaluation_interval": evaluation, "tests": list(tests)}
    file = folder / "tests.yml"
    file.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True))
    done = subprocess.run(
        [promtool, "test", "rules", file], check=False, capture_output=True, text=True, timeout=4 * PATIENCE
    )
    if done.returncode:
        pytest.fail(done.stdout + done.stderr, pytrace=False)
