"""Mistakes in filters, rewrites and the guard on time, each in its file; and whether a schema sees them."""

from __future__ import annotations

from typing import NamedTuple


class Wrong(NamedTuple):
    line: int
    path: str
    message: str
    seen: bool = False


REWRITE = "metrics.dimensions[0].rewrite"
MISTAKES: dict[str, list[Wrong]] = {
    "filter_empty": [Wrong(4, "filters.exclude[1]", "is empty and would mean every span; write what must hold", True)],
    "filter_is_text": [
        Wrong(2, "filters.exclude[0]", "expected a mapping (kind, name, status, service, resource.…, span.…)", True)
    ],
    "filter_unknown_key": [Wrong(3, "filters.include[0].servcie", "unknown key; did you mean `service`?", True)],
    "filter_key_of_a_label": [
        Wrong(3, "filters.exclude[0].span_kind", "unknown key; did you mean `kind`?", True),
        Wrong(4, "filters.exclude[1].service_name", "unknown key; did you mean `service`?", True),
        Wrong(4, "filters.exclude[1].status_code", "unknown key; did you mean `status`?", True),
    ],
    "filter_attribute_without_place": [
        Wrong(3, "filters.exclude[0].http.route", "unknown key; known: kind, name, status, service, resource.…", True)
    ],
    "filter_attribute_without_name": [
        Wrong(3, "filters.exclude[0].span.", "names no attribute; write span.NAME", True)
    ],
    "filter_kind_unknown": [
        Wrong(
            3,
            "filters.include[0].kind[1]",
            "`servant` is not a kind of span that is known here; known: unspecified, internal, server, client",
            True,
        )
    ],
    "filter_status_unknown": [
        Wrong(2, "filters.exclude[0].status", "is not a status that is known here; known: unset, ok, error", True)
    ],
    "filter_name_by_two_names": [
        Wrong(4, "filters.exclude[0].span_name", "means the same as the other key; keep one of name and", True)
    ],
    "filter_regex_invalid": [
        Wrong(3, "filters.exclude[0].name[1].regex", "`GET /(.*` is not a pattern of RE2: missing )")
    ],
    "filter_regex_looks_around": [
        Wrong(3, "filters.exclude[0].service.regex", "is not a pattern of RE2: invalid perl operator")
    ],
    "filter_regex_misspelt": [
        Wrong(3, "filters.exclude[0].name", "has no `regex`; add it", True),
        Wrong(3, "filters.exclude[0].name.regexp", "unknown key; did you mean `regex`?", True),
    ],
    "filter_values_empty": [
        Wrong(3, "filters.include[0].service", "is empty and would match no span; name at least one", True)
    ],
    "filter_value_is_null": [Wrong(3, "filters.include[0].service", "expected text, or {regex: …}, found null", True)],
    "filter_value_is_a_number": [
        Wrong(3, "filters.exclude[0].span.rate", "found the number `0.50`; put it in quotes", True)
    ],
    # YAML 1.1, in which the schema's test reads it, has it for another number.
    "filter_value_is_no_plain_integer": [
        Wrong(3, "filters.exclude[0].span.code", "found the integer `0200`; put it in quotes")
    ],
    "filter_value_too_long": [
        Wrong(4, "filters.exclude[1].span_name", "no text is longer than limits.label_value_length (16 bytes)")
    ],
    "rewrite_is_text": [Wrong(4, REWRITE, "expected a list, found the text `5xx`", True)],
    "rewrite_without_replace": [Wrong(4, f"{REWRITE}[0]", "has no `replace`; add it", True)],
    "rewrite_match_invalid": [
        Wrong(5, f"{REWRITE}[0].match", "`[z-a]` is not a pattern of RE2: invalid character class range")
    ],
    "rewrite_group_missing": [
        Wrong(6, f"{REWRITE}[1].replace", "takes group $2 of a pattern that has 1; mend one of them")
    ],
    "rewrite_group_of_a_brace": [
        Wrong(2, "metrics.calls.dimensions[0].rewrite[0].replace", "write $1 to $9 for a group, $$ for a dollar")
    ],
    "rewrite_group_by_backslash": [
        Wrong(2, "service_graph.dimensions[0].rewrite[0].replace", "write $1 to $9 for a group, $$ for a dollar")
    ],
    "rewrite_too_long": [
        Wrong(4, f"{REWRITE}[0].replace", "is longer than limits.label_value_length (16 bytes); shorten it")
    ],
    "slack_without_unit": [Wrong(2, "time.slack", "`3600` has no unit; write for example 250ms", True)],
    "slack_too_short": [Wrong(1, "time.slack", "`100ms` is out of bounds; write 1s to 365d; or null")],
    "slack_negative": [Wrong(2, "time.slack", "`-1h` is negative; a duration is 0 or more; or null", True)],
}
