"""Spans that meet, by hypothesis: few traces, ids and services, so that halves find each other or just miss."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st

from span2metrics.engine.plan import MS, Dimension, Source
from tests.cases_edges import SECOND, id_of, trace_of
from tests.oracle_halves import Settings
from tests.payloads import BAD, NOW, START, Placed

_IDS = [*map(id_of, range(1, 9))]
_TRACES = [trace_of(1), trace_of(2)]
_PEERS = {
    "peer.service": ["", "far", 7],
    "server.address": ["", "host", "::1"],
    "url.full": ["", "http://u:p@host:1/x", "nowhere", "http://[::1]/"],
    "db.system": ["", "pg"],
    "db.namespace": ["", "orders"],
    "network.peer.address": ["10.0.0.7", "::1"],
    "network.peer.port": [80, "81"],
    "region": ["", "eu", "x" * 30, BAD],
}
_attributes = st.dictionaries(st.sampled_from(sorted(_PEERS)), st.integers(0, 3), max_size=3).map(
    lambda drawn: {key: _PEERS[key][n % len(_PEERS[key])] for key, n in drawn.items()}
)
_links = st.lists(st.tuples(st.sampled_from([*_TRACES, b""]), st.sampled_from([*_IDS, bytes(8)])), max_size=3)
_parents = st.sampled_from([*_IDS * 3, b"", b"", bytes(8), b"\1"])
_times = st.sampled_from([0, START, START, START + MS, START + SECOND, NOW.wall_ns + SECOND])


@st.composite
def meeting_spans(draw: st.DrawFn, unique: bool = False, max_size: int = 12) -> list[Placed]:
    """Spans of a few traces in any order.  `unique`: each client, producer and step has an id of its own, and all are
    valid, so that no order can show."""
    ids = st.sampled_from(_IDS if unique else [*_IDS, b"", b"\1"])
    span = st.builds(
        Placed,
        kind=st.sampled_from([1, 2, 2, 3, 3, 4, 5, 5, 0, 6]),
        status=st.sampled_from([0, 1, 2]),
        service=st.sampled_from(["shop", "stock", "", None, "s" * 20]),
        trace_id=st.sampled_from(_TRACES if unique else [*_TRACES, b""]),
        span_id=ids,
        parent_id=_parents,
        links=_links,
        attributes=_attributes,
        resource=st.sampled_from([{}, {"region": "us"}]),
        start=_times,
        end=_times,
    )
    by: Any = (lambda placed: (placed.trace_id, placed.span_id)) if unique else None
    return draw(st.lists(span, max_size=max_size, unique_by=by))


graph_settings = st.builds(
    Settings,
    wait_ns=st.sampled_from([10 * SECOND, SECOND]),
    max_items=st.sampled_from([100_000, 100_000, 1, 2, 5]),
    bounds_ns=st.sampled_from([Settings().bounds_ns, (), (MS,), (MS // 10, SECOND)]),
    dimensions=st.sampled_from(
        [(), (Dimension("region", ("region",)),), (Dimension("r", ("region", "none"), (Source.RESOURCE,), "none"),)]
    ),
    through_internal=st.booleans(),
    database_attributes=st.sampled_from([Settings().database_attributes, (), ("region",)]),
    peer_attributes=st.sampled_from([Settings().peer_attributes, (), ("url.full",)]),
    virtual_node_label=st.booleans(),
    connection_info=st.booleans(),
    messaging_latency=st.booleans(),
    exemplars=st.booleans(),
    label_value_length=st.sampled_from([256, 16]),
)
