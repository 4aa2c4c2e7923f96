"""Rules between settings that measures have to do with: names on the page, labels, buckets.

A part of `rules`, whose manner they have.
"""

from __future__ import annotations

from collections.abc import Iterator

from span2metrics import names
from span2metrics.config import labels
from span2metrics.config.contradictions import filtered_by
from span2metrics.config.models import Config, Dimension, Measure, ResourceLabel
from span2metrics.config.names_shown import becomes
from span2metrics.config.reading import Reading
from span2metrics.config.where import ALIAS
from span2metrics.engine.dialects import views_of
from span2metrics.engine.kinds import KINDS
from span2metrics.engine.measures import families_of, label_of
from span2metrics.engine.plan import Negative
from span2metrics.names import Family

#: What the names of samples end with; a family that ends so would be taken for another's sample.
SUFFIXES = ("_total", "_sum", "_count", "_bucket", "_created", "_info")
#: Beginnings of names that are the daemon's own.
_OWN = (names.PREFIX, "process_")
#: What samples of a kind are called besides.
_PARTS = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("_sum", "_count")}
#: What else a report of label sets has a family called.
_TAKEN = (names.CALLS, names.DURATION, names.SIZE, names.EDGES)


def measures_fit(config: Config, reading: Reading) -> None:
    """Each by itself, beside the rest of the configuration."""
    for path, measure in _measures(config):
        _name_is_free(path, measure, config, reading)
        if measure.buckets and not config.metrics.histograms.classic:
            reading.add(
                f"{path}.buckets",
                "are classic buckets, which metrics.histograms: native has none of; write both, or remove them",
            )
        for i, dimension in enumerate(measure.dimensions):
            if dimension.max_values:
                reading.add(
                    f"{path}.dimensions[{i}].max_values",
                    "has no effect on measures; remove it, and set limits.series_per_service",
                )
        if measure.negative is Negative.ALLOW:
            _sign_is_free(path, measure, config, reading)
        _means_some_span(f"{path}.where", measure, config, reading)


def _means_some_span(path: str, measure: Measure, config: Config, reading: Reading) -> None:
    """A measure of no span looks like one whose spans have not come yet."""
    if not reading.sound(path, "filters", "span_names"):
        return
    where = measure.where
    for text in where.name.equal if where.name and not where.name.patterns else ():
        shown = becomes(text, where.service, config)
        if shown is not None:
            key = f"{path}.{ALIAS}" if f"{path}.{ALIAS}" in reading.places else f"{path}.name"
            told = reading.quote(shown, path)
            reading.add(key, f"no span is called so, because it would become {told}; write that, or mend span_names")
            return
    if filter_path := filtered_by(where, config):
        reading.add(path, f"{filter_path} leaves none of its spans; mend one of them")


def _name_is_free(path: str, measure: Measure, config: Config, reading: Reading) -> None:
    if not measure.name or not reading.sound(f"{path}.name", f"{path}.unit", "metrics.namespace"):
        return
    shown = families_of(config.metrics.namespace, measure.name, measure.unit, bool(measure.buckets), measure.negative)
    if label_of(measure.name, measure.unit) in _TAKEN:
        reading.add(f"{path}.name", "is what other series are called; choose another name")
    for family in shown:
        suffix = next((suffix for suffix in SUFFIXES if family.name.endswith(suffix)), "")
        if suffix:
            key = "unit" if measure.unit else "name"
            quoted = reading.quote(family.name, path)
            reading.add(f"{path}.{key}", f"the metric {quoted} would end in {suffix}, as samples do; choose another")
            return
        if family.name.startswith(_OWN):
            quoted = reading.quote(family.name, path)
            reading.add(f"{path}.name", f"the metric {quoted} would look like the daemon's own; choose another name")
            return


def _sign_is_free(path: str, measure: Measure, config: Config, reading: Reading) -> None:
    metrics = config.metrics
    every: tuple[Dimension | ResourceLabel, ...]
    every = (*metrics.resource_labels, *metrics.dimensions, *metrics.calls.dimensions, *measure.dimensions)
    if any(entry.attributes and labels.label_of(entry) == names.SIGN for entry in every):
        reading.add(
            f"{path}.negative",
            f"gives the label {names.SIGN}, which a dimension produces already; give that one another `label`",
        )


def measures_are_apart(config: Config, reading: Reading) -> None:
    """No two families of a page have a sample's name in common."""
    if not reading.sound("metrics.namespace", "metrics.dialects"):
        return
    taken = {name: "" for family in _others(config) for name in _claimed(family)}
    for path, measure in _measures(config):
        if not measure.name or not reading.sound(f"{path}.name", f"{path}.unit"):
            continue
        shown = families_of(
            config.metrics.namespace, measure.name, measure.unit, bool(measure.buckets), measure.negative
        )
        claimed = [name for family in shown for name in _claimed(family)]
        name = next((name for name in claimed if name in taken), None)
        if name is not None:
            of = f"that of {taken[name]} ({reading.place(taken[name])})" if taken[name] else "that of another metric"
            reading.add(f"{path}.name", f"{reading.quote(name, path)} would be {of} too; choose another name or unit")
        for name in claimed:
            taken.setdefault(name, path)


def _measures(config: Config) -> Iterator[tuple[str, Measure]]:
    return ((f"measures[{i}]", measure) for i, measure in enumerate(config.measures))


def _others(config: Config) -> Iterator[Family]:
    """All families that a page may have besides, whatever is switched on."""
    metrics = config.metrics
    yield from (view.family for view in views_of(metrics.dialects, metrics.namespace, metrics.unit))
    yield from (*names.GRAPH_FAMILIES, names.TARGET, names.TEMPO_TARGET)


def _claimed(family: Family) -> tuple[str, ...]:
    """The family's name, and those of its samples in any format."""
    suffixes = ("", KINDS[family.kind].suffix, "_created", *_PARTS.get(family.kind, ()))
    return tuple(f"{family.name}{suffix}" for suffix in suffixes)
