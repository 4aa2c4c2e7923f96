# A keyed hash and an open-addressed index from it to what the owner stores elsewhere.  The hash only finds the place:
# whoever owns the index compares the whole key.
#
# SipHash-1-3 (Aumasson and Bernstein; CPython's and Rust's choice for tables): keys come from senders, who must not be
# able to make them collide.


cdef uint64_t HASH_KEY_0 = int.from_bytes(secrets.token_bytes(8), "little")
cdef uint64_t HASH_KEY_1 = int.from_bytes(secrets.token_bytes(8), "little")

cdef struct SipState:
    uint64_t v0
    uint64_t v1
    uint64_t v2
    uint64_t v3


cdef inline uint64_t rotated(uint64_t x, int bits) noexcept nogil:
    return (x << bits) | (x >> (64 - bits))


cdef inline void sip_round(SipState* s) noexcept nogil:
    s.v0 += s.v1
    s.v2 += s.v3
    s.v1 = rotated(s.v1, 13) ^ s.v0
    s.v3 = rotated(s.v3, 16) ^ s.v2
    s.v0 = rotated(s.v0, 32)
    s.v2 += s.v1
    s.v0 += s.v3
    s.v1 = rotated(s.v1, 17) ^ s.v2
    s.v3 = rotated(s.v3, 21) ^ s.v0
    s.v2 = rotated(s.v2, 32)


cdef inline void sip_word(SipState* s, uint64_t word) noexcept nogil:
    s.v3 ^= word
    sip_round(s)
    s.v0 ^= word


cdef inline uint64_t rest_of(const uint8_t* rest, size_t size) noexcept nogil:
    """The bytes behind the last whole word, of `size` bytes in all.  A copy of so few costs more than its arithmetic."""
    cdef uint64_t word = 0
    if size < 8:
        memcpy(&word, rest, size)
        return word
    memcpy(&word, rest + (size & 7) - 8, 8)
    return word >> 8 >> (56 - 8 * (size & 7))


cdef uint32_t hash_of(const uint8_t* data, size_t size) noexcept nogil:
    cdef SipState s
    cdef uint64_t word
    cdef const uint8_t* end = data + (size & ~<size_t>7)
    s.v0 = HASH_KEY_0 ^ 0x736F6D6570736575ULL
    s.v1 = HASH_KEY_1 ^ 0x646F72616E646F6DULL
    s.v2 = HASH_KEY_0 ^ 0x6C7967656E657261ULL
    s.v3 = HASH_KEY_1 ^ 0x7465646279746573ULL
    while data != end:
        memcpy(&word, data, 8)
        sip_word(&s, word)
        data += 8
    sip_word(&s, rest_of(data, size) | <uint64_t>size << 56)
    s.v2 ^= 0xFF
    sip_round(&s)
    sip_round(&s)
    sip_round(&s)
    return <uint32_t>(s.v0 ^ s.v1 ^ s.v2 ^ s.v3)


# A slot is hash << 32 | reference; references begin at 1, so that 0 is an empty slot.  Probing is linear.
cdef struct Index:
    uint64_t* slots
    uint32_t mask
    uint32_t used


cdef int index_make(Index* index, uint32_t size) except -1:
    """`size`: a power of two."""
    index.slots = <uint64_t*>PyMem_RawCalloc(size, sizeof(uint64_t))
    if index.slots is NULL:
        raise MemoryError
    index.mask = size - 1
    index.used = 0
    return 0


cdef inline size_t index_bytes(Index* index) noexcept nogil:
    return (<size_t>index.mask + 1) * sizeof(uint64_t)


cdef inline bint index_full(Index* index) noexcept nogil:
    return <uint64_t>index.used * 4 >= (<uint64_t>index.mask + 1) * 3


cdef inline void index_put(Index* index, uint32_t hash, uint32_t reference) noexcept nogil:
    """The caller has seen to it that the index is not full."""
    cdef uint32_t i = hash & index.mask
    while index.slots[i]:
        i = (i + 1) & index.mask
    index.slots[i] = <uint64_t>hash << 32 | reference
    index.used += 1


cdef inline void index_drop(Index* index, uint32_t hash, uint32_t reference) noexcept nogil:
    """Takes out what must be there; those behind it that were put off close the gap."""
    cdef uint32_t hole = hash & index.mask, i, home
    while <uint32_t>index.slots[hole] != reference:
        hole = (hole + 1) & index.mask
    i = (hole + 1) & index.mask
    while index.slots[i]:
        home = <uint32_t>(index.slots[i] >> 32) & index.mask
        if ((i - home) & index.mask) >= ((i - hole) & index.mask):
            index.slots[hole] = index.slots[i]
            hole = i
        i = (i + 1) & index.mask
    index.slots[hole] = 0
    index.used -= 1


cdef int index_grow(Index* index) except -1:
    cdef Index larger
    cdef size_t i
    index_make(&larger, (index.mask + 1) * 2)
    for i in range(<size_t>index.mask + 1):
        if index.slots[i]:
            index_put(&larger, <uint32_t>(index.slots[i] >> 32), <uint32_t>index.slots[i])
    PyMem_RawFree(index.slots)
    index[0] = larger
    return 0
