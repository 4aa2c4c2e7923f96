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
    SOON = 16               # so many arrivals before one's turn what it needs is fetched, and twice as many where that is
    SWEPT = 512             # halves that are over, looked at in one call beside those of its own spans


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

    def __cinit__(self, policy, plan, Privacy privacy, Notes notes, Services services):
        graph = plan.graph
        self.policy = policy
        self.reader = SideReader(policy, plan.label_value_length, privacy)
        self.sides = Sides(plan.raw_key_bytes // 8)
        self.halves = Halves()
        self.edges = Edges(policy, plan, notes, services)
        self.rows = GraphRows(self.reader, self.sides, graph.through_internal)
        self.wait, self.most, self.messaging = graph.wait_ns, graph.max_items, graph.messaging_latency

    # --- a request ----------------------------------------------------------------------------------------------------

    cdef int take(self, now) except -1:
        """The spans of a request that is known to be valid: as all arrive at once, senders before who looks for them."""
        cdef Arrivals* senders = &self.rows.arrivals[SENDERS]
        cdef Arrivals* receivers = &self.rows.arrivals[RECEIVERS]
        seen = None
        self.at(now)
        for context in self.rows.contexts_seen:
            if context is not seen:
                self.edges.see(context)
            seen = context
        self.sweep(SWEPT + 2 * (senders.count + receivers.count))
        self.take_senders(senders.items, senders.items + senders.count)
        return self.take_receivers(receivers.items, receivers.items + receivers.count)

    cdef int take_senders(self, Arrival* arrival, Arrival* end) except -1:
        self.fetch_first(arrival, end)
        while arrival != end:
            self.halves.fetch_origin(self.fetch(arrival, end))
            if arrival.half.side is not NULL or self.find_side(arrival):
                self.sender(arrival)
                self.trim()
            arrival += 1
        return 0

    cdef int take_receivers(self, Arrival* arrival, Arrival* end) except -1:
        self.fetch_first(arrival, end)
        while arrival != end:
            self.fetch(arrival, end)
            if arrival.half.side is not NULL or self.find_side(arrival):
                self.receivers(arrival)
                self.trim()
            arrival += 1
        return 0

    cdef void fetch_first(self, Arrival* arrival, Arrival* end) noexcept:
        """What the first ones need."""
        cdef int i
        for i in range(min(end - arrival, 2 * SOON)):
            self.halves.fetch_slot(arrival[i].half.hash)
        for i in range(min(end - arrival, SOON)):
            self.halves.fetch_half(arrival[i].half.hash)

    cdef inline uint32_t fetch(self, Arrival* arrival, Arrival* end) noexcept:
        """What those after it need, which is mostly long out of the cache; who will be met soon, or nobody."""
        if end - arrival > 2 * SOON:
            self.halves.fetch_slot(arrival[2 * SOON].half.hash)
        return self.halves.fetch_half(arrival[SOON].half.hash) if end - arrival > SOON else NO_HALF

    cdef bint expire(self, now) except -1:
        """Ends what has waited long enough, a bounded part of it a call; is there more?"""
        self.at(now)
        return (self.sweep(SWEPT * 8) == 0) | self.edges.expire()

    cdef bint conclude(self, now) except -1:
        """Ends all that waits, a bounded part of it a call; is there more?"""
        self.at(now)
        self.since += self.wait << STATE_BITS
        return self.sweep(SWEPT * 8) == 0

    cdef int at(self, now) except -1:
        self.since = <uint64_t>now.mono_ns << STATE_BITS
        return self.edges.at(now)

    cdef bint find_side(self, Arrival* arrival) except -1:
        """Gives an arrival the side that was not known when it was read; False where it cannot be named."""
        cdef const uint8_t* key = self.reader.keys + arrival.side_key
        cdef uint32_t hash = hash_of(key, arrival.side_size)
        cdef Side side = self.sides.find(key, arrival.side_size, hash)      # another span of the request may have had it
        cdef uint8_t kind = key[8] & ~DATABASE
        if side is None:
            try:
                texts, marks, host = self.reader.texts(key, arrival.side_size, [])
                context = self.rows.contexts_seen[arrival.context]
                named = self.policy.side(context, kind, texts, marks, host, key[8] & DATABASE)
            except Exception:
                self.policy_errors += 1
                return False
            side = self.sides.made(named, kind, key[8] & DATABASE != 0)
            self.sides.put(key, arrival.side_size, hash, side)
            self.sides.retired.append(side)             # a key that is too long is not kept
        arrival.half.side = <PyObject*>side
        return True

    # --- arrivals -----------------------------------------------------------------------------------------------------

    cdef inline int sender(self, Arrival* arrival) except -1:
        """A client's or producer's span, or an internal one that leads to such."""
        cdef Side side = <Side>arrival.half.side
        cdef End end
        arrival.half.since |= self.since
        if side.database:                                                       # (3)
            end = end_of(&arrival.half, arrival.half.key, arrival.excess)
            self.edges.outcomes[DATABASE_CALLED] += 1
            return self.edges.count(self.edges.between(side, None), &end, &end)
        if side.kind == INTERNAL:
            arrival.half.since ^= SENDER | FORWARD
            arrival.half.side = NULL
        return self.lead(arrival)

    cdef int lead(self, Arrival* arrival) except -1:
        """Keeps what others look for, unless it is the same span once more; who has waited for it goes on."""
        cdef uint32_t there, number
        self.halves.make_room()
        there = self.found(arrival.half.key, arrival.half.hash)
        if there and not self.halves.at(there).since & RECEIVER:
            return 0
        number = self.halves.add(&arrival.half)
        if arrival.half.since & WEIGHTED:
            self.halves.origin(number).excess = arrival.excess
        if arrival.half.since & FORWARD:
            copy_key(self.halves.origin(number).ids, arrival.ids)
        if there == NO_HALF:
            self.halves.put(number)
            return 0
        self.halves.replace(number)
        self.halves.at(there).since &= ~<uint64_t>KEYED
        return self.release(there, number if arrival.half.since & SENDER else NO_HALF)

    cdef inline int receivers(self, Arrival* arrival) except -1:
        """A server's or consumer's span: a half for each of its links, or else one of its parent's, or a root."""
        arrival.half.since |= self.since
        if arrival.link_count:
            return self.linked(arrival, self.rows.links.links + arrival.link)
        if arrival.parent_fault:
            return self.edges.refuse(<Side>arrival.half.side)
        if is_nowhere(arrival.half.key):
            arrival.half.since |= ROOT
            return self.park(self.keep(arrival), NO_HALF)
        return self.receiver(arrival)

    cdef int linked(self, Arrival* arrival, Link* links) except -1:                 # (4)
        cdef Arrival one
        cdef uint32_t i
        for i in range(arrival.link_count):
            one = arrival[0]
            set_key(one.half.key, links[i].trace_id, links[i].span_id)
            one.half.hash = key_hash(one.half.key)
            self.receiver(&one)
            self.trim()
        return 0

    cdef inline int receiver(self, Arrival* arrival) except -1:
        cdef uint32_t there = self.followed(&arrival.half)
        if there and self.halves.at(there).since & SENDER:
            return self.pair(there, &arrival.half, arrival.ids, arrival.excess)
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

    cdef int release(self, uint32_t number, uint32_t sender) except -1:
        """A ring of receivers, which is in the index no more, meets the sender or, if there is none yet, goes on."""
        cdef uint32_t next
        while number:
            next = self.halves.origin(number).ring_after
            if next == number:
                next = NO_HALF
            else:
                self.halves.leave_ring(number)
                self.halves.alone(number)
            self.go_on(number, sender)
            number = next
        return 0

    cdef inline int go_on(self, uint32_t number, uint32_t sender) except -1:
        cdef Half* half = self.halves.at(number)
        if self.is_over(half):
            return self.lapse(number)
        if sender == NO_HALF:
            sender = self.followed(half)
            if sender == NO_HALF or self.halves.at(sender).since & RECEIVER:
                return self.park(number, sender)
        self.pair(sender, half, self.halves.origin(number).ids, self.excess_of(number))
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

    cdef inline int pair(self, uint32_t number, Half* receiver, const uint64_t* ids, double excess) except -1:
        cdef Half* half = self.halves.at(number)
        cdef uint32_t edge = self.edges.between(<Side>half.side, <Side>receiver.side)
        cdef End client = end_of(half, half.key, self.excess_of(number))
        cdef End server = end_of(receiver, ids, excess)
        self.edges.outcomes[PAIRED] += 1
        self.edges.count(edge, &client, &server)
        if self.messaging and client.state & server.state & TIMED and server.start > client.end:
            if (<Side>half.side).kind == PRODUCER or (<Side>receiver.side).kind == CONSUMER:
                self.edges.observe(self.edges.latencies, edge, &server, server.start - client.end)
                if client.excess:
                    self.edges.latencies.weigh_duration(edge, server.start - client.end, client.excess)
        return self.halves.meet(number)
