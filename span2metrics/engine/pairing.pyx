# The service graph: halves meet, and what met is counted.
#
# A sender (client, producer) is met under its own span id, a receiver (server, consumer) under its parent's or its
# link's.  Which of them comes first does not matter, nor when the clock ticks: a half that has waited long enough is
# over for whoever comes across it, whether or not it was swept up yet.
#
# Rules: semantics §2; the numbers in brackets are its.  Who a half is: `sides`; where it waits: `halves`; its
# numbers: `edges`; what they are called: `graph`, in Python, once an edge.


cdef enum:
    MOST_STEPS = 64         # over internal spans; a longer way is a circle
    SWEPT = 512             # halves that are over, looked at in one call beside those of its own spans

cdef class Graph:
    cdef object policy
    cdef SideReader reader
    cdef Sides sides
    cdef Halves halves
    cdef Keys pairs                 # numbers of two sides → edge
    cdef Edges edges
    cdef uint64_t wait
    cdef uint32_t most
    cdef bint through_internal
    cdef bint messaging
    cdef Row* last                  # of this request, whose side is known …
    cdef Side last_side             # … and this
    cdef uint64_t mono_ns
    cdef uint64_t policy_errors

    def __cinit__(self, policy, plan):
        graph = plan.graph
        self.policy = policy
        self.reader = SideReader(policy, plan.label_value_length)
        self.sides = Sides(plan.raw_key_bytes // 8)
        self.halves = Halves()
        self.pairs = Keys(plan.raw_key_bytes // 8)
        self.edges = Edges(policy, plan)
        self.wait, self.most = graph.wait_ns, graph.max_items
        self.through_internal, self.messaging = graph.through_internal, graph.messaging_latency

    # --- a request ----------------------------------------------------------------------------------------------------

    cdef int take(self, Row* rows, size_t count, Link* links, list contexts, now) except -1:
        """The spans of a request that is known to be valid."""
        cdef size_t i
        cdef Side side
        self.at(now)
        for context in contexts:
            self.edges.see(context.service)
        self.sweep(SWEPT + 2 * count)
        self.last = NULL
        for i in range(count):
            if rows[i].side_size:
                side = self.side(&rows[i], contexts)
                if side is not None:
                    self.span(&rows[i], links, side)
                    while self.halves.count > self.most:
                        self.evict()
        return 0

    cdef int expire(self, now) except -1:
        """Ends what has waited long enough, a bounded part of it a call."""
        self.at(now)
        self.sweep(SWEPT * 16)
        return 0

    cdef int at(self, now) except -1:
        self.mono_ns = now.mono_ns
        return self.edges.at(now.wall_ns)

    cdef inline Side side(self, Row* row, list contexts):
        """None where it could not be named."""
        cdef const uint8_t* key = self.reader.keys + row.side_key
        cdef uint32_t hash
        if self.last is not NULL and self.last.side_size == row.side_size:
            if memcmp(self.reader.keys + self.last.side_key, key, row.side_size) == 0:
                return self.last_side
        hash = hash_of(key, row.side_size)
        self.last, self.last_side = row, self.sides.find(key, row.side_size, hash)
        if self.last_side is None:
            self.last_side = self.new_side(key, row.side_size, hash, contexts[row.context])
        return self.last_side

    cdef Side new_side(self, const uint8_t* key, uint32_t size, uint32_t hash, object context):
        cdef uint8_t kind = key[8] & ~DATABASE
        cdef Side side
        try:
            named = self.policy.side(context, kind, self.reader.texts(key, []))
        except Exception:
            self.policy_errors += 1
            return None
        side = self.sides.made(named, kind, key[8] & DATABASE != 0)
        self.sides.put(key, size, hash, side)
        return side

    cdef int span(self, Row* row, Link* links, Side side) except -1:
        cdef Half half
        cdef uint32_t i
        memcpy(half.ids, row.trace_id, TRACE_ID_BYTES)
        memcpy(half.ids + TRACE_ID_BYTES, row.span_id, SPAN_ID_BYTES)
        memcpy(half.key, half.ids, KEY_BYTES)
        half.hash = hash_of(half.key, KEY_BYTES)
        half.steps = 0
        half.start, half.end, half.arrived, half.side = row.start, row.end, self.mono_ns, <PyObject*>side
        half.state = (FAILED if row.failed else 0) | (TIMED if row.timed else 0)
        if side.kind == CLIENT or side.kind == PRODUCER:
            return self.sender(&half, side)
        if side.kind == INTERNAL:
            return self.forward(&half, row.parent_id)
        half.state |= RECEIVER
        for i in range(row.link_count):                                     # (4)
            memcpy(half.key, links[row.link + i].trace_id, TRACE_ID_BYTES)
            memcpy(half.key + TRACE_ID_BYTES, links[row.link + i].span_id, SPAN_ID_BYTES)
            self.receiver(&half)
        if row.link_count:
            return 0
        if row.parent_fault:
            return self.edges.told(self.edges.unpaired, side, UNPAIRED, names.UNPAIRED_PARENT)
        if row.parent_id is NULL:
            half.state |= ROOT
            self.halves.alone(self.halves.add(&half))
            return 0
        memcpy(half.key + TRACE_ID_BYTES, row.parent_id, SPAN_ID_BYTES)
        return self.receiver(&half)

    # --- arrivals -----------------------------------------------------------------------------------------------------

    cdef int sender(self, Half* half, Side side) except -1:
        cdef uint32_t number
        if side.database:                                                   # (3)
            self.edges.outcomes[DATABASE_CALLED] += 1
            return self.edges.count(self.edge(side, None), half, half, half)
        if self.found(half.key, half.hash):
            return 0                # the same span once more
        half.state |= SENDER
        number = self.halves.add(half)
        self.halves.index(&self.halves.senders, number)
        return self.release(number)

    cdef int forward(self, Half* half, const uint8_t* parent_id) except -1:
        cdef uint32_t number
        if self.found(half.key, half.hash):
            return 0
        half.state, half.side = FORWARD, NULL
        if parent_id is NULL:
            memset(half.ids + TRACE_ID_BYTES, 0, SPAN_ID_BYTES)
        else:
            memcpy(half.ids + TRACE_ID_BYTES, parent_id, SPAN_ID_BYTES)
        number = self.halves.add(half)
        self.halves.index(&self.halves.senders, number)
        return self.release(number)

    cdef int receiver(self, Half* half) except -1:
        cdef uint32_t sender
        half.hash = hash_of(half.key, KEY_BYTES)
        sender = self.followed(half)
        return self.pair(sender, half) if sender else self.park(self.halves.add(half))

    cdef int park(self, uint32_t number) except -1:
        """Has a receiver wait under its key, or for its end if that is nobody's."""
        self.halves.alone(number)
        return 0 if is_nowhere(self.halves.at(number).key) else self.halves.wait_at_key(number)

    cdef int release(self, uint32_t sender) except -1:
        """Receivers that waited for this sender, or for this step on their way, go on."""
        cdef Half* key = self.halves.at(sender)
        cdef uint32_t number = self.halves.find(&self.halves.receivers, key.key, key.hash), next
        while number:
            next = self.halves.at(number).ring_after
            if next == number:
                next = NO_HALF
            self.halves.leave_ring(number)
            self.halves.alone(number)
            self.go_on(number)
            number = next
        return 0

    cdef int go_on(self, uint32_t number) except -1:
        cdef uint32_t sender
        if self.is_over(number):
            return self.lapse(number)
        sender = self.followed(self.halves.at(number))
        if sender == NO_HALF:
            return self.park(number)
        self.pair(sender, self.halves.at(number))
        self.halves.remove(number)
        return 0

    cdef inline uint32_t followed(self, Half* half) except? 0xFFFFFFFF:
        """A receiver's sender, or none: then its key is changed to the one under which the sender is to come.

        Internal spans lead to their parents' keys (1); that of nobody ends in zeros.
        """
        cdef uint32_t number = self.found(half.key, half.hash)
        while number and self.halves.at(number).state & FORWARD:
            half.steps += 1
            memcpy(half.key, self.halves.at(number).ids, KEY_BYTES)
            if half.steps > MOST_STEPS:
                memset(half.key + TRACE_ID_BYTES, 0, SPAN_ID_BYTES)
            if is_nowhere(half.key):
                return NO_HALF
            half.hash = hash_of(half.key, KEY_BYTES)
            number = self.found(half.key, half.hash)
        return number

    cdef inline uint32_t found(self, const uint8_t* key, uint32_t hash) except? 0xFFFFFFFF:
        """The sender or forwarding span under a key that is not over."""
        cdef uint32_t number = self.halves.find(&self.halves.senders, key, hash)
        if number and self.is_over(number):
            self.lapse(number)
            return NO_HALF
        return number

    cdef int evict(self) except -1:
        """Makes room: a sender that has met somebody goes silently, else the oldest half is lost (8)."""
        cdef uint32_t number = self.halves.met.first
        if number == NO_HALF:
            number = self.halves.waiting.first
            if not self.halves.at(number).state & FORWARD:
                self.edges.told(self.edges.dropped, <Side>self.halves.at(number).side, DROPPED, names.DROPPED_MAX_ITEMS)
        self.halves.remove(number)
        return 0

    # --- ends ---------------------------------------------------------------------------------------------------------

    cdef inline bint is_over(self, uint32_t number) noexcept:
        return self.mono_ns - self.halves.at(number).arrived >= self.wait

    cdef int sweep(self, size_t most) except -1:
        while most and self.halves.waiting.first and self.is_over(self.halves.waiting.first):
            self.lapse(self.halves.waiting.first)
            most -= 1
        while most and self.halves.met.first and self.is_over(self.halves.met.first):
            self.halves.remove(self.halves.met.first)
            most -= 1
        return 0

    cdef int lapse(self, uint32_t number) except -1:
        """The end of a half that is over (6)."""
        cdef Half* half = self.halves.at(number)
        cdef Side side
        if not half.state & (FORWARD | MET):
            side = <Side>half.side
            if half.state & SENDER and side.named.peer:
                self.edges.outcomes[VIRTUAL] += 1
                self.edges.count(self.edge(side, None), half, half, NULL)
            elif half.state & ROOT:
                self.edges.outcomes[VIRTUAL] += 1
                self.edges.count(self.edge(None, side), half, NULL, half)
            else:
                self.edges.told(self.edges.unpaired, side, UNPAIRED, names.UNPAIRED_EXPIRED)
        self.halves.remove(number)
        return 0

    # --- counting -----------------------------------------------------------------------------------------------------

    cdef inline int pair(self, uint32_t sender, Half* receiver) except -1:
        cdef Half* half = self.halves.at(sender)
        cdef uint32_t edge = self.edge(<Side>half.side, <Side>receiver.side)
        self.edges.outcomes[PAIRED] += 1
        self.edges.count(edge, half, half, receiver)
        if half.state & receiver.state & TIMED and self.messaging and receiver.start > half.end:
            if (<Side>half.side).kind == PRODUCER or (<Side>receiver.side).kind == CONSUMER:
                self.edges.observe(self.edges.latencies, edge, receiver, receiver.start - half.end)
        self.halves.meet(sender)
        return 0

    cdef inline uint32_t edge(self, Side client, Side server) except? 0xFFFFFFFF:
        if client is not None and server is not None and client.partner == server.number:
            return client.edge
        return self.edge_by_key(client, server)

    cdef uint32_t edge_by_key(self, Side client, Side server) except? 0xFFFFFFFF:
        cdef uint64_t key[2]
        cdef Entry* entry
        cdef bint aged
        cdef Target target
        key[0] = client.number if client is not None else 0
        key[1] = server.number if server is not None else 0
        entry = self.pairs.find(<uint8_t*>key, sizeof(key), &aged)
        if entry is not NULL:
            target = entry.target
        else:
            target = Target(self.edges.of(client, server), 0, 0)
        if entry is NULL or aged:
            self.pairs.put(<uint8_t*>key, sizeof(key), target)
        if client is not None and server is not None:
            client.partner, client.edge = server.number, target.calls
        return target.calls

cdef inline bint is_nowhere(const uint8_t* key) noexcept:
    """Does the key end in a span id that nobody has?"""
    cdef uint64_t span_id
    memcpy(&span_id, key + TRACE_ID_BYTES, SPAN_ID_BYTES)
    return span_id == 0
