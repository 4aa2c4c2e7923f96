# Births and deaths of series, within the limits.
#
# A label set is a series of calls or of durations, a series of calls with its sibling at 0 being one.  Where there is no
# room for a new one, its spans count in the service's overflow series, which is beyond the limits, so that totals stay
# exact.  Keys remember that they were turned away, and ask again once there is room.
#
# Label sets that the plan selects are admitted where there is no room for others, up to as many again as the limits
# allow: a sender can make any number of those, too.
#
# Rules: semantics §1.5.


FILTERED = object()             # in place of label texts: no series counts the key


@cython.final
cdef class Births:
    cdef object policy
    cdef SeriesTable calls
    cdef SeriesTable durations      # the same table where both families have equal labels
    cdef Services services
    cdef Notes notes
    cdef Assignments assignments    # None: nothing is measured
    cdef Expiry calls_expiry
    cdef Expiry durations_expiry
    cdef bint filters
    cdef bint selection             # some label sets are selected
    cdef bint shared                # labels do not tell services: a series may be of several
    cdef size_t sets                # label sets that count against the limits …
    cdef size_t most                # … which are these; 0: none
    cdef size_t most_of_service
    cdef size_t outside
    cdef size_t beyond              # of the sets: those that were admitted because they are selected
    cdef uint64_t values_left       # how often, and one more, a value of those of `max_values` has left
    cdef bint any_gone              # series have ended: keys may be strangers
    cdef uint64_t now               # milliseconds, monotonic
    cdef uint64_t births
    cdef uint64_t expired
    cdef uint64_t policy_errors

    def __cinit__(self, policy, plan, SeriesTable calls, SeriesTable durations, Services services, Notes notes):
        self.policy, self.services, self.notes = policy, services, notes
        self.filters, self.selection = policy.filters, policy.selection
        self.assignments = Assignments(policy, plan.raw_key_bytes // 8) if plan.measures else None
        self.shared = names.SERVICE_NAME in plan.exclude
        self.values_left = 1
        self.calls, self.durations = calls, durations
        self.calls_expiry = Expiry(calls, plan.expire_after_ns)
        self.durations_expiry = Expiry(durations, plan.expire_after_ns if durations is not calls else 0)
        self.most, self.most_of_service = plan.most_series, plan.most_series_of_service

    cdef int at(self, now) except -1:
        """From now on it is then."""
        self.now = <uint64_t>now.mono_ns // NS_PER_MS
        self.calls.wall_ns = self.durations.wall_ns = now.wall_ns
        self.calls.now = self.durations.now = <uint32_t>self.now
        return 0

    # --- keys ---------------------------------------------------------------------------------------------------------

    cdef inline Entry* known(self, Keys keys, context, const uint8_t* key, size_t size, bint* aged) except? NULL:
        """A key's entry, if it is known and its series are still its own.  `context`: the key's."""
        cdef Entry* entry = keys.find(key, <uint32_t>size, aged)
        if entry is NULL or self.is_settled(&entry.target) and not keys.assigned:
            return entry
        return self.doubted(keys, context, entry, aged)

    cdef Entry* doubted(self, Keys keys, context, Entry* entry, bint* aged) except? NULL:
        """The same where it takes a closer look."""
        if self.holds(&entry.target, context) and self.assigns(keys.assignment(entry)):
            return entry
        aged[0] = False
        return NULL

    cdef inline bint is_settled(self, Target* target) noexcept:
        """Has nothing come to pass that could have changed what its series are?  A filtered one has none."""
        return target.calls == NO_SERIES or not self.any_gone and not target.notes & (LIMITED | CAPPED)

    cdef bint holds(self, Target* target, context):
        """Are a known key's series still those that it was given, and would it be given them again?"""
        if self.is_settled(target):
            return True
        return self.stamp_of(target) == target.stamp and not self.may_ask(target, context)

    cdef inline bint assigns(self, uint32_t number):
        """Is a known key's assignment, if it has one, not forgotten?"""
        return number == 0 or self.assignments.holds(number)

    cdef inline uint16_t stamp_of(self, Target* target) noexcept:
        cdef uint16_t stamp = self.calls.at(target.calls).stamp
        return stamp if self.durations is self.calls else stamp + self.durations.at(target.durations).stamp

    cdef bint may_ask(self, Target* target, context):
        """Is there room where there was none?"""
        cdef Service service
        if target.notes & CAPPED and self.has_room_for_values(target.notes & NOTE):
            return True
        if not target.notes & LIMITED:
            return False
        service = context.room if self.shared else self.services.owner(self.calls.at(target.calls))
        if self.has_room(service):
            return True
        if not self.selection or not self.has_reserve(service):
            return False
        return names.LIMIT_SELECTED in self.notes.note(target.notes).limits

    cdef inline bint has_room_for_values(self, uint32_t note) except -1:
        """Is there room for a value of a note's labels?  Where there was none, there is none until a value leaves."""
        return self.notes.asked[note] != self.values_left and self.ask_for_values(note)

    cdef bint ask_for_values(self, uint32_t note) except -1:
        if self.policy.values.has_room(self.notes.note(note).capped):
            return True
        self.notes.asked[note] = self.values_left
        return False

    cdef inline bint has_room(self, Service service):
        if self.most and self.sets >= self.most:
            return False
        return not self.most_of_service or service.sets < self.most_of_service

    cdef inline bint has_reserve(self, Service service):
        """Is there room for what is selected?"""
        if self.most and self.beyond >= self.most:
            return False
        return not self.most_of_service or service.beyond < self.most_of_service

    cdef inline bint admits(self, Service service, bint selected):
        return self.has_room(service) or selected and self.has_reserve(service)

    cdef bint is_selected(self, Miss miss):
        if self.selection and not miss.asked:
            miss.asked = True
            try:
                miss.selected = self.policy.selects(miss.context, miss.name, miss.kind, miss.status, miss.values)
            except Exception:
                self.policy_errors += 1
        return miss.selected

    # --- births -------------------------------------------------------------------------------------------------------

    cdef object named(self, Miss miss):
        """Label texts of a key that was never seen; None where naming fails, FILTERED where no series counts it."""
        try:
            if self.filters and not self.policy.keeps(miss.context, miss.name, miss.kind, miss.status, miss.values):
                return FILTERED
            return self.policy.name(miss.context, miss.name, miss.kind, miss.status, miss.values)
        except Exception:
            self.policy_errors += 1
            return None

    cdef int bear(self, list misses) except -1:
        """Gives each miss its series; nothing can fail here but memory."""
        cdef Miss miss
        for miss in misses:
            if miss.origin is not None:
                miss.target, miss.assignment = miss.origin.target, miss.origin.assignment
            elif not miss.known:
                self.obtain(miss, self.named(miss))
            miss.target.notes = self.notes.changed(miss.target.notes, miss.marked, miss.found)
        return 0

    cdef int obtain(self, Miss miss, texts) except -1:
        cdef Service service = miss.context.room
        cdef Target* target = &miss.target
        cdef bint limited = False
        cdef uint32_t flags = 0
        if texts is FILTERED:
            target[0] = Target(NO_SERIES, NO_SERIES, 0, 0, 0)
            return 0
        self.births += 1
        self.services.see(service, self.calls.now)
        limits = [names.LIMIT_SERVICES] if service is self.services.other else []
        capped = ()
        if texts is None:
            target.calls = self.overflow(self.calls, miss, service)
            target.durations = self.overflow(self.durations, miss, service)
        else:
            calls, durations, status_at, status, zero, capped = texts
            if capped:
                limits.append(names.LIMIT_VALUES)
                flags |= CAPPED
            target.calls = self.within(self.calls, calls, status_at, status, zero, miss)
            why = self.why_not(service, self.is_selected(miss)) if target.calls == NO_SERIES else None
            if target.calls == NO_SERIES:
                limited, target.calls = True, self.overflow(self.calls, miss, service)
            target.durations = target.calls
            if self.durations is not self.calls:
                target.durations = self.within(self.durations, durations, status_at, status, -1, miss)
                if target.durations == NO_SERIES:
                    why = why or self.why_not(service, self.is_selected(miss))
                    limited, target.durations = True, self.overflow(self.durations, miss, service)
            if limited:
                limits.append(why)
                flags |= LIMITED
        target.notes = self.notes.of_limits(tuple(limits), capped) | flags
        target.stamp = self.stamp_of(target)
        miss.assignment = self.assigned(miss)
        if self.policy.values.caps:
            self.values_left += self.policy.values.settle()
        return 0

    cdef uint32_t assigned(self, Miss miss) except? 0xFFFFFFFF:
        """The number of a key's assignment; 0: nothing of its spans is measured."""
        try:
            return self.assignments.of(miss) if self.assignments is not None else 0
        except Exception:
            self.policy_errors += 1
            return 0

    cdef object why_not(self, Service service, bint selected):
        """The limit that leaves no room."""
        if selected:
            return names.LIMIT_SELECTED
        if self.most_of_service and service.sets >= self.most_of_service:
            return names.LIMIT_SERVICE_SERIES
        return names.LIMIT_SERIES

    cdef uint32_t within(
        self, SeriesTable table, bytes labels, uint32_t status_at, uint32_t status, int zero, Miss miss
    ) except? 0xFFFFFFFE:
        """The series with these labels; NO_SERIES: there is none and no room for it."""
        cdef Service service = miss.context.room
        cdef uint32_t number = table.lookup(labels, status)
        if number != NO_SERIES or not self.has_room(service) and not (self.is_selected(miss) and self.has_reserve(service)):
            return number
        number = table.obtain(labels, status_at, status)
        table.at(number).text.owner = self.admit(service)
        if self.policy.values.caps:
            self.policy.values.take(labels)
        if zero >= 0:
            self.add_sibling(number, zero)
        return number

    cdef uint32_t overflow(self, SeriesTable table, Miss miss, Service service) except? 0xFFFFFFFF:
        """The series of a service's spans for whose own series there is no room."""
        cdef uint32_t number
        labels, _, status_at, status, zero, _ = self.policy.overflow(miss.context, miss.kind, miss.status)
        number = table.lookup(labels, status)
        if number == NO_SERIES and self.is_full_outside(service):
            labels, _, status_at, status, zero, _ = self.policy.overflow(miss.context, miss.kind, miss.status, bare=True)
            number = table.lookup(labels, status)
        if number != NO_SERIES:
            return number
        number = table.obtain(labels, status_at, status)
        table.at(number).text.owner = service.number | OUTSIDE
        service.outside += 1
        self.outside += 1
        if zero >= 0 and table is self.calls:
            self.add_sibling(number, zero)
        return number

    cdef bint is_full_outside(self, Service service):
        """Labels of the resource could make any number of overflow series; those have the limits of the others."""
        if self.most and self.outside >= self.most:
            return True
        return self.most_of_service != 0 and service.outside >= self.most_of_service

    cdef int add_sibling(self, uint32_t number, uint32_t zero) except -1:
        """The series at 0 beside a new one.  It counts with it, also if it was there before for itself."""
        cdef uint32_t before = self.calls.count
        cdef uint32_t sibling = self.calls.sibling(number, zero, ERROR_STATUS)
        cdef Series* series = self.calls.at(sibling)
        if self.calls.count == before and series.state == ERROR_STATUS:
            self.discount(series)
            self.release_values(series)
            series.text.owner = self.calls.at(number).text.owner
        series.state += SIBLING_OF_ONE
        self.calls.at(number).text.sibling = sibling + 1
        return 0

    cdef int release_values(self, Series* series) except -1:
        """A series has the values of its labels no more."""
        if self.policy.values.caps and not series.text.owner & OUTSIDE:
            self.values_left += self.policy.values.release((<char*>(series.text + 1))[:series.size])
        return 0

    cdef uint32_t admit(self, Service service):
        """Takes room, of the reserve if there is no other; returns the new series' `owner`."""
        cdef bint room = self.has_room(service)
        self.count(service, 1)
        if room:
            return service.number
        service.beyond += 1
        self.beyond += 1
        return service.number | BEYOND

    cdef inline void count(self, Service service, int sets) noexcept:
        service.sets += sets
        self.sets += sets

    cdef void discount(self, Series* series) noexcept:
        """A series does not count for itself any more."""
        cdef Service service = self.services.owner(series)
        if series.text.owner & OUTSIDE:
            service.outside -= 1
            self.outside -= 1
        else:
            self.count(service, -1)
            if series.text.owner & BEYOND:
                service.beyond -= 1
                self.beyond -= 1

    # --- deaths -------------------------------------------------------------------------------------------------------

    cdef bint expire(self) except -1:
        """Ends what nobody has sent spans for; a part of the work.  Is there more?"""
        cdef uint64_t due = self.calls_expiry.due
        self.end(self.calls_expiry)
        self.end(self.durations_expiry)
        if self.calls_expiry.due != due and not self.calls_expiry.under_way:
            self.dismiss()
        return self.calls_expiry.under_way or self.durations_expiry.under_way

    cdef int dismiss(self) except -1:
        """Services that have no series and send nothing leave."""
        return self.services.dismiss(<uint32_t>self.now, self.calls_expiry.after)

    cdef int end(self, Expiry expiry) except -1:
        cdef uint32_t i, count = expiry.step(self.now)
        for i in range(count):
            self.remove(expiry.table, expiry.found[i])
        return 0

    cdef int remove(self, SeriesTable table, uint32_t number) except -1:
        """A label set: a series, and its sibling if that is nobody else's."""
        cdef Series* series = table.at(number)
        cdef uint32_t sibling = series.text.sibling if status_of(series) != ERROR_STATUS else 0
        self.release_values(series)
        self.discount(series)
        table.remove(number)
        if sibling:
            series = table.at(sibling - 1)
            series.state -= SIBLING_OF_ONE
            if series.state == ERROR_STATUS:
                table.remove(sibling - 1)
        self.expired += 1
        self.any_gone = True
        return 0
