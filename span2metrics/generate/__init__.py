"""Files for Prometheus, made from the configuration and from `names`: what is asked for is what the page has.

`rule_files` is all of it.  Each file is a module that turns a configuration into groups of rules; how they are written
is `text`'s, what the page's families and labels are called `families`'.  Nothing here reads a clock, a file or a page.
"""

from __future__ import annotations

from span2metrics.config import Config
from span2metrics.generate.alerting import Links
from span2metrics.generate.apdex import apdex_file
from span2metrics.generate.rule import RuleFile
from span2metrics.generate.slo import slo_file
from span2metrics.generate.slo_thresholds import threshold_file


def rule_files(config: Config, links: Links) -> tuple[RuleFile, ...]:
    """Every rule file of a configuration, in the order in which they are read; those without a rule are left out."""
    files = (*((threshold_file(),) if config.slos else ()), slo_file(config, links), apdex_file(config))
    return tuple(file for file in files if file.groups)
