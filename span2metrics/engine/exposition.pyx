# A page of the span families: label texts are copied, numbers formatted, nothing else is done.
#
# Text 0.0.4 and OpenMetrics 1.0.0 differ in the families' heads alone.  A page is a generator of chunks: the order of
# the series is taken first, each series is rendered whole, and the caller may consume between chunks.


cdef enum:
    CHUNK_BYTES = 262144        # a fifth of a millisecond to make and to send; with 64 KiB a page costs a quarter more
    NUMBER_ROOM = 48            # digits of a 128-bit sum, its point and the line's end

cdef struct Piece:
    const char* text
    size_t size


cdef inline char* put(char* at, const char* text, size_t size) noexcept nogil:
    memcpy(at, text, size)
    return at + size


cdef inline char* put_piece(char* at, Piece* piece) noexcept nogil:
    return put(at, piece.text, piece.size)


cdef inline char* put_number(char* at, uint64_t number) noexcept nogil:
    cdef char digits[20]
    cdef int i = 20
    while True:
        i -= 1
        digits[i] = <char>(c"0" + number % 10)
        number //= 10
        if number == 0:
            return put(at, digits + i, 20 - i)


cdef inline char* put_count(char* at, uint64_t number) noexcept nogil:
    """A number and the line's end."""
    return put(put_number(at, number), b"\n", 1)


cdef class Buffer:
    """Bytes under construction.  Room is asked for once a series; writers then move a pointer of their own."""

    cdef char* data
    cdef size_t used
    cdef size_t room

    def __dealloc__(self):
        PyMem_RawFree(self.data)

    cdef inline char* reserve(self, size_t size) except NULL:
        """Where the next byte goes, with room for `size`."""
        if self.used + size > self.room:
            self.data = <char*>reallocated(self.data, self.used + size + CHUNK_BYTES)
            self.room = self.used + size + CHUNK_BYTES
        return self.data + self.used

    cdef inline int written(self, char* end) except -1:
        self.used = end - self.data
        return 0

    cdef bytes take(self):
        text = PyBytes_FromStringAndSize(self.data, self.used)
        self.used = 0
        return text


