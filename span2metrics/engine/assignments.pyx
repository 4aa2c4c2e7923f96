# Assignments: which measures mean a key's spans, and which labels they add: for each measure a text, or None.
#
# Many keys have the same one.  Numbers are given in turn, never 0; of more than there is memory for, the oldest are
# forgotten, and the keys that know them are strangers then.


cdef enum:
    ASSIGNMENT_COST = 400            # bytes besides its texts: tuple, number, entries of two dicts


@cython.final
cdef class Assignments:
    cdef object policy
    cdef dict numbers
    cdef object texts               # number → what it is the number of, the oldest first
    cdef uint32_t first             # number that is not forgotten …
    cdef uint32_t next              # … and the one that comes next
    cdef size_t size                # bytes
    cdef size_t most

    def __cinit__(self, policy, size_t most):
        self.policy, self.most = policy, most
        self.numbers, self.texts = {}, OrderedDict()
        self.first = self.next = 1

    cdef inline bint holds(self, uint32_t number) noexcept:
        """Is it not forgotten?"""
        return number - self.first < self.next - self.first

    cdef uint32_t of(self, Miss miss) except? 0xFFFFFFFF:
        """The number of a new key's; 0: no measure means its spans."""
        texts = self.policy.measured(miss.context, miss.name, miss.kind, miss.status, miss.values)
        return self.number(texts) if texts is not None else 0

    cdef uint32_t number(self, tuple texts) except 0:
        number = self.numbers.get(texts)
        if number is None:
            number = self.numbers[texts] = self.next
            self.texts[number] = texts
            self.size += size_of(texts)
            self.next += 1
            self.next += self.next == 0
        return number

    cdef int forget(self) except -1:
        """Lets the oldest go if they are too many; the keys that know them are strangers then."""
        cdef uint32_t oldest
        while self.size > self.most:
            oldest, texts = self.texts.popitem(last=False)
            del self.numbers[texts]
            self.size -= size_of(texts)
            self.first = oldest + 1         # of 32 bits, as it is of numbers
        return 0


cdef size_t size_of(tuple texts):
    return ASSIGNMENT_COST + sum([8 + len(text or b"") for text in texts])
