# Halves that wait for their partner: a slab of records, found by the key under which they meet, in order of arrival.
#
# Under a key there is either a sender (client, producer; internal span that forwards) or a ring of receivers (servers,
# consumers) that wait for it, whose first record stands for it in the index and holds the key: so neither many receivers
# of one message nor a long way through internal spans costs more than a step each, and one look says all.
#
# Two queues name records: all of them in order of arrival (`arrived`), which is the order in which they are over; and
# senders that have met a receiver and stay for further ones, in the order in which they first did (`met`), which go first
# and silently when there is no room.  Who leaves out of turn leaves a gap in the one and a stale word in the other.
#
# A record is a line of the cache, because there are many and each is needed but twice or thrice.  What only receivers
# and forwards need is in a second record of the same number.  The queues tell what will be needed soon, so that it is in
# the cache by then.


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
    MET = 16                # a sender that has met a receiver
    ROOT = 32               # a receiver without a parent
    FAILED = 64
    TIMED = 128

cdef enum:
    KEY_WORDS = 3           # of a key: trace id, span id
    KEY_BYTES = 24
    NO_HALF = 0
    LINE = 64               # bytes of a line of the cache
    AHEAD = 16              # so many places before a queue comes to a record, it is fetched
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
    uint32_t hash               # of its key
    uint32_t place              # among those that arrived

cdef struct Origin:             # of receivers and forwards, and of those that are WEIGHTED
    uint64_t ids[KEY_WORDS]     # its own; a forward's span id is that of its parent
    double excess               # of its weight over one
    uint32_t ring_before        # receivers of one key
    uint32_t ring_after


