# What the service graph needs of the spans in scratch: which take part, and each one's side as far as it is known.
#
# Most spans of a scope and a kind name nobody, or one of a few, by one text: those are at hand for as long as the scope
# lasts, so that no key is made for them.


cdef enum:
    SAID = 32               # texts at hand

cdef struct Said:           # a text that is all that a span names somebody by
    const uint8_t* data
    uint32_t size
    uint32_t number         # of the attribute
    uint64_t scope          # where it was said
    uint8_t kind            # by what kind of span
    PyObject* side          # NULL: it is not known


@cython.final
cdef class GraphRows:
    cdef SideReader reader
    cdef Sides sides
    cdef bint through_internal
    cdef Links links
    cdef Arrivals arrivals[2]       # of the spans that take part: SENDERS and RECEIVERS
    cdef list contexts_seen         # of the rows, in runs …
    cdef int64_t context_place      # … where this scope's stands; -1: it does not yet
    cdef uint64_t scope             # counts scopes, and blocks
    cdef PyObject* silent[LAST_KIND + 1]    # sides of its spans that name nobody; NULL: not known, or not asked for
    cdef Said said[SAID]

    def __cinit__(self, SideReader reader, Sides sides, bint through_internal):
        self.reader, self.sides, self.through_internal = reader, sides, through_internal
        self.links = Links()
        memset(self.arrivals, 0, sizeof(self.arrivals))
        memset(self.said, 0, sizeof(self.said))
        self.empty()

    def __dealloc__(self):
        PyMem_RawFree(self.arrivals[SENDERS].items)
        PyMem_RawFree(self.arrivals[RECEIVERS].items)

    cdef int empty(self) except -1:
        """No row is left."""
        self.sides.reset()
        self.reader.reset()
        self.links.count = self.arrivals[SENDERS].count = self.arrivals[RECEIVERS].count = 0
        self.contexts_seen = []
        self.leave()
        return 0

    cdef inline void leave(self) noexcept:
        """The scope is over."""
        self.context_place = -1

    cdef inline int add(
        self, Row* row, Span* span, context, uint8_t kind, uint8_t status, AttributeReader found, list merged
    ) except -1:
        """The row of a span whose context, kind and status are these; what it takes part with."""
        cdef Arrival* arrival
        if self.context_place < 0:
            self.enter(context)
        if span.link_count and kind != CONSUMER:
            self.links.count -= span.link_count
            span.link_count = 0
        if row.trace_id is NULL or kind == 0 or kind == INTERNAL and not self.through_internal:
            return 0
        arrival = next_arrival(&self.arrivals[is_receiver(kind)])
        arrive(arrival, row, span, is_receiver(kind), status == LAST_STATUS)
        arrival.link, arrival.link_count = <uint32_t>(self.links.count - span.link_count), span.link_count
        arrival.half.side = self.side(arrival, context, kind, found, merged)
        return 0

    cdef inline PyObject* side(
        self, Arrival* arrival, context, uint8_t kind, AttributeReader found, list merged
    ) except? NULL:
        """The span's side, if it is known."""
        cdef uint32_t named = MANY
        cdef uint8_t roles = self.reader.found_roles(found, &named)
        cdef uint8_t wanted = roles_of(kind, roles)
        if roles & wanted == 0:
            if self.silent[kind] is NULL:
                self.silent[kind] = self.side_of(arrival, context, kind, wanted, found, merged)
            return self.silent[kind]
        if named != MANY and found.values[named].kind == TEXT:
            return self.side_by_text(arrival, context, kind, wanted, named, found, merged)
        return self.side_of(arrival, context, kind, wanted, found, merged)

    cdef int enter(self, context) except -1:
        """The first span of a scope, or of a block."""
        self.context_place = <int64_t>PyList_GET_SIZE(self.contexts_seen)
        self.contexts_seen.append(context)
        memset(self.silent, 0, sizeof(self.silent))
        self.scope += 1
        return 0

    cdef inline PyObject* side_by_text(
        self, Arrival* arrival, context, uint8_t kind, uint8_t wanted, uint32_t named, AttributeReader found, list merged
    ) except? NULL:
        """`side_of` a span that says but one thing."""
        cdef Value* value = &found.values[named]
        cdef Said* said = &self.said[said_place(value, kind)]
        if said.scope != self.scope or said.kind != kind or said.number != named or not same_text(said, value):
            said[0] = Said(value.data, value.size, named, self.scope, kind, NULL)
        if said.side is NULL:
            said.side = self.side_of(arrival, context, kind, wanted, found, merged)
        return said.side

    cdef PyObject* side_of(
        self, Arrival* arrival, context, uint8_t kind, uint8_t wanted, AttributeReader found, list merged
    ) except? NULL:
        """The side, if it is known; else the arrival has its key."""
        cdef PyObject* side
        arrival.context = <uint32_t>self.context_place
        arrival.side_key = self.reader.used
        arrival.side_size = self.reader.key(context.number, kind, wanted, found, merged)
        side = self.sides.known(self.reader.keys + arrival.side_key, arrival.side_size)
        if side is not NULL:
            self.reader.used = arrival.side_key
        return side


cdef inline uint32_t said_place(Value* value, uint8_t kind) noexcept nogil:
    cdef uint64_t end = 0
    if value.size >= 8:
        memcpy(&end, value.data + value.size - 8, 8)
    else:
        memcpy(&end, value.data, value.size)
    return (<uint32_t>(end * 0x9E3779B97F4A7C15ULL >> 59) ^ kind) & (SAID - 1)


cdef inline bint same_text(Said* said, Value* value) noexcept nogil:
    return said.size == value.size and memcmp(said.data, value.data, value.size) == 0
