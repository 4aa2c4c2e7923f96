"""Whose objective is missed because of a dependency: that wakes the dependency's owner, and nobody else.

`BurnExplained` wakes nobody.  It mutes the page of an objective as `FailureExplained` mutes `ServiceErrors`, but the
page lasts until its short window is good, long after the cause is; so does this.  Tickets are about what is left of the
budget, whoever took it: this does not mute them, and they are sent when the page has ended.  Nor is a page muted that a
slow dependency causes, which has but a ticket: then nobody would be woken.
"""

from __future__ import annotations

from collections.abc import Iterator

from span2metrics import names
from span2metrics.generate.alerting import GRAPH, PAGE, Links, Told, alert
from span2metrics.generate.graph_alerts import NOBODY, explained
from span2metrics.generate.graph_causes import FAILURE
from span2metrics.generate.promql import label
from span2metrics.generate.rule import Alert, Runbook
from span2metrics.generate.slo_alerts import BURNS_FAST
from span2metrics.generate.slo_windows import TIERS, Tier

BURN_EXPLAINED = "BurnExplained"
#: How long an outage is seen after its end: the windows are sums of rates over five minutes.
_SEEN = {"5m": "5m", "30m": "35m"}
#: The page ends with a round of its own rules, which is a minute later at most; that, and one in reserve.
_KEEP_FIRING = "2m"


def explanations(links: Links) -> Iterator[Alert]:
    """After all others, of which one must have fired; for objectives that name one service, whatever they are."""
    return (_explanation(tier, links) for tier in TIERS if tier.severity == PAGE)


def _explanation(tier: Tier, links: Links) -> Alert:
    service, cause = label(names.SERVICE_NAME), label("cause")
    told = Told(
        f"{service}: what its objectives lose is lost to {cause}.",
        f"Within {_SEEN[tier.short]} {service} was beyond a threshold because of {cause}, whose own alert fired: "
        f"{BURNS_FAST} of the window {tier.long} is muted for {service}.",
    )
    expr = explained(FAILURE, _SEEN[tier.short])
    return alert(
        BURN_EXPLAINED, expr, "", NOBODY, told, _RUNBOOK, links, GRAPH,
        variables=(("server", "cause"),), labels={"window": tier.long}, keep_firing=_KEEP_FIRING,
    )  # fmt: skip


_RUNBOOK = Runbook(
    "The error budget of a service goes too fast, and it is a dependency that takes it, which has an alert of its own. "
    f"Nobody is told of this one: it mutes {BURNS_FAST} of that service in Alertmanager, until the windows have "
    "forgotten the outage. Tickets about the budget are sent once that page has ended.",
    (
        ("Does it fail by now?", "sort_desc(service:requests_failed:ratio_rate5m > 0)"),
        ("Which chains of calls lead to which cause?", FAILURE.cause),
    ),
    (
        "Act on the cause; its alert has a runbook.",
        "If the caller ought to do without the dependency, that is what its share of the budget is for: plan it.",
    ),
    "Nothing to silence: it is sent to no one.",
)
