"""Apdex: one number a service for how content those are who call it, 1 for all and 0 for none."""

from __future__ import annotations

from collections.abc import Iterator

from span2metrics import names
from span2metrics.config import Config
from span2metrics.config.bounds import TOLERATED
from span2metrics.config.slos import Apdex
from span2metrics.engine.text import bound_text
from span2metrics.generate.families import Families
from span2metrics.generate.matchers import Matcher, among, selector
from span2metrics.generate.promql import FIVE, SERVICE, summed_by
from span2metrics.generate.rule import Group, Recording, RuleFile
from span2metrics.generate.selector import IS_NO_ERROR, matchers_of

RECORD = "service:apdex:ratio_rate5m"
_COMMENT = (
    "Apdex, made by `span2metrics generate rules`: (good + (tolerable - good) / 2) / total.  The bucket of what is\n"
    "tolerable counts what is good too, so that is half the sum of both buckets.  Errors are frustrated, however fast."
)


def rule_file(config: Config) -> RuleFile:
    families = Families.of(config)
    rules = tuple(_rules(config, families))
    return RuleFile("apdex", (Group("span2metrics apdex", rules),), _COMMENT)


def _rules(config: Config, families: Families) -> Iterator[Recording]:
    for apdex in config.apdex:
        yield Recording(RECORD, _expr(apdex, config, families), _labels(apdex))


def _labels(apdex: Apdex) -> dict[str, str]:
    return {"threshold": apdex.label} | ({"apdex": apdex.name} if apdex.name else {})


def _expr(apdex: Apdex, config: Config, families: Families) -> str:
    asked = matchers_of(apdex.where, config, families, names.DURATION)
    unit = families.unit.nanoseconds
    up_to = among("le", (bound_text(factor * apdex.threshold, unit) for factor in (1, TOLERATED)))
    both = _rate(families, "bucket", (*asked, IS_NO_ERROR, up_to))
    total = _rate(families, "count", asked)
    return f"(\n  {both}\n  or\n  0 * {total}\n)\n/ 2 /\n({total} > 0)"


def _rate(families: Families, part: str, matchers: tuple[Matcher, ...]) -> str:
    rate = f"rate({selector(f'{families.duration}_{part}', matchers)}[{FIVE}])"
    return summed_by((SERVICE,), rate, families.service)
