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
    ROWS = 16               # that are taken in passes
    SWEPT = 512             # halves that are over, looked at in one call beside those of its own spans


cdef struct Arrival:        # a half that is not kept yet
    Half half
    uint64_t ids[KEY_WORDS] # its own; a forward's span id is that of its parent
    double excess           # of its weight over one


@cython.final
cdef class Graph:
    cdef object policy
    cdef SideReader reader
    cdef Sides sides
    cdef Halves halves
    cdef Edges edges
    cdef uint64_t wait
    cdef uint32_t most
    cdef GraphRows rows
    cdef bint messaging
    cdef uint64_t since             # of a half that arrives now, without its state
    cdef uint64_t policy_errors

    def __cinit__(self, policy, plan):
        graph = plan.graph
        self.policy = policy
        self.reader = SideReader(policy, plan.label_value_length)
        self.sides = Sides(plan.raw_key_bytes // 8)
        self.halves = Halves()
        self.edges = Edges(policy, plan)
        self.rows = GraphRows(self.reader, self.sides, graph.through_internal)
        self.wait, self.most, self.messaging = graph.wait_ns, graph.max_items, graph.messaging_latency

    # --- a request ----------------------------------------------------------------------------------------------------

    cdef int take(self, Row* rows, now) except -1:
        """The spans of a request that is known to be valid: as all arrive at once, senders before who looks for them."""
        cdef uint32_t* senders = self.rows.senders.numbers
        cdef uint32_t* receivers = self.rows.receivers.numbers
        cdef size_t i, sent = self.rows.senders.count, received = self.rows.receivers.count
        self.at(now)
        for context in self.rows.contexts_seen:
            self.edges.see(context.service)
        self.sweep(SWEPT + 2 * (sent + received))
        for i in range(0, sent, ROWS):
            self.take_senders(rows, senders + i, min(sent - i, <size_t>ROWS))
        for i in range(0, received, ROWS):
            self.take_receivers(rows, receivers + i, min(received - i, <size_t>ROWS))
        return 0

    cdef int take_senders(self, Row* rows, uint32_t* numbers, size_t count) except -1:
        """A few of them, in passes: what the last one needs was fetched into the cache by then."""
        cdef Row* row
        cdef size_t i
        cdef uint32_t there
        for i in range(count):
            row = &rows[numbers[i]]
            self.fetch(row, row.span_id)
        for i in range(count):
            there = self.halves.fetch_half(rows[numbers[i]].meets)
            if there:
                self.halves.fetch_origin(there)
        for i in range(count):
            row = &rows[numbers[i]]
            if row.side is not NULL or self.find_side(row):
                self.sender(row, <Side>row.side)
                self.trim()
        return 0

    cdef int take_receivers(self, Row* rows, uint32_t* numbers, size_t count) except -1:
        cdef Row* row
        cdef size_t i
        for i in range(count):
            row = &rows[numbers[i]]
            self.fetch(row, row.parent_id)
        for i in range(count):
            self.halves.fetch_half(rows[numbers[i]].meets)
        for i in range(count):
            row = &rows[numbers[i]]
            if row.side is not NULL or self.find_side(row):
                self.receivers(row, self.rows.links.links, <Side>row.side)
                self.trim()
        return 0

    cdef bint expire(self, now) except -1:
        """Ends what has waited long enough, a bounded part of it a call; is there more?"""
        self.at(now)
        return self.sweep(SWEPT * 8) == 0

    cdef int at(self, now) except -1:
        self.since = <uint64_t>now.mono_ns << STATE_BITS
        return self.edges.at(now.wall_ns)

    cdef inline void fetch(self, Row* row, const uint8_t* span_id) noexcept:
        """Where a span will look for its partner; most of that is long out of the cache."""
        cdef uint64_t key[KEY_WORDS]
        row.meets = 0
        if span_id is not NULL:
            set_key(key, row.trace_id, span_id)
            row.meets = key_hash(key)
            self.halves.fetch_slot(row.meets)

    cdef bint find_side(self, Row* row) except -1:
        """Gives a row the side that was not known when it was read; False where it cannot be named."""
        cdef const uint8_t* key = self.reader.keys + row.side_key
        cdef uint32_t hash = hash_of(key, row.side_size)
        cdef Side side = self.sides.find(key, row.side_size, hash)      # another span of the request may have had it
        cdef uint8_t kind = key[8] & ~DATABASE
        if side is None:
            try:
                texts, host = self.reader.texts(key, row.side_size, [])
                named = self.policy.side(self.rows.contexts_seen[row.context], kind, texts, host)
            except Exception:
                self.policy_errors += 1
                return False
            side = self.sides.made(named, kind, key[8] & DATABASE != 0)
            self.sides.put(key, row.side_size, hash, side)
            self.sides.retired.append(side)             # a key that is too long is not kept
        row.side = <PyObject*>side
        return True

    # --- arrivals -----------------------------------------------------------------------------------------------------

    cdef inline void arrive(self, Arrival* arrival, Row* row, Side side, uint64_t state) noexcept:
        set_key(arrival.ids, row.trace_id, row.span_id)
        arrival.half.start, arrival.half.end, arrival.half.hash = row.start, row.end, row.meets
        arrival.half.side = <PyObject*>side
        arrival.half.since = self.since | state | (FAILED if row.failed else 0) | (TIMED if row.timed else 0)
        arrival.half.since |= WEIGHTED if row.excess else 0
        arrival.excess = row.excess

    cdef inline int sender(self, Row* row, Side side) except -1:
        """A client's or producer's span, or an internal one that leads to such."""
        cdef Arrival arrival
        cdef End end
        self.arrive(&arrival, row, side, SENDER)
        if side.database:                                                       # (3)
            end = end_of(&arrival.half, arrival.ids, arrival.excess)
            self.edges.outcomes[DATABASE_CALLED] += 1
            return self.edges.count(self.edges.between(side, None), &end, &end)
        if side.kind == INTERNAL:
            arrival.half.since ^= SENDER | FORWARD
            arrival.half.side = NULL
        return self.lead(&arrival, row.parent_id)

    cdef int lead(self, Arrival* arrival, const uint8_t* parent_id) except -1:
        """Keeps what others look for, unless it is the same span once more; who has waited for it goes on."""
        cdef uint32_t there, number
        self.halves.make_room()
        there = self.found(arrival.ids, arrival.half.hash)
        if there and not self.halves.at(there).since & RECEIVER:
            return 0
        copy_key(arrival.half.key, arrival.ids)
        number = self.halves.add(&arrival.half)
        if arrival.half.since & WEIGHTED:
            self.halves.origin(number).excess = arrival.excess
        if arrival.half.since & FORWARD:
            arrival.ids[KEY_WORDS - 1] = 0
            if parent_id is not NULL:
                memcpy(&arrival.ids[KEY_WORDS - 1], parent_id, SPAN_ID_BYTES)
            copy_key(self.halves.origin(number).ids, arrival.ids)
        if there == NO_HALF:
            self.halves.put(number)
            return 0
        self.halves.replace(number)
        self.halves.at(there).since &= ~<uint64_t>KEYED
        return self.release(there)

    cdef inline int receivers(self, Row* row, Link* links, Side side) except -1:
        """A server's or consumer's span: a half for each of its links, or else one of its parent's, or a root."""
        cdef Arrival arrival
        if row.link_count:
            return self.linked(row, links, side)
        if row.parent_fault:
            return self.edges.refuse(side)
        self.arrive(&arrival, row, side, RECEIVER)
        if row.parent_id is NULL:
            memset(arrival.half.key, 0, KEY_BYTES)
            arrival.half.since |= ROOT
            return self.park(self.keep(&arrival), NO_HALF)
        set_key(arrival.half.key, row.trace_id, row.parent_id)
        return self.receiver(&arrival)

    cdef int linked(self, Row* row, Link* links, Side side) except -1:              # (4)
        cdef Arrival arrival
        cdef uint32_t i
        for i in range(row.link, row.link + row.link_count):
            self.arrive(&arrival, row, side, RECEIVER)
            set_key(arrival.half.key, links[i].trace_id, links[i].span_id)
            arrival.half.hash = key_hash(arrival.half.key)
            self.receiver(&arrival)
            self.trim()
        return 0

    cdef inline int receiver(self, Arrival* arrival) except -1:
        cdef uint32_t there = self.followed(&arrival.half)
        if there and self.halves.at(there).since & SENDER:
            return self.pair(there, arrival)
        return self.park(self.keep(arrival), there)

    cdef inline uint32_t keep(self, Arrival* arrival) except 0:
        cdef uint32_t number = self.halves.add(&arrival.half)
        copy_key(self.halves.origin(number).ids, arrival.ids)
        self.halves.origin(number).excess = arrival.excess
        return number

    cdef inline int park(self, uint32_t number, uint32_t there) except -1:
        """Has a receiver wait under its key, where the last search found others or nobody; or for its end."""
        self.halves.alone(number)
        if there:
            self.halves.join(number, there)
        elif not is_nowhere(self.halves.at(number).key):
            self.halves.put(number)
        return 0

    cdef int release(self, uint32_t number) except -1:
        """A ring of receivers, which is in the index no more, goes on."""
        cdef uint32_t next
        while number:
            next = self.halves.origin(number).ring_after
            if next == number:
                next = NO_HALF
            self.halves.leave_ring(number)
            self.halves.alone(number)
            self.go_on(number)
            number = next
        return 0

    cdef int go_on(self, uint32_t number) except -1:
        cdef Half* half = self.halves.at(number)
        cdef Arrival arrival
        cdef uint32_t there
        if self.is_over(half):
            return self.lapse(number)
        there = self.followed(half)
        if there == NO_HALF or self.halves.at(there).since & RECEIVER:
            return self.park(number, there)
        arrival = self.kept(number)
        self.pair(there, &arrival)
        self.halves.remove(number)
        return 0

    cdef inline uint32_t followed(self, Half* half) except? 0xFFFFFFFF:
        """A receiver's sender, or those that wait for it under the key that the receiver has now, or nobody.

        Internal spans lead to their parents' keys (1); that of nobody ends in zeros.
        """
        cdef uint32_t number
        self.halves.make_room()
        number = self.found(half.key, half.hash)
        while number and self.halves.at(number).since & FORWARD:
            copy_key(half.key, self.halves.origin(number).ids)
            half.hash = key_hash(half.key)
            if half.since & STEPS == MOST_STEPS * STEP:
                half.key[KEY_WORDS - 1] = 0
            else:
                half.since += STEP
            if is_nowhere(half.key):
                return NO_HALF
            number = self.found(half.key, half.hash)
        return number

    cdef inline uint32_t found(self, const uint64_t* key, uint32_t hash) except? 0xFFFFFFFF:
        """Who is under a key; a sender that is over is nobody."""
        cdef uint32_t number = self.halves.find(key, hash)
        if number and not self.halves.at(number).since & RECEIVER and self.is_over(self.halves.at(number)):
            self.lapse(number)
            return self.halves.find(key, hash)
        return number

    cdef inline int trim(self) except -1:
        while self.halves.count > self.most:
            self.evict()
        return 0

    cdef int evict(self) except -1:
        """Makes room: a sender that has met somebody goes silently, else the oldest half is lost (8)."""
        cdef uint32_t number = self.halves.first_met()
        if number == NO_HALF:
            number = self.halves.oldest()
            if not self.halves.at(number).since & FORWARD:
                self.edges.lose(<Side>self.halves.at(number).side)
        self.halves.remove(number)
        return 0

    # --- ends ---------------------------------------------------------------------------------------------------------

    cdef inline bint is_over(self, Half* half) noexcept:
        return ((self.since | STATES) - half.since) >> STATE_BITS >= self.wait

    cdef Py_ssize_t sweep(self, Py_ssize_t most) except -1:
        """How many more than were over it could have ended."""
        cdef uint32_t number
        while most > 0:
            number = self.halves.oldest()
            if number == NO_HALF or not self.is_over(self.halves.at(number)):
                return most
            self.lapse(number)
            most -= 1
        return 0

    cdef int lapse(self, uint32_t number) except -1:
        """The end of a half that is over (6)."""
        cdef Arrival gone
        cdef Side side
        if self.halves.at(number).since & (FORWARD | MET):
            self.halves.remove(number)
            return 0
        gone = self.kept(number)
        side = <Side>gone.half.side
        self.halves.remove(number)          # before it is named, which may fail
        return self.end(&gone, side)

    cdef int end(self, Arrival* gone, Side side) except -1:
        """The end of a half that has met nobody."""
        cdef End known
        if gone.half.since & SENDER and side.named.peer:
            known = end_of(&gone.half, gone.half.key, gone.excess)
            self.edges.count(self.edges.between(side, None), &known, NULL)
        elif gone.half.since & ROOT:
            known = end_of(&gone.half, gone.ids, gone.excess)
            self.edges.count(self.edges.between(None, side), NULL, &known)
        else:
            return self.edges.give_up(side)
        self.edges.outcomes[VIRTUAL] += 1
        return 0

    cdef inline Arrival kept(self, uint32_t number) noexcept:
        """A copy of what is kept; the side is borrowed."""
        cdef Arrival arrival
        arrival.half = self.halves.at(number)[0]
        copy_key(arrival.ids, self.halves.origin(number).ids)
        arrival.excess = self.excess_of(number)
        return arrival

    cdef inline double excess_of(self, uint32_t number) noexcept:
        return self.halves.origin(number).excess if self.halves.at(number).since & WEIGHTED else 0

    # --- counting -----------------------------------------------------------------------------------------------------

    cdef inline int pair(self, uint32_t number, Arrival* receiver) except -1:
        cdef Half* half = self.halves.at(number)
        cdef uint32_t edge = self.edges.between(<Side>half.side, <Side>receiver.half.side)
        cdef End client = end_of(half, half.key, self.excess_of(number))
        cdef End server = end_of(&receiver.half, receiver.ids, receiver.excess)
        self.edges.outcomes[PAIRED] += 1
        self.edges.count(edge, &client, &server)
        if self.messaging and client.state & server.state & TIMED and server.start > client.end:
            if (<Side>half.side).kind == PRODUCER or (<Side>receiver.half.side).kind == CONSUMER:
                self.edges.observe(self.edges.latencies, edge, &server, server.start - client.end)
                if client.excess:
                    self.edges.latencies.weigh_duration(edge, server.start - client.end, client.excess)
        self.halves.meet(number)
        return 0


cdef inline void set_key(uint64_t* key, const uint8_t* trace_id, const uint8_t* span_id) noexcept:
    memcpy(key, trace_id, TRACE_ID_BYTES)
    memcpy(key + 2, span_id, SPAN_ID_BYTES)
