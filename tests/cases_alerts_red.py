"""Cases of alerts on services.  Thresholds are 5 % and 10 failures in 5 minutes, 1 s, half of the usual."""

from __future__ import annotations

from collections.abc import Iterator

from tests.cases_alerts import CLIENT, CONSUMER, INTERNAL, NOBODY, SERVER, Case, Of, Page, about, daemon
from tests.promtool import Gone, Part, Restart, Series, gauge, labelled

SHOP = about("service_name=shop")


def failing(ok: float, failed: float, kind: str = SERVER, **more: str) -> Of:
    """The shop over half an hour, by requests a second that succeed and fail."""
    return lambda page: page.spans("shop", (30, ok), failed=((30, failed),), kind=kind, **more)


def over_time(ok: tuple[Part, ...], failed: tuple[Part, ...]) -> Of:
    return lambda page: page.spans("shop", *ok, failed=failed)


def both(*of: Of) -> Of:
    def page(page: Page) -> Iterator[Series]:
        for each in of:
            yield from each(page)

    return page


def own(threshold: str, value: float, service: str = "shop") -> Of:
    """A number of a service's own, as another rule would make it."""
    name = labelled(f"span2metrics:threshold:{threshold}", {"service_name": service})
    return lambda _page: iter((Series(name, gauge((120, value))),))


ERRORS = (
    Case("ServiceErrors", "fires", {2: NOBODY, 5: SHOP, 12: SHOP}, failing(9, 1)),
    Case("ServiceErrors", "not at the threshold", {12: NOBODY}, failing(9.5, 0.5)),
    Case("ServiceErrors", "not just below", {12: NOBODY}, failing(9.52, 0.48)),
    Case("ServiceErrors", "just above", {12: SHOP}, failing(9.48, 0.52)),
    Case(
        "ServiceErrors",
        "not on one error in a quiet night",
        dict.fromkeys((10, 12, 14, 15), NOBODY),
        over_time(((30, 1 / 300),), ((9, 0), (0.25, 1 / 15), (20, 0))),
    ),
    Case("ServiceErrors", "not on nine errors in five minutes", {12: NOBODY}, failing(0.01, 9 / 300)),
    Case("ServiceErrors", "on eleven", {12: SHOP}, failing(0.01, 11 / 300)),
    Case("ServiceErrors", "not without data", {10: NOBODY}, lambda _page: iter(())),
    Case(
        "ServiceErrors",
        "ends with the scrapes",
        {12: SHOP, 25: NOBODY},
        over_time(((14, 9), Gone(16)), ((14, 1), Gone(16))),
    ),
    Case(
        "ServiceErrors",
        "not on a restart",
        {16: NOBODY, 17: NOBODY, 20: NOBODY},
        over_time(((15, 10), Restart(), (15, 10)), ((15, 0.2), Restart(), (15, 0.2))),
    ),
    Case(
        "ServiceErrors",
        "goes on over a restart",
        {14: SHOP, 15.5: SHOP, 16: SHOP, 18: SHOP},
        over_time(((15, 9), Restart(), (15, 9)), ((15, 1), Restart(), (15, 1))),
    ),
    Case(
        "ServiceErrors",
        "not on a burst that is over",
        dict.fromkeys((11, 12, 13, 14), NOBODY),
        over_time(((10, 10), (0.5, 5), (19, 10)), ((10, 0), (0.5, 5), (19, 0))),
    ),
    Case(
        "ServiceErrors",
        "clears two minutes after the end",
        {14: SHOP, 17.25: NOBODY},
        over_time(((10, 10), (5, 5), (15, 10)), ((10, 0), (5, 5), (15, 0))),
    ),
    Case("ServiceErrors", "of a consumer", {10: SHOP}, failing(9, 1, CONSUMER)),
    Case("ServiceErrors", "not of what it asks of others", {10: NOBODY}, failing(0, 10, CLIENT)),
    Case("ServiceErrors", "not of its own steps", {10: NOBODY}, failing(0, 10, INTERNAL)),
    Case(
        "ServiceErrors",
        "counts overflow series",
        {10: SHOP},
        both(failing(9, 0), failing(0, 1, name="", otel_metric_overflow="true")),
    ),
    Case(
        "ServiceErrors",
        "adds up kinds, names and instances",
        {10: SHOP},
        both(failing(9, 0.3), failing(0, 0.4, name="b", instance="2"), failing(0, 0.3, CONSUMER)),
    ),
    Case("ServiceErrors", "not below its own number", {12: NOBODY}, both(failing(9, 1), own("error_ratio", 0.2))),
    Case("ServiceErrors", "above its own number", {12: SHOP}, both(failing(9.8, 0.2), own("error_ratio", 0.01))),
    Case(
        "ServiceErrors",
        "not by another's number",
        {12: SHOP},
        both(failing(9, 1), own("error_ratio", 0.2, "other"), own("latency_seconds", 9)),
    ),
)


def slow(fast: float, late: float, kind: str = SERVER) -> Of:
    """The shop over half an hour, by requests a second that take 50 ms, and 3 s."""
    return both(failing(fast + late, 0, kind), lambda page: page.timed("shop", ((30, fast),), ((30, late),), kind))


def slow_over_time(fast: tuple[Part, ...], late: tuple[Part, ...], all: tuple[Part, ...]) -> Of:
    return both(over_time(all, ()), lambda page: page.timed("shop", fast, late))


