"""Who is to blame: from a caller that fails to the node at the end of the chain, by recordings: `rules/causes.yml`.

A service blames the worst of its edges beyond a threshold, if all of those together are most of its failures (or of its
time, where it is slow).  Where the blamed node blames nobody it is the cause, one hop away; the services that blame one
of those are two hops from it, and so on.  The walk begins at causes and goes to their callers: a ring of services that
blame each other has no cause, and is never reached.  Whoever is farther away than `HOPS` is not reached either.  Both
keep their own alerts; nobody is muted unless there is somebody else to name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from span2metrics.generate import graph, red
from span2metrics.generate.promql import renamed
from span2metrics.generate.rule import Group, Recording, RuleFile
from span2metrics.generate.thresholds import CAUSE_SHARE

#: The longest chain of calls that is followed; services that call each other deeper than this are rare.
HOPS = 5

_HEAD = """\
Causes: which dependency, however many calls away, explains that a service fails or is slow.
service:*_blame  how much of it a service's worst dependency has (client, server), if dependencies explain it
service:*_cause  the node at the end of the chain (cause), hops calls away"""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A kind of trouble.

    name       "failure" or "slowness"
    edges      recording of edges beyond the threshold
    services   recording of services beyond theirs
    of_edge    how much there is of it on each edge …
    of_service and in each service, in the same unit
    """

    name: str
    edges: str
    services: str
    of_edge: str
    of_service: str

    @property
    def blame(self) -> str:
        return f"service:{self.name}_blame"

    @property
    def cause(self) -> str:
        return f"service:{self.name}_cause"

    @property
    def roots(self) -> str:
        """Edges beyond the threshold whose server explains itself by nobody and has no alert of its own."""
        explained = renamed(f"max by (client) ({self.blame})", "server", "client")
        own = renamed(self.services, "server", "service_name")
        return f"{self.edges}\nunless on (server) {own}\nunless on (server) {explained}"


FAILURE = Trouble(
    "failure", graph.FAILING, red.FAILING, "edge:requests_failed:rate5m", "service:requests_failed:rate5m"
)
SLOWNESS = Trouble("slowness", graph.SLOW, red.SLOW, graph.TIME, red.TIME)


def rule_file() -> RuleFile:
    """For the recordings of `red` and `graph`."""
    groups = tuple(Group(f"span2metrics causes of {kind.name}", tuple(_rules(kind))) for kind in (FAILURE, SLOWNESS))
    return RuleFile("causes", groups, _HEAD)


def _rules(trouble: Trouble) -> Iterator[Recording]:
    # A slow node that answers with errors has failing edges, too; what a caller waits for is what counts here.
    worst = f"({trouble.of_edge} and on (client, server) {trouble.edges})"
    of_client = renamed(trouble.of_service, "client", "service_name")
    yield Recording(
        trouble.blame,
        f"topk by (client) (1, {worst})\n"
        f"and on (client)\n"
        f"sum by (client) ({worst}) >= on (client) {CAUSE_SHARE.scalar} * sum by (client) ({of_client})",
    )
    blames = renamed(trouble.blame, "service_name", "client")
    blamed = renamed(blames, "cause", "server")
    yield Recording(
        trouble.cause,
        f"sum by (service_name, cause) ({blamed}\n"
        f"unless on (server) {renamed(f'max by (client) ({trouble.blame})', 'server', 'client')})",
        {"hops": "1"},
    )
    for hops in range(2, HOPS + 1):
        nearer = renamed(f'{trouble.cause}{{hops="{hops - 1}"}}', "server", "service_name")
        yield Recording(
            trouble.cause,
            f"sum by (service_name, cause) ({blames}\n* on (server) group_left (cause)\n(0 * {nearer} + 1))",
            {"hops": str(hops)},
        )
