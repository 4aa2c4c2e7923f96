# The numbers of the service graph: of edges, of halves that make none, of nodes.
#
# An edge is a series in several tables, born in all of them at once, so that its number is the same in each; a table
# for each family that has durations or exemplars of its own.  Which halves make an edge is `pairing`'s business.
#
# Rules: semantics §2; the numbers in brackets are its.


cdef enum:                  # places in names.EDGE_OUTCOMES
    PAIRED
    DATABASE_CALLED
    VIRTUAL
    UNPAIRED
    DROPPED


cdef class Edges:
    cdef object policy
    cdef SeriesTable requests       # and the receiver's durations
    cdef SeriesTable failures       # requests that failed
    cdef SeriesTable clients        # the sender's durations
    cdef SeriesTable latencies      # the time that messages took
    cdef SeriesTable unpaired
    cdef SeriesTable dropped
    cdef SeriesTable services
    cdef list tables                # all of them
    cdef set known_services
    cdef bint exemplars
    cdef uint64_t wall_ns
    cdef uint64_t outcomes[5]       # by place in names.EDGE_OUTCOMES

    def __cinit__(self, policy, plan):
        shown = replace(plan, bounds_ns=plan.graph.bounds_ns)
        natives = Natives(plan, (SECOND,) if plan.histograms.native else ())
        self.policy = policy
        self.tables = [SeriesTable(shown, natives) for _ in range(7)]
        self.requests, self.failures, self.clients, self.latencies = self.tables[:4]
        self.unpaired, self.dropped, self.services = self.tables[4:]
        self.known_services = set()
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
        for view in graph_views(graph):
            shows, table, beside = tables[view.family]
            shown = View(view, shows, table, beside, None)
            page.add(shown, shown)
        return 0

    cdef int at(self, uint64_t wall_ns) except -1:
        """From now on it is then."""
        cdef SeriesTable table
        self.wall_ns = wall_ns
        for table in self.tables:
            table.wall_ns = wall_ns
        return 0

    cdef int see(self, str service) except -1:
        """The service has sent a span: it is a node, with edges or without."""
        if service not in self.known_services:
            self.known_services.add(service)
            self.obtain(self.services, self.policy.service(service))
        return 0

    cdef uint32_t of(self, Side client, Side server) except? 0xFFFFFFFF:
        """The edge between two sides, of which one may be None: nobody has seen it."""
        cdef uint32_t number
        cdef bytes labels = self.policy.edge(client and client.named, server and server.named)
        number = self.obtain(self.requests, labels)
        self.obtain(self.failures, labels)
        self.obtain(self.clients, labels)
        self.obtain(self.latencies, labels)
        return number

    cdef uint32_t obtain(self, SeriesTable table, bytes labels) except? 0xFFFFFFFF:
        return table.obtain(labels, PyBytes_GET_SIZE(labels), NO_STATUS)

    cdef inline int count(self, uint32_t edge, Half* known, Half* sender, Half* receiver) except -1:
        """One request.  The side that nobody has seen is NULL and not observed (7); `known` is one that is there."""
        cdef Series* series = self.requests.at(edge)
        series.calls += 1
        if receiver is not NULL and receiver.state & TIMED:
            self.observe(self.requests, edge, receiver, lasted(receiver))
        if sender is not NULL and sender.state & TIMED:
            self.observe(self.clients, edge, sender, lasted(sender))
        if known.state & FAILED or receiver is not NULL and receiver.state & FAILED:
            self.fail(edge, sender, receiver)
        return 0

    cdef int fail(self, uint32_t edge, Half* sender, Half* receiver) except -1:
        cdef Series* series = self.failures.at(edge)
        cdef Row row
        series.calls += 1
        if sender is not NULL and self.told_by(sender, &row):
            self.failures.exemplars.offer(&series.exemplars, 0, &row)
        if receiver is not NULL and self.told_by(receiver, &row):
            self.failures.exemplars.offer(&series.exemplars, 0, &row)
        return 0

    cdef inline int observe(self, SeriesTable table, uint32_t edge, Half* half, uint64_t duration) except -1:
        cdef Row row
        cdef bint shown = self.told_by(half, &row)
        row.duration = duration
        return table.observe(edge, &row, shown)

    cdef inline bint told_by(self, Half* half, Row* row) noexcept:
        """A row of what an exemplar has of a half; whether it may be one."""
        row.duration, row.end = lasted(half), half.end
        row.trace_id, row.span_id = half.ids, half.ids + TRACE_ID_BYTES
        return self.exemplars and half.state & TIMED != 0 and half.end <= self.wall_ns

    cdef int told(self, SeriesTable table, Side side, uint32_t outcome, reason) except -1:
        """Counts a half that makes no edge, by its service."""
        labels = self.policy.lost(side.named.service, None if table is self.dropped else side.kind, reason)
        table.at(self.obtain(table, labels)).calls += 1
        self.outcomes[outcome] += 1
        return 0


cdef inline uint64_t lasted(Half* half) noexcept:
    return half.end - half.start if half.end >= half.start else 0
