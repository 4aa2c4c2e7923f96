# The counters themselves.  A series is its rendered labels and its status; equal ones are one series, whoever sent them.
#
# Records live in chunks that never move.  Numbers are exact: counts are 64-bit, sums of nanoseconds 128-bit (a 64-bit
# sum overflows within hours at a million spans a second).  What a series that only shows a count of 0 (`errors_zero`)
# does not need it does not pay for: a histogram is made when something is observed, and a sibling borrows its text.
#
# A series that nobody sends spans for can go; then its number is another's some time later.  Whoever remembers a number
# remembers the stamp beside it, which grows with each life and each death: a number with another stamp is a stranger.
# Before its stamp begins anew a number is given up, so that this is certain, of the sum of two stamps as well.


cdef struct Text:
    uint16_t status_at      # where the status pair goes; the bytes follow: a="x",b="y",
    uint16_t references     # series that show it
    uint32_t owner          # number of the service that it counts for, and OUTSIDE or BEYOND
    uint32_t sibling        # number of the series with status ERROR beside the one that it was made for, from 1; 0: none

cdef struct Series:
    Text* text              # NULL: it is gone
    uint32_t size           # bytes of the text that it shows
    uint32_t histogram      # number of its histogram, from 1; 0: nothing was observed
    uint64_t calls
    uint64_t born           # nanoseconds since the epoch
    uint32_t exemplars      # number of its first one, from 1; 0: none
    uint32_t state          # status, and above it how many series it is a sibling of
    uint32_t seen           # when the last span came, milliseconds, monotonic, modulo 2^32
    uint16_t stamp

cdef enum:
    CHUNK_BITS = 8
    CHUNK = 256             # records in a chunk
    BORN = 2                # words of a histogram: low and high of its sum, then when it was born …
    BUCKETS = 3             # … its buckets, and the addresses of its native blocks
    NO_SERIES = 0xFFFFFFFF
    NO_STATUS = 3           # beside those of spans
    STATUS_BITS = 2         # of `state`
    SIBLING_OF_ONE = 4
    ERROR_STATUS = 2
    OUTSIDE = 0x80000000    # of `owner`: the series is beyond the limits, not within
    BEYOND = 0x40000000     # of `owner`: it counts, and there was no room but for what is selected
    OWNER = 0x3FFFFFFF      # of `owner`: the number; all of it: no service
    LAST_STAMP = 0x7FFE     # of a number that may be used again


