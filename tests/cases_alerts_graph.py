"""Cases of alerts on dependencies, and of who explains whom.  10 requests a second unless said otherwise."""

from __future__ import annotations

from collections.abc import Iterator

from tests.cases_alerts import NOBODY, About, Case, Of, Page, about, edge
from tests.cases_alerts_red import both, own
from tests.promtool import Gone, Part, Restart, Series, gauge, labelled

NETWORK = about("service_name=network,client=shop,server=network")
VIRTUAL = "virtual_node"


def calls(
    failed: float, rate: float = 10, client: str = "shop", server: str = "network", type: str = VIRTUAL, slow: float = 0
) -> Of:
    """An edge over half an hour: requests a second, those that fail, those that take 3 s."""
    return lambda _page: edge(client, server, (30, rate), failed=((30, failed),), slow=((30, slow),), type=type)


def calls_over_time(parts: tuple[Part, ...], failed: tuple[Part, ...], slow: tuple[Part, ...] = ()) -> Of:
    return lambda _page: edge("shop", "network", *parts, failed=failed, slow=slow, type=VIRTUAL)


def service(name: str, ok: float, failed: float = 0, slow: float = 0) -> Of:
    """A service over half an hour: requests a second that succeed, fail, take 3 s instead of 50 ms."""

    def page(page: Page) -> Iterator[Series]:
        yield from page.spans(name, (30, ok), failed=((30, failed),))
        yield from page.timed(name, ((30, ok + failed - slow),), ((30, slow),))

    return page


def nothing(_page: Page) -> Iterator[Series]:
    return iter(())


DEPENDENCY = (
    Case("DependencyFailing", "fires", {0.5: NOBODY, 4: NETWORK, 10: NETWORK}, calls(1)),
    Case("DependencyFailing", "not just below", {10: NOBODY}, calls(0.49)),
    Case("DependencyFailing", "just above", {10: NETWORK}, calls(0.51)),
    Case("DependencyFailing", "not on nine errors in five minutes", {10: NOBODY}, calls(9 / 300, 9 / 300)),
    Case(
        "DependencyFailing",
        "not on one error in a quiet night",
        dict.fromkeys((9.5, 10, 11, 12), NOBODY),
        calls_over_time(((9, 0), (0.25, 1 / 15), (10, 0)), ((9, 0), (0.25, 1 / 15), (10, 0))),
    ),
    Case("DependencyFailing", "not without data", {10: NOBODY}, nothing),
    Case(
        "DependencyFailing",
        "ends with the scrapes",
        {9: NETWORK, 16: NOBODY},
        calls_over_time(((10, 10), Gone(10)), ((10, 1), Gone(10))),
    ),
    Case(
        "DependencyFailing",
        "not on a restart",
        {10: NOBODY, 11: NOBODY, 13: NOBODY},
        calls_over_time(((9, 10), Restart(), (9, 10)), ((9, 0.2), Restart(), (9, 0.2))),
    ),
    Case(
        "DependencyFailing",
        "clears",
        {12: NETWORK, 16: NOBODY},
        calls_over_time(((20, 10),), ((8, 0), (4, 5), (8, 0))),
    ),
    Case(
        "DependencyFailing",
        "of a database",
        {10: about("service_name=pg,client=shop,server=pg")},
        calls(1, server="pg", type="database"),
    ),
    Case(
        "DependencyFailing",
        "of a service whose own spans say that all is well",
        {10: about("service_name=pay,client=shop,server=pay")},
        both(calls(1, server="pay", type=""), service("pay", 10)),
    ),
    Case(
        "DependencyFailing",
        "not of a service with an alert of its own",
        {10: NOBODY},
        both(calls(1, server="pay", type=""), service("pay", 9, 1)),
    ),
    Case("DependencyFailing", "not of a consumer", {10: NOBODY}, calls(5, type="messaging_system")),
    Case("DependencyFailing", "not as seen by users", {10: NOBODY}, calls(5, client="user")),
    Case(
        "DependencyFailing",
        "not below its own number",
        {10: NOBODY},
        both(calls(1), own("error_ratio", 0.2, "network")),
    ),
    Case(
        "DependencyFailing",
        "above its own number",
        {10: NETWORK},
        both(calls(0.2), own("error_ratio", 0.01, "network")),
    ),
    Case(
        "DependencyFailing",
        "not by its client's number",
        {10: NETWORK},
        both(calls(1), own("error_ratio", 0.2, "shop")),
    ),
    Case(
        "DependencyFailing",
        "not of who is in the middle of a chain",
        {10: NETWORK},
        both(calls(1, client="gateway", server="shop", type=""), calls(1), service("shop", 9.8, 0.2)),
    ),
    Case("DependencySlow", "fires", {0.5: NOBODY, 4: NETWORK, 10: NETWORK}, calls(0, slow=1)),
    Case("DependencySlow", "not just below", {10: NOBODY}, calls(0, slow=0.49)),
    Case("DependencySlow", "just above", {10: NETWORK}, calls(0, slow=0.55)),
    Case("DependencySlow", "not on one slow request in a quiet night", {10: NOBODY}, calls(0, 1 / 60, slow=1 / 60)),
    Case("DependencySlow", "not on 49 requests in five minutes", {10: NOBODY}, calls(0, 49 / 300, slow=49 / 300)),
    Case("DependencySlow", "not without data", {10: NOBODY}, nothing),
    Case(
        "DependencySlow",
        "not on a restart",
        {10: NOBODY, 11: NOBODY, 13: NOBODY},
        calls_over_time(((9, 10), Restart(), (9, 10)), ((9, 0), Restart(), (9, 0)), ((9, 0.2), Restart(), (9, 0.2))),
    ),
    Case(
        "DependencySlow",
        "not of a service with an alert of its own",
        {10: NOBODY},
        both(calls(0, server="pay", type="", slow=1), service("pay", 10, slow=1)),
    ),
    Case(
        "DependencySlow",
        "not below its own number",
        {10: NOBODY},
        both(calls(0, slow=1), own("latency_seconds", 9, "network")),
    ),
)


