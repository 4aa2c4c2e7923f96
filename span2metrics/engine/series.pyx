# The counters themselves.  A series is its rendered labels and its status; equal ones are one series, whoever sent them.
#
# Records live in chunks that never move.  Numbers are exact: counts are 64-bit, sums of nanoseconds 128-bit (a 64-bit
# sum overflows within hours at a million spans a second).  What a series that only shows a count of 0 (`errors_zero`)
# does not need it does not pay for: a histogram is made when something is observed, and a sibling borrows its text.


cdef struct Text:
    uint32_t references     # series that show it
    uint32_t status_at      # where the status pair goes; the bytes follow: a="x",b="y",

cdef struct Series:
    Text* text
    uint32_t size           # bytes of the text that it shows
    uint32_t histogram      # number of its histogram, from 1; 0: nothing was observed
    uint64_t calls
    uint64_t bytes          # of its spans, as they were sent
    uint64_t born           # nanoseconds since the epoch
    uint32_t exemplars      # number of its first one, from 1; 0: none
    uint32_t status

cdef enum:
    CHUNK_BITS = 8
    CHUNK = 256             # records in a chunk
    BORN = 2                # words of a histogram: low and high of its sum, then when it was born …
    BUCKETS = 3             # … its buckets, and the addresses of its native blocks
    NO_SERIES = 0xFFFFFFFF
    NO_STATUS = 3           # beside those of spans


