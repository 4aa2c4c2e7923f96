"""The service graph on a page, as prometheus-client's parsers read it, and the oracle's numbers in the same shape.

An engine's test holds `read(page, format)` against `parsed(case.families())`, and `read_exemplars(page)` against
`parsed_exemplars(case.exemplars)`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from prometheus_client.samples import Sample

from span2metrics.engine.plan import Format
from tests.oracle_families import PREFIX, SECOND, Exemplars, Families
from tests.oracle_page import Labels

#: A counter's or gauge's value; a histogram's cumulative counts by `le`, its sum in seconds, and its count.
Parsed = dict[str, dict[Labels, float | tuple[dict[str, float], float, float]]]
#: Trace id, span id, value in seconds, timestamp in nanoseconds, by family, labels and `le`.
ParsedExemplars = dict[tuple[str, Labels, str], tuple[str, str, float, int]]


def parsed(families: Families) -> Parsed:
    return {
        family: {
            labels: value if isinstance(value, int) else (dict(value[0]), value[1] / SECOND, value[2])
            for labels, value in samples.items()
        }
        for family, samples in families.items()
    }


def parsed_exemplars(exemplars: Exemplars) -> ParsedExemplars:
    return {
        place: (told.trace_id.hex(), told.span_id.hex(), told.took / SECOND, told.end)
        for place, told in exemplars.items()
    }


def read(page: bytes, format: Format) -> Parsed:
    """The graph's families on a page in TEXT or OPENMETRICS, without its trailer; other families are passed over."""
    found: Parsed = defaultdict(dict)
    parts: dict[tuple[str, Labels], dict[str, float]] = defaultdict(dict)
    for kind, sample in _samples(page, format):
        family, labels, part = _place(kind, sample)
        if part == "created":
            continue
        if part:
            parts[family, labels][part] = sample.value
        else:
            found[family][labels] = sample.value
    for (family, labels), buckets in parts.items():
        found[family][labels] = (buckets, buckets.pop("sum"), buckets.pop("count"))
    return dict(found)


def read_exemplars(page: bytes) -> ParsedExemplars:
    """The exemplars of the graph's families on an OPENMETRICS page without its trailer."""
    found: ParsedExemplars = {}
    for kind, sample in _samples(page, Format.OPENMETRICS):
        if told := sample.exemplar:
            at = told.timestamp.sec * SECOND + told.timestamp.nsec
            found[_place(kind, sample)] = (told.labels["trace_id"], told.labels["span_id"], told.value, at)
    return found


def _samples(page: bytes, format: Format) -> Iterator[tuple[str, Sample]]:
    parser = parse_text if format is Format.TEXT else parse_openmetrics
    for family in parser((page + format.trailer).decode()):
        if family.name.startswith(PREFIX):
            yield from ((family.type, sample) for sample in family.samples)


def _place(kind: str, sample: Sample) -> tuple[str, Labels, str]:
    """A sample's family, its labels, and what part of a histogram it is: an `le`, sum, count; "" for a whole value."""
    labels = dict(sample.labels)
    le = labels.pop("le", "")
    name, _, suffix = sample.name.rpartition("_")
    if suffix == "created":
        return name, frozenset(labels.items()), suffix
    whole = kind != "histogram"
    return sample.name if whole else name, frozenset(labels.items()), "" if whole else le or suffix