@cython.final
cdef class SeriesTable:
    cdef Index index
    cdef Series** series
    cdef uint64_t** sizes           # by number as well: bytes of its spans, as they were sent; NULL: nobody asks for them
    cdef bint with_sizes
    cdef uint64_t** histograms
    cdef Exemplars exemplars
    cdef uint64_t wall_ns           # now, for what is born …
    cdef uint32_t now               # … and for `seen`
    cdef uint32_t made              # numbers that were ever used
    cdef uint32_t count             # series that there are
    cdef uint32_t free              # numbers that may be used again, from 1, by `exemplars` …
    cdef uint32_t gone              # … and those that the order still holds
    cdef uint32_t gone_count
    cdef uint32_t histograms_made
    cdef uint32_t histogram_count
    cdef uint32_t free_histogram    # as `free`, by the first word
    cdef uint32_t words             # of a histogram
    cdef uint32_t bound_count
    cdef uint64_t* bounds           # inclusive, ascending, nanoseconds
    cdef bint classic               # whether a histogram has a bucket for each, or one for all
    cdef uint32_t bucket_count
    cdef Natives natives
    cdef Excesses counted           # by series: what weights add to calls and bytes …
    cdef Excesses observed          # … and by histogram, from 0, to its sum and buckets
    cdef uint32_t blocks            # the word with the address of the first native block
    cdef Order order

    def __cinit__(self, plan, Natives natives):
        cdef uint32_t i
        cdef tuple bounds_ns = plan.bounds_ns
        self.bound_count = len(bounds_ns)
        self.classic = plan.histograms.classic
        self.bucket_count = self.bound_count + 1 if self.classic else 1
        self.natives = natives
        self.blocks = BUCKETS + self.bucket_count
        self.words = self.blocks + natives.count
        self.counted = Excesses(BYTES_EXCESS + 1)
        self.observed = Excesses(BUCKETS_EXCESS + self.bucket_count)
        self.bounds = <uint64_t*>reallocated(NULL, (self.bound_count + 1) * sizeof(uint64_t))
        for i in range(self.bound_count):
            self.bounds[i] = bounds_ns[i]
        index_make(&self.index, 64)
        self.exemplars, self.order = Exemplars(), Order()

    def __dealloc__(self):
        cdef uint32_t i
        for i in range(self.made):
            if self.at(i).text is not NULL:
                self.release(self.at(i).text)
        for i in range(chunks_of(self.made)):
            PyMem_RawFree(self.series[i])
            if self.with_sizes:
                PyMem_RawFree(self.sizes[i])
        for i in range(self.histograms_made):
            self.release_blocks(self.histogram_at(i))
        for i in range(chunks_of(self.histograms_made)):
            PyMem_RawFree(self.histograms[i])
        PyMem_RawFree(self.series)
        PyMem_RawFree(self.sizes)
        PyMem_RawFree(self.histograms)
        PyMem_RawFree(self.bounds)
        PyMem_RawFree(self.index.slots)

    cdef inline Series* at(self, uint32_t number) noexcept:
        return &self.series[number >> CHUNK_BITS][number & (CHUNK - 1)]

    cdef inline uint64_t* histogram(self, Series* series) noexcept:
        """Words of a series' histogram; it must have one."""
        return self.histogram_at(series.histogram - 1)

    cdef inline uint64_t* histogram_at(self, uint32_t i) noexcept:
        return self.histograms[i >> CHUNK_BITS] + (i & (CHUNK - 1)) * self.words

    cdef inline uint64_t* bytes(self, uint32_t number) noexcept:
        return &self.sizes[number >> CHUNK_BITS][number & (CHUNK - 1)]

    # --- births and deaths --------------------------------------------------------------------------------------------

    cdef uint32_t lookup(self, bytes labels, uint32_t status) noexcept:
        """The number of the series with these labels and this status, or NO_SERIES."""
        cdef uint32_t size = PyBytes_GET_SIZE(labels)
        cdef uint32_t hash = series_hash(PyBytes_AS_STRING(labels), size, status)
        return self.find(PyBytes_AS_STRING(labels), size, status, hash)

    cdef uint32_t obtain(self, bytes labels, uint32_t status_at, uint32_t status) except? 0xFFFFFFFF:
        """The number of the series with these labels and this status, made if there is none."""
        cdef uint32_t size = PyBytes_GET_SIZE(labels)
        cdef uint32_t hash = series_hash(PyBytes_AS_STRING(labels), size, status)
        cdef uint32_t number = self.find(PyBytes_AS_STRING(labels), size, status, hash)
        cdef Text* text
        if number != NO_SERIES:
            return number
        text = <Text*>reallocated(NULL, sizeof(Text) + size)
        text[0] = Text(<uint16_t>status_at, 0, OWNER, 0)
        memcpy(text + 1, PyBytes_AS_STRING(labels), size)
        return self.add(text, size, status, hash)

    cdef uint32_t sibling(self, uint32_t number, uint32_t size, uint32_t status) except? 0xFFFFFFFF:
        """The series with the first `size` bytes of another's labels and a status of its own."""
        cdef Text* text = self.at(number).text
        cdef uint32_t hash = series_hash(<char*>(text + 1), size, status)
        cdef uint32_t found = self.find(<char*>(text + 1), size, status, hash)
        return found if found != NO_SERIES else self.add(text, size, status, hash)

    cdef uint32_t find(self, const char* labels, uint32_t size, uint32_t status, uint32_t hash) noexcept:
        cdef uint32_t i = hash & self.index.mask
        cdef uint64_t slot
        cdef Series* series
        while True:
            slot = self.index.slots[i]
            if slot == 0:
                return NO_SERIES
            if slot >> 32 == hash:
                series = self.at(<uint32_t>slot - 1)
                if status_of(series) == status and series.size == size and memcmp(series.text + 1, labels, size) == 0:
                    return <uint32_t>slot - 1
            i = (i + 1) & self.index.mask

    cdef uint32_t add(self, Text* text, uint32_t size, uint32_t status, uint32_t hash) except? 0xFFFFFFFF:
        cdef uint32_t number = self.free_number()
        if index_full(&self.index):
            index_grow(&self.index)
        self.at(number)[0] = Series(text, size, 0, 0, self.wall_ns, 0, status, self.now, self.at(number).stamp + 1)
        if self.with_sizes:
            self.bytes(number)[0] = 0
        text.references += 1
        self.count += 1
        index_put(&self.index, hash, number + 1)
        return number

    cdef uint32_t free_number(self) except? NO_SERIES:
        """One that is nobody's.  Of those whose series is gone only those that the order does not hold any more."""
        cdef uint32_t number
        if not self.free and self.gone_count > CHUNK + self.count // 8:
            self.order.update(self)
        if self.free:
            number = self.free - 1
            self.free = self.at(number).exemplars
            self.order.add(number)
            return number
        if self.made % CHUNK == 0:
            self.series = <Series**>with_chunk(<void**>self.series, self.made, CHUNK * sizeof(Series))
            if self.with_sizes:
                self.sizes = <uint64_t**>with_chunk(<void**>self.sizes, self.made, CHUNK * sizeof(uint64_t))
        self.made += 1
        self.at(self.made - 1).stamp = 0
        return self.made - 1

    cdef int remove(self, uint32_t number) except -1:
        """The end of a series."""
        cdef Series* series = self.at(number)
        cdef Text* text = series.text
        index_drop(&self.index, series_hash(<char*>(text + 1), series.size, status_of(series)), number + 1)
        if series.histogram:
            self.remove_histogram(series.histogram)
        self.exemplars.release(series.exemplars)
        self.counted.release(number)
        self.release(text)
        series.text, series.histogram, series.exemplars = NULL, 0, self.gone
        series.stamp += 1
        if series.stamp < LAST_STAMP:
            self.gone = number + 1
            self.gone_count += 1
        self.count -= 1
        self.order.gaps = True
        return 0

    cdef inline bint can_end(self, uint32_t number) noexcept:
        """Is there such a series, and does it not end with the one whose sibling it is?"""
        cdef Series* series = self.at(number)
        return series.text is not NULL and series.state <= NO_STATUS

    cdef inline uint32_t last_seen(self, uint32_t number) noexcept:
        """When a span of it or of its sibling came: they live as one."""
        cdef Series* series = self.at(number)
        cdef Series* sibling
        if status_of(series) == ERROR_STATUS or not series.text.sibling:
            return series.seen
        sibling = self.at(series.text.sibling - 1)
        return sibling.seen if <int32_t>(sibling.seen - series.seen) > 0 else series.seen

    cdef void settle(self) noexcept:
        """The order holds only what there is: numbers of the others may be used again."""
        cdef uint32_t number = self.gone
        if not number:
            return
        while self.at(number - 1).exemplars:
            number = self.at(number - 1).exemplars
        self.at(number - 1).exemplars = self.free
        self.free = self.gone
        self.gone = self.gone_count = 0

    cdef void release(self, Text* text) noexcept:
        text.references -= 1
        if text.references == 0:
            PyMem_RawFree(text)

    # --- counts -------------------------------------------------------------------------------------------------------

    cdef inline int observe(self, uint32_t number, Row* row, bint shown) except -1:
        """Counts the row's duration; its span becomes an exemplar if it may be shown and none is later."""
        cdef Series* series = self.at(number)
        cdef uint32_t bucket = self.bucket(row.duration)
        self.take_duration(series, row.duration, bucket)
        if shown:
            self.exemplars.offer(&series.exemplars, bucket, row)
        return 0

    cdef inline int take_duration(self, Series* series, uint64_t duration, uint32_t bucket) except -1:
        """Counts a duration, which falls into the bucket."""
        cdef uint64_t* words
        series.seen = self.now
        if series.histogram == 0:
            self.add_histogram(series)
        words = self.histogram(series)
        words[0] += duration
        words[1] += words[0] < duration
        words[BUCKETS + (bucket if self.classic else 0)] += 1
        if self.words > self.blocks:
            self.natives.observe(words + self.blocks, duration)
        return 0

    cdef int weigh(self, uint32_t number, uint64_t size, double excess) except -1:
        """A span of that size, which is counted, stands for more than itself."""
        cdef Sum* sums = self.counted.obtain(number)
        add_to(&sums[CALLS_EXCESS], excess)
        add_to(&sums[BYTES_EXCESS], excess * <double>size)
        return 0

    cdef inline double excess_of(self, uint32_t number, uint32_t which) noexcept:
        """Of its calls or bytes; -1: its spans stand for themselves alone."""
        cdef Sum* sums = self.counted.of(number)
        return -1 if sums is NULL else total_of(&sums[which])

    cdef int weigh_duration(self, uint32_t number, uint64_t duration, double excess) except -1:
        """The same of a duration, which is observed."""
        cdef Series* series = self.at(number)
        cdef Sum* sums = self.observed.obtain(series.histogram - 1)
        add_to(&sums[SUM_EXCESS], excess * <double>duration)
        add_to(&sums[BUCKETS_EXCESS + (self.bucket(duration) if self.classic else 0)], excess)
        return self.natives.weigh(self.histogram(series) + self.blocks, duration, excess)

    cdef inline uint32_t bucket(self, uint64_t duration) noexcept:
        """The first bucket whose bound is not below the duration; the last one is +Inf."""
        cdef uint32_t low = 0, high = self.bound_count, middle
        while low < high:
            middle = (low + high) >> 1
            if self.bounds[middle] < duration:
                low = middle + 1
            else:
                high = middle
        return low

    cdef inline void spread(self, Exemplar** buckets, uint32_t number) noexcept:
        """A series' exemplars by bucket; the last one where there is one for all."""
        cdef Exemplar* exemplar
        memset(buckets, 0, (self.bound_count + 1) * sizeof(Exemplar*))
        if not self.classic:
            buckets[0] = self.exemplars.latest(number)
            return
        while number:
            exemplar = self.exemplars.at(number)
            buckets[exemplar.bucket] = exemplar
            number = exemplar.next

    cdef int add_histogram(self, Series* series) except -1:
        cdef size_t size = CHUNK * self.words * sizeof(uint64_t)
        cdef uint64_t* words
        if self.free_histogram:
            series.histogram = self.free_histogram
            self.free_histogram = <uint32_t>self.histogram(series)[0]
        else:
            if self.histograms_made % CHUNK == 0:
                self.histograms = <uint64_t**>with_chunk(<void**>self.histograms, self.histograms_made, size)
            self.histograms_made += 1
            series.histogram = self.histograms_made
        words = self.histogram(series)
        memset(words, 0, self.words * sizeof(uint64_t))
        words[BORN] = self.wall_ns
        self.histogram_count += 1
        return 0

    cdef void remove_histogram(self, uint32_t number) noexcept:
        cdef uint64_t* words = self.histogram_at(number - 1)
        self.release_blocks(words)
        self.observed.release(number - 1)
        words[0], self.free_histogram = self.free_histogram, number
        self.histogram_count -= 1

    cdef void release_blocks(self, uint64_t* words) noexcept:
        cdef uint32_t i
        for i in range(self.blocks, self.words):
            PyMem_RawFree(<void*>words[i])
            words[i] = 0


