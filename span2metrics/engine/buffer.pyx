# Bytes under construction: what writes a page copies pieces and moves a pointer, and asks for room once a series.


cdef struct Piece:
    const char* text
    size_t size


cdef inline Piece piece_of(bytes text) noexcept:
    """Points into the bytes, which somebody else keeps."""
    return Piece(PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text))


cdef inline char* put(char* at, const char* text, size_t size) noexcept nogil:
    memcpy(at, text, size)
    return at + size


cdef inline char* put_piece(char* at, Piece* piece) noexcept nogil:
    return put(at, piece.text, piece.size)


cdef inline char* put_number(char* at, uint64_t number) noexcept nogil:
    cdef char digits[20]
    cdef int i = 20
    while True:
        i -= 1
        digits[i] = <char>(c"0" + number % 10)
        number //= 10
        if number == 0:
            return put(at, digits + i, 20 - i)


cdef inline char* put_count(char* at, uint64_t number) noexcept nogil:
    """A number and the line's end."""
    return put(put_number(at, number), b"\n", 1)


cdef class Buffer:
    """Bytes under construction.  Room is asked for once a series; writers then move a pointer of their own."""

    cdef char* data
    cdef size_t used
    cdef size_t room

    def __dealloc__(self):
        PyMem_RawFree(self.data)

    cdef inline char* reserve(self, size_t size) except NULL:
        """Where the next byte goes, with room for `size`."""
        if self.used + size > self.room:
            self.data = <char*>reallocated(self.data, self.used + size + CHUNK_BYTES)
            self.room = self.used + size + CHUNK_BYTES
        return self.data + self.used

    cdef inline int written(self, char* end) except -1:
        self.used = end - self.data
        return 0

    cdef bytes take(self):
        text = PyBytes_FromStringAndSize(self.data, self.used)
        self.used = 0
        return text
