"""The configuration of what keeps memory bounded, and the pages with it.

A part of `models`, whose rules hold here too.
"""

from __future__ import annotations

from dataclasses import dataclass

from span2metrics.config.forms import GIB, KIB
from span2metrics.config.kinds import Size, Whole
from span2metrics.config.section import setting
from span2metrics.engine.plan import Plan

ENGINE = Plan()
MOST = 100_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    services: int = setting(
        Whole(0, MOST),
        ENGINE.most_services,
        "Services that are told apart; 0: any number. The spans of further ones count under the service __other__, "
        "until some have left (metrics.expire_after). 5000 is more than nearly all fleets have. Those that slos or "
        "apdex name are told apart in any case.",
    )
    series: int = setting(
        Whole(0, MOST),
        ENGINE.most_series,
        "Label sets that there may be in all; 0: any number. A further one is not made: its spans count in the series "
        'otel_metric_overflow="true" of their service, which keeps kind and status, so that totals and error rates '
        "stay exact. 100000 are some 90MiB here and 2 million samples a scrape. What slos and apdex select is made "
        "beyond it all the same, up to as many again.",
    )
    series_per_service: int = setting(
        Whole(0, MOST),
        ENGINE.most_series_of_service,
        "Label sets that one service may have; 0: any number. 2000, so that one service whose names or dimensions hold "
        "ids takes no room from the others. Of what slos and apdex select, as many again.",
    )
    edges: int = setting(
        Whole(0, MOST),
        ENGINE.most_edges,
        "Edges of the service graph; 0: any number. Of a further one the end that sent no span is __other__, or the "
        "server if both did, and it has no dimensions. 20000 are four for each of 5000 services.",
    )
    label_value_length: int = setting(
        Size(16, KIB),
        ENGINE.label_value_length,
        "Bytes of UTF-8 that a label's value may have; a longer one is cut and ends in …. 256 holds any sensible "
        "value; no value beyond 1KiB is ever kept.",
    )
    raw_key_bytes: int = setting(
        Size(64 * KIB, 64 * GIB),
        ENGINE.raw_key_bytes,
        "Memory for the keys by which known spans are recognised; what is not used is forgotten first. 64MiB is "
        "some 300,000 keys; with fewer, rare spans cost more time.",
    )
    targets: int = setting(
        Whole(1, 1_000_000),
        ENGINE.most_targets,
        "Instances of services that target_info shows. Of more, the one whose spans are the longest ago goes until it "
        "sends again, and span2metrics_forgotten_targets_total counts it, so that pods which come and go cannot fill "
        "the memory. 10000 are some 3MiB.",
    )
