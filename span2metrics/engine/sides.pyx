# Sides: who a half of an edge is.  A side is a service (a context), a kind, and the texts that an edge's labels take
# from the span.  Spans that agree in those share a side, which is found by its key, as series are found by theirs.
#
# A key is made and looked up while a request is walked; who is not known then is born when all of the request is known
# to be valid.  A key holds each value that is read of a kind of span, in the order in which they were sent: of a
# database's client what names the database, of others what may name a peer, and the edge's dimensions.  What is not read
# is not in the key, so that a server's clients, each with a port of its own, are one.  Spans that send the same in
# another order have a key of their own and come to the same edge.


cdef enum:
    INTERNAL = 1            # opentelemetry.proto.trace.v1.Span.SpanKind
    SERVER = 2
    CLIENT = 3
    PRODUCER = 4
    CONSUMER = 5
    SIDE_HEAD = 9           # bytes of a key before its values: context, kind and DATABASE
    VALUE_HEAD = 3          # bytes of a value: number of the attribute, kind; then a number, or a length and a text
    SHOWN = 8               # kinds beside those of values: a text as labels show it …
    SHOWN_HOST = 9          # … and that of the host of a URL; what was done to it stands in the upper bits
    SHOWN_KIND = 0x0F
    SHOWN_MARK = 4
    DATABASE = 0x80
    MANY = 0xFFFFFFFF
    RECENT = 256            # sides that are at hand
    RECENT_KEY = 128        # bytes of a key that is held at hand
    SIDE_COST = 600         # bytes of a side and its texts, more or less

cdef enum Role:             # what an attribute is read for
    TELLS_DATABASE = 1
    NAMES_DATABASE = 2
    NAMES_PEER = 4          # of clients and producers
    NAMES_CLIENT = 8        # of servers and consumers
    IS_DIMENSION = 16


cdef struct Counted:        # a series, and its stamp when that was found out
    uint32_t number
    uint16_t stamp


@cython.final
cdef class Side:
    cdef readonly object named      # texts; see `graph.Named`
    cdef readonly uint64_t number
    cdef readonly uint8_t kind
    cdef readonly bint database     # its edge is made at once
    cdef Counted unpaired           # counts its halves whose partner did not come
    cdef Counted dropped            # and those that had to go


@cython.final
cdef class SideGeneration:
    cdef Generation keys
    cdef list sides                 # by `Target.calls`

    def __cinit__(self, size_t limit):
        self.keys = Generation(limit)
        self.sides = []

    cdef inline Side find(self, const uint8_t* key, uint32_t size, uint32_t hash):
        cdef Entry* entry = self.keys.find(key, size, hash)
        if entry is NULL:
            return None
        return <Side>PyList_GET_ITEM(self.sides, entry.target.calls)

    cdef bint add(self, const uint8_t* key, uint32_t size, uint32_t hash, Side side) except -1:
        cdef size_t sides = <size_t>len(self.sides) * SIDE_COST
        if sides + self.keys.bytes() > self.keys.limit:
            return False
        if not self.keys.add(key, size, hash, Target(<uint32_t>len(self.sides), 0, 0, 0, 0)):
            return False
        self.sides.append(side)
        return True


