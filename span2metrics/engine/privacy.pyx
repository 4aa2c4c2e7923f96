# What labels must not show is hidden here, before a value is cut.  Most values have too few digits for a card number,
# which is seen in a few nanoseconds; the rest is plain Python (`redaction`), once for each value that is new.


cdef enum:
    IS_CUT = 1              # marks of a value; see `policy`
    IS_REPLACED = 2
    IS_REDACTED = 4


@cython.final
cdef class Privacy:
    cdef object redaction           # None: everything may be shown
    cdef bint searches              # there are patterns: every value is looked at
    cdef bint drops                 # a value of which part is hidden is gone
    cdef bint hidden                # bytes within the value at hand were

    def __cinit__(self, privacy):
        if privacy is not None and (privacy.cards or privacy.patterns):
            self.redaction = Redaction(privacy, find_cards)
            self.searches = bool(privacy.patterns)
            self.drops = privacy.action is Action.DROP

    cdef inline bint may_hide(self, const uint8_t* at, size_t size) noexcept:
        """Could there be anything to hide in a text?"""
        return self.redaction is not None and (self.searches or may_hold_card(at, min(size, <size_t>TEXT_WINDOW)))

    cdef str redacted(self, str text, bint longer, uint8_t* mark):
        """The text as a label may show it.  `longer`: it is but the beginning of a value."""
        cdef Py_ssize_t size
        cdef const char* encoded = PyUnicode_AsUTF8AndSize(text, &size)
        if not self.may_hide(<const uint8_t*>encoded, size):
            return text
        text, hidden, is_cut = self.redaction.of(text, longer)
        mark[0] |= (IS_REDACTED if hidden else 0) | (IS_CUT if is_cut else 0)
        return text

    cdef str bytes_text(self, const uint8_t* data, size_t size):
        """Base64 of bytes.  They are looked at before: everybody can read it, but what is sought is not seen in it."""
        text = base64_text(data[:size])
        if self.may_hide(data, size):
            shown = self.redaction.whole(data[:size].decode("utf-8", "replace"), text)
            if shown is not None:
                self.hidden = True
                return shown
        return text


#: Hides nothing: of texts that no label shows.
cdef Privacy OPEN = Privacy(None)
