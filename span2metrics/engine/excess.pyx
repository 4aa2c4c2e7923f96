# Excess: what the weights of sampled spans add to counters that count spans.
#
# A span that stands for w spans counts as one, like any other, and besides adds w - 1 here: the whole numbers stay what
# they are, and a series none of whose spans stands for others has no record and costs nothing.  Sums are compensated
# doubles (Neumaier), because w - 1 is mostly no dyadic fraction: after millions of spans they are as near to the exact
# fraction as one addition would be.
#
# Rules: semantics §1.4.


cdef struct Sum:
    double sum
    double rest             # what its roundings lost


cdef enum:
    CALLS_EXCESS = 0        # sums of a series' record
    BYTES_EXCESS = 1
    SUM_EXCESS = 0          # of a histogram's: nanoseconds …
    BUCKETS_EXCESS = 1      # … and its buckets


cdef inline void add_to(Sum* sum, double number) noexcept nogil:
    cdef double larger = sum.sum + number
    if fabs(sum.sum) >= fabs(number):
        sum.rest += (sum.sum - larger) + number
    else:
        sum.rest += (number - larger) + sum.sum
    sum.sum = larger


cdef inline void merge_into(Sum* sum, Sum* other) noexcept nogil:
    add_to(sum, other.sum)
    sum.rest += other.rest


cdef inline double total_of(Sum* sum) noexcept nogil:
    return sum.sum + sum.rest


@cython.final
cdef class Excesses:
    """Records of some sums each, by the number of their owner, made for those owners alone that need one."""

    cdef uint32_t** places          # by chunk of owners, NULL for a chunk without any: number of each one's record, from 1
    cdef uint32_t place_count
    cdef Sum** chunks
    cdef uint32_t count             # records that were ever in use
    cdef uint32_t free              # number of the first one that is not, from 1; its first sum is the next one's
    cdef uint32_t width             # sums of a record

    def __cinit__(self, uint32_t width):
        self.width = width

    def __dealloc__(self):
        cdef uint32_t i
        for i in range(self.place_count):
            PyMem_RawFree(self.places[i])
        for i in range(chunks_of(self.count)):
            PyMem_RawFree(self.chunks[i])
        PyMem_RawFree(self.places)
        PyMem_RawFree(self.chunks)

    cdef inline Sum* of(self, uint32_t owner) noexcept:
        """NULL: it has none."""
        cdef uint32_t chunk = owner >> CHUNK_BITS
        cdef uint32_t number
        if chunk >= self.place_count or self.places[chunk] is NULL:
            return NULL
        number = self.places[chunk][owner & (CHUNK - 1)]
        return self.at(number - 1) if number else NULL

    cdef inline Sum* at(self, uint32_t record) noexcept:
        return self.chunks[record >> CHUNK_BITS] + (record & (CHUNK - 1)) * self.width

    cdef Sum* obtain(self, uint32_t owner) except NULL:
        """The owner's record, made if there is none."""
        cdef Sum* found = self.of(owner)
        cdef uint32_t* number
        if found is not NULL:
            return found
        number = self.place(owner)
        number[0] = self.add()
        found = self.at(number[0] - 1)
        memset(found, 0, self.width * sizeof(Sum))
        return found

    cdef uint32_t add(self) except 0:
        cdef uint32_t number = self.free
        if number:
            self.free = <uint32_t>self.at(number - 1).sum
            return number
        if self.count % CHUNK == 0:
            self.chunks = <Sum**>with_chunk(<void**>self.chunks, self.count, CHUNK * self.width * sizeof(Sum))
        self.count += 1
        return self.count

    cdef void release(self, uint32_t owner) noexcept:
        """The owner is gone."""
        cdef Sum* found = self.of(owner)
        cdef uint32_t* number
        if found is NULL:
            return
        number = &self.places[owner >> CHUNK_BITS][owner & (CHUNK - 1)]
        found.sum = self.free
        self.free = number[0]
        number[0] = 0

    cdef uint32_t* place(self, uint32_t owner) except NULL:
        """Where the number of the owner's record goes."""
        cdef uint32_t chunk = owner >> CHUNK_BITS
        if chunk >= self.place_count:
            self.places = <uint32_t**>reallocated(self.places, (chunk + 1) * sizeof(uint32_t*))
            memset(self.places + self.place_count, 0, (chunk + 1 - self.place_count) * sizeof(uint32_t*))
            self.place_count = chunk + 1
        if self.places[chunk] is NULL:
            self.places[chunk] = <uint32_t*>reallocated(NULL, CHUNK * sizeof(uint32_t))
            memset(self.places[chunk], 0, CHUNK * sizeof(uint32_t))
        return &self.places[chunk][owner & (CHUNK - 1)]
