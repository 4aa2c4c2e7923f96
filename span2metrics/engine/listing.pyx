# A list of the label sets that there are, for whoever wants to know what they are made of.


cdef object listed(SeriesTable table, uint32_t number, family):
    cdef Series* series = table.at(number)
    cdef bint beyond = series.text.owner & OUTSIDE != 0
    status = names.STATUS_CODES[status_of(series)] if status_of(series) != NO_STATUS else ""
    return LabelSet(family, (<char*>(series.text + 1))[:series.size], status, series.calls, beyond)


def listing(SeriesTable table, family):
    """Series that count against the limits or are beyond them; not those at 0 beside others.

    Series may be born and end between two of them.
    """
    cdef uint32_t number = 0
    while number < table.made:
        if table.can_end(number):
            yield listed(table, number, family)
        number += 1
