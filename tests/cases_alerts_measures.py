"""Cases of the alert on amounts.  The shop takes 1000 a second, 20 each, by card and by sepa in halves."""

from __future__ import annotations

from collections.abc import Iterator

from tests.cases_alerts import FAILED, NOBODY, UNSET, Case, Of, Page, about
from tests.cases_alerts_red import both
from tests.promtool import Gone, Part, Restart, Series, combined, counter, gauge, labelled

CONFIG = """
measures:
  - {name: payment_amount, attribute: payment.amount, unit: eur, dimensions: [{name: payment.method}], negative: allow}
"""
FAMILY = "traces_span_metrics_payment_amount_eur"
EACH = 20
CARD = about("service_name=shop,payment_method=card,measure=payment_amount_eur")


def amounts(*parts: Part, method: str = "card", status: str = UNSET, sign: str = "positive", name: str = "pay") -> Of:
    """Amounts a second, `EACH` at a time, in spans of a status."""

    def page(page: Page) -> Iterator[Series]:
        labels = {page.service: "shop", "span_name": name, "span_kind": "SPAN_KIND_SERVER", "status_code": status}
        labels |= {"payment_method": method, "sign": sign}
        yield Series(labelled(f"{FAMILY}_sum", labels), counter(*parts))
        yield Series(labelled(f"{FAMILY}_count", labels), counter(*combined(parts, parts, lambda a, _b: a / EACH)))

    return page


def failing(failed: float, ok: float = 500, **more: str) -> Of:
    """Of card payments, over half an hour; the others go well."""
    return both(amounts((30, ok)), amounts((30, 500), method="sepa"), amounts((30, failed), status=FAILED, **more))


def usually(each_minute: float) -> Of:
    """What fails in a minute, as `measures.yml` would record it from a day of data."""
    labels = {"measure": "payment_amount_eur", "service_name": "shop", "payment_method": "card"}
    return lambda _page: iter((Series(labelled("measure:amount_failed:usual1d", labels), gauge((30, each_minute))),))


def nothing(_page: Page) -> Iterator[Series]:
    return iter(())


CASES = (
    Case("FailedAmount", "fires by the measure's labels", {1: NOBODY, 10: CARD}, failing(50)),
    Case("FailedAmount", "not just below the share", {10: NOBODY}, failing(26, 500)),
    Case("FailedAmount", "just above the share", {10: CARD}, failing(27, 500)),
    Case("FailedAmount", "not where it is usual", {10: NOBODY}, both(failing(50), usually(50 * 60 / 2.9))),
    Case("FailedAmount", "beyond three times the usual", {10: CARD}, both(failing(50), usually(50 * 60 / 3.1))),
    Case("FailedAmount", "not on few payments", {10: NOBODY}, failing(9 * EACH / 300, 0)),
    Case("FailedAmount", "not for refunds", {10: NOBODY}, failing(50, sign="negative")),
    Case(
        "FailedAmount", "adds up span names", {10: CARD}, both(failing(20), amounts((30, 20), status=FAILED, name="b"))
    ),
    Case("FailedAmount", "not without data", {10: NOBODY}, nothing),
    Case(
        "FailedAmount",
        "not on one failed payment in a quiet night",
        {10: NOBODY, 11: NOBODY, 12: NOBODY},
        amounts((9, 0), (0.25, EACH / 15), (20, 0), status=FAILED),
    ),
    Case(
        "FailedAmount",
        "not on a restart",
        {10: NOBODY, 11: NOBODY, 13: NOBODY},
        both(amounts((9, 500), Restart(), (9, 500)), amounts((9, 10), Restart(), (9, 10), status=FAILED)),
    ),
    Case(
        "FailedAmount",
        "ends with the failures, and not after the alerts that mute it",
        {10: CARD, 12.5: NOBODY},
        both(amounts((20, 500)), amounts((10, 200), (10, 0), status=FAILED)),
    ),
    Case(
        "FailedAmount",
        "ends with the scrapes",
        {9: CARD, 18: NOBODY},
        both(amounts((10, 500), Gone(10)), amounts((10, 50), Gone(10), status=FAILED)),
    ),
)
