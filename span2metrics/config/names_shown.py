"""What a span's name becomes before a label shows it, as far as that is decided by the name alone."""

from __future__ import annotations

import re

from span2metrics.config.models import Config, Rule
from span2metrics.engine.core import template_name
from span2metrics.engine.naming import NameRule, Naming, Templating
from span2metrics.engine.rewriting import replacement
from span2metrics.engine.where import Texts


def becomes(name: str, service: Texts | None, config: Config) -> str | None:
    """What a label shows in place of the name; None if it may show the name itself.

    `service`: whose spans are meant, None for anybody's.
    """
    templating = config.span_names.templating
    if templating is Templating.DRY_RUN:
        return None
    whole = template_name(name) if templating is Templating.ON else name
    if whole != name:
        return whole
    rules = [rule for rule in config.span_names.rules if _may_apply(rule, service)]
    if any(_may_make(rule, name) for rule in rules):
        return None
    certain = [NameRule(rule.match, rule.replace) for rule in rules if _applies(rule, service)]
    renamed = Naming(certain).rename("", name, ())
    return renamed if renamed not in {"", name} else None


def _may_apply(rule: Rule, service: Texts | None) -> bool:
    return not rule.service or service is None or bool(service.patterns) or rule.service in service.equal


def _applies(rule: Rule, service: Texts | None) -> bool:
    return not rule.service or (service is not None and service == Texts(equal=(rule.service,)))


def _may_make(rule: Rule, name: str) -> bool:
    """Whether there may be a name that the rule changes to this one."""
    if rule.convention:
        return True
    made = "".join(re.escape(piece) if isinstance(piece, str) else ".*" for piece in replacement(rule.replace))
    return re.fullmatch(made, name, re.DOTALL) is not None