@cython.final
cdef class SeriesTable:
    cdef Index index
    cdef Series** series
    cdef uint64_t** histograms
    cdef Exemplars exemplars
    cdef uint64_t wall_ns           # now, for what is born
    cdef uint32_t count
    cdef uint32_t histogram_count
    cdef uint32_t words             # of a histogram
    cdef uint32_t bound_count
    cdef uint64_t* bounds           # inclusive, ascending, nanoseconds
    cdef bint classic               # whether a histogram has a bucket for each, or one for all
    cdef uint32_t bucket_count
    cdef Natives natives
    cdef Excesses counted           # by series: what weights add to calls and bytes …
    cdef Excesses observed          # … and by histogram, from 0, to its sum and buckets
    cdef uint32_t blocks            # the word with the address of the first native block
    cdef uint32_t* order            # series in the order of their label texts …
    cdef uint32_t ordered           # … of which so many are in it
    cdef uint32_t order_room

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
        self.exemplars = Exemplars()

    def __dealloc__(self):
        cdef uint32_t i
        for i in range(self.count):
            self.release(self.at(i).text)
        for i in range(chunks_of(self.count)):
            PyMem_RawFree(self.series[i])
        self.release_blocks()
        for i in range(chunks_of(self.histogram_count)):
            PyMem_RawFree(self.histograms[i])
        PyMem_RawFree(self.series)
        PyMem_RawFree(self.histograms)
        PyMem_RawFree(self.bounds)
        PyMem_RawFree(self.order)
        PyMem_RawFree(self.index.slots)

    cdef inline Series* at(self, uint32_t number) noexcept:
        return &self.series[number >> CHUNK_BITS][number & (CHUNK - 1)]

    cdef void release_blocks(self) noexcept:
        cdef uint32_t i, j
        cdef uint64_t* words
        for i in range(self.histogram_count if self.words > self.blocks else 0):
            words = self.histograms[i >> CHUNK_BITS] + (i & (CHUNK - 1)) * self.words
            for j in range(self.blocks, self.words):
                PyMem_RawFree(<void*>words[j])

    cdef inline uint64_t* histogram(self, Series* series) noexcept:
        """Words of a series' histogram; it must have one."""
        cdef uint32_t i = series.histogram - 1
        return self.histograms[i >> CHUNK_BITS] + (i & (CHUNK - 1)) * self.words

    cdef uint32_t obtain(self, bytes labels, uint32_t status_at, uint32_t status) except? 0xFFFFFFFF:
        """The number of the series with these labels and this status, made if there is none."""
        cdef uint32_t size = PyBytes_GET_SIZE(labels)
        cdef uint32_t hash = series_hash(PyBytes_AS_STRING(labels), size, status)
        cdef uint32_t number = self.find(PyBytes_AS_STRING(labels), size, status, hash)
        cdef Text* text
        if number != NO_SERIES:
            return number
        text = <Text*>reallocated(NULL, sizeof(Text) + size)
        text.references = 0
        text.status_at = status_at
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
                if series.status == status and series.size == size and memcmp(series.text + 1, labels, size) == 0:
                    return <uint32_t>slot - 1
            i = (i + 1) & self.index.mask

    cdef uint32_t add(self, Text* text, uint32_t size, uint32_t status, uint32_t hash) except? 0xFFFFFFFF:
        cdef Series* series
        if index_full(&self.index):
            index_grow(&self.index)
        if self.count % CHUNK == 0:
            self.series = <Series**>with_chunk(<void**>self.series, self.count, CHUNK * sizeof(Series))
        series = self.at(self.count)
        series[0] = Series(text, size, 0, 0, 0, self.wall_ns, 0, status)
        text.references += 1
        self.count += 1
        index_put(&self.index, hash, self.count)
        return self.count - 1

    cdef void release(self, Text* text) noexcept:
        text.references -= 1
        if text.references == 0:
            PyMem_RawFree(text)

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
        if self.histogram_count % CHUNK == 0:
            self.histograms = <uint64_t**>with_chunk(<void**>self.histograms, self.histogram_count, size)
        self.histogram_count += 1
        series.histogram = self.histogram_count
        words = self.histogram(series)
        memset(words, 0, self.words * sizeof(uint64_t))
        words[BORN] = self.wall_ns
        return 0

    cdef int sort(self) except -1:
        """Brings `order` up to date: what was born since is sorted and merged in."""
        cdef uint32_t born = self.count - self.ordered
        cdef SortItem* items
        cdef uint32_t i
        if born == 0:
            return 0
        if self.order_room < self.count:
            self.order_room = self.count + self.count // 4
            self.order = <uint32_t*>reallocated(self.order, self.order_room * sizeof(uint32_t))
        items = <SortItem*>reallocated(NULL, born * sizeof(SortItem))
        for i in range(born):
            items[i] = self.sort_item(self.ordered + i)
        qsort(items, born, sizeof(SortItem), by_labels)
        self.merge(items, born)
        PyMem_RawFree(items)
        return 0

    cdef inline SortItem sort_item(self, uint32_t number) noexcept:
        cdef Series* series = self.at(number)
        return SortItem(<char*>(series.text + 1), series.text.status_at, series.size, series.status, number)

    cdef void merge(self, SortItem* items, uint32_t born) noexcept:
        """From the back: what lies behind an item moves as one block, so that few births cost few moves."""
        cdef uint32_t end = self.ordered, place
        while born:
            born -= 1
            place = self.place(&items[born], end)
            memmove(self.order + place + born + 1, self.order + place, (end - place) * sizeof(uint32_t))
            self.order[place + born] = items[born].number
            end = place
        self.ordered = self.count

    cdef uint32_t place(self, SortItem* item, uint32_t end) noexcept:
        """How many of the first `end` series in order come before the item."""
        cdef uint32_t low = 0, middle
        cdef SortItem other
        while low < end:
            middle = (low + end) >> 1
            other = self.sort_item(self.order[middle])
            if by_labels(&other, item) < 0:
                low = middle + 1
            else:
                end = middle
        return low


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


cdef struct SortItem:
    const char* labels
    uint32_t status_at
    uint32_t size
    uint32_t status
    uint32_t number


cdef int by_labels(const void* a, const void* b) noexcept nogil:
    """Order of the rendered labels: what stands before the status, the status' name, what stands behind it."""
    cdef const SortItem* x = <const SortItem*>a
    cdef const SortItem* y = <const SortItem*>b
    cdef int order = compared(x.labels, x.status_at, y.labels, y.status_at)
    if order == 0:
        order = <int>y.status - <int>x.status       # ERROR, OK, UNSET: names in the reverse order of their numbers
    if order == 0:
        order = compared(
            x.labels + x.status_at, x.size - x.status_at, y.labels + y.status_at, y.size - y.status_at
        )
    return order


cdef inline int compared(const char* a, size_t a_size, const char* b, size_t b_size) noexcept nogil:
    cdef int order = memcmp(a, b, min(a_size, b_size))
    return order if order else (a_size > b_size) - (a_size < b_size)


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
