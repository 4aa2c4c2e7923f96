"""The configuration of how sampled spans are weighed.

A part of `models`, whose rules hold here too.
"""

from __future__ import annotations

from dataclasses import dataclass

from span2metrics.config.forms import ATTRIBUTE
from span2metrics.config.kinds import Flag, Or, Whole
from span2metrics.config.section import setting
from span2metrics.engine.plan import Plan

ENGINE = Plan()


@dataclass(frozen=True, slots=True)
class Sampling:
    tracestate: bool = setting(
        Flag(),
        ENGINE.tracestate,
        "Whether a span counts for as many as its tracestate says that it stands for (ot=th:8 is 2), as "
        "OpenTelemetry's probability samplers write it. On, because rates of sampled spans are those of the traffic "
        "then; spans without it count as one.",
    )
    weight_attribute: str | None = setting(
        Or(ATTRIBUTE, None),
        None,
        "An attribute of spans with the probability at which their sampler kept them, above 0 and at most 1, a number "
        "or its text: 0.25 counts for 4. It is asked where the tracestate says nothing. null: none is, because there "
        "is no convention for its name.",
    )
    max_weight: int = setting(
        Whole(1, 1_000_000_000),
        ENGINE.max_weight,
        "What a span counts for at most. 10000 is a sampler that keeps one in ten thousand; a larger weight is more "
        "likely a mistake of the sender's, and one span would be all that a graph shows. "
        "span2metrics_capped_weights_total counts them.",
    )
