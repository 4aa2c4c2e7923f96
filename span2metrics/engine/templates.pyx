# Built-in templating of span names: ids, numbers, e-mail addresses and dates become placeholders, from bytes to bytes.
#
# One pass and no regular expression.  A word is a run of ASCII letters and digits; whatever else is there, bytes of
# other scripts too, stands between words.  Replaced are, and nothing else:
#
#     {uuid}     8-4-4-4-12 hexadecimal digits, of either case
#     {hex}      a word of 16 or more hexadecimal digits, 0x before it or not; letters alone are some too
#     {number}   a word of 4 or more digits; or of any number of them where they are a whole segment of a path
#     {email}    local@domain.tld; the @ may be %40, as in a URL
#     {date}     2026-11-24 (or with / . _), alone or with a time behind T or a blank; 20261124T101530Z
#
# A path begins where / follows a blank or a sign, or a segment with a letter in it, so that `24/7` and `3/5` are none;
# nor is `HTTP/2`.  What was replaced holds neither digit nor @, and stands where a letter could: a name that was
# templated stays as it is.
#
# Linear in the name's length: words are read once, each @ is looked for once in a run of what may stand before it, and
# all else is of bounded length.


cdef enum:
    LETTER = 1
    DIGIT = 2
    WORD = 3                # LETTER | DIGIT
    HEX = 4
    LOCAL = 8               # may stand before an @
    DOMAIN = 16             # may stand in a label of a domain
    PATH_END = 32           # ends a path's last segment, and with it the path
    TEMPLATE_GROWTH = 5     # a name becomes at most so many times as long: /1 is /{number}
    SHORTEST_NUMBER = 4
    FEWEST_HEX = 16
    UUID_BYTES = 36

cdef enum Template:         # bits; in the order of `names.TEMPLATES`, whose first is the user's own rules
    BY_RULE = 1
    UUID = 2
    LONG_HEX = 4
    NUMBER = 8
    EMAIL = 16
    DATE = 32
    ALL_TEMPLATES = 63

cdef uint8_t CLASSES[256]


cdef int classify() except -1:
    cdef int byte
    for byte in range(256):
        c = bytes([byte])
        CLASSES[byte] = (
            (LETTER if c.isalpha() else 0)
            | (DIGIT if c.isdigit() else 0)
            | (HEX if c in b"0123456789abcdefABCDEF" else 0)
            | (LOCAL if c.isalnum() or c in b"._%+-" or byte >= 0x80 else 0)
            | (DOMAIN if c.isalnum() or c == b"-" else 0)
            | (PATH_END if byte <= 0x20 or c in b"?#\"'`()[]<>|,;=&" else 0)
        )
    return 0


classify()


cdef struct Scan:
    const uint8_t* at
    const uint8_t* end
    const uint8_t* copied   # up to here the name is in `out`, or it is what was replaced
    const uint8_t* looked   # up to here there is no e-mail address
    const uint8_t* segment  # where the segment of a path, or what may be one, begins
    uint8_t* out
    bint lettered           # the segment has a letter, or something was replaced in it
    bint path
    uint8_t found           # of Template


cdef size_t templated(const uint8_t* data, size_t size, uint8_t* out, uint8_t* found) noexcept nogil:
    """The bytes of a templated name in `out`, which has room for TEMPLATE_GROWTH times `size`, and their number.

    `found`: what was replaced, of `Template`.  0: nothing was, and nothing is in `out`.
    """
    cdef Scan s = Scan(data, data + size, data, data, data, out, False, False, 0)
    while s.at < s.end:
        template_next(&s)
    found[0] = s.found
    if not s.found:
        return 0
    copy_literal(&s, s.end)
    return s.out - out


def template_name(str name not None):
    """The name with placeholders for the ids in it, as labels show it where there are templates."""
    cdef bytes text = name.encode()
    cdef bytes out = PyBytes_FromStringAndSize(NULL, TEMPLATE_GROWTH * PyBytes_GET_SIZE(text))
    cdef uint8_t found = 0
    cdef size_t size = templated(
        <const uint8_t*>PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text), <uint8_t*>PyBytes_AS_STRING(out), &found
    )
    return out[:size].decode() if found else name


cdef inline void template_next(Scan* s) noexcept nogil:
    cdef uint8_t byte = s.at[0]
    cdef uint8_t shape = CLASSES[byte]
    if shape & WORD:
        template_word(s)
        return
    if byte >= 0x80 and template_email(s):
        return
    if byte == c"/":
        enter_segment(s)
    elif shape & PATH_END:
        s.path = s.lettered = False
        s.segment = s.at + 1
    elif byte == c"%" and s.end - s.at >= 3 and CLASSES[s.at[1]] & CLASSES[s.at[2]] & HEX:
        s.lettered |= (CLASSES[s.at[1]] | CLASSES[s.at[2]]) & LETTER
        s.at += 2           # an escaped sign
    s.at += 1


