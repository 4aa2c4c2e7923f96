"""Dependencies that cost too much: calls for each request, retries, time; panels of the service map."""

from __future__ import annotations

from collections.abc import Iterator

from span2metrics import names
from span2metrics.config import Config
from span2metrics.generate import red
from span2metrics.generate.dashboards.link import cell, to_service
from span2metrics.generate.dashboards.panel import (
    GREEN,
    PER_SECOND,
    RATIO,
    RED,
    SECONDS,
    SHORT,
    TIME,
    YELLOW,
    Column,
    Panel,
    Query,
    Steps,
    Table,
    TimeSeries,
)
from span2metrics.generate.dashboards.queries import Edges, Spans
from span2metrics.generate.graph import BY, QUEUED, USUAL_AMPLIFICATION, WAITED
from span2metrics.generate.promql import renamed

#: Calls for each request: a few are common, dozens are a loop that should be one query.
_CALLS: Steps = ((None, GREEN), (5, YELLOW), (20, RED))
#: Of the calls on an edge, those beyond the usual number for each request.
_RETRIES: Steps = ((None, GREEN), (0.2, YELLOW), (0.5, RED))


def panels(config: Config) -> Iterator[Panel]:
    """Those on requests need spans' own recordings; queues are on the map of every configuration."""
    if red.rule_file(config):
        yield _costs(Spans.of(config))
    legend = f"{{{{{names.CLIENT}}}}} → {{{{{names.SERVER}}}}}"
    timed = config.service_graph.messaging_latency
    width = 8 if timed else 12
    yield TimeSeries(
        title="Requests by edge",
        description="Where calls multiply, one edge rises and its client's own does not.",
        queries=(Query(Edges.rate(BY, Edges.chosen), legend),),
        unit=PER_SECOND,
        least=0,
        width=width,
    )
    yield TimeSeries(
        title="Messages",
        description="Through queues, counted when they are taken: a line that falls while its producer's own requests "
        "do not is a queue that grows, or a consumer that stands still.",
        queries=(Query(Edges.rate(BY, f"{Edges.chosen},{QUEUED}"), legend),),
        unit=PER_SECOND,
        least=0,
        width=width,
        no_value="No queues",
    )
    if timed:
        yield TimeSeries(
            title="Messages wait",
            description="From a message's sending to its taking, 95th percentile, by two clocks: seconds that rise are "
            "a queue that grows. Add consumers, or find what keeps them.",
            queries=(Query(Edges.queued.quantile(0.95, BY, Edges.chosen), legend),),
            unit=SECONDS,
            least=0,
            width=width,
            no_value="No queues",
        )


def _costs(spans: Spans) -> Panel:
    by, matchers = BY, f"{Edges.chosen},{WAITED}"
    asked = renamed(f"({spans.rate((names.SERVICE_NAME,))} > 0)", names.CLIENT, names.SERVICE_NAME)
    per_request = f"{Edges.rate(by, matchers)} / on (client) group_left () sum by (client) ({asked})"
    busy = renamed(f"({spans.durations.time((names.SERVICE_NAME,), red.OWN)} > 0)", names.CLIENT, names.SERVICE_NAME)
    share = f"{Edges.waited.time(by, matchers)} / on (client) group_left () sum by (client) ({busy})"
    retries = f"clamp_min(1 - {USUAL_AMPLIFICATION}{{{Edges.chosen}}} / on (client, server) ({per_request}), 0)"
    return Table(
        title="Costs",
        description="For each request that a client answers, how many it makes to a server; dozens are a loop. Beyond "
        "usual: of these calls, the share above the median of the last day, which is what retries look like; it is "
        "known after two hours. Share of time: of all that the client takes to answer, what it waits for this server; "
        "calls at the same time are counted each.",
        queries=(
            Query(share, ref="share"),
            Query(per_request, ref="calls"),
            Query(retries, ref="retries"),
            Query(Edges.rate(by, matchers), ref="rate"),
        ),
        columns=(
            Column(names.CLIENT, "Client", links=(to_service(cell("Client")),)),
            Column(names.SERVER, "Server", links=(to_service(cell("Server")),)),
            Column("share", "Share of client's time", RATIO, TIME, width=190, decimals=1),
            Column("calls", "Calls for each request", SHORT, _CALLS, width=180, decimals=2),
            Column("retries", "Beyond usual", RATIO, _RETRIES, width=150, decimals=1),
            Column("rate", "Rate", PER_SECOND, width=110),
        ),
        sort=("Share of client's time", True),
        width=24,
        height=9,
    )
