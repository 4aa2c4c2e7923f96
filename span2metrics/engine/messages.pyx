# A page of the span families as delimited protobuf: io.prometheus.client.MetricFamily, each behind its length.
#
# A message's length stands before it, so that a family has to be whole before its first byte can go.  Up to FAMILY_BYTES
# it is one message; a larger one goes on in further messages of the same name, which Prometheus reads as one family, so
# that a page never needs its own size in memory.  While a message grows, empty chunks give the caller its turns.
#
# Source: metrics.proto of prometheus/client_model.  Doubles are the nearest to the exact decimals of the text formats.


cdef enum:
    FAMILY_BYTES = 4194304
    EXEMPLAR_ROOM = 160
    BUCKET_ROOM = 192           # of a bucket with its exemplar
    METRIC_ROOM = 512           # of a metric, its labels and buckets apart

cdef double MOST_COUNT = 18446744073709549568.0     # the greatest double below 2^64


cdef inline char* put_varint(char* at, uint64_t number) noexcept nogil:
    while number > 0x7F:
        at[0] = <char>(number | 0x80)
        number >>= 7
        at += 1
    at[0] = <char>number
    return at + 1


cdef inline char* put_field(char* at, char tag, uint64_t number) noexcept nogil:
    at[0] = tag
    return put_varint(at + 1, number)


cdef inline char* put_double(char* at, char tag, double number) noexcept nogil:
    at[0] = tag
    memcpy(at + 1, &number, 8)      # little-endian, as is every machine that this is built for
    return at + 9


cdef inline char* put_message(char* at, char tag, const char* data, size_t size) noexcept nogil:
    at[0] = tag
    return put(put_varint(at + 1, size), data, size)


cdef inline char* put_pair(char* at, const char* name, size_t name_size, const char* value, size_t size) noexcept nogil:
    """A LabelPair as field 1 of what it stands in."""
    cdef char head[12]
    cdef char* end = put_varint(head, size)
    at[0] = 0x0A
    at = put_varint(at + 1, 1 + size_of_varint(name_size) + name_size + 1 + (end - head) + size)
    at = put_message(at, 0x0A, name, name_size)
    at[0] = 0x12
    return put(put(at + 1, head, end - head), value, size)


cdef char* put_pairs(char* to, char* at, char* end) noexcept nogil:
    """LabelPairs of rendered pairs, which are read in place: `name="value",`, with quotes about the name too or not."""
    cdef char* name
    cdef char* value
    cdef size_t name_size, size
    while at != end:
        name = at
        if at[0] == c'"':
            name += 1
            at = unescape(name, &name_size)
        else:
            at = <char*>memchr(at, c"=", end - at)
            name_size = at - name
        value = at + 2
        at = unescape(value, &size) + 1
        to = put_pair(to, name, name_size, value, size)
    return to


cdef inline char* unescape(char* at, size_t* size) noexcept nogil:
    """Makes of the text up to the closing quote what it stands for; returns what is behind that quote."""
    cdef char* start = at
    cdef char* to = at
    while at[0] != c'"':
        if at[0] == c"\\":
            at += 1
            to[0] = c"\n" if at[0] == c"n" else at[0]
        else:
            to[0] = at[0]
        to += 1
        at += 1
    size[0] = to - start
    return at + 1


cdef inline size_t size_of_varint(uint64_t number) noexcept nogil:
    cdef size_t size = 1
    while number > 0x7F:
        number >>= 7
        size += 1
    return size


