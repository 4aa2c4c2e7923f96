# The clamped cursor.  Every length of the wire format is checked here.  A reader either moves the cursor past what it
# read or raises DecodeError; nothing can move it past its end.  Limits are upb's: tags and sizes take at most 5 bytes,
# varints 10; field number 0 and wire types 6 and 7 do not exist; a group ends with its own number.


cdef enum:
    MAX_DEPTH = 100         # of groups and of nested values, as protobuf's own parser

cdef enum WireType:
    VARINT = 0
    FIXED64 = 1
    DELIMITED = 2
    START_GROUP = 3
    END_GROUP = 4
    FIXED32 = 5

cdef struct Cursor:
    const uint8_t* at
    const uint8_t* end

# Where the last fault was seen; read once by Walk.request to tell the sender the byte.
cdef const uint8_t* fault_at = NULL


cdef int malformed(Cursor* c, str what) except -1:
    global fault_at
    fault_at = c.at
    raise DecodeError(what)


cdef int read_long_varint(Cursor* c, uint64_t* out, int most, uint64_t limit) except -1:
    cdef uint64_t value = 0
    cdef const uint8_t* at = c.at
    cdef int i
    for i in range(most):
        if at == c.end:
            return malformed(c, "a varint passes the end of its message")
        value |= <uint64_t>(at[0] & 0x7F) << (7 * i)
        at += 1
        if not (at - 1)[0] & 0x80:
            if value > limit:
                return malformed(c, "a tag or length is out of range")
            c.at = at
            out[0] = value
            return 0
    return malformed(c, "a varint has too many bytes")


cdef inline int read_varint(Cursor* c, uint64_t* out) except -1:
    if c.at < c.end and c.at[0] < 0x80:
        out[0] = c.at[0]
        c.at += 1
        return 0
    return read_long_varint(c, out, 10, <uint64_t>-1)


cdef inline int read_tag(Cursor* c, uint32_t* out) except -1:
    read_any_tag(c, out)
    if out[0] < 8:
        return malformed(c, "a field has number 0")
    return 0


cdef inline int read_any_tag(Cursor* c, uint32_t* out) except -1:
    """As inside of unknown groups, where protobuf's own parser takes number 0 too."""
    cdef uint64_t value
    if c.at < c.end and c.at[0] < 0x80:
        value = c.at[0]
        c.at += 1
    else:
        read_long_varint(c, &value, 5, 0xFFFFFFFF)
    out[0] = <uint32_t>value
    return 0


cdef inline int read_delimited(Cursor* c, Cursor* sub) except -1:
    """The next length and its bytes, as a cursor of their own."""
    cdef uint64_t size
    if c.at < c.end and c.at[0] < 0x80:
        size = c.at[0]
        c.at += 1
    else:
        read_long_varint(c, &size, 5, 0x7FFFFFFF)
    if size > <uint64_t>(c.end - c.at):
        return malformed(c, "a length passes the end of its message")
    sub.at = c.at
    sub.end = c.at + size
    c.at += size
    return 0


cdef inline int read_fixed64(Cursor* c, uint64_t* out) except -1:
    if c.end - c.at < 8:
        return malformed(c, "a 64-bit number passes the end of its message")
    memcpy(out, c.at, 8)        # the wire and the machines this is built for are little-endian
    c.at += 8
    return 0


cdef inline int advance(Cursor* c, size_t size) except -1:
    if size > <size_t>(c.end - c.at):
        return malformed(c, "a field passes the end of its message")
    c.at += size
    return 0


cdef int skip(Cursor* c, uint32_t tag, int depth=0) except -1:
    """Past the field whose tag was just read."""
    cdef uint64_t number
    cdef Cursor sub
    cdef uint32_t kind = tag & 7
    if kind == DELIMITED:
        return read_delimited(c, &sub)
    if kind == VARINT:
        return read_varint(c, &number)
    if kind == FIXED64:
        return advance(c, 8)
    if kind == FIXED32:
        return advance(c, 4)
    if kind == START_GROUP:
        return skip_group(c, tag >> 3, depth + 1)
    if kind == END_GROUP:
        return malformed(c, "a group ends that was never begun")
    return malformed(c, "a wire type does not exist")


cdef int skip_group(Cursor* c, uint32_t number, int depth) except -1:
    cdef uint32_t tag
    if depth > MAX_DEPTH:
        return malformed(c, "groups are nested too deep")
    while True:
        read_any_tag(c, &tag)
        if tag & 7 == END_GROUP:
            return 0 if tag >> 3 == number else malformed(c, "a group ends with another's number")
        skip(c, tag, depth)


cdef int check_fields(Cursor c) except -1:
    """Whether a message's own fields are whole; what they hold is not looked at."""
    cdef uint32_t tag = 0
    while c.at < c.end:
        read_tag(&c, &tag)
        skip(&c, tag)
    return 0
