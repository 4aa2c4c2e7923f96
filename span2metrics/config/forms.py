"""The forms that values of this configuration have: patterns and bounds, each with what to write instead.

Bounds are wide; they catch a forgotten unit (`64` for `64MiB`) and what could not work.
"""

from __future__ import annotations

from span2metrics import names
from span2metrics.config.kinds import Nanoseconds, Size, Text
from span2metrics.config.scalars import DURATION_UNITS

KIB, MIB, GIB, TIB = (1 << 10, 1 << 20, 1 << 30, 1 << 40)
DAY = 24 * 3600

_SEGMENTS = r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+/?"
REQUEST_PATH = Text("a path such as /v1/traces", _SEGMENTS, "is not a path; write / and then letters, digits, - . _ ~")
PAGE_PATH = Text(
    "a path such as /metrics",
    r"(?!/-(?:/|$)|/(?:favicon\.ico|runbooks)/?$)" + _SEGMENTS,
    "is not a path for a page; write / and then letters, digits, - . _ ~ (/ alone, /favicon.ico, "
    "/runbooks and all under /-/, such as /-/healthy, are taken)",
)
ATTRIBUTE = Text("the name of an attribute", r"[\s\S]+", "is no name; write the name of an attribute")
_BUILTIN = "|".join(label.replace("_", "[^a-zA-Z0-9]") for label in names.BUILTIN_LABELS)
DROPPED = Text(
    "the name of an attribute or a label",
    rf"(?!(?:{_BUILTIN})$)[\s\S]+",
    "names no label that a series could be without; remove it",
)
LABEL = Text("the name of a label", r"[\s\S]+", "is no name; write the name of a label, or remove the key")
ORIGIN = Text(
    "an origin such as https://app.example.com",
    r"\*|[a-z][a-z0-9+.-]*://[a-z0-9._-]+(?::[0-9]{1,5})?",
    "is not an origin; write scheme://host or scheme://host:port in lower case without a path, or * for any",
)
HEADER = Text("the name of a header", r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", "is not the name of an HTTP header")
NAMESPACE = Text(
    "a prefix of metric names",
    r"(?:[a-zA-Z_][a-zA-Z0-9_]*)?",
    "cannot begin a metric's name; write letters, digits and _, no digit first (colons are for recording rules)",
)
REQUEST_SIZE = Size(KIB, GIB)
BOUND = Nanoseconds(1, 365 * DURATION_UNITS["d"])
#: Each bound is a line of every series on every scrape; more of them tell no more.
MOST_BUCKETS = 64
