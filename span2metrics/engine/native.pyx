# Native histograms: of the exponential buckets, those that a series' durations have touched.
#
# A series has a block for each unit in which its durations are shown, at most two: buckets of seconds are none of
# milliseconds, 1,000 being no power of 2.  What a block holds depends on the durations alone, not on their order: the
# resolution is the finest, from the configured one down, at which they touch no more than the allowed number of buckets.


cdef extern from *:
    int __builtin_clzll(unsigned long long) noexcept nogil

cdef enum:
    MOST_UNITS = 2          # as `Unit` has
    FIRST_ROOM = 4          # buckets of a new block; doubled when it is full, so that sums behind them are aligned

cdef struct Native:         # `room` counts of 64 bits follow, then as many indices, ascending, and what `weighted` says
    uint64_t zero           # durations of 0
    uint16_t count          # buckets that are populated
    uint16_t room
    uint16_t lowered        # how often the resolution was halved
    uint16_t weighted       # 1: `room` + 1 sums follow, what weights add to the zero bucket and to the others

cdef struct Scale:          # the buckets of a unit before any was lowered
    uint64_t unit           # nanoseconds
    uint64_t* uppers        # inclusive upper bounds, nanoseconds
    int32_t first           # index of the first of them
    uint32_t octaves[66]    # by a duration's bits: the first bucket that may hold it


cdef inline uint64_t* counts_of(Native* native) noexcept nogil:
    return <uint64_t*>(native + 1)


cdef inline int16_t* indices_of(Native* native) noexcept nogil:
    return <int16_t*>(counts_of(native) + native.room)


cdef inline Sum* excess_of(Native* native) noexcept nogil:
    """Of the zero bucket, then of the others; there must be some."""
    return <Sum*>(indices_of(native) + native.room)


cdef inline int32_t halved(int32_t index, uint32_t times) noexcept nogil:
    """The bucket that holds it at half the resolution, so many times: bounds are inclusive, so that it is rounded up."""
    return (index + (1 << times) - 1) >> times


@cython.final
cdef class Natives:
    """Native histograms of one plan; none of them without a unit."""

    cdef Scale scales[MOST_UNITS]
    cdef uint32_t count             # units
    cdef uint32_t most              # populated buckets of a block
    cdef int32_t schema             # before it was lowered
    cdef double zero_threshold

    def __cinit__(self, plan, tuple units):
        if not exponential.FEWEST_BUCKETS <= plan.native_max_buckets <= exponential.MOST_BUCKETS:
            raise ValueError(
                f"a native histogram has {exponential.FEWEST_BUCKETS} to {exponential.MOST_BUCKETS} buckets at most"
            )
        self.most, self.schema = plan.native_max_buckets, plan.native_schema
        self.zero_threshold = exponential.ZERO_THRESHOLD
        for unit in units:
            self.add_scale(unit)

    def __dealloc__(self):
        cdef uint32_t i
        for i in range(self.count):
            PyMem_RawFree(self.scales[i].uppers)

    cdef int add_scale(self, uint64_t unit) except -1:
        cdef Scale* scale = &self.scales[self.count]
        cdef uint32_t i, bits
        first, uppers = exponential.bounds_of(self.schema, unit)
        scale.unit, scale.first = unit, first
        scale.uppers = <uint64_t*>reallocated(NULL, len(uppers) * sizeof(uint64_t))
        self.count += 1
        for i, upper in enumerate(uppers):
            scale.uppers[i] = upper
        i = 0
        for bits in range(1, 65):
            while scale.uppers[i] < <uint64_t>1 << (bits - 1):
                i += 1
            scale.octaves[bits] = i
        scale.octaves[65] = len(uppers) - 1
        return 0

    cdef uint32_t of_unit(self, uint64_t unit) noexcept:
        """The number of a unit's scale; the last one's where there is none."""
        cdef uint32_t i = 0
        while i + 1 < self.count and self.scales[i].unit != unit:
            i += 1
        return i

    cdef int observe(self, uint64_t* blocks, uint64_t duration) except -1:
        """Counts a duration in the block of each unit; a word is a block's address, 0 before the first duration."""
        cdef uint32_t i
        cdef Native** block
        for i in range(self.count):
            block = <Native**>(blocks + i)
            if block[0] is NULL:
                block[0] = made()
            if duration:
                self.count_in(block, index_of(&self.scales[i], duration))
            else:
                block[0].zero += 1
        return 0

    cdef int count_in(self, Native** block, int32_t index) except -1:
        """Counts in the bucket of that index at the first resolution, lowering it until there is a place for it."""
        cdef Native* native = block[0]
        cdef uint32_t at
        cdef int32_t lowered
        while True:
            lowered = halved(index, native.lowered)
            at = place_of(native, lowered)
            if at < native.count and indices_of(native)[at] == lowered:
                counts_of(native)[at] += 1
                return 0
            if native.count < self.most:
                break
            halve(native)
        if native.count == native.room:
            native = block[0] = doubled(native)
        insert(native, at, lowered)
        return 0

    cdef int weigh(self, uint64_t* blocks, uint64_t duration, double excess) except -1:
        """A duration, which is observed, counts for more than one."""
        cdef Native** block
        cdef uint32_t i, place
        for i in range(self.count):
            block = <Native**>(blocks + i)
            if not block[0].weighted:
                block[0] = with_excess(block[0])
            place = 0
            if duration:
                place = 1 + place_of(block[0], halved(index_of(&self.scales[i], duration), block[0].lowered))
            add_to(&excess_of(block[0])[place], excess)
        return 0


