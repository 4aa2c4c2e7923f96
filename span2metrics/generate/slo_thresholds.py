"""Numbers in the alerts of objectives that an operator may want to change, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass

from span2metrics.generate.rule import Group, Recording, RuleFile

PREFIX = "span2metrics:threshold:"


@dataclass(frozen=True, slots=True)
class Threshold:
    """Recorded as a series of its own, so that it is changed in one place and can be seen in a graph."""

    name: str
    value: str
    unit: str
    reason: str

    @property
    def scalar(self) -> str:
        """Its value in an alert's expression."""
        return f"scalar({PREFIX}{self.name})"


MINIMUM_ERRORS = Threshold(
    "slo_minimum_errors",
    "5",
    "bad calls",
    "Fewer in an alert's long window tell nobody: of ten calls in a quiet night one is a tenth, and no reason to wake "
    "anybody.",
)
FORECAST = Threshold(
    "slo_forecast_days",
    "3",
    "days",
    "A budget that will be gone in so many days, at the rate of the last one, is a ticket: time enough to postpone a "
    "release, and a weekend is shorter.",
)
SLO_THRESHOLDS = (MINIMUM_ERRORS, FORECAST)


def threshold_file() -> RuleFile:
    rules = tuple(
        Recording(
            f"{PREFIX}{threshold.name}", f"vector({threshold.value})", comment=f"{threshold.unit}. {threshold.reason}"
        )
        for threshold in SLO_THRESHOLDS
    )
    return RuleFile("thresholds", (Group("span2metrics-thresholds", rules),), "Thresholds of alerts: change them here.")