SLOW = (
    Case("ServiceSlow", "fires", {2: NOBODY, 5: SHOP, 12: SHOP}, slow(9, 1)),
    Case("ServiceSlow", "not just below", {12: NOBODY}, slow(9.51, 0.49)),
    Case("ServiceSlow", "just above", {12: SHOP}, slow(9.45, 0.55)),
    Case("ServiceSlow", "not on one slow request in a quiet night", {10: NOBODY, 20: NOBODY}, slow(1 / 60, 1 / 60)),
    Case("ServiceSlow", "not on 49 requests in five minutes", {12: NOBODY}, slow(0, 49 / 300)),
    Case("ServiceSlow", "on 51", {12: SHOP}, slow(0, 51 / 300)),
    Case("ServiceSlow", "not without data", {10: NOBODY}, lambda _page: iter(())),
    Case(
        "ServiceSlow",
        "not on a restart",
        {16: NOBODY, 17: NOBODY, 20: NOBODY},
        slow_over_time(
            ((15, 9.9), Restart(), (15, 9.9)), ((15, 0.1), Restart(), (15, 0.1)), ((15, 10), Restart(), (15, 10))
        ),
    ),
    Case(
        "ServiceSlow",
        "clears two minutes after the end",
        {14: SHOP, 17.25: NOBODY},
        slow_over_time(((10, 10), (5, 5), (15, 10)), ((10, 0), (5, 5), (15, 0)), ((30, 10),)),
    ),
    Case("ServiceSlow", "not of what it asks of others", {10: NOBODY}, slow(0, 10, CLIENT)),
    Case("ServiceSlow", "not below its own number", {12: NOBODY}, both(slow(9, 1), own("latency_seconds", 30))),
    Case("ServiceSlow", "above its own number", {12: SHOP}, both(slow(9, 0.1), own("latency_seconds", 0.04))),
)


def usually(rate: float, service: str = "shop") -> Of:
    """What is usual, as `usual.yml` would record it from two weeks of data."""
    name = labelled("service:requests:usual_rate30m", {"service_name": service})
    return lambda _page: iter((Series(name, gauge((120, rate))),))


def traffic(*parts: Part, usual: float = 10, watched: Of | None = None) -> Of:
    shop = over_time(parts, ())
    return both(shop, usually(usual), watched or (lambda _page: daemon(minutes=120)))


DROP = (
    Case("ServiceTrafficDrop", "fires", {40: NOBODY, 59: SHOP}, traffic((40, 10), (40, 4))),
    Case("ServiceTrafficDrop", "not just above half", {70: NOBODY}, traffic((40, 10), (40, 5.1))),
    Case("ServiceTrafficDrop", "just below half", {70: SHOP}, traffic((40, 10), (40, 4.9))),
    Case("ServiceTrafficDrop", "on standstill", {70: SHOP}, traffic((40, 10), (40, 0))),
    Case("ServiceTrafficDrop", "when its series have gone", {70: SHOP}, traffic((40, 10), Gone(40))),
    Case(
        "ServiceTrafficDrop",
        "not on a dip of five minutes",
        {46: NOBODY, 50: NOBODY, 60: NOBODY},
        traffic((40, 10), (5, 0), (40, 10)),
    ),
    Case("ServiceTrafficDrop", "not where little is usual", {70: NOBODY}, traffic((40, 0.3), (40, 0), usual=0.3)),
    Case(
        "ServiceTrafficDrop",
        "not of a new service",
        {70: NOBODY},
        both(over_time(((40, 10), (40, 1)), ()), lambda _page: daemon(minutes=120)),
    ),
    Case(
        "ServiceTrafficDrop",
        "not while the daemon is down",
        {70: NOBODY},
        traffic((40, 10), Gone(40), watched=lambda _page: daemon(up=((40, 1), (80, 0)), spans=((40, 100), Gone(80)))),
    ),
    Case(
        "ServiceTrafficDrop",
        "not where nobody sends spans",
        {70: NOBODY},
        traffic((40, 10), (40, 0), watched=lambda _page: daemon(up=((120, 1),), spans=((40, 100), (80, 0)))),
    ),
    Case(
        "ServiceTrafficDrop",
        "not after Prometheus was away",
        {62: NOBODY, 66: NOBODY, 70: NOBODY, 75: NOBODY},
        traffic(
            (40, 10),
            Gone(20),
            (40, 10),
            watched=lambda _page: daemon(up=((40, 1), Gone(20), (40, 1)), spans=((40, 100), Gone(20), (40, 100))),
        ),
    ),
    Case(
        "ServiceTrafficDrop",
        "not after the daemon was restarted",
        {61: NOBODY, 65: NOBODY, 70: NOBODY, 79: NOBODY},
        traffic(
            (58, 10),
            Gone(2),
            Restart(),
            (40, 2),
            watched=lambda _page: daemon(up=((120, 1),), spans=((120, 100),), started=((60, 0), (60, 3600))),
        ),
    ),
    Case(
        "ServiceTrafficDrop",
        "not above its own number",
        {70: NOBODY},
        both(traffic((40, 10), (40, 2)), own("traffic_drop_ratio", 0.1)),
    ),
)

CASES = (*ERRORS, *SLOW)
