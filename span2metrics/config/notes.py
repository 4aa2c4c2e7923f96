"""What is right and may surprise: said by `check`, never a mistake.

Each note begins with the setting that it is about and says what to do, here or in Prometheus.
"""

from __future__ import annotations

from collections.abc import Iterator

from span2metrics.config.models import Config, Native
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


def notes(config: Config) -> Iterator[str]:
    """Notes on a configuration that was loaded, in the order of its settings."""
    metrics = config.metrics
    if metrics.histograms is Histograms.BOTH:
        yield _BOTH
    if metrics.histograms is Histograms.NATIVE:
        yield _NATIVE
        if metrics.buckets is not None:
            yield _BOUNDS
    if metrics.histograms is Histograms.CLASSIC and metrics.native != Native():
        yield _UNUSED