@cython.final
cdef class Sides:
    """Known sides, in two generations bounded in bytes like known keys, and the recent ones at hand."""

    cdef SideGeneration young
    cdef SideGeneration old
    cdef size_t limit
    cdef uint64_t next_number
    cdef list retired               # what rows of this request may still point to
    cdef list recent                # Side, by place …
    cdef uint8_t recent_keys[RECENT][RECENT_KEY]
    cdef uint32_t recent_sizes[RECENT]

    def __cinit__(self, size_t budget):
        self.limit = budget // 2
        self.young = SideGeneration(self.limit)
        self.old = SideGeneration(self.limit)
        self.next_number = 1
        self.retired, self.recent = [], [None] * RECENT
        memset(self.recent_sizes, 0, sizeof(self.recent_sizes))

    cdef int reset(self) except -1:
        """No row points to a side any more."""
        if self.retired:
            self.retired = []
        return 0

    cdef inline PyObject* known(self, const uint8_t* key, uint32_t size) except? NULL:
        """The side of a key, alive until `reset`; NULL: it is not known."""
        cdef uint32_t place = recent_place(key, size)
        if self.recent_sizes[place] == size and memcmp(self.recent_keys[place], key, size) == 0:
            return PyList_GET_ITEM(self.recent, place)
        return self.known_by_hash(key, size, place)

    cdef PyObject* known_by_hash(self, const uint8_t* key, uint32_t size, uint32_t place) except? NULL:
        cdef Side side = self.find(key, size, hash_of(key, size))
        if side is None:
            return NULL
        if size <= RECENT_KEY:
            memcpy(self.recent_keys[place], key, size)
            self.recent_sizes[place] = size
            self.retired.append(self.recent[place])
            self.recent[place] = side
        return <PyObject*>side

    cdef inline Side find(self, const uint8_t* key, uint32_t size, uint32_t hash):
        """The side of a key, or None."""
        cdef Side side = self.young.find(key, size, hash)
        if side is None and self.old.keys.index.used:
            side = self.old.find(key, size, hash)
            if side is not None:
                self.put(key, size, hash, side)
        return side

    cdef int put(self, const uint8_t* key, uint32_t size, uint32_t hash, Side side) except -1:
        if not self.young.keys.can_hold(size) or self.young.add(key, size, hash, side):
            return 0
        self.retired.append(self.old)
        self.old = self.young
        self.young = SideGeneration(self.limit)
        self.young.add(key, size, hash, side)
        return 0

    cdef Side made(self, object named, uint8_t kind, bint database):
        cdef Side side = Side.__new__(Side)
        side.named, side.kind, side.database = named, kind, database
        side.number = self.next_number
        side.unpaired = side.dropped = Counted(NO_SERIES, 0)
        self.next_number += 1
        return side


