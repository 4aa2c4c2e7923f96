"""A rule file as YAML, with its comments; `yaml.safe_load` gives back what was written.

PyYAML writes no comments, and expressions read best as blocks: so the few shapes of a rule file are written here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping

from span2metrics.generate.rule import Alert, Group, Recording, RuleFile

#: Texts that YAML reads as that very text without quotes.
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_:.\-/ ]*[A-Za-z0-9_]|[A-Za-z_]")
_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})


def rule_file(file: RuleFile) -> str:
    """All of a file."""
    return "".join(f"{line}\n" for line in _file([file]))


def rule_document(files: Iterable[RuleFile]) -> str:
    """All groups of several files as one."""
    return "".join(f"{line}\n" for line in _file(files))


def _file(files: Iterable[RuleFile]) -> Iterator[str]:
    shown = [(file.comment, group) for file in files for group in file.groups]
    before = None
    lines: list[str] = []
    for comment, group in shown:
        if comment != before:
            lines += [*_comment(comment, ""), *([] if lines else ["groups:"])]
        before = comment
        lines += _group(group)
    yield from lines or ["groups: []"]


def _group(group: Group) -> Iterator[str]:
    yield from _comment(group.comment, "  ")
    yield f"  - name: {_scalar(group.name)}"
    if group.interval:
        yield f"    interval: {group.interval}"
    yield "    rules:"
    for rule in group.rules:
        yield from _comment(rule.comment, "      ")
        yield from _recording(rule) if isinstance(rule, Recording) else _alert(rule)


def _recording(rule: Recording) -> Iterator[str]:
    yield f"      - record: {_scalar(rule.record)}"
    yield from _text("expr", rule.expr, "        ")
    yield from _mapping("labels", rule.labels)


def _alert(rule: Alert) -> Iterator[str]:
    yield f"      - alert: {_scalar(rule.alert)}"
    yield from _text("expr", rule.expr, "        ")
    if rule.lasting:
        yield f"        for: {rule.lasting}"
    if rule.keep_firing:
        yield f"        keep_firing_for: {rule.keep_firing}"
    yield from _mapping("labels", rule.labels)
    yield from _mapping("annotations", rule.annotations)


def _mapping(key: str, entries: Mapping[str, str]) -> Iterator[str]:
    if entries:
        yield f"        {key}:"
        for name, value in entries.items():
            yield from _text(name, value, "          ")


def _text(key: str, text: str, indent: str) -> Iterator[str]:
    if "\n" not in text:
        yield f"{indent}{key}: {_scalar(text)}"
        return
    yield f"{indent}{key}: |-"
    for line in text.split("\n"):
        yield f"{indent}  {line}".rstrip()


def _scalar(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    if '"' in text or "\\" in text:  # in single quotes both are as they are
        return "'" + text.replace("'", "''") + "'"
    return json.dumps(text, ensure_ascii=False)


def _comment(comment: str, indent: str) -> Iterator[str]:
    return (f"{indent}# {line}".rstrip() for line in comment.split("\n") if comment)
