"""Cases of alerts on the daemon itself, which has 100 spans and 10 requests a second unless said otherwise."""

from __future__ import annotations

from collections.abc import Iterator

from span2metrics import names
from span2metrics.generate.daemon_upkeep import CERTIFICATE, LAG
from span2metrics.generate.thresholds import THRESHOLDS
from tests.cases_alerts import DAEMON, NOBODY, About, Case, Gauge, Of, Page, about, daemon, own
from tests.promtool import Gone, Part, Restart, Series, counter, gauge, labelled

IT = about("job=span2metrics,instance=a:1")
LENGTH = 60


def it(*more: str) -> tuple[About, ...]:
    """The daemon as alerts name it, and further labels."""
    return about(",".join(("job=span2metrics,instance=a:1", *more)))


def beside(*series: Series, up: Gauge = (), spans: tuple[Part, ...] = ()) -> Of:
    """A daemon that is well but for these series."""
    return lambda _page: iter((*daemon(up=up, spans=spans), *series))


def nothing(_page: Page) -> Iterator[Series]:
    return iter(())


def count(metric: names.SelfMetric, *parts: Part, **labels: str) -> Series:
    return own(f"{metric.name}_total", counter(*parts), **labels)


def value(metric: names.SelfMetric, *parts: tuple[float, float] | Gone, **labels: str) -> Series:
    return own(metric.name, gauge(*parts), **labels)


def always(metric: names.SelfMetric, each_second: float, **labels: str) -> Series:
    return count(metric, (LENGTH, each_second), **labels)


def requests(outcome: str, share: float) -> Of:
    """A daemon of whose requests a share has an outcome."""
    return beside(
        always(names.RECEIVED_REQUESTS, 10 * (1 - share), receiver="otlp_grpc", outcome="accepted"),
        always(names.RECEIVED_REQUESTS, 10 * share, receiver="otlp_grpc", outcome=outcome),
    )


def restarted_requests(outcome: str) -> tuple[Series, ...]:
    ok, bad = ((20, 10), Restart(), (40, 10)), ((20, 0.05), Restart(), (40, 0.05))
    return (
        count(names.RECEIVED_REQUESTS, *ok, receiver="otlp_grpc", outcome="accepted"),
        count(names.RECEIVED_REQUESTS, *bad, receiver="otlp_grpc", outcome=outcome),
    )


PRESENCE = (
    Case("Span2metricsDown", "fires", {9: NOBODY, 14: IT}, beside(up=((10, 1), (20, 0)))),
    Case(
        "Span2metricsDown", "where there is no target", {20: about("job=span2metrics")}, beside(up=((10, 1), Gone(20)))
    ),
    Case("Span2metricsDown", "where there never was one", {5: about("job=span2metrics")}, nothing),
    Case(
        "Span2metricsDown",
        "not on a restart",
        {11: NOBODY, 12: NOBODY, 15: NOBODY},
        beside(up=((10, 1), (1, 0), (20, 1))),
    ),
    Case("Span2metricsThresholdsMissing", "not where all are there", {20: NOBODY}, beside()),
    Case("Span2metricsNoSpans", "fires", {45: NOBODY, 59: IT}, beside(spans=((30, 100), (60, 0)))),
    Case("Span2metricsNoSpans", "not on a trickle", {59: NOBODY}, beside(spans=((30, 100), (60, 0.01)))),
    Case("Span2metricsNoSpans", "not where few came before", {59: NOBODY}, beside(spans=((30, 0.9), (60, 0)))),
    Case("Span2metricsNoSpans", "not where there were none before", {59: NOBODY}, beside(spans=((60, 0),))),
    Case("Span2metricsNoSpans", "not without data", {59: NOBODY}, beside(spans=((30, 100), Gone(60)))),
    Case(
        "Span2metricsNoSpans",
        "not on a restart",
        {32: NOBODY, 45: NOBODY},
        beside(spans=((30, 100), Restart(), (30, 100))),
    ),
)