@cython.final
cdef class SideReader:
    """Makes keys of what an AttributeReader found, and texts of keys."""

    cdef uint8_t* roles             # by the reader's list
    cdef int url                    # position of the attribute whose host names a peer, -1: none …
    cdef bint url_whole             # … the whole of which is in a key
    cdef uint32_t count             # of the reader's attributes
    cdef uint32_t label_length
    cdef Privacy privacy
    cdef uint8_t* keys              # of this request, one behind the other
    cdef size_t used
    cdef size_t room

    def __cinit__(self, policy, uint32_t label_length, Privacy privacy):
        cdef uint32_t number
        self.count = len(policy.span_attributes)
        self.roles = <uint8_t*>PyMem_RawCalloc(self.count + 1, 1)
        for role, numbers in (
            (TELLS_DATABASE, policy.databases),
            (NAMES_DATABASE, policy.database_servers),
            (NAMES_PEER, policy.peers),
            (NAMES_CLIENT, (policy.peer_service,)),
            (IS_DIMENSION, policy.span_dimensions),
        ):
            for number in numbers:
                self.roles[number] |= <uint8_t>role
        self.url, self.url_whole = policy.url, policy.url_whole
        self.label_length = label_length
        self.privacy = privacy

    def __dealloc__(self):
        PyMem_RawFree(self.roles)
        PyMem_RawFree(self.keys)

    cdef list read_of(self, uint8_t kind):
        """Positions of the attributes that may be read of a kind of span."""
        cdef uint8_t wanted = roles_of(kind, 0) | roles_of(kind, TELLS_DATABASE)
        return [number for number in range(self.count) if self.roles[number] & wanted]

    cdef void reset(self) noexcept:
        self.used = 0
        if self.room > 1 << 20:
            PyMem_RawFree(self.keys)
            self.keys = NULL
            self.room = 0

    cdef inline uint8_t found_roles(self, AttributeReader found, uint32_t* number) noexcept:
        """What was found is read for; `number` becomes the last of them that is read, if there is none but one."""
        cdef uint8_t roles = 0, role
        cdef uint32_t i, count = 0
        for i in range(found.found_count):
            role = self.roles[found.found[i]]
            if role and found.values[found.found[i]].kind != ABSENT:
                roles |= role
                number[0] = found.found[i]
                count += 1
        if count > 1:
            number[0] = MANY
        return roles

    cdef inline uint32_t key(
        self, uint64_t context, uint8_t kind, uint8_t wanted, AttributeReader found, list merged
    ) except? 0xFFFFFFFF:
        """Appends the key of a span's side; its size.  `wanted`: `roles_of` this kind."""
        cdef size_t start = self.used
        cdef uint8_t* at = self.reserve(SIDE_HEAD)
        cdef uint32_t i, number
        memcpy(at, &context, 8)
        at[8] = kind | (DATABASE if wanted & TELLS_DATABASE else 0)
        self.used += SIDE_HEAD
        for i in range(found.found_count):
            number = found.found[i]
            if self.roles[number] & wanted and found.values[number].kind != ABSENT:
                self.put(number, &found.values[number], merged)
        return <uint32_t>(self.used - start)

    cdef int put(self, uint32_t number, Value* value, list merged) except -1:
        cdef Value host
        cdef bint is_long = value.kind == TEXT and value.size > self.label_length
        if <int>number == self.url and (is_long or not self.url_whole):
            host = url_host(value)
            if self.url_whole:
                self.put_slowly(number, SHOWN_HOST, &host, merged)
            elif host.kind == ABSENT:
                return 0
            else:
                value = &host
                is_long = host.size > self.label_length
        if value.kind > DOUBLE or is_long:
            return self.put_slowly(number, SHOWN, value, merged)
        if value.kind == TEXT:
            return self.put_text(number, TEXT, value)
        cdef uint8_t* at = self.put_head(number, value.kind, 8)
        memcpy(at, &value.number, 8)
        return 0

    cdef inline int put_text(self, uint32_t number, uint8_t kind, Value* value) except -1:
        cdef uint8_t* at = self.put_head(number, kind, 2 + value.size)
        memcpy(at, &value.size, 2)
        memcpy(at + 2, value.data, value.size)
        return 0

    cdef inline uint8_t* put_head(self, uint32_t number, uint8_t kind, size_t size) except NULL:
        """Where the `size` bytes behind it go."""
        cdef uint8_t* at = self.reserve(VALUE_HEAD + size)
        memcpy(at, &number, 2)
        at[2] = kind
        self.used += VALUE_HEAD + size
        return at + VALUE_HEAD

    cdef int put_slowly(self, uint32_t number, uint8_t kind, Value* value, list merged) except -1:
        """As the text that a label shows, which faults of its bytes must not wait for."""
        text, mark = label_text(value, self.label_length, merged, self.privacy)
        cdef bytes encoded = text.encode()
        cdef Value shown = Value(<uint8_t*>PyBytes_AS_STRING(encoded), <uint32_t>PyBytes_GET_SIZE(encoded), TEXT, 0)
        return self.put_text(number, kind | <uint8_t>mark << SHOWN_MARK, &shown)

    cdef inline uint8_t* reserve(self, size_t size) except NULL:
        if self.used + size > self.room:
            self.room = self.room * 2 + size + 4096
            self.keys = <uint8_t*>reallocated(self.keys, self.room)
        return self.keys + self.used

    cdef tuple texts(self, const uint8_t* key, uint32_t size, list merged):
        """Of a key's values by the reader's list the texts, "" for none, and the marks; and both of the host of its URL."""
        cdef const uint8_t* end = key + size
        cdef list texts = [""] * self.count
        cdef list marks = [0] * self.count
        cdef tuple host = ("", 0), shown
        cdef Value value
        cdef uint32_t number = 0
        key += SIDE_HEAD
        while key < end:
            value = Value(NULL, 0, key[2] & SHOWN_KIND, key[2] >> SHOWN_MARK)
            memcpy(&number, key, 2)
            key += VALUE_HEAD
            if value.kind == TEXT or value.kind >= SHOWN:
                memcpy(&value.size, key, 2)
                value.data = key + 2
                key += 2 + value.size
            else:
                memcpy(&value.number, key, 8)
                key += 8
            shown = self.text(&value, merged)
            if value.kind == SHOWN_HOST:
                host = shown
                continue
            texts[number], marks[number] = shown
            if <int>number == self.url and not self.url_whole:
                host = shown
            elif <int>number == self.url and value.kind == TEXT:
                value = url_host(&value)
                host = self.text(&value, merged)
        return texts, marks, host

    cdef tuple text(self, Value* value, list merged):
        """Text and mark of a value of a key."""
        if value.kind >= SHOWN:
            return PyUnicode_DecodeUTF8(<const char*>value.data, value.size, NULL), value.number
        return label_text(value, self.label_length, merged, self.privacy)