@cython.final
cdef class Halves:
    cdef Half** chunks
    cdef Origin** origins
    cdef void** blocks              # what the chunks are in
    cdef uint32_t* next_free        # by number
    cdef uint32_t made              # records that were ever in use
    cdef uint32_t free              # those that are free, by `next_free`: first and last, in the order in which they left,
    cdef uint32_t free_last         # … so that who comes one after the other lies side by side
    cdef uint32_t count
    cdef Queue arrived              # hash << 32 | number; 0: it has left
    cdef Queue met                  # place << 32 | number
    cdef Index index
    cdef uint32_t slot              # of the index, where the last search ended

    def __cinit__(self):
        index_make(&self.index, 1024)
        queue_make(&self.arrived, 1024)
        queue_make(&self.met, 1024)

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
        PyMem_RawFree(self.next_free)
        PyMem_RawFree(self.arrived.words)
        PyMem_RawFree(self.met.words)

    cdef inline Half* at(self, uint32_t number) noexcept:
        """By its number, from 1."""
        return &self.chunks[(number - 1) >> CHUNK_BITS][(number - 1) & (CHUNK - 1)]

    cdef inline Origin* origin(self, uint32_t number) noexcept:
        return &self.origins[(number - 1) >> CHUNK_BITS][(number - 1) & (CHUNK - 1)]

    # --- records ------------------------------------------------------------------------------------------------------

    cdef inline uint32_t add(self, Half* half) except 0:
        """Takes a copy, last of those that wait; in no index yet.  The side is shared from now on."""
        cdef uint32_t number = self.free
        if queue_full(&self.arrived):
            self.close_gaps()
        if number:
            self.free = self.next_free[number]
            self.fetch_free()
        else:
            if self.made % CHUNK == 0:
                self.add_chunk()
            self.made += 1
            number = self.made
        copy_half(self.at(number), half)
        self.at(number).place = self.arrived.end
        queue_put(&self.arrived, <uint64_t>half.hash << 32 | number)
        Py_XINCREF(half.side)
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
        self.next_free = <uint32_t*>reallocated(self.next_free, (self.made + CHUNK + 1) * sizeof(uint32_t))
        return 0

    cdef inline void remove(self, uint32_t number) noexcept:
        cdef Half* half = self.at(number)
        if half.since & RECEIVER:
            self.leave_ring(number)
        elif half.since & KEYED:
            index_drop(&self.index, half.hash, number)
        queue_word(&self.arrived, half.place)[0] = 0
        Py_XDECREF(half.side)
        half.side = NULL
        self.next_free[number] = NO_HALF
        if self.free:
            self.next_free[self.free_last] = number
        else:
            self.free = number
        self.free_last = number
        self.count -= 1

    # --- queues -------------------------------------------------------------------------------------------------------

    cdef inline uint32_t oldest(self) noexcept:
        """The one that arrived first, or none."""
        cdef uint64_t word
        while queue_size(&self.arrived):
            self.fetch_arrived()
            word = queue_word(&self.arrived, self.arrived.first)[0]
            if word:
                return <uint32_t>word
            self.arrived.first += 1
        return NO_HALF

    cdef inline int meet(self, uint32_t number) except -1:
        """A sender has met a receiver."""
        cdef Half* half = self.at(number)
        if half.since & MET:
            return 0
        if queue_full(&self.met):
            self.forget_stale()
        queue_put(&self.met, <uint64_t>half.place << 32 | number)
        half.since |= MET
        return 0

    cdef inline uint32_t first_met(self) noexcept:
        """The sender that met a receiver first, or none; it is taken out of `met`."""
        cdef uint64_t word
        while queue_size(&self.met):
            self.fetch_met()
            word = queue_word(&self.met, self.met.first)[0]
            self.met.first += 1
            if self.is_there(word):
                return <uint32_t>word
        return NO_HALF

    cdef inline bint is_there(self, uint64_t word) noexcept:
        """Is it still the one that a word of `met` names?"""
        cdef Half* half = self.at(<uint32_t>word)
        return half.side is not NULL and half.place == word >> 32

    cdef int close_gaps(self) except -1:
        """Makes room in `arrived`; everybody gets a new place there."""
        cdef uint64_t* word
        cdef uint32_t i
        self.forget_stale()
        queue_renew(&self.arrived, self.count)
        for i in range(queue_size(&self.arrived)):
            word = queue_word(&self.arrived, self.arrived.first + i)
            self.at(<uint32_t>word[0]).place = self.arrived.first + i
        for i in range(queue_size(&self.met)):
            word = queue_word(&self.met, self.met.first + i)
            word[0] = <uint64_t>self.at(<uint32_t>word[0]).place << 32 | <uint32_t>word[0]
        return 0

    cdef int forget_stale(self) except -1:
        """Makes room in `met`."""
        cdef uint32_t i, used = 0
        cdef uint64_t* word
        for i in range(queue_size(&self.met)):
            word = queue_word(&self.met, self.met.first + i)
            if self.is_there(word[0]):
                used += 1
            else:
                word[0] = 0
        return queue_renew(&self.met, used)

    # --- into the cache before it is needed -------------------------------------------------------------------------

    cdef inline void fetch_arrived(self) noexcept:
        cdef uint64_t word
        if queue_size(&self.arrived) > AHEAD:
            word = queue_word(&self.arrived, self.arrived.first + AHEAD)[0]
            if word:
                prefetch(self.at(<uint32_t>word))
                self.fetch_slot(word >> 32)

    cdef inline void fetch_free(self) noexcept:
        """The record that is taken after the next one."""
        if self.free and self.next_free[self.free]:
            prefetch(self.at(self.next_free[self.free]))

    cdef inline void fetch_met(self) noexcept:
        cdef uint32_t size = queue_size(&self.met)
        if size > AHEAD:
            prefetch(self.at(<uint32_t>queue_word(&self.met, self.met.first + AHEAD)[0]))
            self.fetch_slot(self.at(<uint32_t>queue_word(&self.met, self.met.first + AHEAD // 2)[0]).hash)

    cdef inline void fetch_slot(self, uint32_t hash) noexcept:
        prefetch(&self.index.slots[hash & self.index.mask])

    cdef inline uint32_t fetch_half(self, uint32_t hash) noexcept:
        """Who is under a key of that hash, as far as the hash tells."""
        cdef uint32_t i = hash & self.index.mask
        cdef uint64_t slot = self.index.slots[i]
        while slot and slot >> 32 != hash:
            i = (i + 1) & self.index.mask
            slot = self.index.slots[i]
        if slot:
            prefetch(self.at(<uint32_t>slot))
        return <uint32_t>slot

    cdef inline void fetch_origin(self, uint32_t number) noexcept:
        if number:
            prefetch(self.origin(number))

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
        """For one more.  Three slots in eight are taken at most: who is not where it belongs costs a wrong guess."""
        return index_grow(&self.index) if <uint64_t>self.index.used * 8 >= <uint64_t>self.index.mask * 3 else 0

    cdef inline void put(self, uint32_t number) noexcept:
        """Where the last search found nothing."""
        self.index.used += 1
        self.replace(number)

    cdef inline void replace(self, uint32_t number) noexcept:
        """In place of what the last search found."""
        cdef Half* half = self.at(number)
        self.index.slots[self.slot] = <uint64_t>half.hash << 32 | number
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
            index_drop(&self.index, half.hash, number)
            return
        self.find(half.key, half.hash)
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
