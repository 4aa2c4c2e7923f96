# Payment card numbers in a text.
#
# A card number is 13 to 19 digits that begin as an issuer's do, are as many as that issuer's, and hold Luhn's check
# (ISO/IEC 7812-1).  Digits are written in groups; between two groups stand up to three separators, which people, forms
# and URLs put there.  Every row of whole groups that is a card is found, so that a number in front of it or a security
# code behind it hides nothing.  Digits of any script are digits.
#
# What only looks like one: a row that touches a cased letter (identifiers and hex are Latin; a number that follows a
# Chinese word is a number), a further digit, or the groups of a UUID; groups of an IBAN; the fraction of a decimal
# number; a telephone number of 13 digits with its plus; rows that are cut out of a longer one and are not grouped as
# cards are (order numbers).
#
# Who issues which numbers: `issuers`.


cdef enum:
    MOST_SEPARATORS = 3
    UUID_SIZE = 36
    MOST_IBAN = 34

cdef struct CardRow:        # a row of groups: its digits, the sizes of its groups, how many dots are between them
    uint8_t digits[MOST_DIGITS]
    uint8_t sizes[MOST_DIGITS + 1]
    int count
    int groups
    int dots

#: Characters of an IBAN, by its country (SWIFT's IBAN registry).
cdef str IBAN_TABLE = (
    "AD24AE23AL28AT20AZ28BA20BE16BG22BH22BI27BR29BY28CH21CR22CY28CZ24DE22DJ27DK18DO28EE20EG29ES24FI18FK18FO18FR27GB22"
    "GE22GI23GL18GR27GT28HN28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT20LU20LV21LY25MC27MD24ME22MK19MN20"
    "MR27MT31MU30NI28NL18NO15OM23PK24PL28PS29PT25QA29RO24RS22RU33SA24SC31SD18SE24SI19SK24SM27SO23ST25SV28TL23TN24TR26"
    "UA29VA22VG24XK20YE30"
)
cdef dict IBAN_LENGTHS = {IBAN_TABLE[i:i + 2]: int(IBAN_TABLE[i + 2:i + 4]) for i in range(0, len(IBAN_TABLE), 4)}


cdef bint may_hold_card(const uint8_t* at, size_t size) noexcept nogil:
    """Are there enough digits in a text?  What is not ASCII may be one."""
    cdef size_t i
    cdef uint32_t count = 0
    if size < FEWEST_DIGITS:
        return False
    for i in range(size):
        count += <uint8_t>(at[i] - c"0") < 10 or at[i] >= 0xC0
    return count >= FEWEST_DIGITS


def find_cards(str text not None):
    """Where card numbers are: a list of (start, end) by characters, ascending by start; they may overlap."""
    found = CardScan(text, False).found()
    if "%" in text or "\\" in text:     # escapes of URLs and of JSON, if that is what these are
        found = sorted({*found, *CardScan(text, True).found()})
    return found