cdef inline void enter_segment(Scan* s) noexcept nogil:
    """At a slash: is what follows a segment of a path?"""
    if s.at == s.segment or not CLASSES[(s.at - 1)[0]] & WORD or (s.lettered and not is_http(s.segment, s.at)):
        s.path = True
    s.lettered = False
    s.segment = s.at + 1


cdef inline bint is_http(const uint8_t* at, const uint8_t* end) noexcept nogil:
    return (
        end - at == 4 and at[0] | 0x20 == c"h" and at[1] | 0x20 == c"t" and at[2] | 0x20 == c"t"
        and at[3] | 0x20 == c"p"
    )


cdef void template_word(Scan* s) noexcept nogil:
    """At the first byte of a word: it is replaced, with what belongs to it, or passed over."""
    cdef const uint8_t* end = s.at
    cdef const uint8_t* known
    cdef uint8_t all_of = 0xFF, any_of = 0
    if template_email(s):
        return
    while end < s.end and CLASSES[end[0]] & WORD:
        all_of &= CLASSES[end[0]]
        any_of |= CLASSES[end[0]]
        end += 1
    known = uuid_end(s.at, end, s.end)
    if known is not NULL:
        put_template(s, known, b"{uuid}", 6, UUID)
        return
    known = date_end(s.at, s.end)
    if known is not NULL:
        put_template(s, known, b"{date}", 6, DATE)
    elif all_of & DIGIT:
        if end - s.at >= SHORTEST_NUMBER or is_segment(s, end):
            put_template(s, end, b"{number}", 8, NUMBER)
    elif hex_digits(s.at, end, all_of) >= FEWEST_HEX:
        put_template(s, end, b"{hex}", 5, LONG_HEX)
    if s.at < end:
        s.at = end
        s.lettered |= any_of & LETTER


cdef inline bint is_segment(Scan* s, const uint8_t* end) noexcept nogil:
    """Are the digits from here to `end` a whole segment of a path?"""
    if not s.path or s.at != s.segment:
        return False
    return end == s.end or end[0] == c"/" or end[0] == c":" or CLASSES[end[0]] & PATH_END


cdef inline size_t hex_digits(const uint8_t* at, const uint8_t* end, uint8_t all_of) noexcept nogil:
    """How many hexadecimal digits the word is, 0 where it is none."""
    if all_of & HEX:
        return end - at
    if end - at < 2 + FEWEST_HEX or at[0] != c"0" or at[1] | 0x20 != c"x":
        return 0
    at += 2
    return end - at if are(at, end, end - at, HEX) else 0


cdef inline bint are(const uint8_t* at, const uint8_t* end, size_t count, uint8_t shape) noexcept nogil:
    """Are the next `count` bytes all there and of that shape?"""
    cdef size_t i
    if <size_t>(end - at) < count:
        return False
    for i in range(count):
        if not CLASSES[at[i]] & shape:
            return False
    return True


cdef inline bint touches_word(const uint8_t* at, const uint8_t* end) noexcept nogil:
    return at < end and CLASSES[at[0]] & WORD


cdef inline const uint8_t* unless_touching(const uint8_t* at, const uint8_t* end) noexcept nogil:
    if touches_word(at, end):
        return NULL
    return at


# --- what is replaced -------------------------------------------------------------------------------------------------


cdef void put_template(Scan* s, const uint8_t* end, const char* text, size_t size, uint8_t kind) noexcept nogil:
    """What is from here to `end` becomes the text."""
    copy_literal(s, s.at)
    memcpy(s.out, text, size)
    s.out += size
    s.copied = s.at = end
    s.found |= kind
    s.lettered = True


cdef inline void copy_literal(Scan* s, const uint8_t* end) noexcept nogil:
    memcpy(s.out, s.copied, end - s.copied)
    s.out += end - s.copied


cdef inline const uint8_t* uuid_end(const uint8_t* at, const uint8_t* first, const uint8_t* end) noexcept nogil:
    """Behind the UUID whose first group ends at `first`, or NULL."""
    if first - at != 8 or end - at < UUID_BYTES:
        return NULL
    if at[8] != c"-" or at[13] != c"-" or at[18] != c"-" or at[23] != c"-" or touches_word(at + UUID_BYTES, end):
        return NULL
    if not (are(at, end, 8, HEX) and are(at + 9, end, 4, HEX) and are(at + 14, end, 4, HEX)):
        return NULL
    return at + UUID_BYTES if are(at + 19, end, 4, HEX) and are(at + 24, end, 12, HEX) else NULL


