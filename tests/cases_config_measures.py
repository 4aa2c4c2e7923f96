"""Mistakes in measures, each in its file."""

from __future__ import annotations

from tests.mistakes import Mistake, Told, seen, unseen

FIRST, SECOND = "measures[0]", "measures[1]"
MEASURES = {
    "measures_are_a_mapping": seen(1, "measures", "expected a list, found a mapping"),
    "measure_is_text": seen(
        2, FIRST, "expected a mapping (name, attribute, unit, buckets, dimensions, where, negative)"
    ),
    "measure_without_attribute": seen(2, FIRST, "has no `attribute`; add it"),
    "measure_without_name": seen(2, FIRST, "has no `name`; add it"),
    "measure_unknown_key": seen(4, f"{FIRST}.bucket", "unknown key; did you mean `buckets`?"),
    "measure_name_invalid": seen(
        2, f"{FIRST}.name", "`payment.amount` cannot be a part of a metric's name; write letters"
    ),
    "measure_unit_invalid": seen(4, f"{FIRST}.unit", "`€` cannot end a metric's name; write letters, digits and _"),
    "measure_attribute_is_a_number": seen(3, f"{FIRST}.attribute", "found the integer `5`; put it in quotes"),
    "measure_name_is_a_samples": Mistake(
        [
            Told(2, f"{FIRST}.name", "the metric `traces_span_metrics_a_total` would end in _total, as samples do"),
            Told(3, f"{SECOND}.unit", "the metric `traces_span_metrics_a_count` would end in _count, as samples do"),
        ]
    ),
    "measure_name_of_the_daemon": unseen(3, f"{FIRST}.name", "the metric `process_a` would look like the daemon's own"),
    "measure_name_of_others": unseen(2, f"{FIRST}.name", "is what other series are called; choose another name"),
    "measure_name_of_the_durations": unseen(
        2, f"{FIRST}.name", "`traces_span_metrics_duration_seconds` would be that of another metric too"
    ),
    "measure_of_no_span": Mistake(
        [
            Told(3, f"{FIRST}.where", "filters.include leaves none of its spans; mend one of them"),
            Told(4, f"{SECOND}.where", "filters.exclude[0] leaves none of its spans; mend one of them"),
            Told(5, "measures[2].where.span_name", "no span is called so, because it would become `POST /orders/{num"),
            Told(6, "measures[3].where.name", "no span is called so, because it would become `POST /orders/{number}`"),
        ]
    ),
    "measures_share_a_name": Mistake(
        [
            Told(3, f"{SECOND}.name", f"`traces_span_metrics_a_eur` would be that of {FIRST} (line 2) too; choose"),
            Told(5, "measures[3].name", "`traces_span_metrics_b_net` would be that of measures[2] (line 4) too"),
        ]
    ),
    "measure_buckets_unsorted": unseen(
        4, f"{FIRST}.buckets[1]", "`9.99` is less than the one before it; write them in"
    ),
    "measure_buckets_repeated": seen(4, f"{FIRST}.buckets[1]", "`1.0` repeats measures[0].buckets[0]; remove one"),
    "measure_buckets_negative": seen(4, f"{FIRST}.buckets[0]", "`-1` is negative; write 0 or more"),
    "measure_buckets_not_finite": seen(4, f"{FIRST}.buckets[1]", "`.inf` is not finite; write a number such as 9.99"),
    "measure_buckets_too_fine": unseen(4, f"{FIRST}.buckets[0]", "`0.0000001` has more than 6 decimals"),
    "measure_buckets_too_large": seen(4, f"{FIRST}.buckets[1]", "`1000000000001` is out of bounds; write 0 to 1000000"),
    "measure_buckets_too_many": seen(4, f"{FIRST}.buckets", "has 65 elements; at most 64 are allowed"),
    "measure_buckets_empty": seen(4, f"{FIRST}.buckets", "is empty; name at least one, or remove the key"),
    "measure_buckets_are_durations": seen(4, f"{FIRST}.buckets[0]", "`1s` is not a number; write digits and at most"),
    "measure_buckets_with_native": unseen(
        5, f"{FIRST}.buckets", "are classic buckets, which metrics.histograms: native"
    ),
    "measure_negative_unknown": seen(
        4, f"{FIRST}.negative", "`drop` is not a way to treat negative values that is known"
    ),
    "measure_where_empty": seen(4, f"{FIRST}.where", "is empty and would mean every span; write what must hold"),
    "measure_where_too_long": unseen(5, f"{FIRST}.where.service", "no text is longer than limits.label_value_length"),
    "measure_label_twice": Mistake(
        [
            Told(4, f"{FIRST}.dimensions[1]", "produces the label `method`, which metrics.dimensions[0] (line 2)"),
            Told(5, f"{FIRST}.dimensions[2]", "produces the label `span_name`, which is built in"),
            Told(6, f"{FIRST}.dimensions[3]", "the label `le` is reserved"),
        ]
    ),
    "measure_label_of_the_sign": unseen(
        5, f"{FIRST}.negative", "gives the label sign, which a dimension produces already"
    ),
    "measure_dimension_without_attribute": seen(4, f"{FIRST}.dimensions[0]", "has neither `name` nor `coalesce`"),
    "measure_dimension_max_values": unseen(
        4, f"{FIRST}.dimensions[0].max_values", "has no effect on measures; remove it"
    ),
}
