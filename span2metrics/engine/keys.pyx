# Known keys of spans: (context, name, kind, status, values of the configured attributes) → the series that count them.
#
# Two generations, each bounded to half the budget.  A full young one becomes the old one and what was old is dropped as
# a whole, so that nothing is ever deleted singly; an old key that is met again moves to the young generation.  Whatever
# is sent, memory stays within the budget, and keys in use stay known.


cdef struct Target:
    uint32_t calls          # of the engine's SeriesTable `calls`
    uint32_t durations      # of its `durations`
    uint32_t notes          # 0, or what must be counted besides: number of the engine's list of notes, and LIMITED
    uint16_t stamp          # of both series, added up: when one of them is gone, it is another
    uint16_t size           # the table's own: bytes of the key

cdef struct Entry:
    Target target           # the key's bytes follow; where keys have assignments, its number stands before it

cdef enum:
    ENTRY_ALIGNMENT = 8
    BEFORE_ENTRY = 8        # bytes of an assignment's number
    MAX_KEY = 0xFFFF        # bytes
    MAX_VALUE = 1024        # bytes; a key with a longer name or value is never kept


@cython.final
cdef class Generation:
    """Append-only: entries in chunks, found by an index."""

    cdef Index index
    cdef uint8_t** chunks
    cdef uint32_t chunk_count
    cdef uint32_t chunk_room        # of `chunks`
    cdef size_t chunk_size
    cdef int chunk_bits
    cdef size_t free                # in the last chunk
    cdef size_t limit
    cdef size_t before              # bytes before an entry

    def __cinit__(self, size_t limit, bint assigned=False):
        self.limit = limit
        self.before = BEFORE_ENTRY if assigned else 0
        self.chunk_bits = 8
        while self.chunk_bits < 18 and <size_t>1 << (self.chunk_bits + 4) <= limit:
            self.chunk_bits += 1
        self.chunk_size = <size_t>1 << self.chunk_bits
        index_make(&self.index, 16)

    def __dealloc__(self):
        cdef uint32_t i
        for i in range(self.chunk_count):
            PyMem_RawFree(self.chunks[i])
        PyMem_RawFree(self.chunks)
        PyMem_RawFree(self.index.slots)

    cdef inline size_t bytes(self) noexcept:
        return index_bytes(&self.index) + self.chunk_count * self.chunk_size

    cdef inline Entry* entry(self, uint32_t reference) noexcept:
        cdef size_t offset = <size_t>(reference - 1) * ENTRY_ALIGNMENT
        return <Entry*>(self.chunks[offset >> self.chunk_bits] + (offset & (self.chunk_size - 1)))

    cdef Entry* find(self, const uint8_t* key, uint32_t size, uint32_t hash) noexcept:
        cdef uint32_t i = hash & self.index.mask
        cdef uint64_t slot
        cdef Entry* entry
        while True:
            slot = self.index.slots[i]
            if slot == 0:
                return NULL
            if slot >> 32 == hash:
                entry = self.entry(<uint32_t>slot)
                if entry.target.size == size and memcmp(entry + 1, key, size) == 0:
                    return entry
            i = (i + 1) & self.index.mask

    cdef inline bint can_hold(self, uint32_t size) noexcept:
        """A key of so many bytes?"""
        return size <= MAX_KEY and self.before + sizeof(Entry) + size <= self.chunk_size

    cdef bint add(
        self, const uint8_t* key, uint32_t size, uint32_t hash, Target target, uint32_t assignment=0
    ) except -1:
        """False: no room within the limit.  The key must be one that it `can_hold`."""
        cdef size_t need = (self.before + sizeof(Entry) + size + ENTRY_ALIGNMENT - 1) & ~<size_t>(ENTRY_ALIGNMENT - 1)
        cdef size_t offset
        cdef Entry* entry
        if not self.make_room(need):
            return False
        offset = self.chunk_count * self.chunk_size - self.free + self.before
        self.free -= need
        index_put(&self.index, hash, <uint32_t>(offset // ENTRY_ALIGNMENT) + 1)
        entry = self.entry(<uint32_t>(offset // ENTRY_ALIGNMENT) + 1)
        entry.target = target
        entry.target.size = <uint16_t>size
        self.assign(entry, assignment)
        memcpy(entry + 1, key, size)
        return True

    cdef inline void assign(self, Entry* entry, uint32_t assignment) noexcept:
        if self.before:
            (<uint32_t*>entry - 1)[0] = assignment

    cdef bint make_room(self, size_t need) except -1:
        if index_full(&self.index):
            if self.bytes() + index_bytes(&self.index) > self.limit:
                return False
            index_grow(&self.index)
        if self.free >= need:
            return True
        if self.bytes() + self.chunk_size > self.limit:
            return False
        return self.add_chunk()

    cdef bint add_chunk(self) except -1:
        cdef uint8_t* chunk
        if self.chunk_count == self.chunk_room:
            self.chunk_room = self.chunk_room * 2 + 8
            self.chunks = <uint8_t**>reallocated(self.chunks, self.chunk_room * sizeof(uint8_t*))
        chunk = <uint8_t*>reallocated(NULL, self.chunk_size)
        self.chunks[self.chunk_count] = chunk
        self.chunk_count += 1
        self.free = self.chunk_size
        return True


cdef void* reallocated(void* memory, size_t size) except NULL:
    memory = PyMem_RawRealloc(memory, size)
    if memory is NULL:
        raise MemoryError
    return memory


@cython.final
cdef class Keys:
    cdef Generation young
    cdef Generation old
    cdef size_t limit               # of each generation
    cdef bint assigned              # keys have assignments

    def __cinit__(self, size_t budget, bint assigned=False):
        self.limit, self.assigned = budget // 2, assigned
        self.young = Generation(self.limit, assigned)
        self.old = Generation(self.limit, assigned)

    cdef inline Entry* find(self, const uint8_t* key, uint32_t size, bint* aged) noexcept:
        """The entry of a key, or NULL; `aged` says that it is about to be forgotten."""
        cdef uint32_t hash = hash_of(key, size)
        cdef Entry* entry = self.young.find(key, size, hash)
        aged[0] = False
        if entry is NULL and self.old.index.used:
            entry = self.old.find(key, size, hash)
            aged[0] = entry is not NULL
        return entry

    cdef inline uint32_t assignment(self, Entry* entry) noexcept:
        """The number of a key's assignment; 0: it has none."""
        return (<uint32_t*>entry - 1)[0] if self.assigned else 0

    cdef bint keep(self, Entry* entry) except -1:
        """Puts a known key once more."""
        return self.put(<uint8_t*>(entry + 1), entry.target.size, entry.target, self.assignment(entry))

    cdef bint put(self, const uint8_t* key, uint32_t size, Target target, uint32_t assignment=0) except -1:
        """Keeps a key, with another target if it is known.  True: what was old is gone, and pointers into it with it."""
        cdef uint32_t hash = hash_of(key, size)
        cdef Generation dropped = self.old          # lives until the key, which may lie in it, is copied
        cdef Entry* entry = self.young.find(key, size, hash)
        if entry is not NULL:
            entry.target = target
            entry.target.size = <uint16_t>size
            self.young.assign(entry, assignment)
        if entry is not NULL or not self.young.can_hold(size):
            return False
        if self.young.add(key, size, hash, target, assignment):
            return False
        self.old = self.young
        self.young = Generation(self.limit, self.assigned)
        self.young.add(key, size, hash, target, assignment)
        return True

    cdef size_t bytes(self) noexcept:
        return self.young.bytes() + self.old.bytes()

    cdef size_t count(self) noexcept:
        return self.young.index.used + self.old.index.used
