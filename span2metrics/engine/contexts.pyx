# Contexts: what a resource and a scope say of their spans, known by their bytes and interned by the values that the
# plan reads, so that a thousand pods of one service share one context and its keys.
#
# Tables are bounded in bytes as the keys are.  What a request brings is kept aside (`fresh`) until the whole request is
# valid.  Numbers are never used twice: a forgotten context's keys just age out.


cdef enum:
    MAX_CONTEXT_BYTES = 16384       # of a resource and scope; larger ones are read anew each time
    CONTEXT_COST = 600              # bytes beside the key: object, tuples, texts, dict entries; measured, rounded up
    KEY_COST = 240                  # bytes beside those of resource and scope: tuple, two objects, dict entry


@cython.final
cdef class Contexts:
    cdef Services services
    cdef Memory by_bytes            # bytes of a resource, or of it and its scope → Context, or as `held` has it
    cdef Memory by_values           # texts → Context
    cdef dict fresh_bytes
    cdef dict fresh_values
    cdef uint64_t next_number
    cdef Cursor resource            # the one whose spans are walked …
    cdef bytes resource_bytes
    cdef tuple resource_read        # … and its texts and marks, once they were asked for
    cdef AttributeReader resource_reader
    cdef AttributeReader scope_reader
    cdef readonly bint reads_scope
    cdef bint alike                 # nothing tells those apart for whom there is no room …
    cdef object others              # … the context that they share then; None: it is not known yet
    cdef bint tells_senders         # by their own names, also of those for whom there is no room
    cdef uint32_t label_length
    cdef Privacy privacy

    def __cinit__(self, policy, plan, Services services, Privacy privacy):
        self.services = services
        self.by_bytes = Memory(plan.raw_key_bytes // 8)
        self.by_values = Memory(plan.raw_key_bytes // 8)
        self.fresh_bytes = {}
        self.fresh_values = {}
        self.resource_reader = AttributeReader(policy.resource_attributes)
        self.scope_reader = AttributeReader(policy.scope_attributes)
        self.reads_scope = bool(policy.scope_attributes)
        self.tells_senders = policy.tells_senders
        self.alike = not self.reads_scope and not self.tells_senders and len(policy.resource_attributes) == 1
        self.label_length = plan.label_value_length
        self.privacy = privacy

    cdef int enter(self, Cursor resource) except -1:
        """Contexts are of this resource from here on.  It is copied and read once, however many scopes it has."""
        self.resource = resource
        self.resource_bytes = resource.at[:resource.end - resource.at]
        self.resource_read = None
        return 0

    cdef object of(self, Cursor scope, list merged):
        """The context of the resource and a scope's bytes.  Raises DecodeError where a value that is read is at fault."""
        key = (self.resource_bytes, scope.at[:scope.end - scope.at]) if self.reads_scope else self.resource_bytes
        found = self.by_bytes.get(key)
        if found is None:
            found = self.fresh_bytes.get(key)
        context = self.held(found)
        if context is None:
            context = self.read(scope, merged)
            found = self.kept_as(context)
            self.fresh_bytes[key] = found
        elif key not in self.by_bytes.young:
            self.fresh_bytes[key] = found           # old or fresh: keep it once more
        return context

    cdef inline object held(self, found):
        """The context that was kept for a resource, if its spans still count there; None: it is to be read again.

        With that of a service for which there was no room the service's name is kept, or that alone where they share it.
        """
        if type(found) is str:
            return self.others if self.services.turns_away(found) else None
        if type(found) is tuple:
            return found[1] if self.services.turns_away(found[0]) else None
        if found is None:
            return None
        return found if (<Service>found.room).live or self.services.keeps_place(<Service>found.room) else None

    cdef int check(self, Cursor scope, list merged) except -1:
        """Raises DecodeError where a value is at fault that would be read if there were spans."""
        if self.resource_read is None:
            self.resource_read = self.resource_reader.resource(self.resource, self.label_length, merged, self.privacy)
        self.scope_reader.scope(scope, self.label_length, merged, self.privacy)
        return 0

    cdef object kept_as(self, context):
        if context.room is not self.services.other:
            return context
        name = self.service_name()
        return name if context is self.others else (name, context)

    cdef str service_name(self):
        return self.resource_read[0][0] or names.UNKNOWN_SERVICE

    cdef object read(self, Cursor scope, list merged):
        if self.resource_read is None:
            self.resource_read = self.resource_reader.resource(self.resource, self.label_length, merged, self.privacy)
        texts, marks = self.resource_read
        room = self.services.of(self.service_name())
        sender = texts[0]
        if room is self.services.other:
            if self.others is not None:
                return self.others
            texts, marks = (names.OTHER, *texts[1:]), (0, *marks[1:])
        scope_texts, scope_marks = self.scope_reader.scope(scope, self.label_length, merged, self.privacy)
        values = (texts, scope_texts, marks, scope_marks, sender if self.tells_senders else None)
        context = self.by_values.get(values)
        if context is not None and room is self.services.other and self.alike:
            self.others = context
        if context is None:
            context = self.fresh_values.get(values)
        if context is None:
            number = self.next_number + len(self.fresh_values)
            context = Context(number, texts, scope_texts, marks, scope_marks, sender)
        context.room = room
        self.fresh_values[values] = context
        return context

    cdef inline size_t fresh(self) noexcept:
        """How much there is to keep."""
        return PyDict_Size(self.fresh_bytes)

    cdef int keep(self) except -1:
        """The request was valid: what it brought is known from now on."""
        if self.fresh_values:
            self.next_number += len(self.fresh_values)
            for values, context in self.fresh_values.items():
                size = sum([len(text) for text in (*values[0], *values[1], values[4] or "")])
                self.by_values.put(values, context, CONTEXT_COST + 2 * size)
        for key, context in self.fresh_bytes.items():
            size = len(key[0]) + len(key[1]) if self.reads_scope else len(key)
            if size <= MAX_CONTEXT_BYTES:
                self.by_bytes.put(key, context, size + KEY_COST)
        return self.forget()

    cdef int leave(self) except -1:
        """The request is over."""
        self.resource_bytes = self.resource_read = None
        return self.forget()

    cdef int forget(self) except -1:
        """What was read since the last `keep` was for nothing."""
        if self.fresh_values:
            self.fresh_values = {}
        if self.fresh_bytes:
            self.fresh_bytes = {}
        return self.services.forget()

    cdef size_t count(self):
        return len(self.by_values.young.keys() | self.by_values.old.keys())


cdef struct Ends:           # of a name: its first and last eight bytes, which are all of it up to sixteen
    uint64_t first
    uint64_t last


cdef enum:
    LENGTHS = 64


cdef inline uint64_t shape_of(const uint8_t* text, size_t size) noexcept nogil:
    """A bit, by the first and last letters: what nobody reads mostly has a shape that is not among those that are."""
    return <uint64_t>1 << ((text[0] ^ text[size - 1]) & 63) if size else 1


cdef inline Ends ends_of(const uint8_t* text, size_t size) noexcept nogil:
    cdef Ends ends = Ends(0, 0)
    if size < sizeof(uint64_t):
        memcpy(&ends.first, text, size)
    else:
        memcpy(&ends.first, text, sizeof(uint64_t))
        memcpy(&ends.last, text + size - sizeof(uint64_t), sizeof(uint64_t))
    return ends


@cython.final
cdef class AttributeReader:
    """Finds the attributes of a list of names; of an attribute given twice the first counts.

    Of the names only those at the positions `read` are looked for, if it is given; the others stay absent.
    """

    cdef tuple names                # bytes
    cdef const uint8_t** texts
    cdef uint32_t* sizes
    cdef Ends* ends
    cdef uint32_t count
    cdef uint64_t shapes[LENGTHS]   # of the names of n bytes (the last: of more, too), a bit each
    cdef uint16_t first[LENGTHS]    # number of the first of them, from 1; 0: there is none …
    cdef uint16_t* next             # … and, after each, of the next
    cdef Value* values
    cdef uint8_t* seen
    cdef uint16_t* found            # those that were seen
    cdef uint32_t found_count

    def __cinit__(self, tuple attributes, read=None):
        cdef uint32_t i, length
        self.names = tuple([name.encode() for name in attributes])
        self.count = len(self.names)
        self.texts = <const uint8_t**>reallocated(NULL, (self.count + 1) * sizeof(uint8_t*))
        self.sizes = <uint32_t*>reallocated(NULL, (self.count + 1) * sizeof(uint32_t))
        self.ends = <Ends*>reallocated(NULL, (self.count + 1) * sizeof(Ends))
        self.values = <Value*>reallocated(NULL, (self.count + 1) * sizeof(Value))
        self.seen = <uint8_t*>reallocated(NULL, self.count + 1)
        self.found = <uint16_t*>reallocated(NULL, (self.count + 1) * sizeof(uint16_t))
        self.next = <uint16_t*>reallocated(NULL, (self.count + 1) * sizeof(uint16_t))
        memset(self.shapes, 0, sizeof(self.shapes))
        memset(self.first, 0, sizeof(self.first))
        for i in range(self.count):
            self.texts[i] = <const uint8_t*>PyBytes_AS_STRING(self.names[i])
            self.sizes[i] = PyBytes_GET_SIZE(self.names[i])
            self.ends[i] = ends_of(self.texts[i], self.sizes[i])
            self.values[i].kind = ABSENT
            self.seen[i] = 0
        for number in sorted(range(self.count) if read is None else read, reverse=True):
            i = number
            length = min(self.sizes[i], LENGTHS - 1)
            self.shapes[length] |= shape_of(self.texts[i], self.sizes[i])
            self.next[i] = self.first[length]
            self.first[length] = i + 1

    def __dealloc__(self):
        PyMem_RawFree(self.texts)
        PyMem_RawFree(self.sizes)
        PyMem_RawFree(self.ends)
        PyMem_RawFree(self.values)
        PyMem_RawFree(self.seen)
        PyMem_RawFree(self.next)
        PyMem_RawFree(self.found)

    cdef inline void clear(self) noexcept:
        cdef uint32_t i
        while self.found_count:
            self.found_count -= 1
            i = self.found[self.found_count]
            self.values[i].kind = ABSENT
            self.seen[i] = 0

    cdef inline int attributes(self, Cursor* c, uint8_t tag, list merged) except -1:
        """Takes the field whose tag was just read, and those of the same tag that follow it."""
        cdef Cursor sub
        while True:
            read_delimited(c, &sub)
            self.attribute(sub, merged)
            if c.at == c.end or c.at[0] != tag:
                return 0
            c.at += 1

    cdef inline int attribute(self, Cursor c, list merged) except -1:
        """Takes one KeyValue.  Its framing is checked whoever reads it; its value only if somebody does."""
        cdef uint64_t shapes
        if not is_plain(c):                         # nearly all are
            return self.read_attribute(c, merged)
        shapes = self.shapes[min(c.at[1], LENGTHS - 1)]
        if not shapes or not shapes & shape_of(c.at + 2, c.at[1]):
            return 0                                # there is no name of its shape
        return self.take(Cursor(c.at + 2, c.at + 2 + c.at[1]), Cursor(c.at + 2 + c.at[1] + 2, c.end), merged)

    cdef int read_attribute(self, Cursor c, list merged) except -1:
        cdef Cursor key, value
        split_pair(c, &key, &value, merged)
        return self.take(key, value, merged)

    cdef int take(self, Cursor key, Cursor value, list merged) except -1:
        cdef uint32_t size = <uint32_t>(key.end - key.at)
        cdef uint32_t number = self.first[min(size, <uint32_t>LENGTHS - 1)]
        cdef uint32_t i
        cdef Ends ends
        if not number:
            return 0
        ends = ends_of(key.at, size)
        while number:
            i = number - 1
            if self.sizes[i] == size and self.ends[i].first == ends.first and self.ends[i].last == ends.last:
                if size <= 2 * sizeof(uint64_t) or memcmp(self.texts[i], key.at, size) == 0:
                    if not self.seen[i]:
                        self.see(i)
                        find_value(value, &self.values[i], merged)
                    return 0
            number = self.next[i]
        return 0

    cdef inline void see(self, uint32_t number) noexcept:
        if not self.seen[number]:
            self.seen[number] = 1
            self.found[self.found_count] = <uint16_t>number
            self.found_count += 1

    cdef int check(self, uint32_t length, list merged) except -1:
        """Reads the arrays and maps that were found, of which other values have no faults."""
        cdef uint32_t i
        for i in range(self.count):
            if self.values[i].kind == ARRAY or self.values[i].kind == MAP:
                label_text(&self.values[i], length, merged, OPEN)
        return 0

    cdef tuple resource(self, Cursor c, uint32_t length, list merged, Privacy privacy):
        """Texts and marks of a Resource's attributes."""
        cdef uint32_t tag
        self.clear()
        while c.at < c.end:
            read_tag(&c, &tag)
            if tag == 0x0A:
                self.attributes(&c, tag, merged)
            else:
                skip(&c, tag)
        return self.read(length, merged, privacy)

    cdef tuple scope(self, Cursor c, uint32_t length, list merged, Privacy privacy):
        """Texts and marks of an InstrumentationScope: its attributes, and its own name and version as two of them."""
        cdef uint32_t tag
        cdef Cursor sub
        cdef Cursor name = Cursor(NULL, NULL), version = Cursor(NULL, NULL)
        self.clear()
        while c.at < c.end:
            read_tag(&c, &tag)
            if tag == 0x0A:
                read_delimited(&c, &name)
            elif tag == 0x12:
                read_delimited(&c, &version)
            elif tag == 0x1A:
                read_delimited(&c, &sub)
                self.attribute(sub, merged)
            else:
                skip(&c, tag)
        self.own(b"scope.name", name)
        self.own(b"scope.version", version)
        return self.read(length, merged, privacy)

    cdef int own(self, bytes name, Cursor text) except -1:
        if text.at is not text.end and name in self.names:
            self.see(self.names.index(name))
            set_data(&self.values[self.names.index(name)], TEXT, text)
        return 0

    cdef tuple read(self, uint32_t length, list merged, Privacy privacy):
        """(texts, marks) of what was found, by the list of names."""
        cdef uint32_t i
        texts = []
        marks = []
        for i in range(self.count):
            text, mark = label_text(&self.values[i], length, merged, privacy)
            texts.append(text)
            marks.append(mark)
        return tuple(texts), tuple(marks)


cdef inline bint is_plain(Cursor c) noexcept nogil:
    """Is a KeyValue a short key and a short value and nothing else, as nearly always?"""
    cdef const uint8_t* value
    if c.end - c.at < 4 or c.at[0] != 0x0A or c.at[1] >= 0x80 or c.end - c.at < 4 + c.at[1]:
        return False
    value = c.at + 2 + c.at[1]
    return value[0] == 0x12 and value[1] < 0x80 and value + 2 + value[1] == c.end
