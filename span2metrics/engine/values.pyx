# An AnyValue: found on the wire without allocation, turned into text only for keys that are new.


cdef enum ValueKind:
    ABSENT = 0              # nothing, or an empty text: Prometheus cannot tell them apart
    TEXT = 1
    BOOLEAN = 2
    INTEGER = 3
    DOUBLE = 4
    ARRAY = 5
    MAP = 6
    BYTES = 7

cdef struct Value:
    const uint8_t* data     # of texts, bytes, arrays and maps: into the request, or into a merged copy
    uint32_t size
    uint8_t kind
    uint64_t number         # of booleans, integers and doubles: the bits

cdef enum:
    TEXT_WINDOW = 4096      # bytes of a value that are looked at; the rest is cut in any case


cdef int find_value(Cursor c, Value* out, list merged) except -1:
    """The value of an AnyValue's bytes.  The last member set wins; one message member sent in parts is one message."""
    cdef uint32_t tag
    cdef Cursor sub
    out.kind = ABSENT
    if c.end - c.at >= 2 and c.at[0] == 0x0A and c.at[1] < 0x80 and c.at + 2 + c.at[1] == c.end:
        return set_data(out, TEXT, Cursor(c.at + 2, c.end))         # nearly every value is a short text
    while c.at < c.end:
        read_tag(&c, &tag)
        if tag == 0x0A:
            read_delimited(&c, &sub)
            set_data(out, TEXT, sub)
        elif tag == 0x10 or tag == 0x18:
            out.kind = BOOLEAN if tag == 0x10 else INTEGER
            read_varint(&c, &out.number)
        elif tag == 0x21:
            out.kind = DOUBLE
            read_fixed64(&c, &out.number)
        elif tag == 0x2A or tag == 0x32:
            read_delimited(&c, &sub)
            set_message(out, ARRAY if tag == 0x2A else MAP, sub, merged)
        elif tag == 0x3A:
            read_delimited(&c, &sub)
            set_data(out, BYTES, sub)
        elif tag == 0x40:                   # string_value_strindex: an index into a table that traces do not have
            out.kind = ABSENT
            skip(&c, tag)
        else:
            skip(&c, tag)
    return 0


cdef inline int set_data(Value* out, uint8_t kind, Cursor data) except -1:
    out.data = data.at
    out.size = <uint32_t>(data.end - data.at)
    out.kind = kind if out.size else ABSENT
    return 0


cdef int set_message(Value* out, uint8_t kind, Cursor data, list merged) except -1:
    if out.kind == kind:
        data = concatenated(Cursor(out.data, out.data + out.size), data, merged)
    out.data = data.at
    out.size = <uint32_t>(data.end - data.at)
    out.kind = kind
    return 0


cdef Cursor concatenated(Cursor a, Cursor b, list merged) except *:
    """Two parts of one message as one: in protobuf, bytes after bytes is merging.  `merged` keeps the copy alive.

    Each must be whole by itself: together they could hide that the first runs into the second.  A further part is put
    behind the copy that the first two made, else a message in thousands of parts would cost their square.
    """
    cdef bytearray copy = merged[len(merged) - 1] if merged else None
    check_fields(b)
    if copy is None or not is_whole(a, copy):
        check_fields(a)
        copy = bytearray(a.at[:a.end - a.at])
        merged.append(copy)
    copy += b.at[:b.end - b.at]
    return Cursor(start_of(copy), start_of(copy) + PyByteArray_GET_SIZE(copy))


cdef Cursor first_field(Cursor c, list merged) except *:
    """Field 1 of a message, wherever it stands; parts of it are one.  Empty where it is absent."""
    cdef uint32_t tag
    cdef Cursor sub
    cdef Cursor found = Cursor(c.end, c.end)
    while c.at < c.end:
        read_tag(&c, &tag)
        if tag == 0x0A:
            read_delimited(&c, &sub)
            found = sub if found.at == found.end else concatenated(found, sub, merged)
        else:
            skip(&c, tag)
    return found


cdef inline bint is_whole(Cursor c, bytearray copy) noexcept:
    return c.at == start_of(copy) and c.end - c.at == PyByteArray_GET_SIZE(copy)


cdef inline const uint8_t* start_of(bytearray copy) noexcept:
    return <const uint8_t*>PyByteArray_AS_STRING(copy)


cdef tuple label_text(Value* value, uint32_t length, list merged, Privacy privacy):
    """A value's text as a label shows it, and what was done to it."""
    cdef bint replaced = False
    cdef uint8_t mark = 0
    privacy.hidden = False
    text = value_text(value, &replaced, merged, privacy)
    text = privacy.redacted(text, value.kind == TEXT and value.size > TEXT_WINDOW, &mark)
    mark |= IS_REDACTED if privacy.hidden else 0
    if privacy.drops and mark & IS_REDACTED:
        return "", IS_REDACTED
    shown = cut(text, length)
    return shown, mark | (0 if shown is text else IS_CUT) | (IS_REPLACED if replaced else 0)


