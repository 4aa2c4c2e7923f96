"""What is right and may surprise: said by `check`, never a mistake.

Each note begins with the setting that it is about and says what to do, here or in Prometheus.
"""

from __future__ import annotations

from collections.abc import Iterator

from span2metrics.config.bounds import added_bounds, bounds_of
from span2metrics.config.models import Config, Native
from span2metrics.config.scalars import format_duration
from span2metrics.engine.plan import Histograms

_BOTH = (
    "metrics.histograms: a Prometheus that takes native histograms drops the classic buckets beside them, unless its "
    "scrape job has always_scrape_classic_histograms: true (before 3.0: scrape_classic_histograms)"
)
_NATIVE = (
    "metrics.histograms: only a Prometheus that asks for protobuf sees the buckets (scrape_native_histograms: true; "
    "before 3.8: --enable-feature=native-histograms), and there are none for dashboards that query `_bucket`; both "
    "shows both"
)
_BOUNDS = "metrics.buckets: with native histograms the bounds are no buckets, they only say which spans are exemplars"
_UNUSED = "metrics.native: there are no native histograms to which it would apply; set metrics.histograms"


_NEWBORN = (
    "metrics.zero_first: a rate does not see the first calls of a series that is new, or was gone for "
    "metrics.expire_after; for objectives of rare calls set it to two scrape intervals"
)
_NEWBORN_VALUES = (
    "metrics.zero_first: a rate does not see the first values of a series that is new, and the first payment that "
    "fails makes one; for measures set it to two scrape intervals"
)
_LATE_ERRORS = (
    "metrics.errors_zero: without it a rate does not see the first error of a series, so that objectives look better"
)
_UTF8 = (
    "metrics.utf8_names: the rules of slos and apdex ask for labels with underscores; Prometheus 3 needs "
    "metric_name_escaping_scheme: underscores in its scrape job"
)


def notes(config: Config) -> Iterator[str]:
    """Notes on a configuration that was loaded, in the order of its settings."""
    metrics = config.metrics
    if config.slos or config.apdex:
        yield from _of_objectives(config)
    elif config.measures and metrics.zero_first is None:
        yield _NEWBORN_VALUES
    if metrics.histograms is Histograms.BOTH:
        yield _BOTH
    if metrics.histograms is Histograms.NATIVE:
        yield _NATIVE
        if metrics.buckets is not None:
            yield _BOUNDS
    if metrics.histograms is Histograms.CLASSIC and metrics.native != Native():
        yield _UNUSED


def _of_objectives(config: Config) -> Iterator[str]:
    for i, slo in enumerate(config.slos):
        if slo.objective < 1:
            yield (
                f"slos[{i}].objective: {slo.objective:f} per cent is the share of calls that are to be good, so that "
                f"nearly all may fail; if it was meant as a ratio, write {(100 * slo.objective).normalize():f}"
            )
    if added := added_bounds(config):
        shown = ", ".join(map(format_duration, added))
        yield f"metrics.buckets: slos and apdex add {shown} to every series; that makes {len(bounds_of(config))} bounds"
    if config.slos and config.metrics.zero_first is None:
        yield _NEWBORN
    if config.slos and not config.metrics.errors_zero:
        yield _LATE_ERRORS
    wheres = [*(slo.where for slo in config.slos), *(apdex.where for apdex in config.apdex)]
    if config.metrics.utf8_names and any(where.resource or where.span for where in wheres):
        yield _UTF8