cdef inline int32_t index_of(Scale* scale, uint64_t duration) noexcept nogil:
    """The bucket of a duration, which is not 0, at the first resolution."""
    cdef int bits = 64 - __builtin_clzll(duration)
    cdef uint32_t low = scale.octaves[bits], high = scale.octaves[bits + 1], middle
    while low < high:
        middle = (low + high) >> 1
        if scale.uppers[middle] < duration:
            low = middle + 1
        else:
            high = middle
    return scale.first + <int32_t>low


cdef inline uint32_t place_of(Native* native, int32_t index) noexcept nogil:
    """How many populated buckets are below it."""
    cdef int16_t* indices = indices_of(native)
    cdef uint32_t low = 0, high = native.count, middle
    while low < high:
        middle = (low + high) >> 1
        if indices[middle] < index:
            low = middle + 1
        else:
            high = middle
    return low


cdef size_t size_of_native(size_t room, bint weighted) noexcept nogil:
    cdef size_t size = sizeof(Native) + room * (sizeof(uint64_t) + sizeof(int16_t))
    return size + (room + 1) * sizeof(Sum) if weighted else size


cdef Native* made() except NULL:
    cdef Native* native = <Native*>reallocated(NULL, size_of_native(FIRST_ROOM, False))
    native[0] = Native(0, 0, FIRST_ROOM, 0, 0)
    return native


cdef Native* with_excess(Native* native) except NULL:
    """From now on it is weighted."""
    native = <Native*>reallocated(native, size_of_native(native.room, True))
    native.weighted = 1
    memset(excess_of(native), 0, (native.room + 1) * sizeof(Sum))
    return native


cdef Native* doubled(Native* native) except NULL:
    cdef size_t room = native.room
    native = <Native*>reallocated(native, size_of_native(2 * room, native.weighted))
    cdef Sum* excess = excess_of(native)
    native.room = 2 * room
    if native.weighted:
        memmove(excess_of(native), excess, (room + 1) * sizeof(Sum))
    memcpy(indices_of(native), counts_of(native) + room, room * sizeof(int16_t))
    return native


cdef void insert(Native* native, uint32_t at, int32_t index) noexcept nogil:
    """A bucket with one duration in it; there must be room."""
    cdef uint64_t* counts = counts_of(native) + at
    cdef int16_t* indices = indices_of(native) + at
    cdef size_t behind = native.count - at
    memmove(counts + 1, counts, behind * sizeof(uint64_t))
    memmove(indices + 1, indices, behind * sizeof(int16_t))
    counts[0], indices[0] = 1, index
    if native.weighted:
        memmove(excess_of(native) + at + 2, excess_of(native) + at + 1, behind * sizeof(Sum))
        memset(excess_of(native) + at + 1, 0, sizeof(Sum))
    native.count += 1


cdef void halve(Native* native) noexcept nogil:
    """Merges each two neighbours that are one bucket at half the resolution."""
    cdef uint64_t* counts = counts_of(native)
    cdef int16_t* indices = indices_of(native)
    cdef Sum* excess = excess_of(native) + 1
    cdef uint32_t i, kept = 0
    cdef int32_t index
    for i in range(native.count):
        index = halved(indices[i], 1)
        if kept and indices[kept - 1] == index:
            counts[kept - 1] += counts[i]
            if native.weighted:
                merge_into(&excess[kept - 1], &excess[i])
        else:
            counts[kept], indices[kept] = counts[i], index
            if native.weighted:
                excess[kept] = excess[i]
            kept += 1
    native.count = kept
    native.lowered += 1
