# Notes: what must be counted of each span of a key besides its series.  Most keys have none, and those of a kind share one.


cdef enum:
    LIMITED = 0x80000000    # beside a note's number: a limit kept the key from series of its own …
    CAPPED = 0x40000000     # … or a dimension's `max_values` did
    NOTE = 0x3FFFFFFF
    MOST_NOTES = 16384      # a sender can make as many as there are sets of labels; of more, marks are not counted


@cython.final
cdef class Notes:
    cdef list notes                 # Note, by number; 0 says nothing
    cdef dict numbers
    cdef uint64_t* asked            # by number: see `Births.has_room_for_values`; 0: never
    cdef dict limited               # (limits, capped) → number
    cdef dict truncated             # label → values cut
    cdef dict redacted              # label → values of which something was hidden
    cdef uint32_t of_templates[ALL_TEMPLATES + 1]   # notes of templates alone; 0: not made yet
    cdef list templated             # names by what was replaced in them, of Template
    cdef uint64_t invalid_utf8

    def __cinit__(self, labels):
        self.notes, self.numbers = [NO_NOTE], {NO_NOTE: 0}
        memset(self.of_templates, 0, sizeof(self.of_templates))
        self.templated, self.limited = [0] * (ALL_TEMPLATES + 1), {}
        self.truncated, self.redacted = dict.fromkeys(labels, 0), dict.fromkeys(labels, 0)

    cdef int tell(self, labels) except -1:
        """What is done to these is counted too."""
        for label in labels:
            self.truncated.setdefault(label, 0)
            self.redacted.setdefault(label, 0)
        return 0

    def __dealloc__(self):
        PyMem_RawFree(self.asked)

    cdef inline object note(self, uint32_t number):
        return self.notes[number & NOTE]

    cdef uint32_t number(self, note) except? 0xFFFFFFFF:
        number = self.numbers.get(note)
        if number is None:
            if len(self.notes) >= MOST_NOTES and (note.marked is not None or note.templates):
                return self.of_limits(note.limits, note.capped)
            number = self.numbers[note] = len(self.notes)
            self.asked = <uint64_t*>reallocated(self.asked, (len(self.notes) + 1) * sizeof(uint64_t))
            self.asked[len(self.notes)] = 0
            self.notes.append(note)
        return number

    cdef uint32_t of_limits(self, tuple limits, tuple capped) except? 0xFFFFFFFF:
        """The note that says that alone."""
        if not limits and not capped:
            return 0
        key = (limits, capped)
        number = self.limited.get(key)
        if number is None:
            number = self.limited[key] = self.number(NO_NOTE._replace(limits=limits, capped=capped))
        return number

    cdef uint32_t changed(self, uint32_t number, marked, uint8_t templates) except? 0xFFFFFFFF:
        """The note that says the same, but of those marks and templates."""
        if not number & NOTE and marked is None and not templates:
            return number
        note = self.note(number)
        if note.marked == marked and note.templates == templates:
            return number
        return self.number(note._replace(marked=marked, templates=templates)) | number & (LIMITED | CAPPED)

    cdef uint32_t with_templates(self, uint32_t number, uint8_t templates) except? 0xFFFFFFFF:
        """The note that says the same, and those templates."""
        if number & NOTE:
            return self.changed(number, self.note(number).marked, templates)
        if not self.of_templates[templates]:
            self.of_templates[templates] = self.number(NO_NOTE._replace(templates=templates))
        return self.of_templates[templates] | number

    cdef int mark(self, marked, size_t spans) except -1:
        was_cut, redacted, replaced = marked
        for label in was_cut:
            self.truncated[label] += spans
        for label in redacted:
            self.redacted[label] += spans
        self.invalid_utf8 += spans if replaced else 0
        return 0

    cdef int take(self, uint32_t number, Service service) except -1:
        """One span; or a request of an edge, which has no limits and no service here."""
        marked, limits, _, templates = self.note(number)
        if marked is not None:
            self.mark(marked, 1)
        if limits and service.overflowed is None:
            service.overflowed = {}
        if templates:
            self.templated[templates] += 1
        for limit in limits:
            service.overflowed[limit] = service.overflowed.get(limit, 0) + 1
        return 0
