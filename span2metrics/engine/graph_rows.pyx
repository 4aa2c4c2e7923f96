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
    cdef Numbers senders            # of the rows that take part, those of kinds that others look for …
    cdef Numbers receivers          # … and those of kinds that look for one
    cdef list contexts_seen         # of the rows, in runs …
    cdef int64_t context_place      # … where this scope's stands; -1: it does not yet
    cdef uint64_t scope             # counts scopes, and blocks
    cdef PyObject* silent[LAST_KIND + 1]    # sides of its spans that name nobody; NULL: not known, or not asked for
    cdef Said said[SAID]

    def __cinit__(self, SideReader reader, Sides sides, bint through_internal):
        self.reader, self.sides, self.through_internal = reader, sides, through_internal
        self.links, self.senders, self.receivers = Links(), Numbers(), Numbers()
        memset(self.said, 0, sizeof(self.said))
        self.empty()

    cdef int empty(self) except -1:
        """No row is left."""
        self.sides.reset()
        self.reader.reset()
        self.links.count = self.senders.count = self.receivers.count = 0
        self.contexts_seen = []
        self.leave()
        return 0

    cdef inline void leave(self) noexcept:
        """The scope is over."""
        self.context_place = -1

    cdef int grow(self, size_t room) except -1:
        """There may be so many rows."""
        self.senders.grow(room)
        return self.receivers.grow(room)

    cdef inline int add(
        self, Row* row, size_t number, Span* span, context, uint8_t kind, AttributeReader found, list merged
    ) except -1:
        """The row, by its number, of a span whose context and kind are these; what it takes part with."""
        cdef uint8_t roles, wanted
        cdef uint32_t named = MANY
        if self.context_place < 0:
            self.enter(context)
        if span.link_count and kind != CONSUMER:
            self.links.count -= span.link_count
            span.link_count = 0
        if row.trace_id is NULL or kind == 0 or kind == INTERNAL and not self.through_internal:
            return 0
        if kind == SERVER or kind == CONSUMER:
            self.receivers.add(number)
        else:
            self.senders.add(number)
        row.parent_id, row.parent_fault = span.parent_id, span.parent_fault
        row.link, row.link_count = <uint32_t>(self.links.count - span.link_count), span.link_count
        roles = self.reader.found_roles(found, &named)
        wanted = roles_of(kind, roles)
        if roles & wanted == 0:
            if self.silent[kind] is NULL:
                self.silent[kind] = self.side_of(row, context, kind, wanted, found, merged)
            row.side = self.silent[kind]
        elif named != MANY and found.values[named].kind == TEXT:
            row.side = self.side_by_text(row, context, kind, wanted, named, found, merged)
        else:
            row.side = self.side_of(row, context, kind, wanted, found, merged)
        return 0

    cdef int enter(self, context) except -1:
        """The first span of a scope, or of a block."""
        self.context_place = <int64_t>PyList_GET_SIZE(self.contexts_seen)
        self.contexts_seen.append(context)
        memset(self.silent, 0, sizeof(self.silent))
        self.scope += 1
        return 0

    cdef inline PyObject* side_by_text(
        self, Row* row, context, uint8_t kind, uint8_t wanted, uint32_t named, AttributeReader found, list merged
    ) except? NULL:
        """`side_of` a span that says but one thing."""
        cdef Value* value = &found.values[named]
        cdef Said* said = &self.said[said_place(value, kind)]
        if said.scope != self.scope or said.kind != kind or said.number != named or not same_text(said, value):
            said[0] = Said(value.data, value.size, named, self.scope, kind, NULL)
        if said.side is NULL:
            said.side = self.side_of(row, context, kind, wanted, found, merged)
        return said.side

    cdef PyObject* side_of(
        self, Row* row, context, uint8_t kind, uint8_t wanted, AttributeReader found, list merged
    ) except? NULL:
        """The side, if it is known; else the row has its key."""
        cdef PyObject* side
        row.context = <uint32_t>self.context_place
        row.side_key = self.reader.used
        row.side_size = self.reader.key(context.number, kind, wanted, found, merged)
        side = self.sides.known(self.reader.keys + row.side_key, row.side_size)
        if side is not NULL:
            self.reader.used = row.side_key
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
