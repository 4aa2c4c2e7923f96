"""What all alerts have in common: who is told, and where the way to a remedy begins.

`page` wakes somebody, `ticket` waits until the morning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from span2metrics.generate.rule import Alert, Runbook

PAGE, TICKET = "page", "ticket"
#: Grafana's uids of the dashboards that alerts lead to.
SERVICES, GRAPH, SLOS, MEASURES, DAEMON = (
    f"span2metrics-{board}" for board in ("services", "graph", "slos", "measures", "daemon")
)
_NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Links:
    """Where the runbooks' page and Grafana are: URLs without a slash at their end."""

    runbooks: str
    grafana: str


@dataclass(frozen=True, slots=True)
class Told:
    """What a human reads of an alert, Prometheus' templates in it: one line, and then the numbers that matter."""

    summary: str
    description: str


def alert(
    name: str,
    expr: str,
    lasting: str,
    severity: str,
    told: Told,
    runbook: Runbook,
    links: Links,
    board: str,
    *,
    variables: tuple[tuple[str, str], ...] = (),
    labels: Mapping[str, str] = _NONE,
    comment: str = "",
    keep_firing: str = "",
) -> Alert:
    """An alert with its links.  `variables`: of the dashboard, and the alert's labels that they are set to.

    `labels` are those that it has besides its severity and what `expr` leaves.
    """
    query = "&".join(f"var-{variable}={{{{ $labels.{label} | urlquery }}}}" for variable, label in variables)
    annotations = {
        "summary": told.summary,
        "description": told.description,
        "runbook_url": f"{links.runbooks}#{name.lower()}",
        "dashboard_url": f"{links.grafana}/d/{board}{'?' if query else ''}{query}",
    }
    return Alert(name, expr, lasting, {"severity": severity, **labels}, annotations, runbook, keep_firing, comment)