@cython.final
cdef class CardScan:
    """One walk over a text."""

    cdef str text
    cdef Py_ssize_t size
    cdef bint escapes           # %XX, \n and \uXXXX are one character each
    cdef Py_ssize_t escaped     # where the last of them ended

    def __cinit__(self, str text, bint escapes):
        self.text, self.size, self.escapes, self.escaped = text, len(text), escapes, -1

    cdef list found(self):
        cdef Py_ssize_t at = 0, end
        cdef list found = []
        while at < self.size:
            if decimal_of(self.text[at]) < 0:
                at = self.after(at)
                continue
            end = self.card_from(at)
            if end:
                found.append((at, end))
            while at < self.size and decimal_of(self.text[at]) >= 0:
                at += 1
        return found

    cdef Py_ssize_t after(self, Py_ssize_t at):
        """Where what comes behind this character begins, which is no digit."""
        cdef Py_ssize_t size = self.escape_size(at) if self.escapes else 0
        if not size:
            return at + 1
        self.escaped = at + size
        return at + size

    cdef Py_ssize_t escape_size(self, Py_ssize_t at):
        if self.text[at] == u"%":
            return 3 if self.is_hex(at + 1, 2) else 0
        if self.text[at] != u"\\" or at + 1 == self.size:
            return 0
        return 6 if self.text[at + 1] == u"u" and self.is_hex(at + 2, 4) else 2

    cdef bint is_hex(self, Py_ssize_t at, int count):
        cdef Py_ssize_t i
        if at + count > self.size:
            return False
        for i in range(at, at + count):
            if not is_hexadecimal(self.text[i]):
                return False
        return True

    # --- rows of groups -----------------------------------------------------------------------------------------------

    cdef Py_ssize_t card_from(self, Py_ssize_t start):
        """Where the longest card ends whose first group begins here; 0: there is none."""
        cdef CardRow row
        cdef Py_ssize_t at = start, best = 0, join
        if start and start != self.escaped and is_cased(self.text[start - 1]):
            return 0
        row.count = row.groups = row.dots = 0
        while self.take_group(&row, &at):
            if row.count >= FEWEST_DIGITS and is_issued(row.digits, row.count) and self.is_card(&row, start, at):
                best = at
            join = self.join_at(at)
            if not join:
                break
            row.dots += self.text[at] == u"."
            at += join
        return best

    cdef bint take_group(self, CardRow* row, Py_ssize_t* at):
        """False: the row would be too long."""
        cdef int digit
        row.sizes[row.groups] = 0
        while at[0] < self.size:
            digit = decimal_of(self.text[at[0]])
            if digit < 0:
                break
            if row.count == MOST_DIGITS:
                return False
            row.digits[row.count] = digit
            row.count += 1
            row.sizes[row.groups] += 1
            at[0] += 1
        row.groups += 1
        return row.count < MOST_DIGITS or at[0] == self.size or decimal_of(self.text[at[0]]) < 0

    cdef Py_ssize_t join_at(self, Py_ssize_t at):
        """Characters between this group and a further one; 0: there is none."""
        cdef Py_ssize_t end = at
        if at < self.size and self.text[at] == u".":
            end = at + 1
        elif self.is_escaped_space(at):
            end = at + 3
        else:
            while end < self.size and end - at < MOST_SEPARATORS and joins_digits(self.text[end]):
                end += 1
        return end - at if end < self.size and decimal_of(self.text[end]) >= 0 else 0

    cdef bint is_escaped_space(self, Py_ssize_t at):
        return self.escapes and 0 <= at and at + 3 <= self.size and self.text[at:at + 3] == "%20"

    cdef bint is_joined_before(self, Py_ssize_t start):
        """Is there a group in front that the row could have begun with?"""
        cdef Py_ssize_t at = start
        if start == self.escaped:
            at = start - 3 if self.is_escaped_space(start - 3) else start
        elif start and self.text[start - 1] == u".":
            at = start - 1
        else:
            while at and start - at < MOST_SEPARATORS and joins_digits(self.text[at - 1]):
                at -= 1
        return at < start and at and decimal_of(self.text[at - 1]) >= 0

    cdef bint is_card(self, CardRow* row, Py_ssize_t start, Py_ssize_t end):
        """A row of the right digits: is it none of what only looks like a card?"""
        cdef bint alone = row.groups == 1
        if end < self.size and is_cased(self.text[end]):
            return False
        if row.dots and (row.dots == 1 or row.sizes[0] != 4):
            return False
        if alone and self.is_fraction(start) or row.count == FEWEST_DIGITS and self.is_telephone(start):
            return False
        if not alone and not is_grouped_as_cards(row) and (self.is_joined_before(start) or self.join_at(end)):
            return False
        return not self.is_by_uuid(start, end) and not self.is_in_iban(start, end)

    # --- what looks like a card ---------------------------------------------------------------------------------------

    cdef bint is_fraction(self, Py_ssize_t start):
        """Of a number with one point."""
        cdef Py_ssize_t at = start - 1
        if at < 1 or self.text[at] != u"." or decimal_of(self.text[at - 1]) < 0:
            return False
        while at and decimal_of(self.text[at - 1]) >= 0:
            at -= 1
        return at == 0 or self.text[at - 1] != u"."

    cdef bint is_telephone(self, Py_ssize_t start):
        if start == self.escaped:
            return start > 2 and self.text[start - 3:start] in ("%2B", "%2b")
        return start and self.text[start - 1] == u"+" and (start == 1 or decimal_of(self.text[start - 2]) < 0)

    cdef bint is_by_uuid(self, Py_ssize_t start, Py_ssize_t end):
        """Does a UUID share characters with it, or touch it by a dash?"""
        cdef Py_ssize_t at
        if start and self.text[start - 1] == u"-":
            start -= 2
        if end < self.size and self.text[end] == u"-":
            end += 2
        for at in range(max(0, start - UUID_SIZE + 1), min(self.size - UUID_SIZE + 1, end)):
            if self.is_uuid(at):
                return True
        return False

    cdef bint is_uuid(self, Py_ssize_t at):
        cdef Py_ssize_t i
        for i in range(UUID_SIZE):
            if i == 8 or i == 13 or i == 18 or i == 23:
                if self.text[at + i] != u"-":
                    return False
            elif not is_hexadecimal(self.text[at + i]):
                return False
        if at and is_latin_or_digit(self.text[at - 1]):
            return False
        return at + UUID_SIZE == self.size or not is_latin_or_digit(self.text[at + UUID_SIZE])

    cdef bint is_in_iban(self, Py_ssize_t start, Py_ssize_t end):
        """Is it part of a valid IBAN, in groups of four or not?"""
        cdef Py_ssize_t at
        for at in range(max(0, start - 2 * MOST_IBAN), start):
            if is_latin(self.text[at]) and (at == 0 or not is_latin_or_digit(self.text[at - 1])):
                if self.iban_end(at) >= end:
                    return True
        return False

    cdef Py_ssize_t iban_end(self, Py_ssize_t at):
        """Where the IBAN that begins here ends; -1: none does."""
        cdef str characters = ""
        length = IBAN_LENGTHS.get(self.text[at:at + 2].upper(), 0)
        while at < self.size and len(characters) < length:
            if is_latin_or_digit(self.text[at]):
                characters += self.text[at]
            elif self.text[at] != u" " and self.text[at] != u"\u00a0":
                return -1
            at += 1
        if not length or len(characters) < length or (at < self.size and is_latin_or_digit(self.text[at])):
            return -1
        # ISO 13616: what begins it goes to the end, letters count from 10 on, and 1 is left of it.
        number = int("".join([str(int(character, 36)) for character in characters[4:] + characters[:4]]))
        return at if number % 97 == 1 else -1


