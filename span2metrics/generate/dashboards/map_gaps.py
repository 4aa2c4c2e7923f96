"""What the service map cannot see: halves of edges that met nobody; panels of its last row."""

from __future__ import annotations

from collections.abc import Iterator

from span2metrics import names
from span2metrics.generate.dashboards.link import of_series, to_service
from span2metrics.generate.dashboards.panel import PER_SECOND, Panel, Query, TimeSeries
from span2metrics.generate.dashboards.queries import legend_of, rate_of

_BY, _DROPPED_BY = (names.SERVICE, names.SIDE, names.REASON), (names.SERVICE, names.REASON)


def panels() -> Iterator[Panel]:
    links = (to_service(of_series(names.SERVICE)),)
    yield TimeSeries(
        title="Spans without a partner",
        description="Halves of edges whose other half did not come: an end that is not traced, is sampled otherwise, "
        "or sends to another replica. The README says what to do for each.",
        queries=(Query(rate_of(names.UNPAIRED_SPANS.name, _BY), legend_of(_BY)),),
        unit=PER_SECOND,
        least=0,
        links=links,
        no_value="All met",
    )
    yield TimeSeries(
        title="Spans that had to go",
        description="Halves that left before their partner could come, because too many waited: raise "
        "service_graph.max_items or lower service_graph.wait.",
        queries=(Query(rate_of(names.GRAPH_DROPPED.name, _DROPPED_BY), legend_of(_DROPPED_BY)),),
        unit=PER_SECOND,
        least=0,
        links=links,
        no_value="None",
    )