cdef str value_text(Value* value, bint* replaced, list merged, Privacy privacy):
    """Text of a value, whole up to the window; `replaced` is set where bytes were no UTF-8."""
    cdef double number
    if value.kind == TEXT:
        return decoded(value.data, value.size, replaced)
    if value.kind == BOOLEAN:
        return "true" if value.number else "false"
    if value.kind == INTEGER:
        return str(<int64_t>value.number)
    if value.kind == DOUBLE:
        memcpy(&number, &value.number, 8)
        return double_text(number)
    if value.kind == BYTES:
        return privacy.bytes_text(value.data, min(value.size, TEXT_WINDOW))
    if value.kind == ABSENT:
        return ""
    parts = []
    json_composite(value, parts, replaced, merged, privacy, 0)
    return "".join(parts)


cdef str decoded(const uint8_t* data, size_t size, bint* replaced):
    if size > TEXT_WINDOW:
        size = TEXT_WINDOW
        while size > TEXT_WINDOW - 3 and data[size] & 0xC0 == 0x80:     # a character has at most three such bytes
            size -= 1
    try:
        return PyUnicode_DecodeUTF8(<const char*>data, size, NULL)
    except UnicodeDecodeError:
        replaced[0] = True
        return PyUnicode_DecodeUTF8(<const char*>data, size, "replace")


cdef int json_value(Cursor c, list parts, bint* replaced, list merged, Privacy privacy, int depth) except -1:
    """Compact JSON of an AnyValue, piece by piece."""
    cdef Value value
    cdef double number
    find_value_inside(c, &value, merged)
    if value.kind == ABSENT:
        parts.append("null")
    elif value.kind == TEXT:
        parts.append(encode_basestring(decoded(value.data, value.size, replaced)))
    elif value.kind == BYTES:
        parts.append(f'"{value_text(&value, replaced, merged, privacy)}"')
    elif value.kind == DOUBLE:
        memcpy(&number, &value.number, 8)
        text = double_text(number)
        parts.append(text if number - number == 0 else f'"{text}"')
    elif value.kind == ARRAY or value.kind == MAP:
        json_composite(&value, parts, replaced, merged, privacy, depth + 1)
    else:
        parts.append(value_text(&value, replaced, merged, privacy))
    return 0


cdef int find_value_inside(Cursor c, Value* out, list merged) except -1:
    """As find_value; but inside an array or map an empty text is a text."""
    find_value(c, out, merged)
    if out.kind == ABSENT and c.at < c.end:
        restore_empty(c, out)
    return 0


cdef int restore_empty(Cursor c, Value* out) except -1:
    cdef uint32_t tag
    while c.at < c.end:
        read_tag(&c, &tag)
        skip(&c, tag)
        if tag == 0x0A or tag == 0x3A:
            out.kind = TEXT if tag == 0x0A else BYTES
            out.size = 0
        elif tag == 0x40:
            out.kind = ABSENT
    return 0


cdef int json_composite(Value* value, list parts, bint* replaced, list merged, Privacy privacy, int depth) except -1:
    cdef Cursor c = Cursor(value.data, value.data + value.size)
    if depth > MAX_DEPTH:
        return malformed(&c, "values are nested too deep")
    if value.kind == ARRAY:
        return json_array(c, parts, replaced, merged, privacy, depth)
    return json_map(c, parts, replaced, merged, privacy, depth)


cdef int json_array(Cursor c, list parts, bint* replaced, list merged, Privacy privacy, int depth) except -1:
    cdef uint32_t tag
    cdef Cursor sub
    separator = "["
    while c.at < c.end:
        read_tag(&c, &tag)
        if tag != 0x0A:
            skip(&c, tag)
            continue
        read_delimited(&c, &sub)
        parts.append(separator)
        json_value(sub, parts, replaced, merged, privacy, depth)
        separator = ","
    parts.append("[]" if separator == "[" else "]")
    return 0


cdef int json_map(Cursor c, list parts, bint* replaced, list merged, Privacy privacy, int depth) except -1:
    """Sorted by key; of equal keys the first."""
    cdef uint32_t tag
    cdef Cursor sub, key, item
    entries = {}
    while c.at < c.end:
        read_tag(&c, &tag)
        if tag != 0x0A:
            skip(&c, tag)
            continue
        read_delimited(&c, &sub)
        split_pair(sub, &key, &item, merged)
        inner = []
        json_value(item, inner, replaced, merged, privacy, depth)
        entries.setdefault(decoded(key.at, key.end - key.at, replaced), "".join(inner))
    parts.append("{%s}" % ",".join([f"{encode_basestring(k)}:{entries[k]}" for k in sorted(entries)]))
    return 0


cdef int split_pair(Cursor c, Cursor* key, Cursor* value, list merged) except -1:
    """A KeyValue's key and its AnyValue's bytes; both are empty where they are absent."""
    cdef uint32_t tag
    cdef Cursor sub
    key.at = key.end = value.at = value.end = c.at
    while c.at < c.end:
        read_tag(&c, &tag)
        if tag == 0x0A:
            read_delimited(&c, key)
        elif tag == 0x12:
            read_delimited(&c, &sub)
            value[0] = sub if value.at == value.end else concatenated(value[0], sub, merged)
        else:
            skip(&c, tag)
    return 0
