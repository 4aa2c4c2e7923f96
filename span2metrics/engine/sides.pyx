# Sides: who a half of an edge is.  A side is a service (a context), a kind, and the texts that an edge's labels take
# from the span.  Spans that agree in those share a side, which is found by its key, as series are found by theirs.
#
# A key is made while a request is walked and looked up when all of the request is known to be valid.  It holds, each
# by kind and value: of a database's client what names the database, of others what may name a peer, then the edge's
# dimensions.  What is not read of a kind is not in its key, so that a server's clients, each with a port of its own, are one.


cdef enum:
    INTERNAL = 1            # opentelemetry.proto.trace.v1.Span.SpanKind
    SERVER = 2
    CLIENT = 3
    PRODUCER = 4
    CONSUMER = 5
    SIDE_HEAD = 9           # bytes of a key before its values: context, kind and DATABASE
    DATABASE = 0x80
    SIDE_COST = 600         # bytes of a side and its texts, more or less


cdef class Side:
    cdef readonly object named      # texts; see `graph.Named`
    cdef readonly uint64_t number
    cdef readonly uint8_t kind
    cdef readonly bint database     # its edge is made at once
    cdef uint64_t partner           # number of the side that it made an edge with last …
    cdef uint32_t edge              # … and that edge


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
        if not self.keys.add(key, size, hash, Target(<uint32_t>len(self.sides), 0, 0)):
            return False
        self.sides.append(side)
        return True


cdef class Sides:
    """Known sides, in two generations bounded in bytes like known keys."""

    cdef SideGeneration young
    cdef SideGeneration old
    cdef size_t limit
    cdef uint64_t next_number

    def __cinit__(self, size_t budget):
        self.limit = budget // 2
        self.young = SideGeneration(self.limit)
        self.old = SideGeneration(self.limit)
        self.next_number = 1

    cdef inline Side find(self, const uint8_t* key, uint32_t size, uint32_t hash):
        """The side of a key, or None."""
        cdef Side side = self.young.find(key, size, hash)
        if side is None and self.old.keys.index.used:
            side = self.old.find(key, size, hash)
            if side is not None:
                self.put(key, size, hash, side)
        return side

    cdef int put(self, const uint8_t* key, uint32_t size, uint32_t hash, Side side) except -1:
        if size + sizeof(Entry) > self.young.keys.chunk_size or self.young.add(key, size, hash, side):
            return 0
        self.old = self.young
        self.young = SideGeneration(self.limit)
        self.young.add(key, size, hash, side)
        return 0

    cdef Side made(self, object named, uint8_t kind, bint database):
        cdef Side side = Side.__new__(Side)
        side.named, side.kind, side.database = named, kind, database
        side.number = self.next_number
        self.next_number += 1
        return side


