"""What to do about the alerts of objectives."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from span2metrics import names
from span2metrics.generate.families import Families
from span2metrics.generate.matchers import selector
from span2metrics.generate.rule import Runbook
from span2metrics.generate.selector import IS_ERROR
from span2metrics.generate.slo_series import ALL

_SILENCE = (
    "By the labels `alertname` and `slo`, until the time at which the remedy is to be in place. Other objectives of "
    "the service go on telling, and so they should."
)


@lru_cache(maxsize=16)
def runbooks(families: Families) -> Mapping[str, Runbook]:
    """By the alert's name."""
    failing = (
        "Which calls fail?",
        f"topk(10, sum by ({families.service}, {names.SPAN_NAME}) (rate({selector(families.calls, (IS_ERROR,))}[5m])))",
    )
    return {
        "SLOErrorBudgetBurnsFast": _burns_fast(failing),
        "SLOErrorBudgetBurnsSlowly": _burns_slowly(failing),
        "SLOErrorBudgetExhaustedSoon": _exhausted_soon(failing),
        "SLODataAbsent": _absent(families),
    }


def _burns_fast(failing: tuple[str, str]) -> Runbook:
    return Runbook(
        "So many calls are errors, or too slow, that the error budget is gone within days. Those who call feel it now: "
        "the short window of the alert says that it has not ended.",
        (("How fast does the budget go, of which objective?", "sort_desc(slo:current_burn_rate:ratio > 1)"), failing),
        (
            "If nothing fails, the objective is one of latency: `topk(10, service_span:request_duration_seconds:"
            "p95_rate5m)` shows whose calls are slow.",
            "Find what changed when the share of bad calls rose: a deployment, a configuration, a dependency. Roll it "
            "back before you understand it.",
            "Follow an exemplar of a slow or failed call to its trace, and see whose span is the first to fail.",
            "Where that is a dependency, the alert is its owner's: tell them, and see whether callers can do without.",
            "The alert ends by itself once the short window is good again.",
        ),
        _SILENCE,
    )


def _burns_slowly(failing: tuple[str, str]) -> Runbook:
    return Runbook(
        "A small share of calls fails for hours or days, and takes more of the error budget than it may. Nobody need "
        "get up; left alone, the objective is missed.",
        (
            (
                "Since when, and how fast? As a graph of three days:",
                "slo:sli_error:ratio_rate2h / slo:error_budget:ratio > 1",
            ),
            failing,
        ),
        (
            "See whether it is one kind of call, one instance or one caller: by `span_name` and the dimensions.",
            "Mend it within the days that the budget still lasts (`slo:time_to_exhaustion:days`).",
            "If the service can do no better, the objective promises too much: change it, with those who rely on it.",
        ),
        _SILENCE,
    )


def _exhausted_soon(failing: tuple[str, str]) -> Runbook:
    return Runbook(
        "At the rate of the last day the error budget of the whole window will be gone in a few days, or is gone: the "
        "objective is missed then, however good the days after it are.",
        (("How many days are left?", "sort(slo:time_to_exhaustion:days)"), failing),
        (
            "Put off what is risky: releases, migrations, experiments.",
            "Look at what has taken the budget: the days of `slo:sli_error:ratio_rate1d` that were worst.",
            "Give what would prevent the next one the time that new features would have had.",
        ),
        _SILENCE
        + " A budget that is gone stays so until bad days leave the window; the alert ends a day after the last one.",
    )


def _absent(families: Families) -> Runbook:
    return Runbook(
        "Nothing is known of the objective: in a whole day no series had the labels that it asks for, not even one "
        "that shows 0. None of its other alerts can be told.",
        (
            ("Of which objectives are there calls?", f"sum by (slo) ({ALL})"),
            (
                "What are the calls of its service called?",
                f"count by ({families.service}, {names.SPAN_NAME}, {names.SPAN_KIND}) ({families.calls})",
            ),
        ),
        (
            "If all objectives are absent, see whether Prometheus scrapes span2metrics (`up`), and has loaded the "
            "rules that `span2metrics generate rules` wrote last.",
            "If it is one, compare its `where` with the labels that the second query shows: a route that was renamed, "
            "a service that sends no spans any more.",
            "If it is those of latency alone, Prometheus takes native histograms and drops the classic ones: set "
            "`always_scrape_classic_histograms: true` in its scrape job.",
            "Change the `where`, make the rules again and reload Prometheus; or remove the objective.",
        ),
        "By the labels `alertname` and `slo`, for as long as the service is known to rest.",
    )
