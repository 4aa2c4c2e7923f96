# A page of the span families: label texts are copied, numbers formatted, nothing else is done.  Each dialect's families
# are views of the same tables.
#
# Text 0.0.4 and OpenMetrics 1.0.0 differ in the families' heads alone.  A page is a generator of chunks: the order of
# the series is taken first, each series is rendered whole, and the caller may consume between chunks.


cdef enum:
    CHUNK_BYTES = 262144        # a fifth of a millisecond to make and to send; with 64 KiB a page costs a quarter more
    NUMBER_ROOM = 48            # digits of a 128-bit sum, its point and the line's end

    SHOWS_CALLS = 0             # places in SHOWS
    SHOWS_DURATION = 1
    SHOWS_SIZE = 2
    SHOWS_ONE = 3               # a gauge that is always 1
    SHOWS_AMOUNT = 4            # values of a measure …
    SHOWS_NET = 5               # … and what they come to
    MOST_BUCKETS = 65           # with +Inf; the configuration allows no more
    SECOND = 1000000000
    SECOND_DECIMALS = 9

cdef struct Style:              # what one page does beyond names and numbers
    bint exemplars
    bint created
    uint64_t zero_first         # nanoseconds for which a series is shown at 0
    uint64_t wall_ns            # now


@cython.final
cdef class View:
    """A family as a dialect shows it: everything of its lines that is no series' own."""

    cdef dict heads                 # Format → HELP, TYPE, UNIT
    cdef int shows                  # SHOWS_…
    cdef SeriesTable table
    cdef SeriesTable beside         # of a counter: the table whose exemplars are its as well; None: there is none
    cdef View negatives             # of a measure: the same of values below 0; None: there are none
    cdef list texts                 # what the pieces point into
    cdef Piece sample               # name of a counter's samples
    cdef Piece bucket
    cdef Piece sum
    cdef Piece count
    cdef Piece created
    cdef Piece service              # what stands in place of the first `renamed` bytes of a series' labels
    cdef size_t renamed
    cdef Piece ending               # what stands behind a series' labels
    cdef bint summary               # of a histogram: only sum and count
    cdef uint32_t excess            # of a counter: which of a series' sums it shows besides
    cdef double* uppers             # upper bounds of the buckets, in the unit
    cdef Piece* bounds              # `le="0.002"} `, …, `le="+Inf"} `
    cdef uint64_t unit              # nanoseconds
    cdef uint32_t scale             # number of its native buckets
    cdef int decimals
    cdef size_t line_room           # of a line, its text apart
    cdef Spellings spellings        # None: labels are shown as they are stored

    def __cinit__(self, view, int shows, SeriesTable table, SeriesTable beside, Spellings spellings):
        name = view.family.name
        self.shows, self.table, self.beside = shows, table, beside
        self.texts = []
        self.heads = {format: head(view.family, format) for format in (Format.TEXT, Format.OPENMETRICS)}
        self.heads[Format.PROTOBUF] = head_of(view.family)
        self.sample = self.piece(name if view.family.kind == "gauge" else f"{name}_total")
        self.bucket = self.piece(f"{name}_bucket")
        self.sum = self.piece(f"{name}_sum")
        self.count = self.piece(f"{name}_count")
        self.created = self.piece(f"{name}_created")
        self.ending = self.piece("")        # of no bytes, but somewhere: nothing may be copied from NULL
        if view.service != names.SERVICE_NAME:
            self.service = self.piece(view.service)
            self.renamed = len(names.SERVICE_NAME)
        self.excess = BYTES_EXCESS if shows == SHOWS_SIZE else CALLS_EXCESS
        self.unit, self.summary = view.scale, view.family.kind == "summary"
        self.scale = table.natives.of_unit(self.unit)
        self.decimals = len(str(self.unit)) - 1
        self.make_bounds()
        self.line_room = self.created.size + 3 * NUMBER_ROOM + 256
        self.spellings = spellings
        if spellings is not None:
            self.line_room += spellings.growth

    def __dealloc__(self):
        PyMem_RawFree(self.bounds)
        PyMem_RawFree(self.uppers)

    cdef int make_bounds(self) except -1:
        cdef uint32_t i, count = self.table.bound_count
        self.bounds = <Piece*>reallocated(NULL, (count + 1) * sizeof(Piece))
        self.uppers = <double*>reallocated(NULL, (count + 1) * sizeof(double))
        self.uppers[count] = float("inf")
        for i in range(count):
            bound = self.table.bounds[i]
            self.uppers[i] = bound / <object>self.unit
            self.bounds[i] = self.piece(f'le="{bound_text(bound, self.unit)}"}} ')
        self.bounds[count] = self.piece('le="+Inf"} ')
        return 0

    cdef int end_with(self, str label) except -1:
        """Shows a pair behind each series' labels, with a comma behind it as all have."""
        self.ending = self.piece(label)
        self.line_room += self.ending.size
        return 0

    cdef Exemplar* exemplar(self, uint32_t number) noexcept:
        """A counter's: the latest of all that its series has."""
        cdef Exemplar* found = self.table.exemplars.latest(self.table.at(number).exemplars)
        cdef Exemplar* other
        if self.beside is None:
            return found
        other = self.beside.exemplars.latest(self.beside.at(number).exemplars)
        return other if found is NULL or other is not NULL and later(other, found) else found

    cdef Piece piece(self, str text) except *:
        cdef bytes encoded = text.encode()
        self.texts.append(encoded)
        return piece_of(encoded)


