# The order in which a page shows a table's series: that of their rendered labels.  It is brought up to date when
# somebody asks: what is gone is taken out, what was born since is sorted and merged in.


cdef struct SortItem:
    const char* labels
    uint32_t status_at
    uint32_t size
    uint32_t status
    uint32_t number

cdef struct Shown:          # a series of a page; with another stamp it is not the same any more
    uint32_t number
    uint16_t stamp


cdef class SeriesTable


@cython.final
cdef class Order:
    cdef uint32_t* numbers
    cdef uint32_t count
    cdef uint32_t room
    cdef uint32_t seen              # numbers below were looked at: those from here on are not in it yet …
    cdef uint32_t* born             # … and neither are these, which had been others' before
    cdef uint32_t born_count
    cdef uint32_t born_room
    cdef bint gaps                  # some are gone

    def __dealloc__(self):
        PyMem_RawFree(self.numbers)
        PyMem_RawFree(self.born)

    cdef int add(self, uint32_t number) except -1:
        """A series was born with a number that was another's before."""
        if self.born_count == self.born_room:
            self.born = <uint32_t*>reallocated(self.born, (self.born_room * 2 + 64) * sizeof(uint32_t))
            self.born_room = self.born_room * 2 + 64
        self.born[self.born_count] = number
        self.born_count += 1
        return 0

    cdef bytes shown(self, SeriesTable table):
        """The series in order, each a `Shown`; a copy, which later births and deaths do not touch."""
        cdef bytes copy
        cdef Shown* shown
        cdef uint32_t i
        self.update(table)
        copy = PyBytes_FromStringAndSize(NULL, self.count * sizeof(Shown))
        shown = <Shown*>PyBytes_AS_STRING(copy)
        for i in range(self.count):
            shown[i] = Shown(self.numbers[i], table.at(self.numbers[i]).stamp)
        return copy

    cdef int update(self, SeriesTable table) except -1:
        cdef SortItem* items
        cdef uint32_t born
        if self.gaps:
            self.count = without_gone(table, self.numbers, self.count)
            self.born_count = without_gone(table, self.born, self.born_count)
            self.gaps = False
            table.settle()
        born = self.born_count + table.made - self.seen
        if born == 0:
            return 0
        if self.room < self.count + born:
            self.room = (self.count + born) * 5 // 4
            self.numbers = <uint32_t*>reallocated(self.numbers, self.room * sizeof(uint32_t))
        items = <SortItem*>reallocated(NULL, born * sizeof(SortItem))
        born = self.take_born(table, items)
        qsort(items, born, sizeof(SortItem), by_labels)
        self.merge(table, items, born)
        PyMem_RawFree(items)
        return 0

    cdef uint32_t take_born(self, SeriesTable table, SortItem* items) noexcept:
        """How many there are that are not in it yet."""
        cdef uint32_t i, count = 0
        for i in range(self.born_count):
            items[count] = sort_item(table, self.born[i])
            count += 1
        for i in range(self.seen, table.made):
            if table.at(i).text is not NULL:
                items[count] = sort_item(table, i)
                count += 1
        self.born_count, self.seen = 0, table.made
        return count

    cdef void merge(self, SeriesTable table, SortItem* items, uint32_t born) noexcept:
        """From the back: what lies behind an item moves as one block, so that few births cost few moves."""
        cdef uint32_t* numbers = self.numbers
        cdef uint32_t end = self.count, place
        self.count += born
        while born:
            born -= 1
            place = self.place(table, &items[born], end)
            memmove(numbers + place + born + 1, numbers + place, (end - place) * sizeof(uint32_t))
            numbers[place + born] = items[born].number
            end = place

    cdef uint32_t place(self, SeriesTable table, SortItem* item, uint32_t end) noexcept:
        """How many of the first `end` series come before the item."""
        cdef uint32_t low = 0, middle
        cdef SortItem other
        while low < end:
            middle = (low + end) >> 1
            other = sort_item(table, self.numbers[middle])
            if by_labels(&other, item) < 0:
                low = middle + 1
            else:
                end = middle
        return low


cdef uint32_t without_gone(SeriesTable table, uint32_t* numbers, uint32_t count) noexcept:
    """Takes out those that are gone; how many are left."""
    cdef uint32_t i, kept = 0
    for i in range(count):
        if table.at(numbers[i]).text is not NULL:
            numbers[kept] = numbers[i]
            kept += 1
    return kept


cdef inline SortItem sort_item(SeriesTable table, uint32_t number) noexcept:
    cdef Series* series = table.at(number)
    return SortItem(<char*>(series.text + 1), series.text.status_at, series.size, status_of(series), number)


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
