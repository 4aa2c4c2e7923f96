# Memory: a table of few and large things, bounded in bytes as that of keys is.


@cython.final
cdef class Memory:
    """A dict in two generations: at most `limit` bytes each, as counted by the caller."""

    cdef dict young
    cdef dict old
    cdef size_t size
    cdef size_t limit

    def __cinit__(self, size_t limit):
        self.young = {}
        self.old = {}
        self.limit = limit

    cdef object get(self, key):
        value = self.young.get(key)
        return value if value is not None else self.old.get(key)

    cdef int put(self, key, value, size_t size) except -1:
        if key in self.young:
            self.young[key] = value
            return 0
        if self.size + size > self.limit:
            self.old = self.young
            self.young = {}
            self.size = 0
        self.young[key] = value
        self.size += size
        return 0
