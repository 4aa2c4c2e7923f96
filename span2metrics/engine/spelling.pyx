# What labels are called where UTF-8 names are allowed: `"http.route"="/x",` for the stored `http_route="/x",`.
#
# Stored texts stay as they are, and so does the order of the series.  A page for a scraper that asks for such names walks
# the pairs of each text; all others copy it.  Built-in labels keep their names, so that only what stands behind the
# status is walked; of edges, which have none, everything.


@cython.final
cdef class Spellings:
    """Labels of a family that have another name for those who can read it; None stands for there being none."""

    cdef list texts                 # what the pieces point into
    cdef Piece* labels              # as they are stored
    cdef Piece* quoted              # as a page shows them instead
    cdef uint32_t count
    cdef size_t growth              # bytes that they add to a text at most

    def __cinit__(self, list spelled):
        """`spelled`: labels as they are stored, each with its other name."""
        cdef uint32_t i
        self.count = len(spelled)
        self.texts = [text.encode() for label, other in spelled for text in (label, quoted(other))]
        self.labels = <Piece*>reallocated(NULL, 2 * self.count * sizeof(Piece))
        self.quoted = self.labels + self.count
        for i in range(self.count):
            self.labels[i] = piece_of(self.texts[2 * i])
            self.quoted[i] = piece_of(self.texts[2 * i + 1])
            self.growth += max(self.quoted[i].size, self.labels[i].size) - self.labels[i].size

    def __dealloc__(self):
        PyMem_RawFree(self.labels)

    cdef char* put_pairs(self, char* at, const char* pair, const char* end) noexcept:
        """The pairs up to `end`, each with a comma behind it."""
        cdef const char* value
        while pair != end:
            value = <const char*>memchr(pair, c"=", end - pair)
            at = self.put_name(at, pair, value - pair)
            pair = past_value(value + 2, end)
            at = put(at, value, pair - value)
        return at

    cdef inline char* put_name(self, char* at, const char* label, size_t size) noexcept:
        cdef uint32_t i
        for i in range(self.count):
            if self.labels[i].size == size and memcmp(self.labels[i].text, label, size) == 0:
                return put_piece(at, &self.quoted[i])
        return put(at, label, size)


cdef inline const char* past_value(const char* at, const char* end) noexcept nogil:
    """Behind the quote and the comma that end the value which begins here."""
    cdef const char* quote = <const char*>memchr(at, c'"', end - at)
    if (quote - 1)[0] != c"\\":
        return quote + 2
    while at[0] != c'"':
        at += 1 + (at[0] == c"\\")
    return at + 2


cdef Spellings spellings_of(plan, shows):
    """Those of the family that shows calls, durations or sizes."""
    own = plan.duration_dimensions if shows == names.DURATION else plan.calls_dimensions
    return spellings_or_none([(d.label, d.utf8) for d in (*plan.resource_labels, *plan.dimensions, *own) if d.utf8])


cdef Spellings spellings_of_edges(graph):
    """Those of the families whose series are edges."""
    spelled = [d for d in graph.dimensions if d.utf8]
    ends = (names.CLIENT_PREFIX, names.SERVER_PREFIX)
    return spellings_or_none([(f"{end}{d.label}", f"{end}{d.utf8}") for d in spelled for end in ends])


cdef Spellings spellings_or_none(list spelled):
    return Spellings(spelled) if spelled else None
