"""The configuration of the service graph.

A part of `models`, whose rules hold here too.
"""

from __future__ import annotations

from dataclasses import dataclass

from span2metrics.config.dimensions import DIMENSIONS, Dimension
from span2metrics.config.forms import ATTRIBUTE, BOUND, MOST_BUCKETS
from span2metrics.config.kinds import Ascending, Distinct, Flag, Nanoseconds, Whole
from span2metrics.config.scalars import DURATION_UNITS
from span2metrics.config.section import setting
from span2metrics.engine.plan import Graph

ENGINE = Graph()


@dataclass(frozen=True, slots=True)
class ServiceGraph:
    enabled: bool = setting(
        Flag(),
        True,
        "Whether there is one. On, because who fails whom is the second question of every incident; its names and "
        "labels are those of Grafana Tempo, whose service graph view reads them.",
    )
    wait: int = setting(
        Nanoseconds(DURATION_UNITS["ms"], DURATION_UNITS["h"]),
        ENGINE.wait_ns,
        "How long a span waits for its partner. What has none by then becomes an edge to a virtual node, where the "
        "span names one, or is counted as unpaired. 10s, because exporters send every few seconds; an edge that is "
        "whole is shown at once.",
    )
    max_items: int = setting(
        Whole(1, 10_000_000),
        ENGINE.max_items,
        "Spans that are kept for a partner, at most. Of more, those that have met one go first, then the oldest, "
        "which is counted as dropped. 100000 are 10,000 calls a second for the 10s, in some 16MiB.",
    )
    buckets: tuple[int, ...] = setting(
        Ascending(BOUND, least=1, most=MOST_BUCKETS),
        ENGINE.bounds_ns,
        "Upper bounds of the buckets of an edge's durations, as metrics.buckets. Tempo's, so that old and new series "
        "can be compared; metrics.histograms and metrics.exemplars hold for edges too.",
    )
    dimensions: tuple[Dimension, ...] = setting(
        DIMENSIONS,
        (),
        "Labels of edges, as metrics.dimensions: each is client_… and server_…, read from the span of that end. None "
        "by default: each multiplies the edges.",
    )
    through_internal: bool = setting(
        Flag(),
        ENGINE.through_internal,
        "Whether a server's span whose parent is of kind INTERNAL is followed up to the client's that is above. Off, "
        "because every internal span is then kept for the wait; on for services where a proxy or framework puts one "
        "between.",
    )
    database_attributes: tuple[str, ...] = setting(
        Distinct(ATTRIBUTE),
        ENGINE.database_attributes,
        "A client's span with any of them calls a database, which sends no spans: its edge is made at once. The "
        "semantic conventions', now and before. The node is called after peer.service, server.address or "
        "network.peer.address, or else the first of these that has a value.",
    )
    peer_attributes: tuple[str, ...] = setting(
        Distinct(ATTRIBUTE),
        ENGINE.peer_attributes,
        "What names the other end of a client's or producer's span where no span of that end comes; of url.full the "
        "host counts. Whoever is named so is a virtual node.",
    )
    virtual_node_label: bool = setting(
        Flag(),
        ENGINE.virtual_node_label,
        "A label virtual_node (client or server) that says which end of an edge sends no spans. Off, because "
        "connection_type says already that one does not.",
    )
    connection_info: bool = setting(
        Flag(),
        ENGINE.connection_info,
        "A gauge traces_service_graph_connection_info that is 1 for each edge. Off, because the counter of its "
        "requests has the same labels.",
    )
    messaging_latency: bool = setting(
        Flag(),
        ENGINE.messaging_latency,
        "A histogram traces_service_graph_request_messaging_system_seconds of the time between a message's sending "
        "and its taking, for edges through a queue. Off, because the two clocks must agree.",
    )
