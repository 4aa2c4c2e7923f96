"""A `where` as label matchers of a family's series.

A configuration that was loaded asks for labels that there are (`config.slo_conditions`), so nothing is lost here.
"""

from __future__ import annotations

from collections.abc import Iterator

from span2metrics import names
from span2metrics.config import Config
from span2metrics.config.labels import label_of
from span2metrics.config.shown import attributes_of, entries, showing
from span2metrics.engine.where import Where
from span2metrics.generate.families import Families
from span2metrics.generate.matchers import Matcher, among, matching

IS_ERROR = Matcher(names.STATUS_CODE, "=", names.STATUS_CODES[names.ERROR])
IS_NO_ERROR = IS_ERROR._replace(op="!=")


def matchers_of(where: Where, config: Config, families: Families, family: str) -> tuple[Matcher, ...]:
    """In the order of a series' labels.  `family`: `names.CALLS` or `names.DURATION`."""
    return tuple(_matchers(where, config, families, family))


def _matchers(where: Where, config: Config, families: Families, family: str) -> Iterator[Matcher]:
    if where.service is not None:
        yield matching(families.service, where.service)
    if where.name is not None:
        yield matching(names.SPAN_NAME, where.name)
    if where.kinds:
        yield among(names.SPAN_KIND, (names.SPAN_KINDS[kind] for kind in where.kinds))
    if where.statuses:
        yield among(names.STATUS_CODE, (names.STATUS_CODES[status] for status in where.statuses))
    found = entries(config, family)
    for attribute, texts in attributes_of(where):
        if entry := showing(attribute, found):
            yield matching(label_of(entry), texts)
