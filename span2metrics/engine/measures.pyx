# Measures: what spans carry besides their time, such as money, counted by labels.
#
# A measure is a table of series, whose histograms have amounts where those of durations have nanoseconds.  Values below 0
# have a table of their own, in which each series has the same number: both are born and end together, as one label set.
#
# Keys know their assignment.  A series is looked up, and born, only when a value is there for it: by the number of the
# calls' series, whose labels it has, and the assignment, which has the rest.
#
# Rules: semantics §5; the limits are those of §1.5.


cdef struct Pairing:        # what a series of a measure is known by
    uint32_t calls          # number of the calls' series …
    uint32_t stamp          # … and its stamp
    uint32_t assignment
    uint32_t measure

cdef struct Told:           # the rows of which this was told last
    uint32_t not_numeric
    uint32_t negative
    uint32_t overflowed

cdef enum:
    NO_ROW = 0xFFFFFFFF


@cython.final
cdef class Measure:
    """The series of one."""

    cdef readonly str label
    cdef uint32_t number            # among the plan's
    cdef SeriesTable values         # that are not negative; the series' own record is here
    cdef SeriesTable negatives      # None: such values are refused
    cdef tuple tables               # both
    cdef Expiry expiry
    cdef bint exemplars
    cdef bint selects               # it means some spans in particular

    def __cinit__(self, plan, uint32_t number):
        measure = plan.measures[number]
        shown = replace(plan, bounds_ns=measure.bounds, histograms=Histograms.CLASSIC)
        natives = Natives(plan, ())
        self.label, self.number = label_of(measure.name, measure.unit), number
        self.values = SeriesTable(shown, natives)
        if measure.negative is Negative.ALLOW:
            self.negatives = SeriesTable(shown, natives)
        self.tables = (self.values,) if self.negatives is None else (self.values, self.negatives)
        self.expiry = Expiry(self.values, plan.expire_after_ns)
        self.exemplars = plan.exemplars and measure.bounds
        self.selects = measure.where in plan.selected

    cdef int at(self, uint64_t wall_ns, uint32_t now) except -1:
        """From now on it is then."""
        cdef SeriesTable table
        for table in self.tables:
            table.wall_ns, table.now = wall_ns, now
        return 0

    cdef uint32_t add(self, bytes labels, uint32_t status_at, uint32_t status) except? 0xFFFFFFFF:
        """The number of a new series, which shows its text in both tables."""
        cdef uint32_t hash = series_hash(PyBytes_AS_STRING(labels), PyBytes_GET_SIZE(labels), status)
        cdef uint32_t number = self.values.obtain(labels, status_at, status)
        cdef Series* series = self.values.at(number)
        if self.negatives is not None and self.negatives.add(series.text, series.size, status, hash) != number:
            raise AssertionError("the series of a measure have different numbers")
        return number

    cdef int remove(self, uint32_t number) except -1:
        cdef SeriesTable table
        for table in self.tables:
            table.remove(number)
        return 0

    cdef int observe(self, uint32_t number, Amount* amount, Row* row, uint64_t wall_ns) except -1:
        """Counts a value, and what its span stands for besides itself."""
        cdef SeriesTable table = self.negatives if amount.sort == BELOW_ZERO else self.values
        cdef Series* series = table.at(number)
        cdef uint32_t bucket = table.bound_count if amount.high else table.bucket(amount.low)
        cdef Row told
        table.take_duration(series, amount.low, bucket)
        table.histogram(series)[1] += amount.high
        if row.excess:
            weigh_amount(table, series, amount, bucket, row.excess)
        if self.exemplars and not amount.high and row.timed and row.trace_id is not NULL and row.end <= wall_ns:
            told = row[0]
            told.duration = amount.low
            table.exemplars.offer(&series.exemplars, bucket, &told)
        series = self.values.at(number)
        series.calls += 1
        series.seen = self.values.now
        return 0


