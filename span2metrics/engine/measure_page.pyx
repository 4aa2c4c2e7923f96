# The families of measures on either page: histograms or summaries of values, and gauges of what these come to.
#
# Series of a signed measure have two histograms, one of which may be missing, in tables of their own; the label that
# tells them apart stands behind those that they share.  A gauge is what the page shows of the two, one less the other,
# so that a page agrees with itself also while it shows new series at 0.


cdef struct Net:            # what values come to
    double number           # in the measure's unit
    uint64_t low            # its magnitude, exactly, where nothing is weighted
    uint64_t high
    bint exact
    bint negative


cdef int add_measure_views(Page page, plan, Measures measures) except -1:
    cdef Measure measure
    for measure in measures.every:
        for number, view in enumerate(measure_views(plan, plan.measures[measure.number])):
            shows = SHOWS_NET if number else SHOWS_AMOUNT
            spellings = spellings_of_measure(plan, plan.measures[measure.number])
            page.add(measure_view(view, shows, measure, None), measure_view(view, shows, measure, spellings))
        for table in measure.tables:
            page.hold(table)
    return 0


cdef View measure_view(view, int shows, Measure measure, Spellings spellings):
    cdef View made = View(view, shows, measure.values, None, spellings)
    if measure.negatives is None:
        return made
    made.negatives = View(view, shows, measure.negatives, None, spellings)
    if shows == SHOWS_AMOUNT:
        made.end_with(pair(names.SIGN, names.POSITIVE))
        made.negatives.end_with(pair(names.SIGN, names.NEGATIVE))
    return made


cdef int put_measure(Page page, Buffer buffer, View view, Style* style, uint32_t number) except -1:
    """Lines of a series of a measure."""
    cdef Series* series
    if view.shows == SHOWS_NET:
        return put_net(page, buffer, view, style, number)
    if view.negatives is not None:
        series = view.negatives.table.at(number)
        if series.histogram:
            page.put_duration(buffer, view.negatives, style, series)
    series = view.table.at(number)
    return page.put_duration(buffer, view, style, series) if series.histogram else 0


cdef int put_net(Page page, Buffer buffer, View view, Style* style, uint32_t number) except -1:
    cdef Series* series = view.table.at(number)
    cdef Net net = net_of(view, style, number)
    cdef char* at = page.put_sample(buffer.reserve(view.line_room + series.size), view, &view.sample, series)
    if not net.exact:
        at = put(put_shortest(at, net.number), b"\n", 1)
    else:
        if net.negative:
            at = put(at, b"-", 1)
        at = put_sum(at, net.low, net.high, view.unit, view.decimals)
    return buffer.written(at)


cdef Net net_of(View view, Style* style, uint32_t number) except *:
    """The sum of the values shown, less that of the magnitudes of those below 0."""
    cdef uint64_t none[2]
    cdef Sum* plus_excess = NULL
    cdef Sum* minus_excess = NULL
    cdef uint64_t* plus
    cdef uint64_t* minus
    none[0] = none[1] = 0
    plus = shown_sum(view.table, style, number, none, &plus_excess)
    minus = shown_sum(view.negatives.table, style, number, none, &minus_excess)
    if plus_excess is NULL and minus_excess is NULL:
        return difference(plus, minus, view.unit)
    return Net(sum_of(plus, plus_excess, view.unit) - sum_of(minus, minus_excess, view.unit), 0, 0, False, False)


cdef uint64_t* shown_sum(SeriesTable table, Style* style, uint32_t number, uint64_t* none, Sum** excess) noexcept:
    """A histogram's words, and what weights add to them; `none` where there is none or it is still shown at 0."""
    cdef Series* series = table.at(number)
    cdef uint64_t* words
    if not series.histogram:
        return none
    words = table.histogram(series)
    if is_fresh(style, words[BORN]):
        return none
    excess[0] = table.observed.of(series.histogram - 1)
    return words


cdef double sum_of(uint64_t* words, Sum* excess, uint64_t unit) except? -1:
    return in_unit(words[0], words[1], unit) if excess is NULL else weighted_sum(words, excess, unit)


cdef Net difference(uint64_t* plus, uint64_t* minus, uint64_t unit) except *:
    cdef uint128_t a = <uint128_t>plus[1] << 64 | plus[0]
    cdef uint128_t b = <uint128_t>minus[1] << 64 | minus[0]
    cdef bint negative = a < b
    cdef uint128_t magnitude = b - a if negative else a - b
    cdef uint64_t low = <uint64_t>magnitude, high = <uint64_t>(magnitude >> 64)
    cdef double number = in_unit(low, high, unit)
    return Net(-number if negative else number, low, high, True, negative)


cdef int put_summary(Buffer metric, View view, Style* style, Series* series) except -1:
    """A Summary, of which the count is whole; weights are in its sum."""
    cdef uint64_t* words = view.table.histogram(series)
    cdef Sum* excess = view.table.observed.of(series.histogram - 1)
    cdef bint fresh = is_fresh(style, words[BORN])
    cdef Cumulated all = Cumulated(0, 0)
    cdef char body[64]
    cdef char* end
    if not fresh:
        cumulate(&all, words, excess, 0)
    end = put_field(body, 0x08, whole_count(&all))
    end = put_double(end, 0x11, 0 if fresh else sum_of(words, excess, view.unit))
    end = put_timestamp(end, 0x22, words[BORN])
    return metric.written(put_message(metric.reserve(METRIC_ROOM), 0x22, body, end - body))


cdef inline bint has_histograms(View view) noexcept:
    return view.shows == SHOWS_DURATION or view.shows == SHOWS_AMOUNT


cdef Spellings spellings_of_measure(plan, measure):
    every = (*plan.resource_labels, *plan.dimensions, *plan.calls_dimensions, *measure.dimensions)
    return spellings_or_none([(d.label, d.utf8) for d in every if d.utf8])
