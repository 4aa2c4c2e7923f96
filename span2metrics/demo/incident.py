"""The incident: what is wrong with the outside world, as a function of the seconds since the start.

Pure tables and one lookup; it knows neither spans nor services.  `cycle` repeats every five minutes: three calm, two
bad.  The card network stops answering first, and half a minute later the ledger's database drowns in what piled up.
`outage` is the card network's alone and long enough for whoever is woken by it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Conditions:
    """The weather at one moment.

    card_timeout      probability that one attempt at the card network is not answered in time
    card_slowdown     factor on the latency of those that are
    query_timeout     probability that a query of the ledger's database is cancelled
    query_slowdown    factor on the latency of those that are not
    backlog           factor on the time that a message waits in the queue
    """

    card_timeout: float = 0.015
    card_slowdown: float = 1.0
    query_timeout: float = 0.0002
    query_slowdown: float = 1.0
    backlog: float = 1.0


CALM = Conditions()
CARD_NETWORK_DOWN = Conditions(card_timeout=0.85, card_slowdown=3.0, backlog=4.0)
EVERYTHING_DOWN = Conditions(card_timeout=0.85, card_slowdown=3.0, query_timeout=0.06, query_slowdown=40.0, backlog=8.0)


@dataclass(frozen=True, slots=True)
class Incident:
    """A timeline that repeats every `period_s`: each phase is (its first second, the conditions from then on)."""

    name: str
    period_s: float
    phases: tuple[tuple[float, Conditions], ...]
    story: str

    def at(self, elapsed_s: float) -> Conditions:
        """Conditions `elapsed_s` seconds after the start."""
        second = elapsed_s % self.period_s
        return [conditions for since, conditions in self.phases if since <= second][-1]


NONE = Incident("none", 300.0, ((0.0, CALM),), "No incident: all is calm.")
CYCLE = Incident(
    "cycle",
    300.0,
    ((0.0, CALM), (180.0, CARD_NETWORK_DOWN), (210.0, EVERYTHING_DOWN)),
    "Every 5 minutes, 3 calm ones and 2 bad: from 3:00 on the card network times out (payments retries, then fails,\n"
    "and the gateway answers 504); from 3:30 on the ledger's database is slow as well; at 5:00 all is well again.",
)
OUTAGE = Incident(
    "outage",
    86_400.0,
    ((0.0, CALM), (300.0, CARD_NETWORK_DOWN), (900.0, CALM)),
    "One outage: from 5:00 on the card network times out (payments retries, then fails, and the gateway answers 504);\n"
    "at 15:00 all is well again, for a day.",
)

INCIDENTS = {incident.name: incident for incident in (NONE, CYCLE, OUTAGE)}