cdef class SideReader:
    """Makes keys of what an AttributeReader found, and texts of keys."""

    cdef uint32_t* databases        # positions in the reader's list
    cdef uint32_t* database_servers
    cdef uint32_t* peers
    cdef uint32_t* dimensions
    cdef int url                    # position of `url.full` among the peers' attributes, -1: none
    cdef int peer_service           # position of `peer.service`
    cdef uint32_t count             # of the reader's attributes
    cdef uint32_t label_length
    cdef uint8_t* keys              # of this request, one behind the other
    cdef size_t used
    cdef size_t room

    def __cinit__(self, policy, uint32_t label_length):
        self.databases = positions(policy.databases)
        self.database_servers = positions(policy.database_servers)
        self.peers = positions(policy.peers)
        self.dimensions = positions(policy.span_dimensions)
        self.url = policy.url
        self.peer_service = policy.peer_service
        self.count = len(policy.span_attributes)
        self.label_length = label_length

    def __dealloc__(self):
        PyMem_RawFree(self.databases)
        PyMem_RawFree(self.database_servers)
        PyMem_RawFree(self.peers)
        PyMem_RawFree(self.dimensions)
        PyMem_RawFree(self.keys)

    cdef void reset(self) noexcept:
        self.used = 0
        if self.room > 1 << 20:
            PyMem_RawFree(self.keys)
            self.keys = NULL
            self.room = 0

    cdef inline uint32_t key(self, uint64_t context, uint8_t kind, Value* values, list merged) except? 0xFFFFFFFF:
        """Appends the key of a span's side; its size."""
        cdef size_t start = self.used
        cdef uint8_t* at = self.reserve(SIDE_HEAD)
        cdef bint database = kind == CLIENT and self.any(self.databases, values)
        memcpy(at, &context, 8)
        at[8] = kind | (DATABASE if database else 0)
        self.used += SIDE_HEAD
        if database:
            self.put_all(self.databases, values, merged)
            self.put_all(self.database_servers, values, merged)
        elif kind == CLIENT or kind == PRODUCER:
            self.put_all(self.peers, values, merged)
        elif kind != INTERNAL:
            self.put(<uint32_t>self.peer_service, values, merged)
        if kind != INTERNAL:
            self.put_all(self.dimensions, values, merged)
        return <uint32_t>(self.used - start)

    cdef inline bint any(self, uint32_t* numbers, Value* values) noexcept:
        cdef uint32_t i
        for i in range(1, numbers[0] + 1):
            if values[numbers[i]].kind != ABSENT:
                return True
        return False

    cdef inline int put_all(self, uint32_t* numbers, Value* values, list merged) except -1:
        cdef uint32_t i
        for i in range(1, numbers[0] + 1):
            self.put(numbers[i], values, merged)
        return 0

    cdef inline int put(self, uint32_t number, Value* values, list merged) except -1:
        """A value's kind, then nothing, a number, or a length and a text."""
        cdef Value* value = &values[number]
        cdef Value shown
        cdef uint8_t* at
        if value.kind == TEXT and <int>number == self.url:
            shown = value[0]
            set_data(&shown, TEXT, host_of(Cursor(value.data, value.data + value.size)))
            value = &shown
        if value.kind > DOUBLE or value.size > self.label_length and value.kind == TEXT:
            return self.put_slowly(value, merged)
        at = self.reserve(11 + value.size)
        at[0] = value.kind
        self.used += 1
        if value.kind == TEXT:
            memcpy(at + 1, &value.size, 2)
            memcpy(at + 3, value.data, value.size)
            self.used += 2 + value.size
        elif value.kind != ABSENT:
            memcpy(at + 1, &value.number, 8)
            self.used += 8
        return 0

    cdef int put_slowly(self, Value* value, list merged) except -1:
        """As the text that a label shows, which faults of its bytes must not wait for."""
        text, _ = label_text(value, self.label_length, merged)
        cdef bytes encoded = text.encode()
        merged.append(encoded)
        cdef Value shown = Value(<uint8_t*>PyBytes_AS_STRING(encoded), <uint32_t>PyBytes_GET_SIZE(encoded), TEXT, 0)
        cdef uint8_t* at = self.reserve(3 + shown.size)
        at[0] = TEXT
        memcpy(at + 1, &shown.size, 2)
        memcpy(at + 3, shown.data, shown.size)
        self.used += 3 + shown.size
        return 0

    cdef inline uint8_t* reserve(self, size_t size) except NULL:
        if self.used + size > self.room:
            self.room = self.room * 2 + size + 4096
            self.keys = <uint8_t*>reallocated(self.keys, self.room)
        return self.keys + self.used

    cdef list texts(self, const uint8_t* key, list merged):
        """The texts of a key's values by the reader's list, "" where the key has none."""
        cdef uint8_t kind = key[8] & ~DATABASE
        cdef bint database = key[8] & DATABASE != 0
        cdef list found = [""] * self.count
        key += SIDE_HEAD
        if database:
            key = self.take_all(self.databases, key, found, merged)
            key = self.take_all(self.database_servers, key, found, merged)
        elif kind == CLIENT or kind == PRODUCER:
            key = self.take_all(self.peers, key, found, merged)
        elif kind != INTERNAL:
            key = self.take(<uint32_t>self.peer_service, key, found, merged)
        if kind != INTERNAL:
            self.take_all(self.dimensions, key, found, merged)
        return found

    cdef const uint8_t* take_all(self, uint32_t* numbers, const uint8_t* key, list found, list merged) except NULL:
        cdef uint32_t i
        for i in range(1, numbers[0] + 1):
            key = self.take(numbers[i], key, found, merged)
        return key

    cdef const uint8_t* take(self, uint32_t number, const uint8_t* key, list found, list merged) except NULL:
        cdef Value value = Value(NULL, 0, key[0], 0)
        key += 1
        if value.kind == TEXT:
            memcpy(&value.size, key, 2)
            value.data = key + 2
            key += 2 + value.size
        elif value.kind != ABSENT:
            memcpy(&value.number, key, 8)
            key += 8
        found[number] = label_text(&value, MAX_VALUE, merged)[0]      # was cut before
        return key


cdef uint32_t* positions(tuple numbers) except NULL:
    """How many, then each."""
    cdef uint32_t* found = <uint32_t*>reallocated(NULL, (len(numbers) + 1) * sizeof(uint32_t))
    cdef uint32_t i
    found[0] = len(numbers)
    for i in range(found[0]):
        found[i + 1] = numbers[i]
    return found


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
