# Normalised keys: raw keys that nobody knows, with every value as the text that its label shows.
#
# They have the raw key's form, a text for each value that is for a label, so that what was normal already is its own
# normalised key and is kept once.  Where normalising such a key again could change it, the two are told apart by a bit.
#
# Two ways lead to the same bytes.  `entry_of` writes them one by one and makes no object: the way of names with ids, a
# fresh one in every span, whose series are known.  `miss` makes texts of everything, and what policy needs for a birth.


cdef enum:
    APART = 8               # in the byte of a key's head that has the kind and the status
    RAW_ROOM = 1 << 20      # bytes of raw keys in scratch; those that do not fit are not remembered

cdef struct Renamed:        # a raw key that came to a known one
    Target target
    uint32_t assignment
    uint8_t found           # of Template
    uint32_t size           # of the raw key; 0: it is not remembered
    size_t at               # in `raws`


@cython.final
cdef class Normal:
    """The keys of a block that are not known as they are."""

    cdef Keys keys
    cdef Births births
    cdef Privacy privacy
    cdef object policy
    cdef object naming      # None: there are no rules
    cdef tuple naming_at    # positions of what it reads
    cdef bint reads_name, rewrites
    cdef bint templates     # names are looked through for ids …
    cdef bint dry_run       # … and what is found is counted alone
    cdef bint plain         # what becomes of a name is told by its bytes
    cdef uint8_t apart
    cdef uint32_t label_length, label_values
    cdef dict by_normal     # key → the first miss that came to it
    cdef uint8_t* key
    cdef size_t size        # of the key that was written last; 0: none was, a value needs more care …
    cdef uint8_t found      # … and what became of ids in its name, of Template
    cdef uint8_t* raws
    cdef size_t raw_bytes
    cdef Renamed* renamed
    cdef size_t count, room

    def __cinit__(self, Keys keys, Births births, Privacy privacy, policy, plan):
        self.keys, self.births, self.privacy, self.policy = keys, births, privacy, policy
        self.naming = policy.naming if policy.naming.rules else None
        self.naming_at = policy.naming_at
        self.reads_name = policy.reads(names.SPAN_NAME)
        self.rewrites = policy.rewrites
        self.templates = self.reads_name and plan.templating is not Templating.OFF
        self.dry_run = plan.templating is Templating.DRY_RUN
        self.plain = self.templates and not self.dry_run and self.naming is None
        self.apart = APART if self.naming is not None or self.dry_run else 0
        self.label_length = plan.label_value_length
        self.label_values = policy.label_values
        size = 8 + 2 + TEMPLATE_GROWTH * MAX_VALUE + self.label_values * (3 + MAX_VALUE)
        self.key = <uint8_t*>reallocated(NULL, size)
        self.by_normal = {}

    def __dealloc__(self):
        PyMem_RawFree(self.key)
        PyMem_RawFree(self.raws)
        PyMem_RawFree(self.renamed)

    cdef int empty(self) except -1:
        self.count = self.raw_bytes = 0
        if self.by_normal:
            self.by_normal = {}
        return 0

    # --- without objects ----------------------------------------------------------------------------------------------

    cdef Entry* entry_of(
        self, Cursor name, context, AttributeReader found, const uint8_t* raw, size_t raw_size, bint* aged
    ) except? NULL:
        """The entry of the normalised key, where that is known and can be told without objects; else NULL.

        `found`: what was read of the span; `raw`: its raw key.
        """
        cdef Entry* entry
        self.size = self.found = 0
        if not self.plain or not is_ascii(name.at, name.end - name.at):
            return NULL
        self.size = self.write_key(raw, name, found, &self.found)
        if not self.size or self.size == raw_size and memcmp(self.key, raw, raw_size) == 0:
            return NULL
        entry = self.births.known(self.keys, context, self.key, self.size, aged)
        if entry is not NULL:
            self.add(entry, self.found, raw, raw_size)
        return entry

    cdef inline size_t write_key(
        self, const uint8_t* head, Cursor name, AttributeReader found, uint8_t* templates
    ) noexcept:
        """The normalised key in `key`, its head as it was, and its size; 0: a value needs more care."""
        cdef uint8_t* at = self.key + 8
        cdef uint32_t i
        memcpy(self.key, head, 8)
        at = self.put_name(at, name.at, name.end - name.at, templates)
        for i in range(self.label_values):
            if at is NULL:
                return 0
            at = self.put_value(at, &found.values[i])
        return at - self.key if at is not NULL else 0

    cdef inline uint8_t* put_name(self, uint8_t* at, const uint8_t* data, size_t size, uint8_t* templates) noexcept:
        cdef size_t written = templated(data, size, at + 2, templates)
        if not size:
            data, size = <const uint8_t*>PyBytes_AS_STRING(UNKNOWN_NAME), PyBytes_GET_SIZE(UNKNOWN_NAME)
        if not templates[0]:
            memcpy(at + 2, data, size)
            written = size
        return self.end_text(at, written)

    cdef inline uint8_t* put_value(self, uint8_t* at, Value* value) noexcept:
        """NULL: its text is not to be had so simply."""
        at[0] = TEXT if value.kind != ABSENT else ABSENT
        if value.kind == ABSENT:
            return at + 1
        if value.kind == TEXT and value.size <= self.label_length:
            memcpy(at + 3, value.data, value.size)
            return self.end_text(at + 1, value.size)
        if value.kind == BOOLEAN:
            memcpy(at + 3, <const char*>b"true" if value.number else <const char*>b"false", 5)
            return self.end_text(at + 1, 4 if value.number else 5)
        if value.kind == INTEGER:
            return self.end_text(at + 1, put_integer(<char*>at + 3, <int64_t>value.number) - <char*>at - 3)
        return NULL

    cdef inline uint8_t* end_text(self, uint8_t* at, size_t size) noexcept:
        """Behind the text that is written at `at` + 2, once its size is before it; NULL where it needs more care."""
        cdef uint16_t length = <uint16_t>size
        if self.needs_care(at + 2, size):
            return NULL
        memcpy(at, &length, 2)
        return at + 2 + size

    cdef inline bint needs_care(self, const uint8_t* at, size_t size) noexcept:
        """May a label show anything but these very bytes?  Then texts are made."""
        return size > self.label_length or not is_ascii(at, size) or self.privacy.may_hide(at, size)

    cdef int add(self, Entry* entry, uint8_t templates, const uint8_t* raw, size_t raw_size) except -1:
        cdef Renamed* renamed
        if self.count == self.room:
            self.renamed = <Renamed*>reallocated(self.renamed, (self.room * 2 + 256) * sizeof(Renamed))
            self.room = self.room * 2 + 256
        if self.raws is NULL:
            self.raws = <uint8_t*>reallocated(NULL, RAW_ROOM)
        renamed = self.renamed + self.count
        renamed.target, renamed.found, renamed.assignment = entry.target, templates, self.keys.assignment(entry)
        renamed.at, renamed.size = self.raw_bytes, 0
        if self.raw_bytes + raw_size <= RAW_ROOM:
            memcpy(self.raws + self.raw_bytes, raw, raw_size)
            self.raw_bytes += raw_size
            renamed.size = <uint32_t>raw_size
        self.count += 1
        return 0

    cdef int remember(self, Notes notes) except -1:
        """Counts the names that were templated on the way to a known key, and keeps the keys that they came with."""
        cdef Renamed* renamed = self.renamed
        cdef Renamed* end = self.renamed + self.count
        while renamed != end:
            if renamed.found and renamed.target.calls != NO_SERIES:
                notes.templated[renamed.found] += 1
                renamed.target.notes = notes.with_templates(renamed.target.notes, renamed.found)
            if renamed.size:
                self.keys.put(self.raws + renamed.at, renamed.size, renamed.target, renamed.assignment)
            renamed += 1
        return 0

    cdef Miss plain_miss(self, bytes raw, object context, uint8_t kind, uint8_t status):
        """The miss whose normalised key was written last and is not known: its texts are those in the key."""
        cdef Miss miss = Miss.__new__(Miss)
        cdef const uint8_t* at = self.key + 8
        cdef bint same = raw is not None and self.size == <size_t>PyBytes_GET_SIZE(raw)
        cdef uint32_t i
        miss.context, miss.kind, miss.status, miss.found = context, kind, status, self.found
        miss.name = text_at(&at)
        miss.values = []
        for i in range(self.label_values):
            at += 1
            miss.values.append(text_at(&at) if (at - 1)[0] != ABSENT else "")
        if same and memcmp(PyBytes_AS_STRING(raw), self.key, self.size) == 0:
            miss.normal = raw
        else:
            miss.normal = self.key[:self.size]
        if self.rewrites:
            miss.marked = miss.context_marked = self.policy.marked(context, 0, miss.values, (0,) * self.label_values)
        self.set_origin(miss)
        return miss

    cdef int set_origin(self, Miss miss) except -1:
        miss.origin = self.by_normal.setdefault(miss.normal, miss)
        if miss.origin is miss:
            miss.origin = None          # no cycle: the collector has nothing to do here
        return 0

    # --- in texts -----------------------------------------------------------------------------------------------------

    cdef Miss miss(self, Cursor name, object context, uint8_t kind, uint8_t status, AttributeReader found, list merged):
        cdef Miss miss = Miss.__new__(Miss)
        cdef uint32_t i
        miss.context, miss.kind, miss.status = context, kind, status
        text, name_mark = self.name_text(miss, name, found, merged)
        miss.name = text or names.UNKNOWN_NAME
        miss.values = []
        marks = []
        for i in range(self.label_values):
            text, mark = label_text(&found.values[i], self.label_length, merged, self.privacy)
            miss.values.append(text)
            marks.append(mark)
        if context.marked or self.rewrites:
            miss.context_marked = self.policy.marked(context, 0, miss.values, (0,) * len(marks))
        if context.marked or self.rewrites or name_mark or any(marks):
            miss.marked = self.policy.marked(context, name_mark, miss.values, marks)
        self.look_again(miss)
        return miss

    cdef tuple name_text(self, Miss miss, Cursor at, AttributeReader found, list merged):
        """The name's text as its label shows it, and what was done to it; of ids in it, that is in `miss.found`."""
        cdef Value name = Value(at.at, <uint32_t>(at.end - at.at), TEXT, 0)
        cdef bint replaced = False, beyond
        cdef bytes changed = self.changed(miss, &name, &replaced, found, merged)
        if changed is None or self.dry_run:
            return label_text(&name, self.label_length, merged, self.privacy)
        beyond = name.size > TEXT_WINDOW and not miss.found & BY_RULE
        if beyond:
            changed += CUT_MARK
        name = Value(<const uint8_t*>PyBytes_AS_STRING(changed), <uint32_t>PyBytes_GET_SIZE(changed), TEXT, 0)
        text, mark = label_text(&name, self.label_length, merged, self.privacy)
        if not text:
            return text, mark           # it was hidden whole, and nothing else was done to it
        return text, mark | (CUT if beyond else 0) | (REPLACED if replaced else 0)

    cdef bytes changed(self, Miss miss, Value* name, bint* replaced, AttributeReader found, list merged):
        """The name after the rules and templates, as far as a value is looked at; None where they leave it as it is."""
        cdef bytes out, text
        cdef size_t size
        cdef uint8_t templates = 0
        if not self.reads_name or not self.templates and self.naming is None:
            return None
        if self.naming is None and name.size <= TEXT_WINDOW and is_ascii(name.data, name.size):
            text = name.data[:name.size]        # needs no decoding
        else:
            text = self.by_rule(miss, name, replaced, found, merged).encode()
        if self.templates:
            out = PyBytes_FromStringAndSize(NULL, TEMPLATE_GROWTH * PyBytes_GET_SIZE(text))
            size = templated(
                <const uint8_t*>PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text),
                <uint8_t*>PyBytes_AS_STRING(out), &templates,
            )
            text = out[:size] if templates else text
        miss.found |= templates
        return text if miss.found else None

    cdef str by_rule(self, Miss miss, Value* name, bint* replaced, AttributeReader found, list merged):
        """The name by the first rule that has one, or its own text."""
        cdef uint32_t i
        cdef str text = value_text(name, replaced, merged, self.privacy)
        if self.naming is None:
            return text
        values = []
        for at in self.naming_at:
            i = at
            values.append(value_text(&found.values[i], replaced, merged, self.privacy))
        ruled = self.naming.rename(miss.context.sender or names.UNKNOWN_SERVICE, text, values)
        if not ruled or ruled == text:
            return text
        miss.found = BY_RULE
        return ruled

    cdef int look_again(self, Miss miss) except -1:
        """Looks up the key whose values are the texts that labels show."""
        cdef Entry* entry
        cdef bint aged
        parts = [self.key_head(miss), key_text(miss.name) if self.reads_name else b"\0\0"]
        parts.extend([b"\1" + key_text(value) if value else b"\0" for value in miss.values])
        miss.normal = b"".join(parts)
        self.set_origin(miss)
        entry = self.births.known(
            self.keys, miss.context, <const uint8_t*>PyBytes_AS_STRING(miss.normal), PyBytes_GET_SIZE(miss.normal), &aged
        )
        if entry is not NULL:
            miss.known = True
            miss.target, miss.assignment = entry.target, self.keys.assignment(entry)
        return 0

    cdef bytes key_head(self, Miss miss):
        cdef uint64_t head = <uint64_t>miss.context.number << 8 | miss.kind << 4 | miss.status | self.apart
        return head.to_bytes(8, "little")


cdef bytes UNKNOWN_NAME = names.UNKNOWN_NAME.encode()
cdef bytes CUT_MARK = ELLIPSIS.encode()


cdef inline str text_at(const uint8_t** at):
    """The ASCII text that stands there behind its length; `at` is behind it then."""
    cdef uint16_t size
    memcpy(&size, at[0], 2)
    at[0] += 2 + size
    return PyUnicode_DecodeASCII(<const char*>at[0] - size, size, NULL)


cdef bytes key_text(str text):
    cdef bytes encoded = text.encode()
    return PyBytes_GET_SIZE(encoded).to_bytes(2, "little") + encoded


cdef inline bint is_ascii(const uint8_t* at, size_t size) noexcept nogil:
    cdef uint64_t word
    while size >= 8:
        memcpy(&word, at, 8)
        if word & 0x8080808080808080ULL:
            return False
        at += 8
        size -= 8
    word = 0
    memcpy(&word, at, size)
    return not word & 0x8080808080808080ULL


cdef inline char* put_integer(char* at, int64_t number) noexcept nogil:
    if number >= 0:
        return put_number(at, <uint64_t>number)
    at[0] = c"-"
    return put_number(at + 1, -<uint64_t>number)
