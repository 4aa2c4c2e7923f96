"""Ways from one dashboard to another, which keep the time and the variables that every dashboard has."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from span2metrics.generate.alerting import SERVICES

OVERVIEW = "span2metrics-overview"
#: All dashboards have it.
TAG = "span2metrics"

DATASOURCE, HISTOGRAM = "datasource", "histogram"


@dataclass(frozen=True, slots=True)
class Link:
    """`variables` of the dashboard `uid`, each with what it is set to: a text or one of Grafana's `${…}`."""

    title: str
    uid: str
    variables: tuple[tuple[str, str], ...] = ()

    @property
    def url(self) -> str:
        kept = f"${{{DATASOURCE}:queryparam}}&${{{HISTOGRAM}:queryparam}}&${{__url_time_range}}"
        return "&".join((f"/d/{self.uid}?{kept}", *(f"var-{quote(name)}={value}" for name, value in self.variables)))


def cell(title: str) -> str:
    """What stands in the column of a table's row."""
    return f'${{__data.fields["{title}"]:percentencode}}'


def of_series(label: str) -> str:
    """A label of the series that is pointed at."""
    return f"${{__field.labels.{label}:percentencode}}"


def to_service(value: str, title: str = "Open the service") -> Link:
    return Link(title, SERVICES, (("service", value),))