INTAKE = (
    *(
        Case("Span2metricsRefusing", f"fires: {outcome}", {2: NOBODY, 20: IT}, requests(outcome, 0.02))
        for outcome in ("overloaded", "internal_error", "abandoned")
    ),
    Case("Span2metricsRefusing", "not just below", {20: NOBODY}, requests("overloaded", 0.0098)),
    Case("Span2metricsRefusing", "not for what is malformed", {20: NOBODY}, requests("malformed", 0.5)),
    Case("Span2metricsRefusing", "not without data", {20: NOBODY}, nothing),
    Case(
        "Span2metricsRefusing",
        "not on a restart",
        {21: NOBODY, 25: NOBODY, 30: NOBODY},
        beside(*restarted_requests("overloaded")),
    ),
    *(
        Case("Span2metricsBadRequests", f"fires: {outcome}", {5: NOBODY, 20: IT}, requests(outcome, 0.02))
        for outcome in ("malformed", "too_large", "unsupported")
    ),
    Case("Span2metricsBadRequests", "not just below", {20: NOBODY}, requests("malformed", 0.0098)),
    Case("Span2metricsBadRequests", "not for what is refused", {20: NOBODY}, requests("overloaded", 0.5)),
    Case(
        "Span2metricsBadRequests",
        "not on a restart",
        {21: NOBODY, 32: NOBODY},
        beside(*restarted_requests("malformed")),
    ),
    Case("Span2metricsBadRequests", "not without data", {20: NOBODY}, nothing),
    Case(
        "Span2metricsDropping",
        "fires",
        {5: NOBODY, 25: IT},
        beside(always(names.DROPPED_SPANS, 1.1, reason="outside_time_slack")),
    ),
    Case(
        "Span2metricsDropping",
        "not just below",
        {25: NOBODY},
        beside(always(names.DROPPED_SPANS, 0.98, reason="outside_time_slack")),
    ),
    Case(
        "Span2metricsDropping",
        "not for filters",
        {25: NOBODY},
        beside(always(names.DROPPED_SPANS, 50, reason="filtered")),
    ),
    Case("Span2metricsDropping", "not without data", {25: NOBODY}, nothing),
)


def late(future: float, minute: float, more: float) -> Of:
    """A daemon whose spans end in the future, within a minute and before, by spans a second."""
    name = names.LATENESS.name
    buckets = {"0.0": future, "60.0": future + minute, "+Inf": future + minute + more}
    return beside(
        *(own(f"{name}_bucket", counter((LENGTH, each)), le=le) for le, each in buckets.items()),
        own(f"{name}_count", counter((LENGTH, buckets["+Inf"]))),
    )


CLOCKS = (
    Case("Span2metricsSpansLate", "fires", {5: NOBODY, 30: IT}, late(0, 94, 6)),
    Case("Span2metricsSpansLate", "not just below", {30: NOBODY}, late(0, 95.1, 4.9)),
    Case("Span2metricsSpansLate", "not without spans", {30: NOBODY}, late(0, 0, 0)),
    Case("Span2metricsSpansLate", "not without data", {30: NOBODY}, nothing),
    Case("Span2metricsClockWrong", "fires", {5: NOBODY, 30: IT}, late(6, 94, 0)),
    Case("Span2metricsClockWrong", "not just below", {30: NOBODY}, late(4.9, 95.1, 0)),
    Case("Span2metricsClockWrong", "not without spans", {30: NOBODY}, late(0, 0, 0)),
    Case("Span2metricsClockWrong", "not without data", {30: NOBODY}, nothing),
)


def overflow(*parts: Part) -> Of:
    return beside(count(names.OVERFLOWED_SPANS, *parts, service_name="shop", limit="series"))


def sets(number: float, limit: float) -> Of:
    return beside(value(names.LABEL_SETS, (LENGTH, number)), value(names.SERIES_LIMIT, (LENGTH, limit)))


