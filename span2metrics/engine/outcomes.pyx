# What is told of spans besides their numbers: to their sender what became of them, to all what was odd about them.


cdef class Measures


cdef dict anomalies_of(Tally* tally, Notes notes, Measures measures):
    """Spans by names.ANOMALIES."""
    return {
        "unknown_service": tally.unknown_service,
        "invalid_id": tally.invalid_id,
        "no_time": tally.no_time,
        "negative_duration": tally.negative_duration,
        "unknown_enum": tally.unknown_enum,
        "invalid_utf8": notes.invalid_utf8,
        "measure_not_numeric": measures.not_numeric,
        "measure_negative": measures.negative,
    }


NONE_DROPPED = types.MappingProxyType({})


cdef object outcome_of(uint64_t aggregated, uint64_t filtered, uint64_t too_old, uint64_t too_new):
    dropped = {names.FILTERED: filtered, names.OUTSIDE_TIME_SLACK: too_old + too_new}
    received = aggregated + filtered + too_old + too_new
    return Outcome(received, aggregated, {reason: count for reason, count in dropped.items() if count}, too_old, too_new)
