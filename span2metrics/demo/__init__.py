"""The demo: a small payments company that sends real OTLP over gRPC, and a word on where to look.

A user pays at the gateway, which asks auth and payments; payments asks risk, a card network outside, the ledger and a
PostgreSQL database, and tells settlement and notifications, which sends mail, through Kafka.  Every five minutes the
card network and the ledger's database have two bad ones.

Read in this order: `company` and `behaviour` (the tables), `script` (their vocabulary), `unfolding` and `traffic` (a
trace in time), `graph` (who asked whom in it), `conventions` (what a span carries), `encode`, `sender`, `senders`,
`room`.  The room stands beside the daemon and knows only its address and the names of its metrics; tests use
`traffic.Traffic` and `encode.encode` as a source of spans whose true counts and true graph are known.
"""

from __future__ import annotations

from pathlib import Path

from span2metrics.demo.child import Child
from span2metrics.demo.greeting import banner
from span2metrics.demo.incident import INCIDENTS
from span2metrics.demo.room import DEFAULT_INCIDENT, DEFAULT_RATE, DEFAULT_SEED, run

#: What the daemon is told to make of the company's spans.
CONFIG = Path(__file__).with_name("demo.yaml")

__all__ = ["CONFIG", "DEFAULT_INCIDENT", "DEFAULT_RATE", "DEFAULT_SEED", "INCIDENTS", "Child", "banner", "run"]
