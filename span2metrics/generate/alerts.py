"""The files of alerts, `rules/alerts.yml` on services and `rules/daemon.yml` on the daemon.

One group has those on services: its rules are evaluated one after the other, so that what a dependency explains is
known in the round in which it fires.
"""

from __future__ import annotations

from span2metrics.generate import daemon, daemon_intake, daemon_upkeep, graph_alerts, red_alerts, slo_explained
from span2metrics.generate.alerting import Links
from span2metrics.generate.rule import Group, RuleFile

_SERVICES = """\
Alerts on services and their dependencies. They compare recordings (red.yml, graph.yml, usual.yml, causes.yml) with
thresholds (thresholds.yml); all of these belong together."""
_DAEMON = """\
Alerts on span2metrics itself. The scrape job has to be called span2metrics.
Those on certificates and Kafka wait for metrics of a later version, and cannot fire before."""


def of_services(links: Links, *, graph: bool) -> RuleFile:
    """For configurations for which there is `red`; `graph`: there is a service graph."""
    dependencies = tuple(graph_alerts.alerts(links)) if graph else ()
    explanations = tuple(graph_alerts.explanations(links)) if graph else ()
    of_objectives = tuple(slo_explained.explanations(links)) if graph else ()
    rules = (*dependencies, *red_alerts.alerts(links), *explanations, *of_objectives)
    return RuleFile("alerts", (Group("span2metrics alerts", rules),), _SERVICES)


def of_daemon(links: Links, *, graph: bool) -> RuleFile:
    """For every configuration."""
    groups = (
        daemon.recordings(),
        Group("span2metrics alerts on its intake", tuple(daemon_intake.alerts(links))),
        Group("span2metrics alerts on its upkeep", tuple(daemon_upkeep.alerts(links, graph=graph))),
    )
    return RuleFile("daemon", groups, _DAEMON)
