# The numbers of the service graph: of edges, of halves that make none, of nodes.
#
# An edge is a series in several tables, born and ended in all of them at once, so that its number is the same in each; a
# table for each family that has durations or exemplars of its own.  Which halves make an edge is `pairing`'s business.
#
# Rules: semantics §2; the numbers in brackets are its.


cdef enum:                  # places in names.EDGE_OUTCOMES
    PAIRED
    DATABASE_CALLED
    VIRTUAL
    UNPAIRED
    DROPPED

cdef enum:
    KNOWN = 256             # edges at hand

cdef struct Known:          # 0 is nobody, two of them nothing
    uint64_t client         # number of the side
    uint64_t server
    uint32_t edge
    uint32_t notes          # what was done to the values of its labels; see `Notes`

cdef struct End:            # what is counted of a half
    const uint8_t* ids      # its trace id, its span id
    uint64_t start          # nanoseconds since the epoch
    uint64_t end
    uint64_t state          # HalfState, lowest
    double excess           # of its weight over one


@cython.final
cdef class Edges:
    cdef object policy
    cdef Notes notes
    cdef Services senders           # of spans
    cdef Keys pairs                 # numbers of two sides → edge …
    cdef Known known[KNOWN]         # … and those at hand
    cdef SeriesTable requests       # and the receiver's durations
    cdef SeriesTable failures       # requests that failed
    cdef SeriesTable clients        # the sender's durations
    cdef SeriesTable latencies      # the time that messages took
    cdef SeriesTable unpaired
    cdef SeriesTable dropped
    cdef SeriesTable services
    cdef list tables                # all of them …
    cdef list of_edges              # … and those of which an edge is a series in each
    cdef dict nodes                 # service → number of its series in `services` …
    cdef dict node_names            # … and back
    cdef list expiries              # of the tables but those of edges other than `requests`
    cdef size_t most                # edges, 0: any number; beyond, …
    cdef dict beyond                # … number of an edge that stands for many → the service that it is told of …
    cdef dict over                  # … and service → requests
    cdef uint64_t now               # milliseconds, monotonic
    cdef bint exemplars
    cdef uint64_t wall_ns
    cdef uint64_t outcomes[5]       # by place in names.EDGE_OUTCOMES

    def __cinit__(self, policy, plan, Notes notes, Services senders):
        shown = replace(plan, bounds_ns=plan.graph.bounds_ns)
        natives = Natives(plan, (SECOND,) if plan.histograms.native else ())
        self.policy, self.notes, self.senders = policy, notes, senders
        notes.tell(policy.labels)
        self.pairs = Keys(plan.raw_key_bytes // 8)
        memset(self.known, 0, sizeof(self.known))
        self.tables = [SeriesTable(shown, natives) for _ in range(7)]
        self.requests, self.failures, self.clients, self.latencies = self.tables[:4]
        self.unpaired, self.dropped, self.services = self.tables[4:]
        self.of_edges = self.tables[:4]
        expiring = (self.requests, self.unpaired, self.dropped, self.services)
        self.expiries = [Expiry(table, plan.expire_after_ns) for table in expiring]
        self.nodes, self.node_names, self.beyond, self.over, self.most = {}, {}, {}, {}, plan.most_edges
        self.exemplars = plan.exemplars

    cdef int add_views(self, Page page, graph) except -1:
        tables = {
            names.REQUEST: (SHOWS_CALLS, self.requests, self.clients),
            names.REQUEST_FAILED: (SHOWS_CALLS, self.failures, None),
            names.REQUEST_SERVER: (SHOWS_DURATION, self.requests, None),
            names.REQUEST_CLIENT: (SHOWS_DURATION, self.clients, None),
            names.REQUEST_MESSAGING: (SHOWS_DURATION, self.latencies, None),
            names.CONNECTION_INFO: (SHOWS_ONE, self.requests, None),
            names.SERVICE_INFO: (SHOWS_ONE, self.services, None),
            names.UNPAIRED_SPANS: (SHOWS_CALLS, self.unpaired, None),
            names.GRAPH_DROPPED: (SHOWS_CALLS, self.dropped, None),
        }
        cdef Spellings spellings = spellings_of_edges(graph)
        for view in graph_views(graph):
            shows, table, beside = tables[view.family]
            shown = View(view, shows, table, beside, None)
            spelled = View(view, shows, table, beside, spellings) if table in self.of_edges else shown
            page.add(shown, spelled)
        for table in self.of_edges:
            page.hold(table)
        return 0

    cdef dict became(self):
        """What became of halves, by outcome."""
        return {outcome: self.outcomes[i] for i, outcome in enumerate(names.EDGE_OUTCOMES)}

    cdef int at(self, now) except -1:
        """From now on it is then."""
        cdef SeriesTable table
        self.wall_ns = now.wall_ns
        self.now = <uint64_t>now.mono_ns // NS_PER_MS
        for table in self.tables:
            table.wall_ns, table.now = self.wall_ns, <uint32_t>self.now
        return 0

    cdef int see(self, context) except -1:
        """The service has sent a span: it is a node, with edges or without."""
        number = self.nodes.get(context.service)
        if number is None:
            number = self.nodes[context.service] = self.obtain(self.services, self.policy.service(context.service))
            self.node_names[number] = context.service
        self.services.at(number).seen = self.services.now
        return self.senders.see(<Service>context.room, self.services.now)

    cdef inline uint32_t between(self, Side client, Side server) except? 0xFFFFFFFF:
        """The edge of a request between two sides, of which one may be None: nobody has seen it."""
        cdef uint64_t key[2]
        cdef Known* known
        key[0] = client.number if client is not None else 0
        key[1] = server.number if server is not None else 0
        known = &self.known[(key[0] * 31 + key[1]) & (KNOWN - 1)]
        if known.client != key[0] or known.server != key[1]:
            self.know(known, key, client, server)
        if known.notes:
            self.notes.take(known.notes, None)
        return known.edge

    cdef int know(self, Known* known, uint64_t* key, Side client, Side server) except -1:
        cdef Target target = self.by_key(key, client, server)
        known[0] = Known(key[0], key[1], target.calls, target.notes)
        return 0

    cdef Target by_key(self, uint64_t* key, Side client, Side server) except *:
        cdef Entry* entry
        cdef bint aged
        cdef Target target
        entry = self.pairs.find(<uint8_t*>key, 2 * sizeof(uint64_t), &aged)
        if entry is not NULL and self.holds(&entry.target):
            target = entry.target
            if not aged:
                return target
        else:
            number = self.of(client, server)
            target = Target(number, 0, self.note_of(number, client, server), self.requests.at(number).stamp, 0)
        self.pairs.put(<uint8_t*>key, 2 * sizeof(uint64_t), target)
        return target

    cdef uint32_t note_of(self, uint32_t number, Side client, Side server) except? 0xFFFFFFFF:
        """Of what was done to the values of an edge's labels; one that stands for many does not show them."""
        if number in self.beyond:
            return 0
        marked = self.policy.marked(client and client.named, server and server.named)
        return self.notes.number(NO_NOTE._replace(marked=marked)) if marked is not None else 0

    cdef bint holds(self, Target* target):
        """Is it still the same edge, and would it be again?"""
        if self.requests.at(target.calls).stamp != target.stamp:
            return False
        return target.calls not in self.beyond or not self.has_room()

    cdef bint has_room(self):
        return not self.most or self.requests.count - PyDict_Size(self.beyond) < self.most

    cdef uint32_t of(self, Side client, Side server) except? 0xFFFFFFFF:
        cdef SeriesTable table
        cdef uint32_t number
        named = client and client.named, server and server.named
        cdef bytes labels = self.policy.edge(*named)
        cdef bint beyond = self.requests.lookup(labels, NO_STATUS) == NO_SERIES and not self.has_room()
        if beyond:
            labels = self.policy.edge_beyond(*named)
        number = self.obtain(self.requests, labels)
        for table in self.of_edges:
            if self.obtain(table, labels) != number:
                raise AssertionError("an edge's series have different numbers")
        if beyond and number not in self.beyond:
            self.beyond[number] = (client or server).named.service
        return number

    cdef uint32_t obtain(self, SeriesTable table, bytes labels) except? 0xFFFFFFFF:
        return table.obtain(labels, 0, NO_STATUS)

    # --- ends of what nobody sends spans for --------------------------------------------------------------------------

    cdef bint expire(self) except -1:
        """A part of the work; is there more?"""
        cdef Expiry expiry
        cdef uint32_t i, count
        cdef bint more = False
        for expiry in self.expiries:
            count = expiry.step(self.now)
            for i in range(count):
                self.remove(expiry.table, expiry.found[i])
            more |= expiry.under_way
        return more

    cdef int remove(self, SeriesTable table, uint32_t number) except -1:
        if table is self.services:
            service = self.node_names.pop(number)
            del self.nodes[service]
            self.over.pop(service, None)
        if table is not self.requests:
            return table.remove(number)
        memset(self.known, 0, sizeof(self.known))
        self.beyond.pop(number, None)
        for table in self.of_edges:
            table.remove(number)
        return 0

    cdef dict overflowed(self):
        """(service, limit) → requests of edges that stand for many."""
        return {(service, names.LIMIT_EDGES): count for service, count in self.over.items()}

    # --- counts -------------------------------------------------------------------------------------------------------

    cdef inline int count(self, uint32_t edge, End* client, End* server) except -1:
        """One request.  The end that nobody has seen is NULL and not observed (7)."""
        cdef uint64_t states = 0
        cdef Series* series = self.requests.at(edge)
        series.calls += 1
        series.seen = self.requests.now
        if self.beyond and edge in self.beyond:
            service = self.beyond[edge]
            self.over[service] = self.over.get(service, 0) + 1
        if server is not NULL:
            states |= server.state
            if server.state & TIMED:
                self.observe(self.requests, edge, server, lasted(server))
        if client is not NULL:
            states |= client.state
            if client.state & TIMED:
                self.observe(self.clients, edge, client, lasted(client))
        if states & FAILED:
            self.fail(edge, client, server)
        if states & WEIGHTED:
            self.weigh(edge, client, server, states & FAILED != 0)
        return 0

    cdef int weigh(self, uint32_t edge, End* client, End* server, bint failed) except -1:
        """A request that is counted stands for more than itself: its client's weight is its, where a client was seen."""
        cdef double excess = client.excess if client is not NULL else server.excess
        if excess == 0:
            return 0
        self.requests.weigh(edge, 0, excess)
        if failed:
            self.failures.weigh(edge, 0, excess)
        if server is not NULL and server.state & TIMED:
            self.requests.weigh_duration(edge, lasted(server), excess)
        if client is not NULL and client.state & TIMED:
            self.clients.weigh_duration(edge, lasted(client), excess)
        return 0

    cdef int fail(self, uint32_t edge, End* client, End* server) except -1:
        cdef Series* series = self.failures.at(edge)
        cdef Row row
        series.calls += 1
        if client is not NULL and self.told_by(client, &row):
            self.failures.exemplars.offer(&series.exemplars, 0, &row)
        if server is not NULL and self.told_by(server, &row):
            self.failures.exemplars.offer(&series.exemplars, 0, &row)
        return 0

    cdef inline int observe(self, SeriesTable table, uint32_t edge, End* end, uint64_t duration) except -1:
        cdef Series* series = table.at(edge)
        cdef uint32_t bucket = 0 if duration <= table.bounds[0] else table.bucket(duration)     # as most do
        table.take_duration(series, duration, bucket)
        if table.exemplars.has_later(series.exemplars, bucket, end.end):
            return 0
        return self.offer(table, series, bucket, end, duration)

    cdef int offer(self, SeriesTable table, Series* series, uint32_t bucket, End* end, uint64_t duration) except -1:
        cdef Row row
        if self.told_by(end, &row):
            row.duration = duration
            table.exemplars.offer(&series.exemplars, bucket, &row)
        return 0

    cdef inline bint told_by(self, End* end, Row* row) noexcept:
        """A row of what an exemplar has of a half; whether it may be one."""
        row.duration, row.end = lasted(end), end.end
        row.trace_id, row.span_id = end.ids, end.ids + TRACE_ID_BYTES
        return self.exemplars and end.state & TIMED != 0 and end.end <= self.wall_ns

    cdef int give_up(self, Side side) except -1:
        """Counts a half whose partner did not come."""
        self.outcomes[UNPAIRED] += 1
        return self.lost(self.unpaired, &side.unpaired, side, names.UNPAIRED_EXPIRED)

    cdef int refuse(self, Side side) except -1:
        """Counts a half whose partner cannot be told."""
        cdef Counted counted = Counted(NO_SERIES, 0)
        self.outcomes[UNPAIRED] += 1
        return self.lost(self.unpaired, &counted, side, names.UNPAIRED_PARENT)

    cdef int lose(self, Side side) except -1:
        """Counts a half that had to go."""
        self.outcomes[DROPPED] += 1
        return self.lost(self.dropped, &side.dropped, side, names.DROPPED_MAX_ITEMS)

    cdef int lost(self, SeriesTable table, Counted* counted, Side side, reason) except -1:
        """Counts a half that makes no edge, in a series that is looked up if need be."""
        cdef Series* series
        if counted.number == NO_SERIES or table.at(counted.number).stamp != counted.stamp:
            kind = None if table is self.dropped else side.kind
            counted.number = self.obtain(table, self.policy.lost(side.named.service, kind, reason))
            counted.stamp = table.at(counted.number).stamp
        series = table.at(counted.number)
        series.calls += 1
        series.seen = table.now
        return 0


cdef inline End end_of(Half* half, const uint64_t* ids, double excess) noexcept:
    return End(<const uint8_t*>ids, half.start, half.end, half.since, excess)


cdef inline uint64_t lasted(End* end) noexcept:
    return end.end - end.start if end.end >= end.start else 0
