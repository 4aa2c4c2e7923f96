# Contexts: what a resource and a scope say of their spans, known by their bytes and interned by the values that the
# plan reads, so that a thousand pods of one service share one context and its keys.
#
# Tables are dicts in two generations, bounded in bytes as the keys are.  What a request brings is kept aside (`fresh`)
# until the whole request is valid.  Numbers are never used twice: a forgotten context's keys just age out.


cdef enum:
    MAX_CONTEXT_BYTES = 16384       # of a resource and scope; larger ones are read anew each time
    CONTEXT_COST = 600              # bytes beside the key: object, tuples, texts, dict entries; measured, rounded up
    KEY_COST = 240                  # bytes beside those of resource and scope: tuple, two objects, dict entry


cdef class Memory:
    """A dict in two generations: at most `limit` bytes each, as counted by the caller."""

    cdef dict young
    cdef dict old
    cdef size_t size
    cdef size_t limit

    def __cinit__(self, size_t limit):
        self.young = {}
        self.old = {}
        self.limit = limit

    cdef object get(self, key):
        value = self.young.get(key)
        return value if value is not None else self.old.get(key)

    cdef int put(self, key, value, size_t size) except -1:
        if key in self.young:
            return 0
        if self.size + size > self.limit:
            self.old = self.young
            self.young = {}
            self.size = 0
        self.young[key] = value
        self.size += size
        return 0


