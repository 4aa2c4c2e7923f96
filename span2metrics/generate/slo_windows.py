"""How fast an error budget may go before somebody is told: windows, burn rates, and who it is.

Rates of a budget of 30 days are those of the SRE workbook: an hour at 14.4 takes 2 % of it, six hours at 6 take 5 %,
a day at 3 and three days at 1 take 10 % each.  With another window the same share is told after the same time: what
makes it urgent is when the budget will be gone, and at so many times the rate that is the same number of days.  A rate
of less than 1 takes nothing that was not to be used, so none is lower.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from span2metrics.config.slos import Slo
from span2metrics.generate.alerting import PAGE, TICKET

#: Of which all rates of a month are.
MONTH = 30
#: Windows in which the share of bad events is recorded besides the shortest one and the objective's own.
SHORTEST = "5m"
LONGER = ("30m", "1h", "2h", "6h", "1d", "3d")
#: Hours of the windows of which a few minutes of history must not pass for the whole.
HOURS = {"6h": 6, "1d": 24, "3d": 72}


class Tier(NamedTuple):
    """Told when both windows burn at that rate: the long one says how much is gone, by the short one it ends soon."""

    rate: Decimal
    long: str
    short: str
    severity: str


TIERS = (
    Tier(Decimal("14.4"), "1h", "5m", PAGE),
    Tier(Decimal(6), "6h", "30m", PAGE),
    Tier(Decimal(3), "1d", "2h", TICKET),
    Tier(Decimal(1), "3d", "6h", TICKET),
)


def budget(slo: Slo) -> Decimal:
    """The share of events that may be bad, exactly."""
    return (100 - slo.objective) / 100


def bad_share(tier: Tier, slo: Slo) -> Decimal:
    """The share of bad events above which a tier is told.

    There cannot be more than all: where the budget is so large that the rate would ask for that, it is half way from
    the budget to all of them.
    """
    allowed = budget(slo)
    return min(rate(tier, slo) * allowed, (1 + allowed) / 2)


def rate(tier: Tier, slo: Slo) -> Decimal:
    """How many times as fast as it may the budget goes then."""
    return max(Decimal(1), tier.rate * slo.days / MONTH)
