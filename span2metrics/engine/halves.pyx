# Halves that wait for their partner: a slab of records, found by the key under which they meet, in order of arrival.
#
# Under a key there is either a sender (client, producer; internal span that forwards) or a ring of receivers (servers,
# consumers) that wait for it, whose first record stands for it in the index and holds the key: so neither many receivers
# of one message nor a long way through internal spans costs more than a step each, and one look says all.
#
# Two lists in order of arrival hold every record once: those whose end would be told (`waiting`), and senders that have
# met a receiver and stay for further ones (`met`), which go first and silently when there is no room.
#
# A record is a line of the cache, because there are many and each is needed but twice or thrice.  What only receivers
# and forwards need is in a second record of the same number, and the lists are in an array of their own, which is small.


cdef extern from *:
    """
    /* With an empty statement that must stay: gcc leaves out functions that do nothing but fetch. */
    #define prefetch(address) do { __builtin_prefetch(address); __asm__ volatile (""); } while (0)
    """
    void prefetch(const void* address) noexcept nogil

cdef enum HalfState:
    SENDER = 1              # client, producer
    FORWARD = 2             # an internal span: its key leads to its parent's
    RECEIVER = 4            # server, consumer
    KEYED = 8               # stands in an index
    MET = 16                # in the list `met`
    ROOT = 32               # a receiver without a parent
    FAILED = 64
    TIMED = 128

cdef enum:
    KEY_WORDS = 3           # of a key: trace id, span id
    KEY_BYTES = 24
    NO_HALF = 0
    LINE = 64               # bytes of a line of the cache
    AHEAD = 8               # records that are fetched before the first of them is needed
    WEIGHTED = 0x8000       # of `since` too: stands for more than itself
    STATE_BITS = 16         # of `since`, the lowest: eight of HalfState, then the steps that a receiver was led …
    STATES = 0xFFFF
    STEP = 256              # … over internal spans
    STEPS = 0x7F00

cdef struct Half:
    uint64_t key[KEY_WORDS]     # where it is met
    uint64_t start              # nanoseconds since the epoch
    uint64_t end
    uint64_t since              # STATE_BITS; above when it arrived, nanoseconds, monotonic, modulo three days
    PyObject* side              # owned; NULL of forwards
    uint64_t hash               # of its key

cdef struct Origin:             # of receivers and forwards, and of those that are WEIGHTED
    uint64_t ids[KEY_WORDS]     # its own; a forward's span id is that of its parent
    double excess               # of its weight over one
    uint32_t ring_before        # receivers of one key
    uint32_t ring_after

cdef struct Neighbours:         # in its list
    uint32_t before
    uint32_t after

cdef struct Queue:
    uint32_t first
    uint32_t last