def explained(*services: str, cause: str = "network") -> tuple[About, ...]:
    return about(*(f"service_name={service},cause={cause}" for service in services))


#: user → gateway → shop → network, of which the last fails.
CHAIN = both(
    service("gateway", 9, 1),
    service("shop", 9, 1),
    calls(1, client="user", server="gateway"),
    calls(1, client="gateway", server="shop", type=""),
    calls(1),
)
#: Six services in a row, of which the last one asks a node that fails.
ROW = [f"s{number}" for number in range(6)]
LONG_CHAIN = both(
    *(service(name, 9, 1) for name in ROW),
    *(calls(1, client=a, server=b, type="") for a, b in zip(ROW, (*ROW[1:], "network"), strict=True)),
)
SLOW_CHAIN = both(
    service("gateway", 10, slow=1),
    service("shop", 10, slow=1),
    calls(0, client="gateway", server="shop", type="", slow=1),
    calls(0, slow=1),
)

#: A service and its dependency over twenty minutes, of which the ninth to the twelfth are bad.
OVER = both(
    lambda page: page.spans("shop", (8, 10), (4, 5), (8, 10), failed=((8, 0), (4, 5), (8, 0))),
    calls_over_time(((20, 10),), ((8, 0), (4, 5), (8, 0))),
)