@cython.final
cdef class Page:
    cdef tuple tables                       # each once
    cdef tuple views
    cdef tuple utf8_views                   # the same, with names as they are where UTF-8 is allowed
    cdef TargetPage targets
    cdef list texts
    cdef Piece statuses[NO_STATUS + 1]      # `status_code="…",` by number; nothing for series that have none
    cdef bint created
    cdef uint64_t zero_first                # nanoseconds

    def __cinit__(self, plan, tuple statuses, TargetPage targets):
        self.targets = targets
        self.created = plan.created
        self.zero_first = plan.zero_first_ns
        self.tables = self.views = self.utf8_views = ()
        self.texts = [text.encode() for text in (*statuses, "")]
        for i, text in enumerate(self.texts):
            self.statuses[i] = piece_of(text)

    cdef int add(self, View view, View utf8_view) except -1:
        """The next family; `utf8_view` is the same where UTF-8 names are allowed."""
        if view.table.bound_count >= MOST_BUCKETS:
            raise ValueError(f"a plan has at most {MOST_BUCKETS - 1} bounds")   # pages count on it
        self.views += (view,)
        self.utf8_views += (utf8_view,)
        return self.hold(view.table)

    cdef int hold(self, SeriesTable table) except -1:
        """Keeps the table's order up to date from page to page."""
        if table not in self.tables:
            self.tables += (table,)
        return 0

    cdef dict orders(self):
        """By table, its series in order."""
        return {table: order_of(table) for table in self.tables}

    def chunks(self, format, now, escaping):
        """Chunks of about CHUNK_BYTES of all families; a family's head is there even if it has no series yet."""
        cdef Buffer buffer = Chunk()
        cdef Style style = self.style(format, now)
        cdef View view
        cdef uint32_t i
        cdef bytes order
        orders = self.orders()
        yield from self.targets.lines(format)
        for view in self.shown(escaping):
            text = view.heads[format]
            buffer.written(put(buffer.reserve(len(text)), PyBytes_AS_STRING(text), len(text)))
            order = orders[view.table]
            for i in range(PyBytes_GET_SIZE(order) // sizeof(Shown)):
                self.put_series(buffer, view, &style, (<Shown*>PyBytes_AS_STRING(order)) + i)
                if buffer.used >= CHUNK_BYTES:
                    yield buffer.take()
        if buffer.used:
            yield buffer.take()

    cdef tuple shown(self, escaping):
        return self.utf8_views if escaping is Escaping.ALLOW_UTF8 else self.views

    cdef Style style(self, format, now) except *:
        cdef bint rich = format is not Format.TEXT
        return Style(rich, rich and self.created, self.zero_first, now.wall_ns)

    cdef inline int put_series(self, Buffer buffer, View view, Style* style, Shown* shown) except -1:
        cdef uint32_t number = shown.number
        cdef Series* series = view.table.at(number)
        if series.stamp != shown.stamp:
            return 0                    # it is gone since
        if view.shows == SHOWS_DURATION:
            return self.put_duration(buffer, view, style, series) if series.histogram else 0
        if view.shows == SHOWS_CALLS:
            return self.put_counter(buffer, view, style, number, series.calls)
        if view.shows == SHOWS_SIZE:
            return self.put_counter(buffer, view, style, number, view.table.bytes(number)[0]) if series.calls else 0
        if view.shows == SHOWS_ONE:
            return self.put_one(buffer, view, series)
        return put_measure(self, buffer, view, style, number)

    cdef int put_one(self, Buffer buffer, View view, Series* series) except -1:
        cdef char* at = buffer.reserve(view.line_room + series.size)
        return buffer.written(put_count(self.put_sample(at, view, &view.sample, series), 1))

    cdef inline int put_counter(
        self, Buffer buffer, View view, Style* style, uint32_t number, uint64_t value
    ) except -1:
        cdef Series* series = view.table.at(number)
        cdef char* at = buffer.reserve(2 * (view.line_room + series.size))
        cdef bint fresh = is_fresh(style, series.born)
        cdef double excess = view.table.excess_of(number, view.excess)
        cdef Exemplar* exemplar = NULL
        if style.exemplars and view.shows == SHOWS_CALLS and not fresh:
            exemplar = view.exemplar(number)
        at = self.put_sample(at, view, &view.sample, series)
        if fresh or excess < 0:
            at = put_number(at, 0 if fresh else value)
        else:
            at = put_shortest(at, <double>value + excess)
        at = put_end(at, exemplar, view.unit, view.decimals)
        if style.created:
            at = put_time(self.put_sample(at, view, &view.created, series), series.born)
        return buffer.written(at)

    cdef int put_duration(self, Buffer buffer, View view, Style* style, Series* series) except -1:
        """Buckets, of which a native histogram has but the last, sum and count."""
        cdef SeriesTable table = view.table
        cdef uint64_t* words = table.histogram(series)
        cdef Sum* excess = table.observed.of(series.histogram - 1)
        cdef Exemplar* exemplars[MOST_BUCKETS]
        cdef Piece* bounds = view.bounds + table.bound_count + 1 - table.bucket_count
        cdef bint fresh = is_fresh(style, words[BORN])
        cdef bint shown = style.exemplars and not fresh and series.exemplars != 0
        cdef Cumulated so_far = Cumulated(0, 0)
        cdef uint32_t i
        cdef char* start
        cdef char* at
        cdef size_t same
        if shown:
            table.spread(exemplars, series.exemplars)
        start = at = buffer.reserve((table.bound_count + 4) * (view.line_room + series.size))
        at = self.put_labels(put(put_piece(at, &view.bucket), b"{", 1), view, series)
        same = at - start                   # what all bucket lines begin with
        if view.summary:
            at = start
        for i in range(table.bucket_count):
            if not fresh:
                cumulate(&so_far, words, excess, i)
            if view.summary:
                continue
            if i:
                at = put(at, start, same)
            at = put_so_far(put_piece(at, &bounds[i]), &so_far, excess)
            at = put_end(at, exemplars[i] if shown else NULL, view.unit, view.decimals)
        at = self.put_sample(at, view, &view.sum, series)
        if excess is NULL or fresh:
            at = put_count(at, 0) if fresh else put_sum(at, words[0], words[1], view.unit, view.decimals)
        else:
            at = put(put_shortest(at, weighted_sum(words, excess, view.unit)), b"\n", 1)
        at = put(put_so_far(self.put_sample(at, view, &view.count, series), &so_far, excess), b"\n", 1)
        if style.created:
            at = put_time(self.put_sample(at, view, &view.created, series), words[BORN])
        return buffer.written(at)

    cdef inline char* put_labels(self, char* at, View view, Series* series) noexcept:
        """The pairs, each with a comma behind it."""
        cdef const char* labels = <const char*>(series.text + 1)
        cdef size_t before = series.text.status_at
        if view.renamed:
            at = put_piece(at, &view.service)
        at = put_piece(put(at, labels + view.renamed, before - view.renamed), &self.statuses[status_of(series)])
        if view.spellings is not None:
            at = view.spellings.put_pairs(at, labels + before, labels + series.size)
        else:
            at = put(at, labels + before, series.size - before)
        return put_piece(at, &view.ending)

    cdef inline char* put_sample(self, char* at, View view, Piece* name, Series* series) noexcept:
        """`name{labels} `; the value follows."""
        cdef char* open
        open = put_piece(at, name)
        at = self.put_labels(open + 1, view, series)
        if at == open + 1:
            return put(open, b" ", 1)
        open[0] = c"{"
        return put(at - 1, b"} ", 2)        # over the last comma


cdef inline bint is_fresh(Style* style, uint64_t born) noexcept nogil:
    """Is what was born then still shown at 0?  Not if the clock was set back since: that must not hide it for long."""
    return style.wall_ns - born < style.zero_first


cdef inline char* put_so_far(char* at, Cumulated* so_far, Sum* excess) except NULL:
    return put_number(at, so_far.count) if excess is NULL else put_shortest(at, <double>so_far.count + so_far.more)


cdef char* put_sum(char* at, uint64_t low, uint64_t high, uint64_t unit, int decimals) except NULL:
    """Nanoseconds of 128 bits as `put_decimal` has them, and the line's end."""
    cdef bytes digits
    if high:
        whole, rest = divmod((<object>high << 64) + low, unit)
        digits = str(whole).encode()
        at = put_fraction(put(at, PyBytes_AS_STRING(digits), PyBytes_GET_SIZE(digits)), rest, decimals)
    else:
        at = put_decimal(at, low, unit, decimals)
    return put(at, b"\n", 1)


cdef inline char* put_decimal(char* at, uint64_t number, uint64_t unit, int decimals) noexcept nogil:
    """Nanoseconds as an exact decimal of the unit, without zeros at its end."""
    return put_fraction(put_number(at, number // unit), number % unit, decimals)


cdef inline char* put_fraction(char* at, uint64_t fraction, int decimals) noexcept nogil:
    cdef int i
    if fraction == 0:
        return at
    at[0] = c"."
    for i in range(decimals, 0, -1):
        at[i] = <char>(c"0" + fraction % 10)
        fraction //= 10
    at += decimals
    while at[0] == c"0":
        at -= 1
    return at + 1


cdef inline char* put_time(char* at, uint64_t wall_ns) noexcept nogil:
    """Seconds since the epoch, and the line's end."""
    return put(put_decimal(at, wall_ns, SECOND, SECOND_DECIMALS), b"\n", 1)


cdef inline char* put_end(char* at, Exemplar* exemplar, uint64_t unit, int decimals) noexcept nogil:
    """The exemplar, if there is one, and the line's end."""
    if exemplar is not NULL:
        at = put_hex(put(at, b' # {trace_id="', 14), exemplar.ids, TRACE_ID_BYTES)
        at = put_hex(put(at, b'",span_id="', 11), exemplar.ids + TRACE_ID_BYTES, SPAN_ID_BYTES)
        at = put_decimal(put(at, b'"} ', 3), exemplar.duration, unit, decimals)
        at = put_decimal(put(at, b" ", 1), exemplar.end, SECOND, SECOND_DECIMALS)
    return put(at, b"\n", 1)


cdef inline char* put_hex(char* at, const uint8_t* data, size_t size) noexcept nogil:
    cdef const char* digits = "0123456789abcdef"
    cdef size_t i
    for i in range(size):
        at[2 * i] = digits[data[i] >> 4]
        at[2 * i + 1] = digits[data[i] & 15]
    return at + 2 * size


cdef bytes head(family, format):
    """HELP, TYPE and UNIT lines.  OpenMetrics names families without the suffix of their samples, the older text with it."""
    name, kind = family.name, family.kind
    if format is Format.TEXT:
        name, kind = name + KINDS[kind].suffix, KINDS[kind].text
    lines = [f"# HELP {name} {family.help}", f"# TYPE {name} {kind}"]
    if format is Format.OPENMETRICS and family.unit:
        lines.append(f"# UNIT {name} {family.unit}")
    return "".join([line + "\n" for line in lines]).encode()


cdef bytes order_of(SeriesTable table):
    return table.order.shown(table)


SHOWS = (names.CALLS, names.DURATION, names.SIZE)      # places are SHOWS_…
