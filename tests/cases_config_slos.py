"""Mistakes in objectives and apdex: one file each, as in `test_config_mistakes`."""

from __future__ import annotations

from tests.mistakes import Mistake, Told, seen, unseen

SLO, APDEX = "slos[0]", "apdex[0]"
WHERE = f"{SLO}.where"

MISTAKES = {
    "slo_is_text": seen(2, SLO, "expected a mapping (name, objective, window, where, sli), found the text `checkout`"),
    "slo_unknown_key": seen(6, f"{SLO}.treshold", "unknown key; known: name, objective, window, where, sli"),
    "slo_is_empty": Mistake(
        [Told(2, SLO, f"has no `{key}`; add it") for key in ("name", "objective", "where")]
        + [Told(2, SLO, "has no `sli`; add sli: availability, or sli: {latency: 250ms}")],
        schema=True,
    ),
    "slo_name_with_a_blank": seen(2, f"{SLO}.name", "`check out` is no name for a label and a group of rules; write"),
    "slo_name_twice": unseen(7, "slos[1].name", "is the name of slos[0] too (line 3); choose another"),
    "slo_objective_of_all": seen(4, f"{SLO}.objective", "`100` is out of bounds; write per cent above 0 and below 100"),
    "slo_objective_of_none": seen(4, f"{SLO}.objective", "`0` is out of bounds; write per cent above 0 and below 100"),
    "slo_objective_is_text": seen(4, f"{SLO}.objective", "`99.9%` is not a number; write digits and at most one point"),
    "slo_objective_too_fine": unseen(4, f"{SLO}.objective", "has more than 6 decimals"),
    "slo_window_of_a_day": unseen(5, f"{SLO}.window", "`1d` is out of bounds; write 7d to 90d"),
    "slo_window_of_hours": unseen(5, f"{SLO}.window", "`180h` is not a whole number of days; write for example 30d"),
    "slo_sli_unknown": seen(6, f"{SLO}.sli", "expected availability or {latency: 250ms}, found the text `uptime`"),
    "slo_sli_and_latency": seen(3, SLO, "has both `sli` and `latency`; keep one of them"),
    "slo_latency_of_nothing": unseen(6, f"{SLO}.sli.latency", "`0ms` is out of bounds; write 1ns to 1d"),
    "slo_latency_without_unit": seen(6, f"{SLO}.latency", "`250` has no unit; write for example 250ms"),
    "slo_native": unseen(1, "metrics.histograms", "native leaves no bucket with a bound of its own"),
    "slo_without_status": unseen(1, "metrics.exclude[1]", "slos and apdex tell errors by status_code; keep it"),
    "slo_too_many_bounds": unseen(
        2,
        "metrics.buckets",
        "durations would have 66 bounds (63 of metrics.buckets, 1 of slos, 2 of apdex), and 64 are allowed",
    ),
    "slo_where_empty": seen(5, WHERE, "is empty and would mean every span; write what must hold"),
    "slo_where_label_left_out": Mistake(
        [
            Told(5, f"{WHERE}.kind", "no series has the label span_kind, which metrics.exclude leaves out; keep it"),
            Told(5, f"{WHERE}.service", "no series has the label service_name, which metrics.exclude leaves out; keep"),
            Told(5, f"{WHERE}.span_name", "no series has the label span_name, which metrics.exclude leaves out; keep"),
        ]
    ),
    "slo_where_no_label": Mistake(
        [
            Told(9, f"{WHERE}.resource.host.name", "add it to metrics.resource_labels"),
            Told(9, f"{WHERE}.span.code", "it is no label of the calls"),
            Told(
                9, f"{WHERE}.span.tenant", "it is no label of the calls, which rules could ask for; add it to metrics.d"
            ),
            Told(13, "slos[1].where.span.tenant", "it is no label of the durations"),
            Told(14, f"{APDEX}.where.resource.service.name", "it is the label service_name; write service"),
        ]
    ),
    "slo_where_label_changes": Mistake(
        [
            Told(10, f"{WHERE}.span.code", "its label shows other values than it has (`rewrite`); add an entry with"),
            Told(10, f"{WHERE}.span.tenant", "its label may show __other__ instead (`max_values`); remove that limit"),
            Told(10, f"{WHERE}.span.tier", "its label is never absent, for it has a `default`; write that"),
        ]
    ),
    "slo_where_status": Mistake(
        [
            Told(5, f"{WHERE}.status", "availability is the share of calls without an error, of all; remove status"),
            Told(9, "slos[1].where.status", "an error is never good, however fast it is, so that nothing could be"),
        ]
    ),
    "slo_where_too_long": unseen(6, f"{WHERE}.service", "no text is longer than limits.label_value_length (16 bytes)"),
    "slo_where_nameless": Mistake(
        [
            Told(5, f"{WHERE}.name", "a span without a name is called unknown; write that"),
            Told(5, f"{WHERE}.service", "a service without a name is called unknown_service; write that"),
        ]
    ),
    "slo_where_templated": unseen(
        5, f"{WHERE}.span_name", "no span is called so, because it would become `GET /users/{number}`; write that, or"
    ),
    "slo_where_renamed": unseen(
        6, f"{WHERE}.name", "no span is called so, because it would become `GET /users`; write that, or mend span_names"
    ),
    "slo_where_filtered": Mistake(
        [
            Told(5, WHERE, "filters.exclude[1] leaves none of its spans; mend one of them"),
            Told(9, "slos[1].where", "filters.include leaves none of its spans; mend one of them"),
        ]
    ),
    "slo_where_matches_nothing": unseen(5, f"{WHERE}.name", "the pattern matches no text at all; mend it"),
    "slo_where_not_prometheus": Mistake(
        [
            Told(5, f"{WHERE}.name", "rules for Prometheus can have neither \\C, \\Q nor (?<name>…) in a pattern"),
            Told(5, f"{WHERE}.service", "rules for Prometheus can have neither \\C, \\Q nor (?<name>…) in a pattern"),
        ]
    ),
    "apdex_without_where": seen(2, APDEX, "has no `where`; add it"),
    "apdex_twice": unseen(
        3, "apdex[1]", "has the threshold and the name of apdex[0] (line 2); give one of them another"
    ),
    "apdex_threshold_too_long": unseen(2, f"{APDEX}.threshold", "`2d` is out of bounds; write 1ns to 1d"),
    "apdex_native": unseen(1, "metrics.histograms", "write both, or classic"),
}