EXPLAINED = (
    Case(
        "FailureExplained",
        "of a chain of callers, while the cause fires",
        {1: NOBODY, 10: explained("gateway", "shop")},
        CHAIN,
    ),
    Case(
        "BurnExplained",
        "of a chain of callers, for both windows of pages",
        {1: NOBODY, 10: tuple(one | {"window": w} for one in explained("gateway", "shop") for w in ("1h", "6h"))},
        CHAIN,
    ),
    Case("BurnExplained", "not without data", {10: NOBODY}, nothing),
    Case("DependencyFailing", "names the end of the chain", {10: NETWORK}, CHAIN),
    Case(
        "ServiceErrors",
        "of a chain of callers, all of them",
        {10: about("service_name=gateway", "service_name=shop")},
        CHAIN,
    ),
    Case("FailureExplained", "as far as five calls away", {10: explained(*ROW[1:])}, LONG_CHAIN),
    Case(
        "FailureExplained",
        "by a service with an alert of its own",
        {10: explained("gateway", cause="shop")},
        both(service("gateway", 9, 1), service("shop", 9, 1), calls(1, client="gateway", server="shop", type="")),
    ),
    Case(
        "FailureExplained",
        "not of a service whose dependencies have little of it",
        {10: NOBODY},
        both(service("shop", 9, 1), calls(0.69)),
    ),
    Case(
        "FailureExplained",
        "of one whose dependencies have most of it",
        {10: explained("shop")},
        both(service("shop", 9, 1), calls(0.72)),
    ),
    Case(
        "FailureExplained",
        "by the worst of several",
        {10: explained("shop", cause="pg")},
        both(service("shop", 9, 1), calls(0.55, 5), calls(0.6, 5, server="pg", type="database")),
    ),
    Case(
        "FailureExplained",
        "not of services that blame each other",
        {10: NOBODY},
        both(
            *(service(name, 9, 1) for name in "ab"),
            calls(1, client="a", server="b", type=""),
            calls(1, client="b", server="a", type=""),
        ),
    ),
    Case(
        "FailureExplained",
        "not by a dependency below its threshold",
        {10: NOBODY},
        both(service("shop", 9.6, 0.4), calls(0.4)),
    ),
    Case(
        "FailureExplained",
        "not by a consumer",
        {10: NOBODY},
        both(service("shop", 9, 1), calls(1, type="messaging_system")),
    ),
    Case("FailureExplained", "not without data", {10: NOBODY}, nothing),
    Case(
        "FailureExplained",
        "outlasts what it mutes",
        {12: explained("shop"), 14.25: explained("shop"), 17: NOBODY},
        OVER,
    ),
    Case("ServiceErrors", "ends before what mutes it", {12: about("service_name=shop"), 14.25: NOBODY}, OVER),
    Case("SlownessExplained", "of a chain of callers", {0.5: NOBODY, 10: explained("gateway", "shop")}, SLOW_CHAIN),
    Case("DependencySlow", "names the end of the chain", {10: NETWORK}, SLOW_CHAIN),
    Case(
        "SlownessExplained",
        "not of a service that takes the time itself",
        {10: NOBODY},
        both(service("shop", 10, slow=2), calls(0, slow=1)),
    ),
    Case("SlownessExplained", "not without data", {10: NOBODY}, nothing),
)


def usual_requests_per_request(value: float) -> Of:
    """As `graph.yml` would record it from a day of data."""
    name = labelled("edge:requests_per_request:usual_ratio1d", {"client": "shop", "server": "network"})
    return lambda _page: iter((Series(name, gauge((30, value))),))


def retrying(times: float, usual: float = 1, rate: float = 10) -> Of:
    return both(service("shop", rate), calls(0, rate * times), usual_requests_per_request(usual))


RETRIES = (
    Case("RetriesMultiply", "fires", {4: NOBODY, 10: NETWORK}, retrying(3)),
    Case("RetriesMultiply", "not just below", {10: NOBODY}, retrying(1.98)),
    Case("RetriesMultiply", "just above", {10: NETWORK}, retrying(2.02)),
    Case("RetriesMultiply", "not where it is usual", {10: NOBODY}, retrying(3, usual=2.9)),
    Case("RetriesMultiply", "not on few requests", {10: NOBODY}, retrying(3, rate=0.1)),
    Case("RetriesMultiply", "not of a new edge", {10: NOBODY}, both(service("shop", 10), calls(0, 90))),
    Case(
        "RetriesMultiply",
        "not of a client without requests",
        {10: NOBODY},
        both(calls(0, 90), usual_requests_per_request(1)),
    ),
    Case(
        "RetriesMultiply",
        "not on a restart",
        {10: NOBODY, 15: NOBODY},
        both(
            lambda page: page.spans("shop", (9, 10), Restart(), (9, 10)),
            calls_over_time(((9, 15), Restart(), (9, 15)), ((9, 0), Restart(), (9, 0))),
            usual_requests_per_request(1.5),
        ),
    ),
)

CASES = (*DEPENDENCY, *EXPLAINED, *RETRIES)