@cython.final
cdef class Halves:
    cdef Half** chunks
    cdef Origin** origins
    cdef void** blocks              # what the chunks are in
    cdef Neighbours* beside         # by number
    cdef uint32_t made              # records that were ever in use
    cdef uint32_t free              # those that are free, by `after`: first and last, in the order in which they left,
    cdef uint32_t free_last         # … so that who comes one after the other lies side by side
    cdef uint32_t count
    cdef Queue waiting
    cdef Queue met
    cdef Index index
    cdef uint32_t slot              # of the index, where the last search ended

    def __cinit__(self):
        index_make(&self.index, 1024)

    def __dealloc__(self):
        cdef uint32_t i
        PyMem_RawFree(self.index.slots)
        for i in range(1, self.made + 1):
            Py_XDECREF(self.at(i).side)
        for i in range(chunks_of(self.made)):
            PyMem_RawFree(self.blocks[i])
            PyMem_RawFree(self.origins[i])
        PyMem_RawFree(self.blocks)
        PyMem_RawFree(self.chunks)
        PyMem_RawFree(self.origins)
        PyMem_RawFree(self.beside)

    cdef inline Half* at(self, uint32_t number) noexcept:
        """By its number, from 1."""
        return &self.chunks[(number - 1) >> CHUNK_BITS][(number - 1) & (CHUNK - 1)]

    cdef inline Origin* origin(self, uint32_t number) noexcept:
        return &self.origins[(number - 1) >> CHUNK_BITS][(number - 1) & (CHUNK - 1)]

    # --- records ------------------------------------------------------------------------------------------------------

    cdef inline uint32_t add(self, Half* half) except 0:
        """Takes a copy, last of those that wait; in no index yet.  The side is shared from now on."""
        cdef uint32_t number = self.free
        if number:
            self.free = self.beside[number].after
        else:
            if self.made % CHUNK == 0:
                self.add_chunk()
            self.made += 1
            number = self.made
        copy_half(self.at(number), half)
        Py_XINCREF(half.side)
        self.append(&self.waiting, number)
        self.count += 1
        return number

    cdef int add_chunk(self) except -1:
        cdef uint32_t number = self.made >> CHUNK_BITS
        cdef size_t start
        self.origins = <Origin**>with_chunk(<void**>self.origins, self.made, CHUNK * sizeof(Origin))
        self.blocks = with_chunk(self.blocks, self.made, CHUNK * sizeof(Half) + LINE)
        start = (<size_t>self.blocks[number] + LINE - 1) & ~<size_t>(LINE - 1)
        self.chunks = <Half**>reallocated(self.chunks, (number + 1) * sizeof(Half*))
        self.chunks[number] = <Half*>start
        self.beside = <Neighbours*>reallocated(self.beside, (self.made + CHUNK + 1) * sizeof(Neighbours))
        return 0

    cdef inline void remove(self, uint32_t number) noexcept:
        cdef Half* half = self.at(number)
        if half.since & RECEIVER:
            self.leave_ring(number)
        elif half.since & KEYED:
            index_drop(&self.index, <uint32_t>half.hash, number)
        self.unlink(&self.met if half.since & MET else &self.waiting, number)
        Py_XDECREF(half.side)
        half.side = NULL
        self.beside[number].after = NO_HALF
        if self.free:
            self.beside[self.free_last].after = number
        else:
            self.free = number
        self.free_last = number
        self.count -= 1

    cdef inline void meet(self, uint32_t number) noexcept:
        """A sender has met its first receiver."""
        cdef Half* half = self.at(number)
        if half.since & MET:
            return
        self.unlink(&self.waiting, number)
        half.since |= MET
        self.append(&self.met, number)

    cdef inline void append(self, Queue* queue, uint32_t number) noexcept:
        self.beside[number] = Neighbours(queue.last, NO_HALF)
        if queue.last:
            self.beside[queue.last].after = number
        else:
            queue.first = number
        queue.last = number

    cdef inline void unlink(self, Queue* queue, uint32_t number) noexcept:
        cdef Neighbours beside = self.beside[number]
        if beside.before:
            self.beside[beside.before].after = beside.after
        else:
            queue.first = beside.after
        if beside.after:
            self.beside[beside.after].before = beside.before
        else:
            queue.last = beside.before

    # --- into the cache before it is needed -------------------------------------------------------------------------

    cdef inline int first(self, Queue* queue, uint32_t* numbers) noexcept:
        """The first ones, at most AHEAD, and how many; they and those after them are on their way."""
        cdef uint32_t number = queue.first
        cdef int i = 0, count = 0
        while number and i < 2 * AHEAD:
            if i < AHEAD:
                numbers[i] = number
                count += 1
            prefetch(self.at(number))
            number = self.beside[number].after
            i += 1
        return count

    cdef inline void fetch_slots(self, uint32_t* numbers, int count) noexcept:
        """The places of halves in the index."""
        cdef int i
        for i in range(count):
            self.fetch_slot(<uint32_t>self.at(numbers[i]).hash)

    cdef inline void fetch_slot(self, uint32_t hash) noexcept:
        prefetch(&self.index.slots[hash & self.index.mask])

    cdef inline void fetch_half(self, uint32_t hash) noexcept:
        """What the slot leads to, if it is the right one."""
        cdef uint64_t slot = self.index.slots[hash & self.index.mask]
        if slot >> 32 == hash and slot:
            prefetch(self.at(<uint32_t>slot))
            prefetch(&self.beside[<uint32_t>slot])

    cdef inline void fetch_next(self, Queue* queue) noexcept:
        """What goes soon: the third one, and the place of the second."""
        cdef uint32_t number = self.beside[queue.first].after if queue.first else NO_HALF
        if number:
            self.fetch_slot(<uint32_t>self.at(number).hash)
            number = self.beside[number].after
            if number:
                prefetch(self.at(number))

    # --- keys ---------------------------------------------------------------------------------------------------------

    cdef inline uint32_t find(self, const uint64_t* key, uint32_t hash) noexcept:
        """A sender, or the first of a ring, or none: then `put` may follow, if there was room before."""
        cdef uint32_t i = hash & self.index.mask
        cdef uint64_t slot = self.index.slots[i]
        while slot:
            if slot >> 32 == hash and same_key(self.at(<uint32_t>slot).key, key):
                break
            i = (i + 1) & self.index.mask
            slot = self.index.slots[i]
        self.slot = i
        return <uint32_t>slot

    cdef inline int make_room(self) except -1:
        return index_grow(&self.index) if index_full(&self.index) else 0

    cdef inline void put(self, uint32_t number) noexcept:
        """Where the last search found nothing."""
        self.index.used += 1
        self.replace(number)

    cdef inline void replace(self, uint32_t number) noexcept:
        """In place of what the last search found."""
        cdef Half* half = self.at(number)
        self.index.slots[self.slot] = half.hash << 32 | number
        half.since |= KEYED

    # --- receivers of one key -----------------------------------------------------------------------------------------

    cdef inline void alone(self, uint32_t number) noexcept:
        """A ring of one."""
        self.origin(number).ring_before = self.origin(number).ring_after = number

    cdef inline void join(self, uint32_t number, uint32_t there) noexcept:
        """One that was alone waits with those of a ring."""
        cdef Origin* origin = self.origin(number)
        origin.ring_before, origin.ring_after = self.origin(there).ring_before, there
        self.origin(origin.ring_before).ring_after = self.origin(there).ring_before = number

    cdef inline void leave_ring(self, uint32_t number) noexcept:
        cdef Half* half = self.at(number)
        cdef Origin* origin = self.origin(number)
        cdef uint32_t heir = origin.ring_after
        self.origin(origin.ring_before).ring_after = heir
        self.origin(heir).ring_before = origin.ring_before
        if not half.since & KEYED:
            return
        if heir == number:
            index_drop(&self.index, <uint32_t>half.hash, number)
            return
        self.find(half.key, <uint32_t>half.hash)
        memcpy(self.at(heir).key, half.key, KEY_BYTES)
        self.at(heir).hash = half.hash
        self.replace(heir)


