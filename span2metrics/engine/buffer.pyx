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


cdef extern from "Python.h":
    char* PyOS_double_to_string(double number, char form, int precision, int flags, int* kind) except NULL


cdef char* put_shortest(char* at, double number) except NULL:
    """The shortest text that reads back as the same double: `4`, `2.5`, `1e+16`."""
    cdef char* text = PyOS_double_to_string(number, c"r", 0, 0, NULL)
    at = put(at, text, strlen(text))
    PyMem_Free(text)
    return at


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
            self.grow(self.used + size + CHUNK_BYTES)
        return self.data + self.used

    cdef int grow(self, size_t room) except -1:
        self.data = <char*>reallocated(self.data, room)
        self.room = room
        return 0

    cdef inline int written(self, char* end) except -1:
        self.used = end - self.data
        return 0

    cdef bytes take(self):
        text = PyBytes_FromStringAndSize(self.data, self.used)
        self.used = 0
        return text


cdef extern from "Python.h":
    int _PyBytes_Resize(PyObject** text, Py_ssize_t size) except -1
    Py_ssize_t references "Py_REFCNT"(PyObject* text)

cdef enum:
    MOST_LENT = 2           # a reader drops a chunk only when it has the next one


@cython.final
cdef class Chunk(Buffer):
    """A buffer that hands its bytes out as they are, and uses them again once nobody else has them.

    What is handed out is not copied, and a page goes through the same memory again and again.  There must be something
    to take.
    """

    cdef PyObject* text     # what `data` points into, owned; NULL: there is none yet
    cdef list lent

    def __cinit__(self):
        self.lent = []

    def __dealloc__(self):
        self.data = NULL    # not the base's to free
        Py_XDECREF(self.text)

    cdef int grow(self, size_t room) except -1:
        if self.text is NULL:
            self.text = self.returned()
        if self.text is NULL:
            chunk = PyBytes_FromStringAndSize(NULL, room)
            Py_XINCREF(<PyObject*>chunk)
            self.text = <PyObject*>chunk
            chunk = None
        else:
            _PyBytes_Resize(&self.text, room)
        self.data = PyBytes_AS_STRING(<object>self.text)
        self.room = room
        return 0

    cdef PyObject* returned(self) except? NULL:
        """What was lent and nobody else has any more."""
        cdef PyObject* text
        cdef Py_ssize_t i
        for i in range(len(self.lent)):
            text = PyList_GET_ITEM(self.lent, i)
            if references(text) == 1:
                Py_XINCREF(text)
                del self.lent[i]
                return text
        return NULL

    cdef bytes take(self):
        cdef PyObject* text = self.text
        self.text, self.data = NULL, NULL
        _PyBytes_Resize(&text, self.used)
        self.used = self.room = 0
        chunk = <bytes>text
        Py_XDECREF(text)
        self.lent.append(chunk)
        if len(self.lent) > MOST_LENT:
            del self.lent[0]
        return chunk
