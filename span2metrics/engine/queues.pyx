# Queues: rings of words, first in, first out.
#
# A place is a word's number in the queue's whole life, modulo 2^32: it stays what it is while others come and go.


cdef struct Queue:
    uint64_t* words
    uint32_t mask
    uint32_t first          # place of the oldest word …
    uint32_t end            # … and of the next one to come


cdef int queue_make(Queue* queue, uint32_t size) except -1:
    """`size`: a power of two."""
    queue.words = <uint64_t*>PyMem_RawCalloc(size, sizeof(uint64_t))
    if queue.words is NULL:
        raise MemoryError
    queue.mask = size - 1
    queue.first = queue.end = 0
    return 0


cdef inline uint32_t queue_size(Queue* queue) noexcept nogil:
    return queue.end - queue.first


cdef inline bint queue_full(Queue* queue) noexcept nogil:
    return queue.end - queue.first > queue.mask


cdef inline uint64_t* queue_word(Queue* queue, uint32_t place) noexcept nogil:
    return &queue.words[place & queue.mask]


cdef inline void queue_put(Queue* queue, uint64_t word) noexcept nogil:
    """The caller has seen to it that the queue is not full."""
    queue.words[queue.end & queue.mask] = word
    queue.end += 1


cdef int queue_renew(Queue* queue, uint32_t used) except -1:
    """Leaves out the words that are 0; twice as large, if the `used` others fill more than half of it.

    Those that stay get new places, none of which any word has had before.
    """
    cdef Queue other
    cdef uint64_t word
    cdef uint32_t i
    queue_make(&other, (queue.mask + 1) * (2 if used > queue.mask >> 1 else 1))
    other.first = other.end = queue.end
    for i in range(queue_size(queue)):
        word = queue_word(queue, queue.first + i)[0]
        if word:
            queue_put(&other, word)
    PyMem_RawFree(queue.words)
    queue[0] = other
    return 0
