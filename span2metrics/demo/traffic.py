"""Traces of the company: a pure function of (seed, trace number, time).

`Traffic.trace` draws everything from a generator seeded with the seed and the number, and takes the time as an
argument, so that a test can make the same spans again and know the true counts and the true graph.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping

from span2metrics.demo import behaviour, company
from span2metrics.demo.conventions import Payment, Visitor
from span2metrics.demo.graph import Asked
from span2metrics.demo.incident import Incident
from span2metrics.demo.script import Entry
from span2metrics.demo.span import Span
from span2metrics.demo.unfolding import Unfolding

_GOLDEN = (math.sqrt(5) - 1) / 2
_ENTRY_WEIGHTS = [entry.weight for entry in behaviour.ENTRIES]
_ID_LETTERS = "abcdefghjkmnpqrstvwxyz"


def arrival_s(number: int, rate: float) -> float:
    """When trace `number` begins, in seconds since the start: in order, `rate` a second, not in lockstep."""
    return (number + (number * _GOLDEN) % 1.0) / rate


class Traffic:
    """The company's traces under one incident."""

    def __init__(self, seed: int, incident: Incident) -> None:
        self._seed = seed
        self._incident = incident

    def trace(self, number: int, at_ns: int, elapsed_s: float) -> list[Span]:
        """All spans that trace `number` sets off when it begins at `at_ns`, in order of their start.

        The first one is the root.  Consumers that only link to their message are here too, with trace ids of their
        own.  `elapsed_s` is the time since the start, for the incident.
        """
        return sorted(self._unfold(number, at_ns, elapsed_s).spans, key=lambda span: span.start_ns)

    def asked(self, number: int, at_ns: int, elapsed_s: float) -> list[Asked]:
        """Who asks whom in that trace, as the script has it: `graph.graph` makes the true graph of it."""
        return self._unfold(number, at_ns, elapsed_s).asked

    def _unfold(self, number: int, at_ns: int, elapsed_s: float) -> Unfolding:
        rng = random.Random(f"{self._seed}/{number}")
        entry = rng.choices(behaviour.ENTRIES, _ENTRY_WEIGHTS)[0]
        unfolding = Unfolding(rng, self._incident.at(elapsed_s), _payment(rng, entry), _visitor(rng))
        unfolding.begin(behaviour.OPERATIONS[entry.operation], at_ns)
        return unfolding


def _payment(rng: random.Random, entry: Entry) -> Payment:
    median, sigma = company.AMOUNT
    amount = max(0.5, round(rng.lognormvariate(math.log(median), sigma), 2))
    return Payment(
        "pay_" + "".join(rng.choices(_ID_LETTERS, k=14)),
        entry.type,
        _pick(rng, company.METHODS),
        _pick(rng, company.CURRENCIES),
        -amount if entry.type == "refund" else amount,
    )


def _visitor(rng: random.Random) -> Visitor:
    return Visitor(f"203.0.113.{rng.randrange(1, 255)}", rng.choice(company.USER_AGENTS))


def _pick(rng: random.Random, weights: Mapping[str, float]) -> str:
    return rng.choices(list(weights), list(weights.values()))[0]