cdef inline int decimal_of(Py_UCS4 character):
    """The digit's value, of whatever script; -1: it is none."""
    if character < 0x80:
        return <int>character - c"0" if c"0" <= character <= c"9" else -1
    return Py_UNICODE_TODECIMAL(character)


cdef inline bint is_cased(Py_UCS4 character):
    """A letter that has a case."""
    if character < 0x80:
        return is_latin(character)
    return character.islower() or character.isupper() or character.istitle()


cdef inline bint is_latin(uint32_t character) noexcept nogil:
    return c"a" <= character | 0x20 <= c"z"


cdef inline bint is_latin_or_digit(uint32_t character) noexcept nogil:
    return c"0" <= character <= c"9" or is_latin(character)


cdef inline bint is_hexadecimal(uint32_t character) noexcept nogil:
    return c"0" <= character <= c"9" or c"a" <= character | 0x20 <= c"f"


cdef inline bint joins_digits(Py_UCS4 character):
    """Spaces, dashes, underscores, a form's plus, and what is not seen: soft hyphens, zero-width characters."""
    if character < 0x80:
        return character == u" " or character == u"-" or character == u"_" or character == u"+"
    if character in u"\u00ad\u2212\ufe58\ufe63\uff0d\u200b\u200c\u200d\u2060\ufeff":
        return True
    return 0x2010 <= character <= 0x2015 or is_wide_space(character)


cdef inline bint is_wide_space(Py_UCS4 character):
    """Unicode's category Zs, beside the space itself."""
    return character in u"\u00a0\u1680\u202f\u205f\u3000" or 0x2000 <= character <= 0x200A


cdef bint is_grouped_as_cards(CardRow* row):
    """Fours and a rest, or 4-6-5 and 4-6-4."""
    cdef int i, last = row.groups - 1
    if row.sizes[0] != 4 or row.sizes[last] > 5:
        return False
    if last == 2 and row.sizes[1] == 6:
        return row.sizes[2] >= 4
    for i in range(1, last):
        if row.sizes[i] != 4:
            return False
    return True
