# Weights: for how many spans one that a sampler kept stands, by its own word.  What is told is the excess over one,
# 0 for nearly every span.
#
# The tracestate says it as the threshold below which the sampler's 56 random bits made it drop a span (`ot=th:8`: half
# of them), or else an attribute as the probability with which it was kept.  What neither says in the form that is theirs
# weighs 1: a span is counted in any case.  A threshold counts however odd the other members are.
#
# Sources: OpenTelemetry's "TraceState: Probability Sampling" and "TraceState Handling"; W3C Trace Context, of whose
# list members `ot` is one.  Rules: semantics §1.4.


cdef enum:
    THRESHOLD_DIGITS = 14   # hexadecimal ones; fewer stand for the first of them
    MOST_DECIMAL = 128      # bytes of a probability that is a text

cdef uint64_t EVERY = <uint64_t>1 << 56

cdef extern from "Python.h":
    double PyOS_string_to_double(const char* text, char** end, PyObject* overflow) except? -1


@cython.final
cdef class Weights:
    """What a plan makes of that."""

    cdef bint tracestate
    cdef int attribute              # its position in the readers' list; -1: none is asked
    cdef double most                # weight; a larger one counts as this
    cdef uint64_t fewest            # that the sampler kept of EVERY; with fewer the weight is larger than that

    def __cinit__(self, policy, plan):
        self.tracestate, self.attribute = plan.tracestate, policy.weight_at
        self.most = plan.max_weight
        self.fewest = -(-(1 << 56) // plan.max_weight)

    cdef inline double excess(self, Cursor tracestate, AttributeReader reader, Tally* tally, list merged) except? -1:
        """Of a span's weight over one.  Raises DecodeError where a value inside the attribute is at fault."""
        if tracestate.at is NULL and self.attribute < 0:
            return 0
        return self.read(tracestate, reader, tally, merged)

    cdef double read(self, Cursor tracestate, AttributeReader reader, Tally* tally, list merged) except? -1:
        cdef uint64_t kept = kept_of(tracestate) if self.tracestate else 0
        cdef double probability = 0
        cdef double excess = 0
        cdef bint capped = False
        if self.attribute >= 0:
            probability = probability_of(&reader.values[self.attribute], merged)
        if kept:
            excess, capped = <double>(EVERY - kept) / <double>kept, kept < self.fewest
        elif 0 < probability <= 1:
            excess, capped = 1 / probability - 1, 1 / probability > self.most
        if capped:
            excess = self.most - 1
        tally.capped += capped
        tally.weighted += excess != 0
        return excess


# --- tracestate -------------------------------------------------------------------------------------------------------


cdef uint64_t kept_of(Cursor tracestate) noexcept nogil:
    """How many of EVERY span the sampler kept; 0: it does not say.  The first `ot` and its first `th` count."""
    cdef Cursor member
    while tracestate.at != tracestate.end:
        member = trimmed(part(&tracestate, c","))
        if begins_with(member, b"ot="):
            return kept_by(Cursor(member.at + 3, member.end))
    return 0


cdef uint64_t kept_by(Cursor members) noexcept nogil:
    cdef Cursor member
    while members.at != members.end:
        member = part(&members, c";")
        if begins_with(member, b"th:"):
            return kept_above(Cursor(member.at + 3, member.end))
    return 0


cdef uint64_t kept_above(Cursor threshold) noexcept nogil:
    """Of 1 to 14 hexadecimal digits, lower-case ones."""
    cdef size_t digits = threshold.end - threshold.at
    cdef uint64_t number = 0
    cdef uint8_t digit
    if digits == 0 or digits > THRESHOLD_DIGITS:
        return 0
    while threshold.at != threshold.end:
        digit = threshold.at[0]
        if c"0" <= digit <= c"9":
            digit -= c"0"
        elif c"a" <= digit <= c"f":
            digit -= c"a" - 10
        else:
            return 0
        number = number << 4 | digit
        threshold.at += 1
    return EVERY - (number << 4 * (THRESHOLD_DIGITS - digits))


cdef inline Cursor part(Cursor* members, uint8_t separator) noexcept nogil:
    """Up to the separator, past which the members begin then."""
    cdef Cursor first = members[0]
    cdef const uint8_t* end = <const uint8_t*>memchr(first.at, separator, first.end - first.at)
    if end is NULL:
        members.at = members.end
    else:
        members.at, first.end = end + 1, end
    return first


cdef inline Cursor trimmed(Cursor c) noexcept nogil:
    while c.at != c.end and is_blank(c.at[0]):
        c.at += 1
    while c.at != c.end and is_blank((c.end - 1)[0]):
        c.end -= 1
    return c


cdef inline bint is_blank(uint8_t character) noexcept nogil:
    return character == c" " or character == c"\t"


cdef inline bint begins_with(Cursor c, const char* three) noexcept nogil:
    return c.end - c.at >= 3 and memcmp(c.at, three, 3) == 0


# --- attribute --------------------------------------------------------------------------------------------------------


cdef double probability_of(Value* value, list merged) except? -1:
    """The number that the value is; 0 for what is none."""
    cdef double number = 0
    if value.kind == DOUBLE:
        memcpy(&number, &value.number, 8)
    elif value.kind == INTEGER:
        number = <double><int64_t>value.number
    elif value.kind == TEXT:
        number = decimal(value.data, value.size)
    elif value.kind == ARRAY or value.kind == MAP:
        label_text(value, 0, merged, OPEN)      # for its faults: they refuse a request, whatever it is read for
    return number


cdef double decimal(const uint8_t* text, size_t size) except? -1:
    """The double that is nearest to a decimal such as 0.25 or 1e-3, all of the text; 0 for any other text."""
    cdef char copy[MOST_DECIMAL + 1]
    if size > MOST_DECIMAL or not is_decimal(text, text + size):
        return 0
    memcpy(copy, text, size)
    copy[size] = 0
    return PyOS_string_to_double(copy, NULL, NULL)


cdef bint is_decimal(const uint8_t* at, const uint8_t* end) noexcept nogil:
    cdef const uint8_t* start = at
    cdef size_t point = 0
    at = past_digits(at, end)
    if at != end and at[0] == c".":
        point = 1
        at = past_digits(at + 1, end)
    if <size_t>(at - start) == point:
        return False
    if at != end and at[0] | 0x20 == c"e":
        at += 1
        at += at != end and (at[0] == c"+" or at[0] == c"-")
        start = at
        at = past_digits(at, end)
        if at == start:
            return False
    return at == end


cdef inline const uint8_t* past_digits(const uint8_t* at, const uint8_t* end) noexcept nogil:
    while at != end and c"0" <= at[0] <= c"9":
        at += 1
    return at
