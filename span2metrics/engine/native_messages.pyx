# A native histogram's own fields of io.prometheus.client.Histogram.
#
# Buckets are told as spans of neighbours and as differences between their counts.  A gap of up to FILLED_GAP empty
# buckets is filled with zeros, as client_golang does: a span of its own costs six bytes, an empty bucket two.  The zero
# threshold tells Prometheus that a histogram is native, even one that is still shown at 0.  What is weighted is told in
# doubles instead, each bucket by its own count.


cdef enum:
    FILLED_GAP = 2
    VARINT_ROOM = 10
    NATIVE_ROOM = 48        # schema and zero bucket
    SPAN_ROOM = 16


cdef inline uint64_t zigzag(int64_t number) noexcept nogil:
    return (<uint64_t>number << 1) ^ <uint64_t>(number >> 63)


cdef inline char* put_difference(char* at, uint64_t count, uint64_t before) noexcept nogil:
    return put_varint(at, zigzag(<int64_t>(count - before)))


cdef inline char* put_bare_double(char* at, double number) noexcept nogil:
    """One of a packed field."""
    memcpy(at, &number, sizeof(double))
    return at + sizeof(double)


cdef inline char* put_span(char* at, int32_t offset, uint32_t length) noexcept nogil:
    cdef char body[SPAN_ROOM]
    cdef char* end = put_field(put_field(body, 0x08, zigzag(offset)), 0x10, length)
    return put_message(at, 0x62, body, end - body)


@cython.final
cdef class NativeWriter:
    cdef Natives natives
    cdef Buffer deltas          # scratch

    def __cinit__(self, Natives natives):
        self.natives, self.deltas = natives, Buffer()

    cdef int write(self, Buffer out, Native* native, bint fresh) except -1:
        """Schema, zero bucket and buckets; a fresh one's are empty."""
        cdef char* at = out.reserve(NATIVE_ROOM)
        at = put_field(at, 0x28, zigzag(self.natives.schema - <int32_t>native.lowered))
        at = put_double(at, 0x31, self.natives.zero_threshold)
        if native.weighted:
            at = put_double(at, 0x41, 0 if fresh else <double>native.zero + total_of(excess_of(native)))
        else:
            at = put_field(at, 0x38, 0 if fresh else native.zero)
        out.written(at)
        return 0 if fresh or native.count == 0 else self.put_buckets(out, native)

    cdef int put_buckets(self, Buffer out, Native* native) except -1:
        """The spans, then the differences or the counts, packed."""
        cdef uint64_t* counts = counts_of(native)
        cdef int16_t* indices = indices_of(native)
        cdef Sum* excess = excess_of(native) + 1 if native.weighted else NULL
        cdef uint64_t before = 0
        cdef uint32_t i, length = 0
        cdef int32_t gap, offset = 0, next = 0
        cdef char* at = out.reserve(native.count * SPAN_ROOM)
        cdef char* start = self.deltas.reserve(native.count * (FILLED_GAP + 1) * VARINT_ROOM)
        cdef char* delta = start
        for i in range(native.count):
            gap = indices[i] - next
            if i == 0 or gap > FILLED_GAP:
                if i:
                    at = put_span(at, offset, length)
                offset, length = gap, 0
                gap = 0
            length += gap + 1
            while gap:
                delta = put_bare_double(delta, 0) if native.weighted else put_difference(delta, 0, before)
                before = 0
                gap -= 1
            if native.weighted:
                delta = put_bare_double(delta, <double>counts[i] + total_of(&excess[i]))
            else:
                delta = put_difference(delta, counts[i], before)
            before, next = counts[i], indices[i] + 1
        out.written(put_span(at, offset, length))
        at = out.reserve(delta - start + NATIVE_ROOM)
        return out.written(put_message(at, 0x72 if native.weighted else 0x6A, start, delta - start))

    cdef int put_exemplars(self, Buffer out, Exemplars exemplars, uint32_t number, uint64_t unit) except -1:
        """All of a series', the earliest first."""
        cdef Exemplar* sorted[MOST_BUCKETS]
        cdef Exemplar* exemplar
        cdef uint32_t count = 0, i
        cdef char* at
        while number:
            exemplar = exemplars.at(number)
            i = count
            while i and later(sorted[i - 1], exemplar):
                sorted[i] = sorted[i - 1]
                i -= 1
            sorted[i] = exemplar
            count += 1
            number = exemplar.next
        at = out.reserve(count * (EXEMPLAR_ROOM + 2))
        for i in range(count):
            at[0] = <char>0x82
            at = put_exemplar(at + 1, 0x01, sorted[i], unit)
        return out.written(at)
