# The walk over a request: spans become rows of scratch, and nothing else changes.
#
# A row knows its series (`entry`) or is a miss.  What the raw key does not find is looked up by its normalised key as
# well (see `normal`), so that only what is still unknown is born.
#
# Scratch is bounded whatever a request holds: two bytes make a span, and hundreds of a row, its miss and its arrival.
# What has more than a block of spans is walked twice: once to its end with nothing kept, to see that it is valid, then
# block by block.


@cython.final
cdef class Walk:
    cdef Contexts contexts
    cdef Targets targets    # None: nobody asks for them
    cdef Keys keys
    cdef Births births
    cdef Senders senders
    cdef object policy
    cdef Weights weights
    cdef Times times
    cdef AttributeReader reader
    cdef list readers       # by kind of span; one for all where there is no service graph
    cdef bint reads_name, reads_kind, reads_status
    cdef bint filters       # rows know what is odd about them
    cdef uint32_t label_length, key_values  # the latter: so many of what the reader finds are in the key
    cdef Row* rows
    cdef size_t count, room, aged
    cdef Tally tally
    cdef Normal normal
    cdef list misses
    cdef dict by_raw
    cdef list merged        # copies that cursors point into
    cdef Mode mode
    cdef object flush       # applies the block in scratch
    cdef object context     # of the spans at hand, None: it was not asked for yet
    cdef bint unknown       # their service
    cdef uint8_t* key       # of the span at hand
    cdef size_t key_size
    cdef bint key_kept      # no value of it is too long
    cdef GraphRows graph            # None: there is no service graph
    cdef Amounts amounts

    def __cinit__(self, Contexts contexts, Targets targets, Keys keys, Births births, policy, plan):
        self.contexts, self.targets, self.keys, self.births = contexts, targets, keys, births
        self.policy = policy
        self.senders = Senders(contexts.services, births.shared)
        self.weights, self.amounts = Weights(policy, plan), Amounts(policy.measured_at)
        self.times = Times(plan)
        self.filters = policy.filters
        self.reader = AttributeReader(policy.read_attributes)
        self.key_values = len(policy.span_attributes)
        self.readers = [self.reader] * (LAST_KIND + 1)
        self.reads_name = policy.reads(names.SPAN_NAME)
        self.reads_kind = policy.reads(names.SPAN_KIND)
        self.reads_status = policy.reads(names.STATUS_CODE)
        self.label_length = plan.label_value_length
        self.key = <uint8_t*>reallocated(NULL, 8 + (self.reader.count + 1) * (3 + MAX_VALUE))
        self.normal = Normal(keys, births, contexts.privacy, policy, plan)
        self.misses, self.by_raw, self.merged = [], {}, []

    cdef int read_graph(self, tuple attributes, GraphRows graph) except -1:
        """From now on rows hold what the service graph needs, and of each kind of span is read what is read of it."""
        cdef uint8_t kind
        self.graph = graph
        for kind in range(LAST_KIND + 1):
            read = {*range(len(self.policy.read_attributes)), *graph.reader.read_of(kind)}
            self.readers[kind] = AttributeReader(attributes, read)
        self.reader = self.readers[0]
        return 0

    def __dealloc__(self):
        PyMem_RawFree(self.rows)
        PyMem_RawFree(self.key)

    cdef int reset(self) except -1:
        """The request is over."""
        self.mode, self.flush, self.context = WHOLE, None, None
        if self.merged:
            self.merged = []
        self.contexts.leave()
        return self.empty()

    cdef int empty(self) except -1:
        """Scratch is as before the first span; what is behind it, if it was not kept, was for nothing."""
        self.count = self.aged = self.amounts.count = 0
        if self.graph is not None:
            self.graph.empty()
        memset(&self.tally, 0, sizeof(Tally))
        self.times.forget()
        if self.misses:
            self.misses, self.by_raw = [], {}
        self.normal.empty()
        self.senders.empty()
        if self.targets is not None:
            self.targets.forget()
        return self.contexts.forget()

    cdef int full(self) except -1:
        """A block is complete, or what is new in it too much to hold."""
        if self.mode == BLOCKS:
            self.flush()
        else:
            self.mode = CHECK
        self.empty()
        if self.mode == BLOCKS and self.context is not None and not (<Service>self.context.room).live:
            self.contexts.services.keeps_place(<Service>self.context.room)      # more of its spans may come
        return 0

    # --- messages, from the outside in --------------------------------------------------------------------------------

    cdef int request(self, const uint8_t* data, size_t size, flush) except -1:
        """Reads a valid request into scratch, of a large one the last block: `flush` was called with those before it."""
        self.check(data, size)
        if self.mode == CHECK:
            self.mode, self.flush = BLOCKS, flush
            self.resources(Cursor(data, data + size))
        return 0

    cdef int check(self, const uint8_t* data, size_t size) except -1:
        cdef Cursor c = Cursor(data, data + size)
        try:
            self.resources(c)
        except DecodeError as error:
            if data <= fault_at <= data + size:
                raise DecodeError(f"byte {fault_at - data} of {size}: {error}") from None
            raise
        return 0

    cdef int resources(self, Cursor c) except -1:
        cdef uint32_t tag
        cdef Cursor sub
        while c.at < c.end:
            read_tag(&c, &tag)
            if tag == 0x0A:
                read_delimited(&c, &sub)
                self.resource_spans(sub)
                if self.contexts.fresh() >= BLOCK or self.mode == CHECK:
                    self.full()
            else:
                skip(&c, tag)
        return 0

    cdef int resource_spans(self, Cursor c) except -1:
        cdef uint32_t tag
        cdef Cursor sub
        cdef Cursor resource = first_field(c, self.merged)
        cdef size_t spans = 0
        self.context = None
        self.contexts.enter(resource)
        while c.at < c.end:
            read_tag(&c, &tag)
            if tag == 0x12:
                read_delimited(&c, &sub)
                spans += self.scope_spans(sub)
                if self.contexts.fresh() >= BLOCK:
                    self.full()
            else:
                skip(&c, tag)
        if not spans and not self.contexts.reads_scope:
            self.contexts.check(Cursor(c.end, c.end), self.merged)
        if self.targets is not None and spans:
            self.targets.see(resource, spans, self.merged)
        return 0

    cdef size_t scope_spans(self, Cursor c) except? 0xFFFFFFFF:
        """How many there are."""
        cdef size_t spans = 0
        cdef uint32_t tag
        cdef Cursor sub
        cdef Cursor whole = c
        cdef uint64_t number = 0
        context = None
        while c.at < c.end:
            read_tag(&c, &tag)
            if tag == 0x12:
                read_delimited(&c, &sub)
                if context is None:
                    context = self.enter(whole)
                    number = context.number
                self.span(sub, context, number)
                spans += 1
            else:
                skip(&c, tag)
        if context is None and self.contexts.reads_scope:
            self.contexts.check(first_field(whole, self.merged), self.merged)
        return spans

    cdef object enter(self, Cursor scope_spans):
        """The context of its spans, of which the first is about to come."""
        if self.contexts.reads_scope:
            self.context = self.contexts.of(first_field(scope_spans, self.merged), self.merged)
        elif self.context is None:
            self.context = self.contexts.of(Cursor(scope_spans.end, scope_spans.end), self.merged)
        if self.graph is not None:
            self.graph.leave()
        self.senders.enter(self.count, self.context)
        self.unknown = not self.context.known
        return self.context

    cdef int span(self, Cursor c, object context, uint64_t number) except -1:
        cdef Span span
        span.kind = 0
        if not self.read_span(c, &span, False):         # so there is a graph
            self.graph.links.count -= span.link_count
            self.read_span(c, &span, True)
        if self.mode == CHECK:
            return self.check_values()
        if not self.times.take(span.end):
            return self.pass_over(&span)
        return self.add_row(&span, context, number)

    cdef inline AttributeReader reader_of(self, uint64_t kind):
        return <AttributeReader>PyList_GET_ITEM(self.readers, defined(kind, LAST_KIND))

    cdef inline int choose(self, uint64_t kind) except -1:
        """The reader of that kind of span, with nothing found yet."""
        self.reader = self.reader_of(kind)
        self.reader.clear()
        return 0

    cdef inline bint read_span(self, Cursor c, Span* span, bint knows_kind) except -1:
        """False: the kind came behind attributes, of which others are read then; it is to be read again."""
        cdef uint32_t tag
        cdef Cursor sub
        cdef bint chosen = knows_kind
        if knows_kind:
            self.choose(span.kind)
        memset(span, 0, sizeof(Span))
        span.size = c.end - c.at
        span.name = Cursor(c.end, c.end)
        while c.at < c.end:
            read_tag(&c, &tag)
            if tag == 0x4A:
                if not chosen:
                    chosen = True
                    self.choose(span.kind)
                self.reader.attributes(&c, tag, self.merged)
            elif tag == 0x0A:
                read_delimited(&c, &sub)
                span.trace_id = valid_id(sub, TRACE_ID_BYTES)
            elif tag == 0x12:
                read_delimited(&c, &sub)
                span.span_id = valid_id(sub, SPAN_ID_BYTES)
            elif tag == 0x22:
                read_delimited(&c, &sub)
                span.parent_id = valid_id(sub, SPAN_ID_BYTES)
                span.parent_fault = sub.end != sub.at and sub.end - sub.at != SPAN_ID_BYTES
            elif tag == 0x2A:
                read_delimited(&c, &span.name)
            elif tag == 0x30:
                read_varint(&c, &span.kind)
            elif tag == 0x39:
                read_fixed64(&c, &span.start)
            elif tag == 0x41:
                read_fixed64(&c, &span.end)
            elif tag == 0x7A:
                read_delimited(&c, &sub)
                read_status(sub, &span.status)
            elif tag == 0x1A:
                read_delimited(&c, &span.tracestate)
            elif tag == 0x6A and self.graph is not None:
                read_delimited(&c, &sub)
                span.link_count += self.graph.links.add(sub)
            else:
                skip(&c, tag)
        if not chosen:
            self.choose(span.kind)
        return self.reader is self.reader_of(span.kind)

    cdef int check_values(self) except -1:
        if self.graph is not None:
            self.graph.links.count = 0
        return self.reader.check(self.label_length, self.merged)

    cdef int pass_over(self, Span* span) except -1:
        """A span that does not count is read like any other, for its faults."""
        if self.graph is not None:
            self.graph.links.count -= span.link_count
        return self.reader.check(self.label_length, self.merged)

    # --- rows and keys ------------------------------------------------------------------------------------------------

    cdef inline int add_row(self, Span* span, object context, uint64_t number) except -1:
        cdef Row* row = self.next_row()
        cdef bint aged = False
        cdef uint8_t kind = defined(span.kind, LAST_KIND)
        cdef uint8_t status = defined(span.status, LAST_STATUS)
        cdef Tally before
        if self.filters:
            before = self.tally
        row.trace_id = span.trace_id if span.span_id is not NULL else NULL
        row.span_id, row.end = span.span_id, span.end
        row.size = <uint32_t>span.size
        row.excess = self.weights.excess(span.tracestate, self.reader, &self.tally, self.merged)
        row.timed = span.start != 0 and span.end != 0
        row.duration = span.end - span.start if span.end >= span.start else 0
        tell(&self.tally, span, row, self.unknown, kind, status)
        if self.filters:
            row.odd = told(&before, &self.tally)
        if self.graph is not None:
            self.graph.add(row, span, context, kind, status, self.reader, self.merged)
        kind = kind if self.reads_kind else 0
        status = status if self.reads_status else 0
        self.make_key(number << 8 | kind << 4 | status, &span.name)
        row.entry = NULL
        if self.key_kept:
            row.entry = self.births.known(self.keys, context, self.key, self.key_size, &aged)
        if row.entry is NULL:
            self.normalise(row, span, context, kind, status, &aged)
        row.aged = aged
        self.aged += aged
        self.amounts.take(<uint32_t>self.count, self.reader, self.merged)
        self.count += 1
        return self.full() if self.count == BLOCK else 0

    cdef inline Row* next_row(self) except NULL:
        if self.count == self.room:
            self.rows = <Row*>reallocated(self.rows, (self.room * 2 + 256) * sizeof(Row))
            self.room = self.room * 2 + 256
        return self.rows + self.count

    cdef inline void make_key(self, uint64_t head, Cursor* name) noexcept:
        """The raw key in `key`: head, name, then each value by kind; `key_kept` says whether tables may hold it."""
        cdef uint8_t* at = self.key + 8
        cdef uint32_t i
        memcpy(self.key, &head, 8)
        self.key_kept = True
        at = self.put_text(at, name.at, name.end - name.at if self.reads_name else 0)
        for i in range(self.key_values):
            at = self.put_value(at, &self.reader.values[i])
        self.key_size = at - self.key

    cdef inline uint8_t* put_text(self, uint8_t* at, const uint8_t* data, size_t size) noexcept:
        cdef uint16_t length = <uint16_t>size
        if size > MAX_VALUE:
            self.key_kept = False
            return at
        memcpy(at, &length, 2)
        memcpy(at + 2, data, size)
        return at + 2 + size

    cdef inline uint8_t* put_value(self, uint8_t* at, Value* value) noexcept:
        at[0] = value.kind
        if value.kind == ABSENT:
            return at + 1
        if BOOLEAN <= value.kind <= DOUBLE:
            memcpy(at + 1, &value.number, 8)
            return at + 9
        return self.put_text(at + 1, value.data, value.size)

    # --- misses -------------------------------------------------------------------------------------------------------

    cdef int normalise(self, Row* row, Span* span, object context, uint8_t kind, uint8_t status, bint* aged) except -1:
        """The row's raw key, in `key`, is not known: its normalised one may be; else it is a miss."""
        self.normal.size = 0
        if self.key_kept and not context.marked:
            row.entry = self.normal.entry_of(span.name, context, self.reader, self.key, self.key_size, aged)
        if row.entry is NULL:
            row.miss = self.missed(span, context, kind, status)
        return 0

    cdef uint32_t missed(self, Span* span, object context, uint8_t kind, uint8_t status) except? 0xFFFFFFFF:
        """The number of the miss that the raw key in `key` is."""
        cdef bytes raw = self.key[:self.key_size] if self.key_kept else None
        if raw is not None:
            number = self.by_raw.get(raw)
            if number is not None:
                return number
        if self.normal.size:
            miss = self.normal.plain_miss(raw, context, kind, status)
        else:
            miss = self.normal.miss(span.name, context, kind, status, self.reader, self.merged)
        miss.raw = raw
        number = len(self.misses)
        self.misses.append(miss)
        if raw is not None:
            self.by_raw[raw] = number
        return number
