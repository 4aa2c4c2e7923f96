"""Files for Prometheus, made from the configuration and from `names`: what is asked for is what the page has.

`rule_files` is all of it.  Each file is a module that turns a configuration into groups of rules; how they are written
is `text`'s, what the page's families and labels are called `families`'.  Nothing here reads a clock, a file or a page.
"""

from __future__ import annotations

from collections.abc import Iterator

from span2metrics.config import Config
from span2metrics.generate import alerts, apdex, graph, graph_causes, measure, red, slo, thresholds, usual
from span2metrics.generate.alerting import Links
from span2metrics.generate.rule import RuleFile

#: What rule files are called, whatever the configuration.
NAMES = (
    "thresholds", "red", "usual", "graph", "causes", "alerts", "slos", "apdex", "daemon", "measures",
)  # fmt: skip


def rule_files(config: Config, links: Links) -> tuple[RuleFile, ...]:
    """Every rule file of a configuration, in the order in which they are read; those without a rule are left out."""
    daemon = alerts.of_daemon(links, graph=_has_graph(config))
    files = (thresholds.rule_file(), *_services(config, links), *_promises(config, links), daemon)
    amounts = measure.rule_file(config, links)
    return (*files, amounts) if amounts else files


def _has_graph(config: Config) -> bool:
    return config.service_graph.enabled


def _services(config: Config, links: Links) -> Iterator[RuleFile]:
    """Rate, errors and durations, and the service graph."""
    services, edges = red.rule_file(config), graph.rule_file(config)
    if services:
        yield from (services, usual.rule_file())
    if edges:
        yield edges
    if services and edges:
        yield graph_causes.rule_file()
    if services:
        yield alerts.of_services(links, graph=edges is not None)


def _promises(config: Config, links: Links) -> Iterator[RuleFile]:
    """Objectives and apdex."""
    if config.slos:
        yield slo.rule_file(config, links)
    if config.apdex:
        yield apdex.rule_file(config)
