"""Rules between objectives, apdex and the other settings: names, buckets, what tells an error.

A part of `rules`, whose manner they have.  What a `where` can mean at all is in `slo_conditions`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from span2metrics import names
from span2metrics.config.bounds import added_bounds, bounds_of, own_bounds, thresholds
from span2metrics.config.forms import MOST_BUCKETS
from span2metrics.config.models import Config
from span2metrics.config.reading import Reading
from span2metrics.config.slo_conditions import conditions_select_something
from span2metrics.engine.plan import Histograms

BUCKETS, EXCLUDE = "metrics.buckets", "metrics.exclude"


def objectives_can_be_kept(config: Config, reading: Reading) -> None:
    """All of these rules, where there is anything that they are about."""
    if not (config.slos or config.apdex):
        return
    for rule in (
        objectives_are_apart,
        apdexes_are_apart,
        errors_can_be_told,
        thresholds_have_buckets,
        bounds_are_few,
        conditions_select_something,
    ):
        rule(config, reading)


def objectives_are_apart(config: Config, reading: Reading) -> None:
    named = ((f"slos[{i}].name", slo.name) for i, slo in enumerate(config.slos) if slo.name)
    for path, other in _twins(named):
        reading.add(path, f"is the name of {other.removesuffix('.name')} too ({reading.place(other)}); choose another")


def apdexes_are_apart(config: Config, reading: Reading) -> None:
    """Two entries with one threshold would record one series."""
    told = ((f"apdex[{i}]", (apdex.threshold, apdex.name)) for i, apdex in enumerate(config.apdex) if apdex.threshold)
    for path, other in _twins(told):
        reading.add(
            path, f"has the threshold and the name of {other} ({reading.place(other)}); give one of them another `name`"
        )


def _twins(keyed: Iterable[tuple[str, object]]) -> Iterable[tuple[str, str]]:
    """The paths whose key another one had before, each with that one's."""
    first: dict[object, str] = {}
    return [(path, first[key]) for path, key in keyed if first.setdefault(key, path) != path]


def errors_can_be_told(config: Config, reading: Reading) -> None:
    for i, label in enumerate(config.metrics.exclude):
        if label == names.STATUS_CODE:
            reading.add(f"{EXCLUDE}[{i}]", f"slos and apdex tell errors by {label}; keep it, or remove them")


def thresholds_have_buckets(config: Config, reading: Reading) -> None:
    if config.metrics.histograms is Histograms.NATIVE:
        reading.add(
            "metrics.histograms",
            "native leaves no bucket with a bound of its own, and rules for slos and apdex count by such; "
            "write both, or classic",
        )


def bounds_are_few(config: Config, reading: Reading) -> None:
    bounds = bounds_of(config)
    if len(bounds) <= MOST_BUCKETS or not reading.sound(BUCKETS, "slos", "apdex"):
        return
    asked = Counter(path.partition("[")[0] for path in _asked_first(config).values())
    parts = [f"{len(own_bounds(config))} of {BUCKETS}", *(f"{n} of {section}" for section, n in asked.items())]
    path = BUCKETS if config.metrics.buckets else next(iter(asked))
    reading.add(
        path,
        f"durations would have {len(bounds)} bounds ({', '.join(parts)}), and {MOST_BUCKETS} are allowed; leave out "
        "buckets, or use one threshold for several",
    )


def _asked_first(config: Config) -> Mapping[int, str]:
    """The setting that asks for it, the first of several, by each bound that is added."""
    added, asked = added_bounds(config), dict[int, str]()
    for bound, path in thresholds(config):
        if bound in added:
            asked.setdefault(bound, path)
    return asked