cdef int weigh_amount(SeriesTable table, Series* series, Amount* amount, uint32_t bucket, double excess) except -1:
    cdef Sum* sums = table.observed.obtain(series.histogram - 1)
    cdef double magnitude = <double>amount.high * 18446744073709551616.0 + <double>amount.low       # 2^64
    add_to(&sums[SUM_EXCESS], excess * magnitude)
    add_to(&sums[BUCKETS_EXCESS + bucket], excess)
    return 0


@cython.final
cdef class Measures:
    """All of a plan's."""

    cdef object policy
    cdef Births births
    cdef Assignments assignments    # None: there are no measures
    cdef Keys known                 # Pairing → number of the series
    cdef tuple every
    cdef list by_attribute          # those that ask for each of the attributes
    cdef uint64_t not_numeric
    cdef uint64_t negative

    def __cinit__(self, policy, plan, Births births):
        self.policy, self.births = policy, births
        self.assignments = births.assignments
        self.known = Keys(plan.raw_key_bytes // 8)
        self.every = tuple([Measure(plan, number) for number in range(len(plan.measures))])
        attributes = [measure.attribute for measure in plan.measures]
        self.by_attribute = [
            [measure for measure, other in zip(self.every, attributes) if other == attribute]
            for attribute in dict.fromkeys(attributes)
        ]

    cdef int at(self) except -1:
        """From now on it is as late as `births` have it."""
        cdef Measure measure
        for measure in self.every:
            measure.at(self.births.calls.wall_ns, self.births.calls.now)
        return 0

    # --- values -------------------------------------------------------------------------------------------------------

    cdef int take(self, Walk walk) except -1:
        """Counts the values of a block's spans, which are counted themselves: what fails by a bug costs a value alone."""
        cdef Amount* amount = walk.amounts.amounts
        cdef Amount* end = amount + walk.amounts.count
        cdef Told told = Told(NO_ROW, NO_ROW, NO_ROW)
        if not self.every:
            return 0
        self.at()
        while amount != end:
            try:
                self.take_one(walk, amount, &told)
            except Exception:
                self.births.policy_errors += 1
            amount += 1
        return self.assignments.forget()

    cdef int take_one(self, Walk walk, Amount* amount, Told* told) except -1:
        cdef Row* row = walk.rows + amount.row
        cdef Miss miss
        if row.entry is not NULL:
            return self.measure(walk, amount, &row.entry.target, walk.keys.assignment(row.entry), told)
        miss = walk.misses[row.miss]
        return self.measure(walk, amount, &miss.target, miss.assignment, told)

    cdef int measure(self, Walk walk, Amount* amount, Target* target, uint32_t assignment, Told* told) except -1:
        """By each measure that asks for the attribute and means the span; a fault is told once of a span."""
        cdef Measure measure
        cdef Service service
        cdef uint32_t number
        if target.calls == NO_SERIES or not assignment:
            return 0
        service = walk.senders.of(amount.row, self.births.calls.at(target.calls), self.births.calls.now)
        texts = self.assignments.texts[assignment]
        for measure in self.by_attribute[amount.attribute]:
            own = texts[measure.number]
            if own is None:
                continue
            if amount.sort == NO_NUMBER:
                self.not_numeric += told.not_numeric != amount.row
                told.not_numeric = amount.row
            elif amount.sort == BELOW_ZERO and measure.negatives is None:
                self.negative += told.negative != amount.row
                told.negative = amount.row
            else:
                number = self.series_of(measure, target, assignment, own, service)
                measure.observe(number, amount, walk.rows + amount.row, self.births.calls.wall_ns)
                if measure.values.at(number).text.owner & OUTSIDE and not target.notes & LIMITED:
                    self.tell_overflow(measure, service, amount.row, told)
        return 0

    cdef int tell_overflow(self, Measure measure, Service service, uint32_t row, Told* told) except -1:
        """Counts a span whose value is in a series of many, though the span itself has a series of its own."""
        if told.overflowed == row:
            return 0
        told.overflowed = row
        if service.overflowed is None:
            service.overflowed = {}
        limit = self.births.why_not(service, measure.selects)
        service.overflowed[limit] = service.overflowed.get(limit, 0) + 1
        return 0

    # --- series -------------------------------------------------------------------------------------------------------

    cdef uint32_t series_of(
        self, Measure measure, Target* target, uint32_t assignment, bytes own, Service service
    ) except? 0xFFFFFFFF:
        """The number of the series that takes the values of a key's spans."""
        cdef Series* calls = self.births.calls.at(target.calls)
        cdef Pairing pairing = Pairing(target.calls, calls.stamp, assignment, measure.number)
        cdef const uint8_t* key = <const uint8_t*>&pairing
        cdef bint aged
        cdef Entry* entry = self.known.find(key, sizeof(Pairing), &aged)
        cdef Target found
        if entry is not NULL and self.holds(measure, &entry.target, calls, service):
            found = entry.target
            if not aged:
                return found.calls
        else:
            found = Target(self.obtain(measure, calls, own, service), 0, 0, 0, 0)
            found.stamp = measure.values.at(found.calls).stamp
        self.known.put(key, sizeof(Pairing), found)
        return found.calls

    cdef bint holds(self, Measure measure, Target* target, Series* calls, Service service):
        """Is it still the same series, and would it be again?"""
        cdef Series* series = measure.values.at(target.calls)
        if series.stamp != target.stamp:
            return False
        if not series.text.owner & OUTSIDE or calls.text.owner & OUTSIDE:
            return True
        return not self.births.admits(service, measure.selects)

    cdef uint32_t obtain(self, Measure measure, Series* calls, bytes own, Service service) except? 0xFFFFFFFF:
        """The series with the labels of the calls and its own, or the one for all that there is no room for."""
        cdef bytes labels = (<char*>(calls.text + 1))[:calls.size]
        cdef uint32_t number
        if calls.text.owner & OUTSIDE:
            return self.overflow(measure, labels, status_of(calls), service)
        number = measure.values.lookup(labels + own, status_of(calls))
        if number != NO_SERIES:
            return number
        if not self.births.admits(service, measure.selects):
            return self.overflow(measure, labels, status_of(calls), service)
        number = measure.add(labels + own, calls.text.status_at, status_of(calls))
        measure.values.at(number).text.owner = self.births.admit(service)
        return number

    cdef uint32_t overflow(
        self, Measure measure, bytes labels, uint32_t status, Service service
    ) except? 0xFFFFFFFF:
        """As `Births.overflow`, of a key whose calls have those labels."""
        cdef uint32_t number
        text, status_at = self.policy.overflow_of(labels)
        number = measure.values.lookup(text, status)
        if number == NO_SERIES and self.births.is_full_outside(service):
            text, status_at = self.policy.overflow_of(labels, bare=True)
            number = measure.values.lookup(text, status)
        if number != NO_SERIES:
            return number
        number = measure.add(text, status_at, status)
        measure.values.at(number).text.owner = service.number | OUTSIDE
        service.outside += 1
        self.births.outside += 1
        return number

    cdef bint expire(self) except -1:
        """Ends what no value has come for; a part of the work.  Is there more?"""
        cdef Measure measure
        cdef uint32_t i, count, ended = 0
        cdef bint more = False
        for measure in self.every:
            count = measure.expiry.step(self.births.now)
            for i in range(count):
                self.births.discount(measure.values.at(measure.expiry.found[i]))
                measure.remove(measure.expiry.found[i])
            ended += count
            more |= measure.expiry.under_way
        self.births.expired += ended
        if ended:
            self.births.dismiss()           # those whose last series it was: their calls ended before
        return more

    # --- told ---------------------------------------------------------------------------------------------------------

    cdef dict series(self):
        cdef Measure measure
        return {measure.label: measure.values.count for measure in self.every}

    def label_sets(self):
        cdef Measure measure
        for measure in self.every:
            yield from listing(measure.values, measure.label)