cdef inline uint8_t roles_of(uint8_t kind, uint8_t roles) noexcept nogil:
    """What is read of a kind of span, of which attributes with these roles are there."""
    if kind == CLIENT and roles & TELLS_DATABASE:
        return TELLS_DATABASE | NAMES_DATABASE | IS_DIMENSION
    if kind == CLIENT or kind == PRODUCER:
        return NAMES_PEER | IS_DIMENSION
    return NAMES_CLIENT | IS_DIMENSION if kind == SERVER or kind == CONSUMER else 0


cdef Value url_host(Value* url) except *:
    """The host as a value, absent where there is none."""
    cdef Value host = Value(NULL, 0, ABSENT, 0)
    if url.kind == TEXT:
        set_data(&host, TEXT, host_of(Cursor(url.data, url.data + url.size)))
    return host


cdef Cursor host_of(Cursor url) noexcept:
    """The host of an absolute URL, without user and port; empty where there is none."""
    cdef const uint8_t* at = url.at
    cdef const uint8_t* end
    cdef const uint8_t* colon = NULL
    while at < url.end and is_of_scheme(at[0], at == url.at):
        at += 1
    if at == url.at or url.end - at < 3 or memcmp(at, b"://", 3):
        return Cursor(url.end, url.end)
    at += 3
    end = at
    while end < url.end and end[0] != c"/" and end[0] != c"?" and end[0] != c"#":
        if end[0] == c"@":
            at = end + 1
            colon = NULL
        elif end[0] == c":" and colon is NULL:
            colon = end
        end += 1
    if at < end and at[0] == c"[":
        return bracketed(at, end)
    if colon is not NULL:
        end = colon
    return Cursor(at, end)


cdef inline bint is_of_scheme(uint8_t character, bint first) noexcept:
    """RFC 3986 §3.1: letters, and behind the first one digits, plus, minus and dot."""
    if c"a" <= character | 0x20 <= c"z":
        return True
    return not first and (c"0" <= character <= c"9" or character in b"+-.")


cdef Cursor bracketed(const uint8_t* at, const uint8_t* end) noexcept:
    """An IPv6 address, without its brackets."""
    cdef const uint8_t* close = at
    while close < end and close[0] != c"]":
        close += 1
    if close == end:
        return Cursor(end, end)
    return Cursor(at + 1, close)


cdef inline uint32_t recent_place(const uint8_t* key, uint32_t size) noexcept nogil:
    """By the context, the kind and the end of the last value."""
    cdef uint64_t context, end
    memcpy(&context, key, 8)
    memcpy(&end, key + size - 8, 8)
    return <uint32_t>(((context << 3) + key[8]) ^ (end * 0x9E3779B97F4A7C15ULL >> 56)) & (RECENT - 1)