LIMITS = (
    Case(
        "Span2metricsLimitReached",
        "fires",
        {5: NOBODY, 25: it("service_name=shop", "limit=series")},
        overflow((LENGTH, 0.2)),
    ),
    Case("Span2metricsLimitReached", "not just below", {25: NOBODY}, overflow((LENGTH, 0.098))),
    Case(
        "Span2metricsLimitReached",
        "not on one span",
        {15: NOBODY, 25: NOBODY},
        overflow((10, 0), (0.25, 1 / 15), (40, 0)),
    ),
    Case(
        "Span2metricsLimitReached",
        "not on a restart",
        {25: NOBODY, 32: NOBODY},
        overflow((20, 0.05), Restart(), (40, 0.05)),
    ),
    Case("Span2metricsLimitReached", "not without data", {25: NOBODY}, nothing),
    Case("Span2metricsSeriesNearLimit", "fires", {5: NOBODY, 25: IT}, sets(910, 1000)),
    Case("Span2metricsSeriesNearLimit", "not just below", {25: NOBODY}, sets(900, 1000)),
    Case("Span2metricsSeriesNearLimit", "not without a limit", {25: NOBODY}, sets(910, 0)),
    Case("Span2metricsSeriesNearLimit", "not without data", {25: NOBODY}, nothing),
)


def halves(paired: float, unpaired: float, dropped: float = 0) -> Of:
    return beside(
        *(
            always(names.EDGES_MADE, each, outcome=outcome)
            for outcome, each in (("paired", paired), ("unpaired", unpaired), ("dropped", dropped))
        ),
        Series(
            labelled("traces_service_graph_unpaired_spans_total", DAEMON | {"service": "shop", "side": "client"}),
            counter((LENGTH, unpaired)),
        ),
    )


UNPAIRED = (
    Case("Span2metricsUnpaired", "fires", {10: NOBODY, 40: IT}, halves(8, 2)),
    Case("Span2metricsUnpaired", "for lack of room", {40: IT}, halves(8, 0, 2)),
    Case("Span2metricsUnpaired", "not just below", {40: NOBODY}, halves(9.05, 0.95)),
    Case("Span2metricsUnpaired", "not on one span in a quiet night", {40: NOBODY}, halves(0, 1 / 600)),
    Case("Span2metricsUnpaired", "not without data", {40: NOBODY}, nothing),
)


def rendered(fast: float, slow: float) -> Of:
    """Pages a second that take less than a second, and 7."""
    buckets = {"1.0": fast, "5.0": fast, "10.0": fast + slow, "+Inf": fast + slow}
    return beside(
        *(
            own(f"{names.RENDER_SECONDS.name}_bucket", counter((LENGTH, each)), format="protobuf", le=le)
            for le, each in buckets.items()
        )
    )


def scraped(complete: float, rejected: float) -> Of:
    return beside(
        always(names.SCRAPES, complete, format="protobuf", outcome="complete"),
        always(names.SCRAPES, rejected, format="text", outcome="rejected"),
    )


PAGES = (
    Case("Span2metricsPageSlow", "fires", {5: NOBODY, 30: IT}, rendered(0.9, 0.1)),
    Case("Span2metricsPageSlow", "not just below", {30: NOBODY}, rendered(0.96, 0.04)),
    Case("Span2metricsPageSlow", "not without scrapes", {30: NOBODY}, rendered(0, 0)),
    Case("Span2metricsPageSlow", "not without data", {30: NOBODY}, nothing),
    Case("Span2metricsScrapesFail", "fires", {5: NOBODY, 30: IT}, scraped(0.8, 0.2)),
    Case("Span2metricsScrapesFail", "not just below", {30: NOBODY}, scraped(0.91, 0.09)),
    Case("Span2metricsScrapesFail", "not without data", {30: NOBODY}, nothing),
)


def loaded(*parts: tuple[float, float]) -> Of:
    return beside(value(names.RELOAD_SUCCESSFUL, *parts))


def bugs(*parts: Part) -> Of:
    return beside(count(names.POLICY_ERRORS, *parts))


