"""Mistakes in what span names become, each in its file."""

from __future__ import annotations

from tests.mistakes import Mistake, Told, seen, unseen

RULE, OTHER = "span_names.rules[0]", "span_names.rules[1]"
SPAN_NAMES = {
    "templating_unknown": seen(2, "span_names.templating", "expected true, false or dry_run, found the text `dryrun`"),
    "templating_is_a_number": seen(
        2, "span_names.templating", "expected true, false or dry_run, found the integer `1`"
    ),
    "rule_convention_unknown": seen(
        3, RULE, "`grpc` is not a convention that is known here; known: http, rpc, database, messaging"
    ),
    "rule_pattern_invalid": unseen(3, f"{RULE}.match", "`GET /(.*` is not a pattern of RE2: missing )"),
    "rule_pattern_not_of_re2": unseen(3, f"{RULE}.match", "is not a pattern of RE2: invalid perl operator"),
    "rule_pattern_too_large": unseen(3, f"{RULE}.match", "is not a pattern of RE2: "),
    "rule_pattern_substituted": unseen(3, f"{RULE}.match", "the substituted value is not a pattern of RE2: missing )"),
    "rule_replacement_invalid": unseen(3, f"{RULE}.replace", "has a $ or \\ that stands for no group; write $1 to $9"),
    "rule_replacement_unfinished": unseen(3, f"{RULE}.replace", "has a $ or \\ that stands for no group; write $1"),
    "rule_group_missing": Mistake(
        [
            Told(3, f"{RULE}.replace", "takes group $2 of a pattern that has 1; mend one of them"),
            Told(4, f"{OTHER}.replace", "takes group $1 of a pattern that has 0; mend one of them"),
        ]
    ),
    "rule_of_two_kinds": seen(3, RULE, "has `convention` and a pattern of its own; make two rules of it"),
    "rule_of_no_kind": Mistake(
        [
            Told(3, RULE, "has neither `convention` nor both `match` and `replace`; say what names the span"),
            Told(4, OTHER, "has neither `convention` nor both `match` and `replace`"),
        ],
        schema=True,
    ),
    "rule_service_is_a_list": seen(3, f"{RULE}.service", "expected the name of a service, found a list"),
}