cdef struct Cumulated:      # a histogram's buckets up to one of them
    uint64_t count
    double more             # that weights add


cdef inline void cumulate(Cumulated* so_far, uint64_t* words, Sum* excess, uint32_t bucket) noexcept nogil:
    so_far.count += words[BUCKETS + bucket]
    if excess is not NULL:
        so_far.more += total_of(&excess[BUCKETS_EXCESS + bucket])


cdef double weighted_sum(uint64_t* words, Sum* excess, uint64_t unit) noexcept nogil:
    """A histogram's nanoseconds and what weights add to them, in the unit."""
    cdef double high = <double>words[1] * 18446744073709551616.0        # 2^64
    return (high + <double>words[0] + total_of(&excess[SUM_EXCESS])) / <double>unit


cdef inline uint32_t status_of(Series* series) noexcept nogil:
    return series.state & ((1 << STATUS_BITS) - 1)


cdef inline uint32_t series_hash(const char* labels, uint32_t size, uint32_t status) noexcept:
    return hash_of(<const uint8_t*>labels, size) ^ (status * <uint32_t>0x9E3779B1)


cdef inline uint32_t chunks_of(uint32_t count) noexcept:
    return (count + CHUNK - 1) >> CHUNK_BITS


cdef void** with_chunk(void** chunks, uint32_t count, size_t size) except NULL:
    """The list of chunks with one more at its end; `count` records fill those before it."""
    cdef uint32_t number = count >> CHUNK_BITS
    cdef void* chunk = reallocated(NULL, size)
    chunks = <void**>reallocated(chunks, (number + 1) * sizeof(void*))
    chunks[number] = chunk
    return chunks