cdef const uint8_t* date_end(const uint8_t* at, const uint8_t* end) noexcept nogil:
    """Behind the date that begins a word, and its time; or NULL.  Without separators there must be a time."""
    cdef const uint8_t* time
    cdef uint8_t sign
    if not is_year(at, end):
        return NULL
    sign = at[4]
    at += 4
    if CLASSES[sign] & DIGIT:
        if not is_day(at, at + 2, end) or at + 4 >= end or at[4] | 0x20 != c"t":
            return NULL
        return time_end(at + 5, end, False)
    if sign != c"-" and sign != c"/" and sign != c"." and sign != c"_":
        return NULL
    if not is_day(at + 1, at + 4, end) or at[3] != sign:
        return NULL
    at += 6
    if at < end and (at[0] | 0x20 == c"t" or at[0] == c" "):
        time = time_end(at + 1, end, at[0] == c" ")
        if time is not NULL:
            return time
    return unless_touching(at, end)


cdef inline bint is_year(const uint8_t* at, const uint8_t* end) noexcept nogil:
    """1900 to 2199, and room for a day behind it?"""
    if end - at < 8 or not are(at, end, 4, DIGIT):
        return False
    return at[0] == c"1" and at[1] == c"9" or at[0] == c"2" and at[1] <= c"1"


cdef inline bint is_day(const uint8_t* month, const uint8_t* day, const uint8_t* end) noexcept nogil:
    """Two digits each, 01 to 12 and 01 to 31."""
    cdef int m, d
    if not are(month, end, 2, DIGIT) or not are(day, end, 2, DIGIT):
        return False
    m = (month[0] - c"0") * 10 + month[1] - c"0"
    d = (day[0] - c"0") * 10 + day[1] - c"0"
    return 1 <= m <= 12 and 1 <= d <= 31


cdef const uint8_t* time_end(const uint8_t* at, const uint8_t* end, bint spaced) noexcept nogil:
    """Behind a time of day: 10:15, 10:15:30.5, 10-15-30, 101530, each with a zone or not; or NULL."""
    cdef uint8_t sign = 0
    if not are(at, end, 2, DIGIT):
        return NULL
    at += 2
    if at < end and (at[0] == c":" or at[0] == c"-"):
        sign = at[0]
    if spaced and sign != c":" or not are(at + (sign != 0), end, 2, DIGIT):
        return NULL
    at += 2 + (sign != 0)
    if (not sign or at < end and at[0] == sign) and are(at + (sign != 0), end, 2, DIGIT):
        at += 2 + (sign != 0)
    if at < end and (at[0] == c"." or at[0] == c",") and are(at + 1, end, 1, DIGIT):
        at += 2
        while at < end and CLASSES[at[0]] & DIGIT:
            at += 1
    return unless_touching(zone_end(at, end), end)


cdef inline const uint8_t* zone_end(const uint8_t* at, const uint8_t* end) noexcept nogil:
    if at < end and at[0] | 0x20 == c"z":
        return at + 1
    if at == end or (at[0] != c"+" and at[0] != c"-") or not are(at + 1, end, 2, DIGIT):
        return at
    at += 3
    if are(at, end, 2, DIGIT):
        return at + 2
    return at + 3 if at < end and at[0] == c":" and are(at + 1, end, 2, DIGIT) else at


cdef bint template_email(Scan* s) noexcept nogil:
    """Replaces the e-mail address that begins here, if one does."""
    cdef const uint8_t* at = s.at
    cdef const uint8_t* end
    if at < s.looked:
        return False
    while at < s.end and CLASSES[at[0]] & LOCAL and not is_escaped_at(at, s.end):
        at += 1
    s.looked = at
    if at == s.end or not (at[0] == c"@" or at[0] == c"%"):
        return False
    end = domain_end(at + (1 if at[0] == c"@" else 3), s.end)
    if end is NULL:
        return False
    put_template(s, end, b"{email}", 7, EMAIL)
    return True


cdef inline bint is_escaped_at(const uint8_t* at, const uint8_t* end) noexcept nogil:
    return at[0] == c"%" and end - at >= 3 and at[1] == c"4" and at[2] == c"0"


cdef const uint8_t* domain_end(const uint8_t* at, const uint8_t* end) noexcept nogil:
    """Behind the longest domain that begins here: two labels or more, the last of two letters or more.  NULL: none."""
    cdef const uint8_t* label = at
    cdef const uint8_t* found = NULL
    cdef bint inner = False
    cdef uint8_t all_of
    while True:
        all_of = LETTER
        at = label
        while at < end and CLASSES[at[0]] & DOMAIN:
            all_of &= CLASSES[at[0]]
            at += 1
        if at == label:
            return found
        if inner and all_of and at - label >= 2:
            found = at
        if at == end or at[0] != c".":
            return found
        inner = True
        label = at + 1
