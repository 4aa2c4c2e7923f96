# Halves that wait for their partner: a slab of records, found by the key under which they meet, in order of arrival.
#
# Senders (clients and producers; internal spans that forward) have a key to themselves.  Receivers (servers and
# consumers) that wait under one key form a ring, whose first record stands for it in the index and holds the key: so
# neither many receivers of one message nor a long way through internal spans costs more than a step each.
#
# Two lists in order of arrival hold every record once: those whose end would be told (`waiting`), and senders that have
# met a receiver and stay for further ones (`met`), which go first and silently when there is no room.


cdef extern from *:
    """
    #define prefetch(address) __builtin_prefetch(address)
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
    KEY_BYTES = 24         # of a key: trace id, span id
    NO_HALF = 0

cdef struct Half:
    uint8_t key[KEY_BYTES]     # where it is met
    uint8_t ids[KEY_BYTES]     # its own; a forward's span id is that of its parent
    uint64_t start              # nanoseconds since the epoch
    uint64_t end
    uint64_t arrived            # nanoseconds, monotonic
    PyObject* side              # owned; NULL of forwards
    uint32_t state
    uint32_t hash               # of its key
    uint32_t before             # in its list
    uint32_t after
    uint32_t ring_before        # receivers of one key
    uint32_t ring_after
    uint32_t steps              # that it was led over internal spans

cdef struct Queue:
    uint32_t first
    uint32_t last
    uint32_t count


cdef class Halves:
    cdef Half** chunks
    cdef uint32_t made              # records that were ever in use
    cdef uint32_t free              # first of those that are free, by `after`
    cdef uint32_t count
    cdef Queue waiting
    cdef Queue met
    cdef Index senders
    cdef Index receivers

    def __cinit__(self):
        index_make(&self.senders, 1024)
        index_make(&self.receivers, 1024)

    def __dealloc__(self):
        cdef uint32_t i
        PyMem_RawFree(self.senders.slots)
        PyMem_RawFree(self.receivers.slots)
        for i in range(1, self.made + 1):
            Py_XDECREF(self.at(i).side)
        for i in range(chunks_of(self.made)):
            PyMem_RawFree(self.chunks[i])
        PyMem_RawFree(self.chunks)

    cdef inline Half* at(self, uint32_t number) noexcept:
        """By its number, from 1."""
        return &self.chunks[(number - 1) >> CHUNK_BITS][(number - 1) & (CHUNK - 1)]

    # --- records ------------------------------------------------------------------------------------------------------

    cdef inline uint32_t add(self, Half* half) except 0:
        """Takes a copy, last of those that wait; in no index yet.  The side is shared from now on."""
        cdef uint32_t number = self.free
        if number:
            self.free = self.at(number).after
        else:
            if self.made % CHUNK == 0:
                self.chunks = <Half**>with_chunk(<void**>self.chunks, self.made, CHUNK * sizeof(Half))
            self.made += 1
            number = self.made
        self.at(number)[0] = half[0]
        Py_XINCREF(half.side)
        self.append(&self.waiting, number)
        self.count += 1
        return number

    cdef inline void remove(self, uint32_t number) noexcept:
        cdef Half* half = self.at(number)
        if half.after:                      # who goes now is mostly followed by those that came after it
            prefetch(self.at(half.after))
            prefetch(<char*>self.at(half.after) + 64)
        if half.state & RECEIVER:
            self.leave_ring(number)
        elif half.state & KEYED:
            self.unindex(&self.senders, number)
        self.unlink(&self.met if half.state & MET else &self.waiting, number)
        Py_XDECREF(half.side)
        half.side = NULL
        half.after, self.free = self.free, number
        self.count -= 1

    cdef inline void meet(self, uint32_t number) noexcept:
        """A sender has met its first receiver."""
        cdef Half* half = self.at(number)
        if half.state & MET:
            return
        self.unlink(&self.waiting, number)
        half.state |= MET
        self.append(&self.met, number)

    cdef inline void append(self, Queue* queue, uint32_t number) noexcept:
        cdef Half* half = self.at(number)
        half.before, half.after = queue.last, NO_HALF
        if queue.last:
            self.at(queue.last).after = number
        else:
            queue.first = number
        queue.last = number
        queue.count += 1

    cdef inline void unlink(self, Queue* queue, uint32_t number) noexcept:
        cdef Half* half = self.at(number)
        if half.before:
            self.at(half.before).after = half.after
        else:
            queue.first = half.after
        if half.after:
            self.at(half.after).before = half.before
        else:
            queue.last = half.before
        queue.count -= 1

    # --- keys ---------------------------------------------------------------------------------------------------------

    cdef inline uint32_t find(self, Index* index, const uint8_t* key, uint32_t hash) noexcept:
        cdef uint32_t i = hash & index.mask
        cdef uint64_t slot = index.slots[i]
        while slot:
            if slot >> 32 == hash and memcmp(self.at(<uint32_t>slot).key, key, KEY_BYTES) == 0:
                return <uint32_t>slot
            i = (i + 1) & index.mask
            slot = index.slots[i]
        return NO_HALF

    cdef inline int index(self, Index* index, uint32_t number) except -1:
        """Its key must not be there yet."""
        if index_full(index):
            index_grow(index)
        self.place(index, number)
        return 0

    cdef inline void place(self, Index* index, uint32_t number) noexcept:
        index_put(index, self.at(number).hash, number)
        self.at(number).state |= KEYED

    cdef inline void unindex(self, Index* index, uint32_t number) noexcept:
        index_drop(index, self.at(number).hash, number)
        self.at(number).state &= ~<uint32_t>KEYED

    # --- receivers of one key -----------------------------------------------------------------------------------------

    cdef int wait_at_key(self, uint32_t number) except -1:
        """A receiver, alone so far, waits under its key from now on, with those that wait there."""
        cdef Half* half = self.at(number)
        cdef uint32_t there = self.find(&self.receivers, half.key, half.hash)
        if there == NO_HALF:
            return self.index(&self.receivers, number)
        half.ring_before, half.ring_after = self.at(there).ring_before, there
        self.at(half.ring_before).ring_after = self.at(there).ring_before = number
        return 0

    cdef inline void alone(self, uint32_t number) noexcept:
        """A ring of one."""
        self.at(number).ring_before = self.at(number).ring_after = number

    cdef inline void leave_ring(self, uint32_t number) noexcept:
        cdef Half* half = self.at(number)
        cdef uint32_t heir = half.ring_after
        self.at(half.ring_before).ring_after = heir
        self.at(heir).ring_before = half.ring_before
        if not half.state & KEYED:
            return
        self.unindex(&self.receivers, number)
        if heir != number:
            memcpy(self.at(heir).key, half.key, KEY_BYTES)
            self.at(heir).hash = half.hash
            self.place(&self.receivers, heir)       # where one was just taken out there is room
