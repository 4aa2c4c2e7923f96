"""What the recorded series of an objective are called, and how rules ask for one's own."""

from __future__ import annotations

from collections.abc import Mapping

from span2metrics import names
from span2metrics.config.slos import Slo
from span2metrics.generate.matchers import Matcher, selector

Labels = Mapping[str, str]
#: Recorded as long as the rules are there, whether somebody calls or not.
OBJECTIVE = "slo:objective:ratio"
#: The share of events that may be bad, what is left of it, how many times as fast as it may that goes, and how long it
#: will last.
BUDGET_RATIO, REMAINING = "slo:error_budget:ratio", "slo:period_error_budget_remaining:ratio"
BURN, EXHAUSTION = "slo:current_burn_rate:ratio", "slo:time_to_exhaustion:days"
#: Events a second, all and bad ones.
ALL, BAD = "slo:sli_event:rate5m", "slo:sli_error:rate5m"


def bad_ratio(window: str) -> str:
    """The share of bad events in a window."""
    return f"slo:sli_error:ratio_rate{window}"


def of(series: str, slo: Slo) -> str:
    """The series of this objective."""
    return selector(series, (Matcher("slo", "=", slo.name),))


def history(slo: Slo, window: str, hours: int) -> str:
    """How much of a window there is data of, 0 to 1, to five minutes.

    A share of bad events times this is that of the whole window, what is missing being good.  A full window has a step
    more where both its ends count, as before Prometheus 3: it is 1 then, too.
    """
    return f"clamp_max(count_over_time({of(OBJECTIVE, slo)}[{window}:5m]) / {hours * 12}, 1)"


def labels_of(slo: Slo) -> Labels:
    """Of all series and alerts; the service too where it is one, so that alerts are grouped with its others."""
    labels = {"slo": slo.name, "sli": slo.sli.kind}
    service = slo.where.service
    if service is not None and not service.patterns and len(service.equal) == 1:
        labels[names.SERVICE_NAME] = service.equal[0]
    return labels
