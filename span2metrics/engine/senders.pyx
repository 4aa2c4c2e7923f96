# Senders: whose the rows in scratch are.
#
# A series tells, mostly.  Where no label tells services, several of them may have one series: it counts against the limits
# of the first, but what became of a span is told of the service that sent it.  Rows are held in runs then.


@cython.final
cdef class Senders:
    cdef Services services
    cdef bint shared                # a series may be of several services
    cdef list begins                # numbers of rows …
    cdef list contexts              # … from each of which on they are of one
    cdef object carried             # that of the rows before: its scope began in another block

    def __cinit__(self, Services services, bint shared):
        self.services, self.shared = services, shared
        self.begins, self.contexts = [], []

    cdef int enter(self, size_t row, context) except -1:
        """From here on rows are of this context."""
        if self.shared:
            self.begins.append(row)
            self.contexts.append(context)
        return 0

    cdef int empty(self) except -1:
        """No row is left."""
        if self.begins:
            self.carried = self.contexts[len(self.contexts) - 1]
            self.begins, self.contexts = [], []
        return 0

    cdef inline Service of(self, size_t row, Series* series, uint32_t now):
        """Of whom what became of a row is told, which counts in that series."""
        return self.by_run(row, now) if self.shared else self.services.owner(series)

    cdef Service by_run(self, size_t row, uint32_t now):
        cdef Service service
        at = bisect_left(self.begins, row + 1)
        service = (self.contexts[at - 1] if at else self.carried).room
        self.services.see(service, now)
        return service
