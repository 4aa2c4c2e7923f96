# Amounts: the numbers that measures make of attributes, in 10^-6 of their unit, exactly.
#
# A value is an integer, a double or a text that is a decimal; its magnitude may be up to 10^18, so that an amount has up
# to 80 bits.  A double is the number that it stands for, all its digits: 0.1 is a little more than a tenth, and rounds to
# one like any other.  What the rounding makes 0 is not negative.
#
# Rules: semantics §5.


cdef extern from *:
    ctypedef unsigned long long uint128_t "unsigned __int128"

cdef extern from "math.h" nogil:
    double frexp(double number, int* exponent)
    double ldexp(double number, int exponent)

cdef enum Sort:
    NO_NUMBER
    NOT_NEGATIVE
    BELOW_ZERO

cdef enum:
    DECIMALS = 6
    MILLIONTHS = 1000000    # of a unit
    MOST_PLACES = 25        # digits of the greatest amount
    MOST_EXPONENT = 100000  # of a decimal; a greater one is as good as this
    NEVER_HALF = 80         # doubles have 53 bits and MILLIONTHS 20: so many places further they are less than a half

cdef struct Amount:
    uint64_t low            # of the magnitude
    uint64_t high
    uint32_t row            # number of the span's
    uint16_t attribute      # place in the policy's `measured_at`
    uint8_t sort            # of Sort

cdef uint64_t MOST_WHOLE = 1000000000000000000U
cdef uint128_t MOST_AMOUNT = <uint128_t>MOST_WHOLE * <uint128_t>MILLIONTHS


@cython.final
cdef class Amounts:
    """What a block's spans carry for measures, in their order."""

    cdef Amount* amounts
    cdef size_t count
    cdef size_t room
    cdef uint32_t* positions        # of the attributes, in the readers' list
    cdef uint32_t attributes

    def __cinit__(self, tuple positions):
        cdef uint32_t i
        self.attributes = len(positions)
        self.positions = <uint32_t*>reallocated(NULL, (self.attributes + 1) * sizeof(uint32_t))
        for i in range(self.attributes):
            self.positions[i] = positions[i]

    def __dealloc__(self):
        PyMem_RawFree(self.amounts)
        PyMem_RawFree(self.positions)

    cdef inline int take(self, uint32_t row, AttributeReader reader, list merged) except -1:
        """What was read of the row's span.  Raises DecodeError where a value inside an attribute is at fault."""
        cdef uint32_t i
        for i in range(self.attributes):
            if reader.values[self.positions[i]].kind != ABSENT:
                self.add(row, <uint16_t>i, &reader.values[self.positions[i]], merged)
        return 0

    cdef int add(self, uint32_t row, uint16_t attribute, Value* value, list merged) except -1:
        cdef uint128_t number = 0
        cdef Sort sort = amount_of(value, &number, merged)
        if self.count == self.room:
            self.amounts = <Amount*>reallocated(self.amounts, (self.room * 2 + 64) * sizeof(Amount))
            self.room = self.room * 2 + 64
        self.amounts[self.count] = Amount(<uint64_t>number, <uint64_t>(number >> 64), row, attribute, sort)
        self.count += 1
        return 0


cdef Sort amount_of(Value* value, uint128_t* amount, list merged) except *:
    cdef bint number = False, negative = False
    cdef double floating
    if value.kind == INTEGER:
        negative = <int64_t>value.number < 0
        number = of_integer(-value.number if negative else value.number, amount)
    elif value.kind == DOUBLE:
        memcpy(&floating, &value.number, 8)
        negative = floating < 0
        number = of_double(fabs(floating), amount)
    elif value.kind == TEXT:
        negative = value.data[0] == c"-"
        number = of_text(value.data + (negative or value.data[0] == c"+"), value.data + value.size, amount)
    elif value.kind == ARRAY or value.kind == MAP:
        label_text(value, 0, merged, OPEN)      # for its faults: they refuse a request, whatever it is read for
    if not number:
        return NO_NUMBER
    return BELOW_ZERO if negative and amount[0] else NOT_NEGATIVE


cdef inline bint of_integer(uint64_t number, uint128_t* amount) noexcept nogil:
    amount[0] = <uint128_t>number * MILLIONTHS
    return number <= MOST_WHOLE


cdef bint of_double(double number, uint128_t* amount) noexcept nogil:
    """Of one that is not negative; ties go to the even one."""
    cdef int exponent
    cdef uint128_t rest, half
    if not number <= <double>MOST_WHOLE:        # nor is NaN
        return False
    amount[0] = <uint128_t><uint64_t>ldexp(frexp(number, &exponent), 53) * MILLIONTHS
    exponent -= 53
    if exponent >= 0:
        amount[0] <<= exponent
    elif exponent < -NEVER_HALF:
        amount[0] = 0
    else:
        half = <uint128_t>1 << (-exponent - 1)
        rest = amount[0] & ((half << 1) - 1)
        amount[0] >>= -exponent
        if rest > half or (rest == half and amount[0] & 1):
            amount[0] += 1
    return True


cdef bint of_text(const uint8_t* at, const uint8_t* end, uint128_t* amount) noexcept nogil:
    """Of a decimal without its sign, however many digits it has; ties go to the even one."""
    cdef Cursor digits
    cdef int64_t places
    cdef int64_t i = 0
    cdef int digit = 0, next = 0        # the digit behind those of the amount …
    cdef bint more = False              # … and whether there is another that is not 0
    if end - at > MOST_DECIMAL or not is_decimal(at, end):
        return False
    digits = without_zeros(Cursor(at, before_exponent(at, end)), &places)
    places += DECIMALS + exponent_of(digits.end, end)
    if digits.at == digits.end or places < 0:
        return True
    if places > MOST_PLACES:
        return False
    while digits.at != digits.end:
        if digits.at[0] != c".":
            digit = digits.at[0] - c"0"
            if i < places:
                amount[0] = amount[0] * 10 + digit
            elif i == places:
                next = digit
            else:
                more |= digit != 0
            i += 1
        digits.at += 1
    while i < places:
        amount[0] *= 10
        i += 1
    if amount[0] > MOST_AMOUNT or (amount[0] == MOST_AMOUNT and (next or more)):
        return False
    if next > 5 or (next == 5 and (more or amount[0] & 1)):
        amount[0] += 1
    return True


cdef const uint8_t* before_exponent(const uint8_t* at, const uint8_t* end) noexcept nogil:
    while at != end and at[0] | 0x20 != c"e":
        at += 1
    return at


cdef Cursor without_zeros(Cursor digits, int64_t* places) noexcept nogil:
    """The digits from the first one that is not 0, and how many of them stand before the point; less than none if that
    is behind the point and other zeros."""
    cdef const uint8_t* point = <const uint8_t*>memchr(digits.at, c".", digits.end - digits.at)
    if point is NULL:
        point = digits.end
    while digits.at != digits.end and (digits.at[0] == c"0" or digits.at[0] == c"."):
        digits.at += 1
    places[0] = point - digits.at + (digits.at > point)
    return digits


cdef int64_t exponent_of(const uint8_t* at, const uint8_t* end) noexcept nogil:
    """The number behind the letter that stands there; none is 0."""
    cdef int64_t number = 0
    cdef bint negative
    if at == end:
        return 0
    at += 1
    negative = at[0] == c"-"
    at += negative or at[0] == c"+"
    while at != end:
        number = min(number * 10 + (at[0] - c"0"), <int64_t>MOST_EXPONENT)
        at += 1
    return -number if negative else number
