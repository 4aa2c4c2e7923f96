# Arrivals: halves of edges that are not kept yet, in the order of their spans; senders and receivers apart.
#
# They are made while a span's bytes are at hand, so that whoever pairs them needs neither the span nor its row.


cdef enum:                  # by place
    SENDERS = 0             # spans of the kinds that others look for
    RECEIVERS = 1           # … and of those that look for one

cdef struct Arrival:
    Half half               # its side borrowed; NULL: it is not known, but by its key
    uint64_t ids[KEY_WORDS] # of a receiver its own, of others those of the parent; a span id of 0: there is none
    double excess           # of its weight over one
    size_t side_key         # of the side: where it begins in the reader's keys
    uint32_t side_size
    uint32_t context        # number in `contexts_seen`
    uint32_t link           # number of its first link
    uint32_t link_count     # that count
    uint64_t parent_fault   # its parent's id is of a wrong length

cdef struct Arrivals:
    Arrival* items
    size_t count
    size_t room


cdef uint8_t NOBODY[SPAN_ID_BYTES]          # zeros


cdef inline bint is_receiver(uint8_t kind) noexcept nogil:
    """Without a branch: kinds come in no order."""
    return (1 << SERVER | 1 << CONSUMER) >> kind & 1


cdef inline Arrival* next_arrival(Arrivals* arrivals) except NULL:
    if arrivals.count == arrivals.room:
        arrivals.items = <Arrival*>reallocated(arrivals.items, (arrivals.room * 2 + 256) * sizeof(Arrival))
        arrivals.room = arrivals.room * 2 + 256
    arrivals.count += 1
    return &arrivals.items[arrivals.count - 1]


cdef inline void arrive(Arrival* arrival, Row* row, Span* span, bint receives, bint failed) noexcept nogil:
    """All but the side and the links."""
    cdef const uint8_t* parent = span.parent_id if span.parent_id is not NULL else NOBODY
    set_key(arrival.half.key, row.trace_id, parent if receives else row.span_id)
    set_key(arrival.ids, row.trace_id, row.span_id if receives else parent)
    arrival.half.start, arrival.half.end = span.start, span.end
    arrival.half.since = (RECEIVER if receives else SENDER) | (FAILED if failed else 0) | (TIMED if row.timed else 0)
    arrival.half.since |= WEIGHTED if row.excess else 0
    arrival.half.hash = key_hash(arrival.half.key)
    arrival.excess = row.excess
    arrival.parent_fault = span.parent_fault


cdef inline void set_key(uint64_t* key, const uint8_t* trace_id, const uint8_t* span_id) noexcept nogil:
    memcpy(key, trace_id, TRACE_ID_BYTES)
    memcpy(key + 2, span_id, SPAN_ID_BYTES)