cdef inline void copy_key(uint64_t* to, const uint64_t* key) noexcept nogil:
    cdef int i
    for i in range(KEY_WORDS):
        to[i] = key[i]


cdef inline void copy_half(Half* to, Half* half) noexcept nogil:
    """Word by word: what was just written so cannot be read faster than it comes out of the store buffer."""
    copy_key(to.key, half.key)
    to.start = half.start
    to.end = half.end
    to.since = half.since
    to.side = half.side
    to.hash = half.hash


cdef inline bint same_key(const uint64_t* a, const uint64_t* b) noexcept nogil:
    return a[2] == b[2] and a[0] == b[0] and a[1] == b[1]


cdef inline bint is_nowhere(const uint64_t* key) noexcept nogil:
    """Does the key end in a span id that nobody has?"""
    return key[2] == 0


# Strongly universal hashing of words of 32 bits (Lemire and Kaser, "Strongly universal string hashing is fast", 2014):
# whoever does not know the multipliers makes no two keys collide more often than chance.
cdef uint64_t MULTIPLIERS[2 * KEY_WORDS + 1]
for _i in range(2 * KEY_WORDS + 1):
    MULTIPLIERS[_i] = int.from_bytes(secrets.token_bytes(8), "little")


cdef inline uint32_t key_hash(const uint64_t* key) noexcept nogil:
    cdef uint64_t sum = MULTIPLIERS[0]
    cdef int i
    for i in range(KEY_WORDS):
        sum += MULTIPLIERS[2 * i + 1] * <uint32_t>key[i]
        sum += MULTIPLIERS[2 * i + 2] * (key[i] >> 32)
    return <uint32_t>(sum >> 32)
