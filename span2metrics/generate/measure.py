"""Rules on business measures: `rules/measures.yml`; for each one what goes through, and what fails, a minute.

What fails is what failed spans carry, by service and the measure's own labels: their other labels, such as span names,
would tear it into pieces that are too small to have a usual amount.  Refunds, which are negative, do not count.
"""

from __future__ import annotations

from collections.abc import Iterator

from span2metrics import names
from span2metrics.config import Config
from span2metrics.config.labels import label_of
from span2metrics.config.measures import Measure
from span2metrics.engine import measures
from span2metrics.engine.plan import Negative
from span2metrics.generate import alerting, usual
from span2metrics.generate.alerting import MEASURES, PAGE, Links, Told
from span2metrics.generate.families import Families
from span2metrics.generate.promql import FIVE, FIVE_S, SERVICE, TWO, VALUE, label, number, summed_by
from span2metrics.generate.red import ERROR
from span2metrics.generate.rule import Alert, Group, Recording, RuleFile, Runbook
from span2metrics.generate.thresholds import AMOUNT_EVENTS, AMOUNT_FACTOR, AMOUNT_RATIO

FAILED_AMOUNT = "FailedAmount"
MEASURE = "measure"

_HEAD = """\
Business measures: amounts a minute (measure tells which one), all of them and those in spans that failed, by service
and the measure's own labels."""
AMOUNT, FAILED, _EVENTS, USUAL = (
    f"measure:{name}"
    for name in ("amount:per_minute5m", "amount_failed:per_minute5m", "failed:rate5m", "amount_failed:usual1d")
)
_AMOUNT_NOW, _FAILED_NOW = (f"measure:{name}" for name in ("amount:per_minute2m", "amount_failed:per_minute2m"))


def has_rules(config: Config) -> bool:
    """Are there measures, of spans of which those that failed are told apart?"""
    return bool(config.measures) and not {SERVICE, names.STATUS_CODE} & set(config.metrics.exclude)


def rule_file(config: Config, links: Links) -> RuleFile | None:
    if not has_rules(config):
        return None
    recordings = tuple(rule for measure in config.measures for rule in _recordings(measure, config))
    groups = (
        Group("span2metrics measures", recordings),
        usual.group("span2metrics usual measures", iter((usual.of_a_day(FAILED, USUAL),))),
        Group("span2metrics alerts on measures", (_alert(links),)),
    )
    return RuleFile("measures", groups, _HEAD)


def _recordings(measure: Measure, config: Config) -> Iterator[Recording]:
    families, by = Families.of(config), (SERVICE, *map(label_of, measure.dimensions))
    family = names.measure_family(config.metrics.namespace, measure.name, measure.unit, "").name
    which = {MEASURE: measures.label_of(measure.name, measure.unit)}
    sign = f'{names.SIGN}!="{names.NEGATIVE}"' if measure.negative is Negative.ALLOW else ""

    def rate(part: str, *matchers: str, window: str = FIVE) -> str:
        chosen = ",".join(filter(None, (sign, *matchers)))
        return summed_by(by, f"rate({family}_{part}{f'{{{chosen}}}' if chosen else ''}[{window}])", families.service)

    yield Recording(AMOUNT, f"60 * {rate('sum')}", which)
    yield Recording(FAILED, f"60 * {rate('sum', ERROR)}", which)
    yield Recording(_EVENTS, rate("count", ERROR), which)
    yield Recording(_AMOUNT_NOW, f"60 * {rate('sum', window=TWO)}", which)
    yield Recording(_FAILED_NOW, f"60 * {rate('sum', ERROR, window=TWO)}", which)


_FAILING = f"""\
{FAILED}
> {AMOUNT_FACTOR.scalar} * ({USUAL} or 0 * {FAILED})
and {FAILED} > {AMOUNT_RATIO.scalar} * {AMOUNT}
and {_FAILED_NOW} > {AMOUNT_RATIO.scalar} * {_AMOUNT_NOW}
and {_EVENTS} * {FIVE_S} >= {AMOUNT_EVENTS.scalar}"""
_SERVICE, _MEASURE = label(SERVICE), label(MEASURE)


def _alert(links: Links) -> Alert:
    return alerting.alert(
        FAILED_AMOUNT, _FAILING, "2m", PAGE, _TOLD, _RUNBOOK, links, MEASURES,
        variables=(("service", SERVICE), ("measure", MEASURE)),
        comment="What is usual is 0 while there is no history: then the share decides alone. Over two minutes "
        "too, so that it ends with the alert that mutes it, and not after that.",
    )  # fmt: skip


def _of(recording: str) -> str:
    return f"sum({recording}{{measure=%q,service_name=%q}})"


_BOTH = (MEASURE, SERVICE)
#: The measure's own labels, of which each measure has others.
_OWN_LABELS = (
    "{{ range $name, $value := $labels }}"
    f'{{{{ if not (or (eq $name "__name__") (eq $name "{MEASURE}") (eq $name "{SERVICE}")) }}}}'
    ", {{ $name }}={{ $value }}{{ end }}{{ end }}"
)
_TOLD = Told(
    f"{_MEASURE}: {VALUE} a minute fail in {_SERVICE}.",
    f"{VALUE} of {_MEASURE} a minute are in failed spans of {_SERVICE}{_OWN_LABELS}, over the last 5 minutes. In "
    f"all of {_SERVICE} {number(_of(FAILED), _BOTH)} of {number(_of(AMOUNT), _BOTH)} a minute fail; usual are "
    f"{number(_of(USUAL), _BOTH, nothing='not known yet')}, told beyond {AMOUNT_FACTOR.number} times that and "
    f"{AMOUNT_RATIO.share} of the amount.",
)
_RUNBOOK = Runbook(
    "Business is lost: the amounts in failed spans are several times the usual, and a felt share of all.",
    (
        ("Which part of the business?", f"sort_desc({FAILED} / {AMOUNT})"),
        ("How much since it began, in an hour?", f"sum by ({MEASURE}, {SERVICE}) (avg_over_time({FAILED}[1h])) * 60"),
    ),
    (
        "Look for the alert on the cause, ServiceErrors or DependencyFailing, and act on that.",
        "If there is none: one method, currency or merchant alone fails. Switch it off or over to another provider.",
        "Tell those who answer customers, with the amount.",
    ),
    "Silence by measure and service_name once those who answer customers know.",
)
