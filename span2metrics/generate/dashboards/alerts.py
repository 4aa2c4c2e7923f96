"""Alerts that fire, as Prometheus tells them: pages and tickets, not those for Alertmanager alone."""

from __future__ import annotations

from span2metrics.generate.alerting import PAGE, TICKET
from span2metrics.generate.dashboards.link import cell, to_service
from span2metrics.generate.dashboards.panel import Column, Query, Table

_TOLD = f'severity=~"{PAGE}|{TICKET}"'
#: What an alert is about besides its service: one column, because most have one of these.
_ABOUT = ("client", "server", "slo", "window", "measure", "instance")
_LABELS = ("severity", "alertname", "service_name", *_ABOUT)


def firing(matchers: str = "") -> str:
    """A series for each."""
    return f'ALERTS{{alertstate="firing",{",".join(filter(None, (_TOLD, matchers)))}}}'


def firing_number(matchers: str = "") -> str:
    """As many as the table has rows: an alert that fires by several other labels is one."""
    return f"count(count by ({', '.join(_LABELS)}) ({firing(matchers)})) or vector(0)"


def firing_table(title: str, matchers: str, width: int = 24, height: int = 7) -> Table:
    """`matchers`: of the alerts' labels."""
    since = f"ALERTS_FOR_STATE{{{matchers}}} * 1000 and ignoring (alertstate) {firing(matchers)}"
    about = ", ".join(f'"{label}"' for label in _ABOUT)
    joined = f'label_join(max by ({", ".join(_LABELS)}) ({since}), "about", " ", {about})'
    trimmed = f'label_replace({joined}, "about", "$1", "about", " *(.*?) *")'
    columns = (
        Column("severity", "Severity", width=90),
        Column("alertname", "Alert", width=260),
        Column("service_name", "Service", links=(to_service(cell("Service")),), width=180),
        Column("about", "About"),
        Column("A", "Since", "dateTimeFromNow", width=160),
    )
    return Table(
        title=title,
        description="What Prometheus has firing; Alertmanager mutes those that another one explains. What an alert "
        "means and what to do stands in its runbook, at /runbooks of the daemon.",
        queries=(Query(trimmed),),
        columns=columns,
        sort=("Severity", False),
        no_value="Nothing fires",
        width=width,
        height=height,
    )
