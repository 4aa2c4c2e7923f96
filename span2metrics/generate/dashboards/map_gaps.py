"""What the service map cannot see: halves of edges that met nobody; panels of its last row."""

from __future__ import annotations

from collections.abc import Iterator

from span2metrics import names
from span2metrics.generate.dashboards.link import of_series, to_service
from span2metrics.generate.dashboards.panel import PER_SECOND, Panel, Query, TimeSeries
from span2metrics.generate.dashboards.queries import INTERVAL

_BY = (names.SERVICE, names.SIDE, names.REASON)


def panels() -> Iterator[Panel]:
    legend = " ".join(f"{{{{{label}}}}}" for label in _BY)
    links = (to_service(of_series(names.SERVICE)),)
    yield TimeSeries(
        title="Spans without a partner",
        description="Halves of edges whose other half did not come: an end that is not traced, is sampled otherwise, "
        "or sends to another replica. The README says what to do for each.",
        queries=(Query(_rate(names.UNPAIRED_SPANS.name, _BY), legend),),
        unit=PER_SECOND,
        least=0,
        links=links,
        no_value="All met",
    )
    yield TimeSeries(
        title="Spans that had to go",
        description="Halves that left before their partner could come, because too many waited: raise "
        "service_graph.max_items or lower service_graph.wait.",
        queries=(Query(_rate(names.GRAPH_DROPPED.name, (names.SERVICE, names.REASON)), "{{service}} {{reason}}"),),
        unit=PER_SECOND,
        least=0,
        links=links,
        no_value="None",
    )


def _rate(family: str, by: tuple[str, ...]) -> str:
    return f"sum by ({', '.join(by)}) (rate({family}_total[{INTERVAL}]))"