cdef inline char* put_timestamp(char* at, char tag, uint64_t wall_ns) noexcept nogil:
    cdef char body[24]
    cdef char* end = body
    end[0] = 0x08
    end = put_varint(end + 1, wall_ns // SECOND)
    end[0] = 0x10
    end = put_varint(end + 1, wall_ns % SECOND)
    return put_message(at, tag, body, end - body)


cdef double in_unit(uint64_t low, uint64_t high, uint64_t unit) except? -1:
    """Nanoseconds of 128 bits as the double that is nearest to the exact quotient."""
    if high == 0 and low < <uint64_t>1 << 53:
        return <double>low / <double>unit
    return ((<object>high << 64) + low) / unit


cdef inline char* put_cumulated(char* at, Cumulated* so_far, Sum* excess) noexcept nogil:
    """Count of a histogram or of a bucket; where it is weighted as a double, too, which overrides the nearest integer.

    The integer is for readers that do not know the double, as Prometheus 2.42: of classic buckets they would read 0.
    """
    at = put_field(at, 0x08, whole_count(so_far))
    return at if excess is NULL else put_double(at, 0x21, <double>so_far.count + so_far.more)


cdef inline uint64_t whole_count(Cumulated* so_far) noexcept nogil:
    cdef double count = <double>so_far.count + so_far.more
    if so_far.more == 0:
        return so_far.count
    return <uint64_t>nearest(count) if count < MOST_COUNT else <uint64_t>-1


cdef char* put_exemplar(char* at, char tag, Exemplar* exemplar, uint64_t unit) except NULL:
    cdef char body[EXEMPLAR_ROOM]
    cdef char digits[2 * TRACE_ID_BYTES]
    cdef char* end
    put_hex(digits, exemplar.ids, TRACE_ID_BYTES)
    end = put_pair(body, b"trace_id", 8, digits, 2 * TRACE_ID_BYTES)
    put_hex(digits, exemplar.ids + TRACE_ID_BYTES, SPAN_ID_BYTES)
    end = put_pair(end, b"span_id", 7, digits, 2 * SPAN_ID_BYTES)
    end = put_timestamp(put_double(end, 0x11, in_unit(exemplar.duration, 0, unit)), 0x1A, exemplar.end)
    return put_message(at, tag, body, end - body)


cdef inline char* put_gauge(char* at, double value) noexcept nogil:
    cdef char body[9]
    put_double(body, 0x09, value)
    return put_message(at, 0x12, body, sizeof(body))


@cython.final
cdef class MessagePage:
    cdef Page page                  # what is shown, and in which style
    cdef Buffer labels              # scratch
    cdef Buffer body
    cdef NativeWriter native

    def __cinit__(self, Page page, Natives natives):
        self.page, self.labels, self.body = page, Buffer(), Buffer()
        self.native = NativeWriter(natives)

    def chunks(self, format, now, escaping):
        """Chunks of at most CHUNK_BYTES, some of them empty."""
        cdef Buffer metrics = Buffer(), metric = Buffer()
        cdef Style style = self.page.style(format, now)
        cdef View view
        cdef uint32_t i
        cdef size_t turn
        cdef bytes order
        orders = self.page.orders()
        yield from self.page.targets.messages()
        for view in self.page.shown(escaping):
            head = view.heads[format]
            order = orders[view.table]
            turn = CHUNK_BYTES
            for i in range(PyBytes_GET_SIZE(order) // sizeof(Shown)):
                self.put_metric(metrics, metric, view, &style, (<Shown*>PyBytes_AS_STRING(order)) + i)
                if metrics.used >= FAMILY_BYTES:
                    yield from pieces(head, metrics)
                    turn = CHUNK_BYTES
                elif metrics.used >= turn:
                    yield b""
                    turn += CHUNK_BYTES
            yield from pieces(head, metrics)

    cdef int put_metric(self, Buffer metrics, Buffer metric, View view, Style* style, Shown* shown) except -1:
        """A Metric, if there still is the series and the view shows it."""
        cdef Series* series = view.table.at(shown.number)
        if series.stamp != shown.stamp:
            return 0
        if view.negatives is not None and view.shows == SHOWS_AMOUNT:
            self.put_series(metrics, metric, view.negatives, style, shown.number)
        return self.put_series(metrics, metric, view, style, shown.number)

    cdef int put_series(self, Buffer metrics, Buffer metric, View view, Style* style, uint32_t number) except -1:
        cdef Series* series = view.table.at(number)
        cdef char* at
        if has_histograms(view) and series.histogram == 0 or view.shows == SHOWS_SIZE and series.calls == 0:
            return 0
        self.put_labels(metric, view, series)
        if view.summary:
            put_summary(metric, view, style, series)
        elif has_histograms(view):
            self.put_histogram(metric, view, style, series)
        elif view.shows == SHOWS_ONE:
            metric.written(put_gauge(metric.reserve(METRIC_ROOM), 1))
        elif view.shows == SHOWS_NET:
            metric.written(put_gauge(metric.reserve(METRIC_ROOM), net_of(view, style, number).number))
        else:
            self.put_counter(metric, view, style, number)
        at = metrics.reserve(metric.used + 16)
        metrics.written(put_message(at, 0x22, metric.data, metric.used))
        metric.used = 0
        return 0

    cdef int put_labels(self, Buffer metric, View view, Series* series) except -1:
        cdef char* start = self.labels.reserve(view.line_room + series.size)
        cdef char* end = self.page.put_labels(start, view, series)
        return metric.written(put_pairs(metric.reserve(2 * (end - start) + METRIC_ROOM), start, end))

    cdef int put_counter(self, Buffer metric, View view, Style* style, uint32_t number) except -1:
        cdef Series* series = view.table.at(number)
        cdef char body[EXEMPLAR_ROOM + 64]
        cdef char* end
        cdef bint fresh = is_fresh(style, series.born)
        cdef Exemplar* exemplar = NULL
        cdef uint64_t value = series.calls if view.shows == SHOWS_CALLS else view.table.bytes(number)[0]
        cdef double excess = view.table.excess_of(number, view.excess)
        end = put_double(body, 0x09, 0 if fresh else <double>value + max(excess, 0))
        if style.exemplars and view.shows == SHOWS_CALLS and not fresh:
            exemplar = view.exemplar(number)
        if exemplar is not NULL:
            end = put_exemplar(end, 0x12, exemplar, view.unit)
        end = put_timestamp(end, 0x1A, series.born)
        return metric.written(put_message(metric.reserve(METRIC_ROOM), 0x1A, body, end - body))

    cdef int put_histogram(self, Buffer metric, View view, Style* style, Series* series) except -1:
        """Buckets, native ones too where there are any, sum and count."""
        cdef SeriesTable table = view.table
        cdef uint64_t* words = table.histogram(series)
        cdef Sum* excess = table.observed.of(series.histogram - 1)
        cdef Buffer body = self.body
        cdef bint fresh = is_fresh(style, words[BORN])
        cdef bint shown = style.exemplars and not fresh and series.exemplars != 0
        cdef Cumulated all = Cumulated(0, 0)
        cdef double sum = 0
        cdef char* at
        body.used = 0
        if table.classic:
            all = self.put_buckets(body, view, series, fresh, shown)
        elif not fresh:
            cumulate(&all, words, excess, 0)
        if not fresh:
            sum = in_unit(words[0], words[1], view.unit) if excess is NULL else weighted_sum(words, excess, view.unit)
        at = put_double(put_cumulated(body.reserve(METRIC_ROOM), &all, excess), 0x11, sum)
        body.written(put_timestamp(at, 0x7A, words[BORN]))
        if table.natives.count:
            self.native.write(body, <Native*>words[table.blocks + view.scale], fresh)
            if shown:
                self.native.put_exemplars(body, table.exemplars, series.exemplars, view.unit)
        return metric.written(put_message(metric.reserve(body.used + 16), 0x3A, body.data, body.used))

    cdef Cumulated put_buckets(self, Buffer body, View view, Series* series, bint fresh, bint shown) except *:
        """Those of the bounds; returns the last one's."""
        cdef SeriesTable table = view.table
        cdef uint64_t* words = table.histogram(series)
        cdef Sum* excess = table.observed.of(series.histogram - 1)
        cdef Exemplar* exemplars[MOST_BUCKETS]
        cdef char bucket[BUCKET_ROOM]
        cdef char* at = body.reserve(table.bucket_count * BUCKET_ROOM)
        cdef char* end
        cdef Cumulated so_far = Cumulated(0, 0)
        cdef uint32_t i
        if shown:
            table.spread(exemplars, series.exemplars)
        for i in range(table.bucket_count):
            if not fresh:
                cumulate(&so_far, words, excess, i)
            end = put_double(put_cumulated(bucket, &so_far, excess), 0x11, view.uppers[i])
            if shown and exemplars[i] is not NULL:
                end = put_exemplar(end, 0x1A, exemplars[i], view.unit)
            at = put_message(at, 0x1A, bucket, end - bucket)
        body.written(at)
        return so_far


def pieces(bytes head, Buffer metrics):
    """A MetricFamily behind its length, in chunks; leaves the buffer empty."""
    cdef char length[10]
    cdef char* end = put_varint(length, PyBytes_GET_SIZE(head) + metrics.used)
    cdef size_t at = 0, size
    yield PyBytes_FromStringAndSize(length, end - length) + head
    while at < metrics.used:
        size = min(metrics.used - at, <size_t>CHUNK_BYTES)
        yield PyBytes_FromStringAndSize(metrics.data + at, size)
        at += size
    metrics.used = 0
