# What the walk makes of spans: rows of scratch, and misses, which are the keys that nobody knows.


cdef enum:
    LAST_KIND = 5           # SPAN_KIND_CONSUMER
    LAST_STATUS = 2         # STATUS_CODE_ERROR
    BLOCK = 16384           # spans, or contexts that are new; twice what exporters send at most

cdef struct Row:
    Entry* entry            # a known key; NULL: a miss
    uint64_t duration       # nanoseconds
    double excess           # of its weight over one; 0: it stands for itself alone
    uint64_t end            # nanoseconds since the epoch
    const uint8_t* trace_id # NULL: the span has no ids that can be told
    const uint8_t* span_id
    uint32_t size           # bytes of the span as it was sent
    uint32_t miss           # number in `misses`
    uint32_t odd            # what `tally` has of it, a bit each; told only where spans may be filtered
    uint8_t timed           # has a duration to observe
    uint8_t aged            # the entry is of the old generation

cdef struct Link:
    const uint8_t* trace_id
    const uint8_t* span_id

cdef struct Tally:          # spans of which something is odd
    uint64_t unknown_service
    uint64_t invalid_id
    uint64_t no_time
    uint64_t negative_duration
    uint64_t unknown_enum
    uint64_t weighted       # stand for more than themselves
    uint64_t capped         # say that they do for more than is believed

cdef enum Mode:
    WHOLE                   # what is read is kept: the request may be one block
    CHECK                   # it is more; the rest is only read
    BLOCKS                  # it is valid; each full block goes to `flush`

cdef struct Span:
    size_t size
    Cursor name
    uint64_t start
    uint64_t end
    uint64_t kind
    uint64_t status
    const uint8_t* trace_id # NULL: not valid
    const uint8_t* span_id
    const uint8_t* parent_id
    bint parent_fault
    uint32_t link_count
    Cursor tracestate       # NULL: there is none


@cython.final
cdef class Links:
    """The links of spans, one behind the other."""

    cdef Link* links
    cdef size_t count
    cdef size_t room

    def __dealloc__(self):
        PyMem_RawFree(self.links)

    cdef bint add(self, Cursor c) except -1:
        """Takes a Span.Link; False: it leads nowhere."""
        cdef uint32_t tag
        cdef Cursor sub
        cdef Link link = Link(NULL, NULL)
        while c.at < c.end:
            read_tag(&c, &tag)
            if tag == 0x0A:
                read_delimited(&c, &sub)
                link.trace_id = valid_id(sub, TRACE_ID_BYTES)
            elif tag == 0x12:
                read_delimited(&c, &sub)
                link.span_id = valid_id(sub, SPAN_ID_BYTES)
            else:
                skip(&c, tag)
        if link.trace_id is NULL or link.span_id is NULL:
            return False
        if self.count == self.room:
            self.room = self.room * 2 + 64
            self.links = <Link*>reallocated(self.links, self.room * sizeof(Link))
        self.links[self.count] = link
        self.count += 1
        return True


@cython.final
cdef class Miss:
    """A key that the tables do not know."""

    cdef bytes raw          # None: too long to keep
    cdef bytes normal
    cdef object context
    cdef str name
    cdef uint8_t kind
    cdef uint8_t status
    cdef list values
    cdef uint8_t found      # of Template: what became of ids in its name
    cdef object marked      # (labels cut, bytes replaced), or None
    cdef object context_marked
    cdef bint known         # by its normalised key: target is set
    cdef bint asked         # whether it is `selected`, …
    cdef bint selected      # … one of those that are admitted beyond the limits
    cdef uint32_t assignment    # number; 0: nothing of its spans is measured
    cdef Miss origin        # the first of this request with the same normalised key, if not itself
    cdef Target target


cdef inline uint8_t defined(uint64_t number, uint32_t last) noexcept:
    """An enum's number, or 0 where the protocol defines none such; enums are 32-bit whatever the varint holds."""
    return <uint8_t>number if <uint32_t>number <= last else 0


cdef inline const uint8_t* valid_id(Cursor c, size_t size) noexcept:
    """Its bytes, if it is of the right length and not all zero."""
    cdef uint64_t low = 0, high = 0
    if <size_t>(c.end - c.at) != size:
        return NULL
    memcpy(&low, c.at, 8)
    memcpy(&high, c.end - 8, 8)
    return c.at if low != 0 or high != 0 else NULL


cdef inline int read_status(Cursor c, uint64_t* code) except -1:
    cdef uint32_t tag
    while c.at < c.end:
        read_tag(&c, &tag)
        if tag == 0x18:
            read_varint(&c, code)
        else:
            skip(&c, tag)
    return 0


cdef inline void tell(Tally* tally, Span* span, Row* row, bint unknown, uint8_t kind, uint8_t status) noexcept nogil:
    """Counts what is odd about a span."""
    tally.unknown_service += unknown
    tally.invalid_id += row.trace_id is NULL
    tally.no_time += not row.timed
    tally.negative_duration += <bint>row.timed & (span.end < span.start)       # `and` would make objects of them
    tally.unknown_enum += kind != <uint32_t>span.kind or status != <uint32_t>span.status


cdef inline uint32_t told(Tally* before, Tally* after) noexcept nogil:
    """What a span added to the tally, a bit for each of its numbers."""
    cdef uint64_t* old = <uint64_t*>before
    cdef uint64_t* new = <uint64_t*>after
    cdef uint32_t odd = 0
    cdef uint32_t i
    for i in range(sizeof(Tally) // sizeof(uint64_t)):
        odd |= <uint32_t>(new[i] != old[i]) << i
    return odd


cdef inline void untell(Tally* tally, uint32_t odd) noexcept nogil:
    """Takes that back: the span does not count."""
    cdef uint64_t* numbers = <uint64_t*>tally
    cdef uint32_t i
    for i in range(sizeof(Tally) // sizeof(uint64_t)):
        numbers[i] -= odd >> i & 1
