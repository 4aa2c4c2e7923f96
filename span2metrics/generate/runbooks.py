"""The runbooks of all alerts as one document in Markdown, `config/prometheus/runbooks.md`; a page is `web.runbooks`.

A heading has an alert's name; its link leads there by the name in lower case, which is how GitHub calls it.  Texts are
plain but for `code` between backquotes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from span2metrics.generate.rule import Alert, RuleFile, Runbook

TITLE = "Runbooks"
ABOUT = (
    "One for each alert of span2metrics: what it means, how to confirm it in two queries, what to do, how to silence "
    "it rightly. The numbers that alerts compare with are in rules/thresholds.yml, each with its reason."
)
_SEVERITIES = {
    "page": "Wakes somebody.",
    "ticket": "Waits until the morning.",
    "none": "Is sent to nobody.",
}


def alerts(files: Iterable[RuleFile]) -> dict[str, Alert]:
    """The alerts of rule files by name, each once: alerts of one name have one runbook."""
    found: dict[str, Alert] = {}
    for file in files:
        for group in file.groups:
            for rule in group.rules:
                if isinstance(rule, Alert):
                    found.setdefault(rule.alert, rule)
    return found


def markdown(files: Iterable[RuleFile]) -> str:
    """As a document on its own."""
    found = alerts(files)
    lines = [f"# {TITLE}", "", ABOUT, "", *(f"- [{name}](#{name.lower()})" for name in found), ""]
    for name, alert in found.items():
        lines += [f"## {name}", "", f"{severity(alert)} {alert.runbook.means}", "", *_markdown(alert.runbook)]
    return "\n".join(lines)


def _markdown(runbook: Runbook) -> Iterator[str]:
    yield "**Confirm**"
    for question, query in runbook.confirm:
        yield from ("", question, "", "```promql", query, "```")
    yield from ("", "**Act**", "")
    yield from (f"{number}. {step}" for number, step in enumerate(runbook.act, 1))
    yield from ("", "**Silence**", "", runbook.silence, "")


def severity(alert: Alert) -> str:
    """What an alert's severity means, in words."""
    return _SEVERITIES.get(alert.labels.get("severity", ""), "")
