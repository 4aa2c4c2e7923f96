# Exemplars: for each bucket of a series that was touched, the span that stands for it.
#
# It is the one with the greatest (end, trace id, span id, duration), so that neither order nor batching of the spans
# shows; the duration decides where ids are sent again with another start.  Most series touch few of their buckets:
# exemplars are records of one pool, linked from their series.


cdef enum:
    TRACE_ID_BYTES = 16
    SPAN_ID_BYTES = 8
    IDS_BYTES = 24

cdef struct Exemplar:
    uint8_t ids[IDS_BYTES]  # of the trace, of the span
    uint64_t end            # of the span, nanoseconds since the epoch
    uint64_t duration       # nanoseconds
    uint32_t bucket
    uint32_t next           # number of the series' next one, from 1; 0: none


@cython.final
cdef class Exemplars:
    cdef Exemplar** chunks
    cdef uint32_t count             # records that were ever in use
    cdef uint32_t free              # number of the first one that is not, by `next`

    def __dealloc__(self):
        cdef uint32_t i
        for i in range(chunks_of(self.count)):
            PyMem_RawFree(self.chunks[i])
        PyMem_RawFree(self.chunks)

    cdef inline Exemplar* at(self, uint32_t number) noexcept:
        """By its number, from 1."""
        return &self.chunks[(number - 1) >> CHUNK_BITS][(number - 1) & (CHUNK - 1)]

    cdef inline int offer(self, uint32_t* first, uint32_t bucket, Row* row) except -1:
        """Takes the row's span for the bucket, unless a later one is there."""
        cdef uint32_t number = first[0]
        cdef Exemplar* exemplar
        cdef Exemplar* before = NULL
        while number:
            exemplar = self.at(number)
            if exemplar.bucket == bucket:
                if before is not NULL:      # to the front: a series' spans mostly fall into the same few buckets
                    before.next, exemplar.next, first[0] = exemplar.next, first[0], number
                if exemplar.end < row.end or (exemplar.end == row.end and is_greater(row, exemplar)):
                    take(exemplar, row)
                return 0
            before = exemplar
            number = exemplar.next
        number = self.add()
        exemplar = self.at(number)
        exemplar.bucket, exemplar.next = bucket, first[0]
        first[0] = number
        take(exemplar, row)
        return 0

    cdef inline bint has_later(self, uint32_t first, uint32_t bucket, uint64_t end) noexcept:
        """Does a later span stand for the bucket?  False also where only the second look would tell."""
        return first != 0 and self.at(first).bucket == bucket and self.at(first).end > end

    cdef uint32_t add(self) except 0:
        cdef uint32_t number = self.free
        if number:
            self.free = self.at(number).next
            return number
        if self.count % CHUNK == 0:
            self.chunks = <Exemplar**>with_chunk(<void**>self.chunks, self.count, CHUNK * sizeof(Exemplar))
        self.count += 1
        return self.count

    cdef void release(self, uint32_t number) noexcept:
        """Those of a series that is gone."""
        cdef uint32_t first = number
        if not number:
            return
        while self.at(number).next:
            number = self.at(number).next
        self.at(number).next = self.free
        self.free = first

    cdef Exemplar* latest(self, uint32_t number) noexcept:
        """The greatest of a series; NULL where it has none."""
        cdef Exemplar* found = NULL
        cdef Exemplar* other
        while number:
            other = self.at(number)
            if found is NULL or later(other, found):
                found = other
            number = other.next
        return found


cdef inline void take(Exemplar* exemplar, Row* row) noexcept:
    memcpy(exemplar.ids, row.trace_id, TRACE_ID_BYTES)
    memcpy(exemplar.ids + TRACE_ID_BYTES, row.span_id, SPAN_ID_BYTES)
    exemplar.end, exemplar.duration = row.end, row.duration


cdef inline bint later(Exemplar* one, Exemplar* other) noexcept:
    cdef int order
    if one.end != other.end:
        return one.end > other.end
    order = memcmp(one.ids, other.ids, IDS_BYTES)
    return order > 0 or (order == 0 and one.duration > other.duration)


cdef inline bint is_greater(Row* row, Exemplar* exemplar) noexcept:
    """By the ids; of one span sent twice by the duration."""
    cdef int order = memcmp(row.trace_id, exemplar.ids, TRACE_ID_BYTES)
    if order == 0:
        order = memcmp(row.span_id, exemplar.ids + TRACE_ID_BYTES, SPAN_ID_BYTES)
    return order > 0 or (order == 0 and row.duration > exemplar.duration)