cdef class Contexts:
    cdef Memory by_bytes            # (bytes of resource, bytes of scope) → Context
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
    cdef uint32_t label_length

    def __cinit__(self, policy, plan):
        self.by_bytes = Memory(plan.raw_key_bytes // 8)
        self.by_values = Memory(plan.raw_key_bytes // 8)
        self.fresh_bytes = {}
        self.fresh_values = {}
        self.resource_reader = AttributeReader(policy.resource_attributes)
        self.scope_reader = AttributeReader(policy.scope_attributes)
        self.reads_scope = bool(policy.scope_attributes)
        self.label_length = plan.label_value_length

    cdef int enter(self, Cursor resource) except -1:
        """Contexts are of this resource from here on.  It is copied and read once, however many scopes it has."""
        self.resource = resource
        self.resource_bytes = resource.at[:resource.end - resource.at]
        self.resource_read = None
        return 0

    cdef object of(self, Cursor scope, list merged):
        """The context of the resource and a scope's bytes.  Raises DecodeError where a value that is read is at fault."""
        cdef tuple key = (self.resource_bytes, scope.at[:scope.end - scope.at])
        context = self.by_bytes.get(key)
        if context is None:
            context = self.fresh_bytes.get(key)
        if context is None:
            context = self.read(scope, merged)
            self.fresh_bytes[key] = context
        elif key not in self.by_bytes.young:
            self.fresh_bytes[key] = context         # old or fresh: keep it once more
        return context

    cdef object read(self, Cursor scope, list merged):
        if self.resource_read is None:
            self.resource_read = self.resource_reader.resource(self.resource, self.label_length, merged)
        texts, marks = self.resource_read
        scope_texts, scope_marks = self.scope_reader.scope(scope, self.label_length, merged)
        values = (texts, scope_texts, marks, scope_marks)
        context = self.by_values.get(values)
        if context is None:
            context = self.fresh_values.get(values)
        if context is None:
            number = self.next_number + len(self.fresh_values)
            context = Context(number, texts, scope_texts, marks, scope_marks)
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
                self.by_values.put(values, context, CONTEXT_COST)
        for key, context in self.fresh_bytes.items():
            size = len(key[0]) + len(key[1])
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
        return 0

    cdef size_t count(self):
        return len(self.by_values.young.keys() | self.by_values.old.keys())


cdef class AttributeReader:
    """Finds the attributes of a list of names; of an attribute given twice the first counts."""

    cdef tuple names                # bytes
    cdef const uint8_t** texts
    cdef uint32_t* sizes
    cdef uint32_t count
    cdef uint64_t lengths           # bit n: a name has n bytes (63: at least 63)
    cdef Value* values
    cdef uint8_t* seen

    def __cinit__(self, tuple attributes):
        cdef uint32_t i
        self.names = tuple([name.encode() for name in attributes])
        self.count = len(self.names)
        self.texts = <const uint8_t**>reallocated(NULL, (self.count + 1) * sizeof(uint8_t*))
        self.sizes = <uint32_t*>reallocated(NULL, (self.count + 1) * sizeof(uint32_t))
        self.values = <Value*>reallocated(NULL, (self.count + 1) * sizeof(Value))
        self.seen = <uint8_t*>reallocated(NULL, self.count + 1)
        for i in range(self.count):
            self.texts[i] = <const uint8_t*>PyBytes_AS_STRING(self.names[i])
            self.sizes[i] = PyBytes_GET_SIZE(self.names[i])
            self.lengths |= <uint64_t>1 << min(self.sizes[i], <uint32_t>63)
        self.clear()

    def __dealloc__(self):
        PyMem_RawFree(self.texts)
        PyMem_RawFree(self.sizes)
        PyMem_RawFree(self.values)
        PyMem_RawFree(self.seen)

    cdef inline void clear(self) noexcept:
        cdef uint32_t i
        for i in range(self.count):
            self.values[i].kind = ABSENT
            self.seen[i] = 0

    cdef inline int attribute(self, Cursor c, list merged) except -1:
        """Takes one KeyValue.  Its framing is checked whoever reads it; its value only if somebody does."""
        cdef Cursor key, value
        if c.end - c.at >= 2 and c.at[0] == 0x0A and c.at[1] < 0x80 and c.end - c.at >= 2 + c.at[1]:
            key.at = c.at + 2
            key.end = key.at + c.at[1]
            if plain_value(key.end, c.end):
                if not self.lengths >> min(c.at[1], <uint8_t>63) & 1:
                    return 0
                value.at = key.end + 2
                value.end = c.end
                return self.take(key, value, merged)
        split_pair(c, &key, &value, merged)
        return self.take(key, value, merged)

    cdef inline int take(self, Cursor key, Cursor value, list merged) except -1:
        cdef uint32_t size = <uint32_t>(key.end - key.at)
        cdef uint32_t i
        if not self.lengths >> min(size, <uint32_t>63) & 1:
            return 0
        for i in range(self.count):
            if self.sizes[i] == size and not self.seen[i] and memcmp(self.texts[i], key.at, size) == 0:
                find_value(value, &self.values[i], merged)
                self.seen[i] = 1
                return 0
        return 0

    cdef tuple resource(self, Cursor c, uint32_t length, list merged):
        """Texts and marks of a Resource's attributes."""
        cdef uint32_t tag
        cdef Cursor sub
        self.clear()
        while c.at < c.end:
            read_tag(&c, &tag)
            if tag == 0x0A:
                read_delimited(&c, &sub)
                self.attribute(sub, merged)
            else:
                skip(&c, tag)
        return self.read(length, merged)

    cdef tuple scope(self, Cursor c, uint32_t length, list merged):
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
        return self.read(length, merged)

    cdef int own(self, bytes name, Cursor text) except -1:
        if text.at is not text.end and name in self.names:
            set_data(&self.values[self.names.index(name)], TEXT, text)
        return 0

    cdef tuple read(self, uint32_t length, list merged):
        """(texts, marks) of what was found, by the list of names."""
        cdef uint32_t i
        texts = []
        marks = []
        for i in range(self.count):
            text, mark = label_text(&self.values[i], length, merged)
            texts.append(text)
            marks.append(mark)
        return tuple(texts), tuple(marks)


cdef inline bint plain_value(const uint8_t* at, const uint8_t* end) noexcept:
    """Whether all that is left of a KeyValue is one value with a short length, as nearly always."""
    return end - at >= 2 and at[0] == 0x12 and at[1] < 0x80 and at + 2 + at[1] == end


cdef tuple label_text(Value* value, uint32_t length, list merged):
    """A value's text as a label shows it, and what was done to it."""
    cdef bint replaced = False
    text = value_text(value, &replaced, merged)
    shown = cut(text, length)
    return shown, (0 if shown is text else 1) | (2 if replaced else 0)
