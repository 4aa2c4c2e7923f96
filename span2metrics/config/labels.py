"""Labels: what an entry of the configuration produces, its name and the places where its value is looked for.

Rules from the exposition formats: letters, digits and `_`, no digit first; `le`, `quantile` and all that begins with
`__` belong to Prometheus.  Where UTF-8 names are allowed, a label is called what the attribute is, or what the user
wrote; two such names are as different as the labels that are made of them.
"""

from __future__ import annotations

import re

from span2metrics import names
from span2metrics.config.models import Dimension, ResourceLabel
from span2metrics.engine.plan import Source

#: Attributes that are the instrumentation scope's own.
SCOPE_ATTRIBUTES = frozenset({"scope.name", "scope.version"})
DEFAULT_SOURCES = (Source.SPAN, Source.RESOURCE)

_INVALID = re.compile(r"[^a-zA-Z0-9_]")


def sanitised(name: str) -> str:
    """The name as a label can have it: each other character becomes `_`, a leading digit gets one before it."""
    label = _INVALID.sub("_", name)
    return "_" + label if label[:1].isdigit() else label


def label_of(entry: Dimension | ResourceLabel) -> str:
    """The label that an entry with an attribute produces."""
    return sanitised(entry.label or entry.attributes[0])


def utf8_label_of(entry: Dimension | ResourceLabel) -> str:
    """The label's name where any text may be one; "" where that is `label_of` too."""
    label = entry.label or entry.attributes[0]
    return label if label != sanitised(label) else ""


def reserved(label: str) -> bool:
    return label.startswith("__") or label in names.RESERVED_LABELS


def sources_of(dimension: Dimension) -> tuple[Source, ...]:
    """Where a dimension's attributes are looked for, in order."""
    if dimension.from_:
        return dimension.from_
    return (Source.SCOPE,) if SCOPE_ATTRIBUTES.issuperset(dimension.attributes) else DEFAULT_SOURCES


def ambiguous(dimension: Dimension) -> bool:
    """Whether no one list of places is the default of all its attributes."""
    own = SCOPE_ATTRIBUTES.intersection(dimension.attributes)
    return not dimension.from_ and bool(own) and len(own) < len(dimension.attributes)