cdef class Page:
    cdef SeriesTable calls
    cdef SeriesTable durations
    cdef dict heads                 # Format → (of calls, of durations)
    cdef list texts                 # what the pieces point into
    cdef Piece calls_name
    cdef Piece bucket_name
    cdef Piece sum_name
    cdef Piece count_name
    cdef Piece* bounds              # `le="0.002"} `, …, `le="+Inf"} `
    cdef Piece statuses[LAST_STATUS + 1]    # `status_code="…",` by number
    cdef uint64_t unit              # nanoseconds
    cdef int decimals
    cdef size_t line_room           # of a line, its text apart

    def __cinit__(self, plan, tuple statuses, SeriesTable calls, SeriesTable durations):
        cdef uint32_t i
        self.calls = calls
        self.durations = durations
        self.texts = []
        calls_family, duration_family = names.span_families(plan.namespace, plan.unit.suffix)
        self.heads = {format: (head(calls_family, format), head(duration_family, format)) for format in Format}
        self.calls_name = self.piece(f"{calls_family.name}_total")
        self.bucket_name = self.piece(f"{duration_family.name}_bucket")
        self.sum_name = self.piece(f"{duration_family.name}_sum")
        self.count_name = self.piece(f"{duration_family.name}_count")
        self.unit = plan.unit.nanoseconds
        self.decimals = len(str(plan.unit.nanoseconds)) - 1
        self.bounds = <Piece*>reallocated(NULL, (durations.bound_count + 1) * sizeof(Piece))
        for i in range(durations.bound_count):
            self.bounds[i] = self.piece(f'le="{bound_text(plan.bounds_ns[i], plan.unit.nanoseconds)}"}} ')
        self.bounds[durations.bound_count] = self.piece('le="+Inf"} ')
        for i in range(LAST_STATUS + 1):
            self.statuses[i] = self.piece(statuses[i])
        self.line_room = max(self.calls_name.size, self.bucket_name.size) + NUMBER_ROOM + 96

    def __dealloc__(self):
        PyMem_RawFree(self.bounds)

    cdef Piece piece(self, str text) except *:
        cdef bytes encoded = text.encode()
        self.texts.append(encoded)
        return Piece(PyBytes_AS_STRING(encoded), PyBytes_GET_SIZE(encoded))

    def chunks(self, format):
        """Chunks of about CHUNK_BYTES of both families; a family's head is there even if it has no series yet."""
        cdef Buffer buffer = Buffer()
        cdef uint32_t i
        cdef bint of_calls
        cdef bytes order
        orders = sorted_series(self.calls), sorted_series(self.durations)
        for of_calls, order, text in zip((True, False), orders, self.heads[format]):
            buffer.written(put(buffer.reserve(len(text)), PyBytes_AS_STRING(text), len(text)))
            for i in range(PyBytes_GET_SIZE(order) // sizeof(uint32_t)):
                if of_calls:
                    self.put_calls(buffer, self.calls.at((<uint32_t*>PyBytes_AS_STRING(order))[i]))
                else:
                    self.put_duration(buffer, self.durations.at((<uint32_t*>PyBytes_AS_STRING(order))[i]))
                if buffer.used >= CHUNK_BYTES:
                    yield buffer.take()
        if buffer.used:
            yield buffer.take()

    cdef inline int put_calls(self, Buffer buffer, Series* series) except -1:
        cdef char* at = buffer.reserve(self.line_room + series.size)
        return buffer.written(put_count(self.put_sample(at, &self.calls_name, series), series.calls))

    cdef int put_duration(self, Buffer buffer, Series* series) except -1:
        """Buckets, sum and count; nothing for a series of which nothing was observed."""
        cdef uint64_t* words
        cdef uint64_t count = 0
        cdef uint32_t i
        cdef char* start
        cdef char* at
        cdef size_t same
        if series.histogram == 0:
            return 0
        words = self.durations.histogram(series)
        start = at = buffer.reserve((self.durations.bound_count + 3) * (self.line_room + series.size))
        at = self.put_labels(put(put_piece(at, &self.bucket_name), b"{", 1), series)
        same = at - start                   # what all bucket lines begin with
        for i in range(self.durations.bound_count + 1):
            count += words[SUM_WORDS + i]
            if i:
                at = put(at, start, same)
            at = put_count(put_piece(at, &self.bounds[i]), count)
        at = self.put_sum(self.put_sample(at, &self.sum_name, series), words[0], words[1])
        return buffer.written(put_count(self.put_sample(at, &self.count_name, series), count))

    cdef inline char* put_labels(self, char* at, Series* series) noexcept:
        """The pairs, each with a comma behind it."""
        cdef const char* labels = <const char*>(series.text + 1)
        cdef size_t before = series.text.status_at
        at = put_piece(put(at, labels, before), &self.statuses[series.status])
        return put(at, labels + before, series.size - before)

    cdef inline char* put_sample(self, char* at, Piece* name, Series* series) noexcept:
        """`name{labels} `; the value follows."""
        cdef char* open
        open = put_piece(at, name)
        at = self.put_labels(open + 1, series)
        if at == open + 1:
            return put(open, b" ", 1)
        open[0] = c"{"
        return put(at - 1, b"} ", 2)        # over the last comma

    cdef char* put_sum(self, char* at, uint64_t low, uint64_t high) except NULL:
        """Nanoseconds as an exact decimal of the unit, without zeros at its end, and the line's end."""
        cdef uint64_t fraction = low % self.unit
        cdef bytes digits
        cdef int i
        if high:
            whole, fraction = divmod((<object>high << 64) + low, self.unit)
            digits = str(whole).encode()
            at = put(at, PyBytes_AS_STRING(digits), PyBytes_GET_SIZE(digits))
        else:
            at = put_number(at, low // self.unit)
        if fraction:
            at[0] = c"."
            for i in range(self.decimals, 0, -1):
                at[i] = <char>(c"0" + fraction % 10)
                fraction //= 10
            at += self.decimals
            while at[0] == c"0":
                at -= 1
            at += 1
        return put(at, b"\n", 1)


cdef bytes head(family, format):
    """HELP, TYPE and UNIT lines.  OpenMetrics names a counter's family without `_total`, the older text with it."""
    name = family.name
    if format is Format.TEXT and family.kind == "counter":
        name += "_total"
    lines = [f"# HELP {name} {family.help}", f"# TYPE {name} {family.kind}"]
    if format is Format.OPENMETRICS and family.unit:
        lines.append(f"# UNIT {name} {family.unit}")
    return "".join([line + "\n" for line in lines]).encode()


cdef bytes sorted_series(SeriesTable table):
    """Numbers of the series in the order of their labels, 32-bit each; a copy, which later births do not touch."""
    table.sort()
    return PyBytes_FromStringAndSize(<char*>table.order, table.count * sizeof(uint32_t))
