"""Prometheus' rules as data: https://prometheus.io/docs/prometheus/latest/configuration/recording_rules/."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Recording:
    """A series that Prometheus keeps: `record` is its name; `comment` says why, one line or more."""

    record: str
    expr: str
    labels: Mapping[str, str] = field(default_factory=dict)
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Runbook:
    """What whoever is woken by an alert reads; texts are Markdown.

    means     what has happened, and to whom
    confirm   two questions, each with the query that answers it
    act       what to do, the first thing first
    silence   how to silence it rightly
    """

    means: str
    confirm: tuple[tuple[str, str], tuple[str, str]]
    act: tuple[str, ...]
    silence: str


@dataclass(frozen=True, slots=True)
class Alert:
    """What somebody is told when `expr` has held for `lasting`; durations in Prometheus' form, "" for none."""

    alert: str
    expr: str
    lasting: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    runbook: Runbook
    keep_firing: str = ""
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that are evaluated one after the other every `interval` ("": Prometheus' own)."""

    name: str
    rules: tuple[Recording | Alert, ...]
    interval: str = ""
    comment: str = ""


@dataclass(frozen=True, slots=True)
class RuleFile:
    """`name` without its ending; `comment` stands at its head."""

    name: str
    groups: tuple[Group, ...]
    comment: str = ""