FILES = (
    Case("Span2metricsReloadFailed", "fires", {9: NOBODY, 20: IT}, loaded((10, 1), (20, 0))),
    Case(
        "Span2metricsReloadFailed",
        "not where it was mended at once",
        {14: NOBODY, 20: NOBODY},
        loaded((10, 1), (4, 0), (20, 1)),
    ),
    Case("Span2metricsReloadFailed", "not without data", {20: NOBODY}, nothing),
    Case("Span2metricsPolicyErrors", "fires", {9: NOBODY, 12: IT}, bugs((10, 0), (1, 0.1), (20, 0))),
    Case("Span2metricsPolicyErrors", "not where there are none", {20: NOBODY}, bugs((30, 0))),
    Case(
        "Span2metricsPolicyErrors",
        "not on a restart",
        {40: NOBODY, 45: NOBODY},
        bugs((1, 0.1), (30, 0), Restart(), (20, 0)),
    ),
    Case("Span2metricsPolicyErrors", "not without data", {20: NOBODY}, nothing),
)


def ends_in(days: float) -> Of:
    """A certificate, by days after the beginning of the hours that pass."""
    return lambda _page: iter((own(CERTIFICATE, gauge((120, days * 86400)), file="tls.crt"),))


def behind(first: float, grows: float) -> Of:
    """Messages, and how many more each quarter of a minute."""
    return beside(own(LAG, f"{first}{grows:+}x{LENGTH * 4}", topic="spans", partition="0"))


#: Of metrics that no page has yet.
LATER = (
    Case("Span2metricsCertificateEnds", "fires", {30: NOBODY, 100: it("file=tls.crt")}, ends_in(20)),
    Case("Span2metricsCertificateEnds", "not before", {100: NOBODY}, ends_in(21.1)),
    Case("Span2metricsCertificateEndsNow", "fires", {5: NOBODY, 30: it("file=tls.crt")}, ends_in(2.9)),
    Case("Span2metricsCertificateEndsNow", "not before", {100: NOBODY}, ends_in(3.1)),
    Case("Span2metricsKafkaLag", "fires", {5: NOBODY, 25: it("topic=spans", "partition=0")}, behind(10_100, 10)),
    Case("Span2metricsKafkaLag", "not just below", {25: NOBODY}, behind(9_000, 1)),
    Case("Span2metricsKafkaLag", "not while it catches up", {25: NOBODY}, behind(50_000, -10)),
    *(
        Case(name, "not without data", {25: NOBODY}, nothing)
        for name in ("Span2metricsCertificateEnds", "Span2metricsCertificateEndsNow", "Span2metricsKafkaLag")
    ),
)

CASES = (*PRESENCE, *INTAKE, *CLOCKS, *LIMITS, *UNPAIRED, *PAGES, *FILES, *LATER)
#: Where the file of thresholds is not loaded.
WITHOUT_THRESHOLDS = (
    Case("Span2metricsThresholdsMissing", "fires", {2: NOBODY, 10: about("")}, beside()),
    Case(
        "Span2metricsThresholdsMissing",
        "not where they come from elsewhere",
        {10: NOBODY},
        beside(*(Series(threshold.series, gauge((60, 1))) for threshold in THRESHOLDS)),
    ),
    Case(
        "Span2metricsThresholdsMissing",
        "where one is missing but for a service",
        {10: about("")},
        beside(
            *(Series(threshold.series, gauge((60, 1))) for threshold in THRESHOLDS[1:]),
            Series(labelled(THRESHOLDS[0].series, {"service_name": "shop"}), gauge((60, 1))),
        ),
    ),
    Case(
        "Span2metricsThresholdsMissing",
        "where one is there twice",
        {10: about("")},
        beside(
            *(Series(threshold.series, gauge((60, 1))) for threshold in THRESHOLDS),
            Series(labelled(THRESHOLDS[0].series, {"team": "a"}), gauge((60, 1))),
        ),
    ),
)
