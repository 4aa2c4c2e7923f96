"""The words of the project: YAML to frozen models, every mistake with its line; models to the engine's plan.

Who wants to add a setting declares it in `models` and describes it in the reference file; loader, dump and schema
follow.
"""

from __future__ import annotations

from span2metrics.config.compile import compile_plan
from span2metrics.config.dump import dump
from span2metrics.config.loader import load
from span2metrics.config.models import (
    Config,
    Cors,
    GrpcReceiver,
    HttpReceiver,
    Intake,
    Keepalive,
    Limits,
    Metrics,
    Web,
)
from span2metrics.config.notes import notes
from span2metrics.config.scalars import Endpoint
from span2metrics.config.schema import schema

__all__ = [
    "Config",
    "Cors",
    "Endpoint",
    "GrpcReceiver",
    "HttpReceiver",
    "Intake",
    "Keepalive",
    "Limits",
    "Metrics",
    "Web",
    "compile_plan",
    "dump",
    "load",
    "notes",
    "schema",
]
