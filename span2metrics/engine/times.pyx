# Times: how long before they were taken spans ended, and which of them ended too long ago or too far in the future.
#
# A span costs a comparison with the slack and two additions, in whatever order spans ended: no two bounds of lateness are
# in the same octave, so that the bucket is found by the highest bit and one comparison, without a branch.  A span without
# an end has no time to judge it by.
#
# Rules: semantics §1.2 (`time.slack`).


cdef enum:
    MOST_LATENESS = 16      # buckets; the last one is +Inf
    OCTAVES = 64            # of nanoseconds: 0, then from 1 on

cdef struct Ended:          # spans, by when they ended
    uint64_t buckets[MOST_LATENESS]
    uint64_t late[2]        # nanoseconds between ends that were past and their taking: low and high of the sum
    uint64_t too_old
    uint64_t too_new


@cython.final
cdef class Times:
    cdef uint64_t bounds[MOST_LATENESS]     # inclusive, ascending, nanoseconds, the first one 0; none behind the last
    cdef uint8_t first[OCTAVES]     # the bucket of an octave's least
    cdef uint32_t bucket_count
    cdef uint64_t slack             # nanoseconds; 0: none
    cdef uint64_t now
    cdef uint64_t oldest            # end that is taken, at least 1 …
    cdef uint64_t width             # … and how many later ones are
    cdef Ended scratch              # of the block at hand …
    cdef Ended total                # … and of all that was applied

    def __cinit__(self, plan):
        cdef uint32_t i
        bounds = LATENESS_BOUNDS_NS
        self.slack = plan.slack_ns
        self.bucket_count = len(bounds) + 1
        memset(self.bounds, 0xFF, sizeof(self.bounds))
        for i in range(len(bounds)):
            self.bounds[i] = bounds[i]
        for i in range(OCTAVES):
            self.first[i] = bisect_left(bounds, 2.0 ** (<int>i - 1)) if i else 0

    cdef int at(self, uint64_t now) except -1:
        """Spans are taken now."""
        cdef uint64_t newest = <uint64_t>-1
        self.now, self.oldest = now, 1
        if self.slack:
            self.oldest = now - self.slack if now > self.slack else 1
            newest = now + self.slack if now + self.slack > now else newest
        self.width = newest - self.oldest
        return 0

    cdef inline bint take(self, uint64_t end) noexcept:
        """Counts a span by its end; False: it is outside the slack."""
        if end - self.oldest > self.width:
            return self.pass_over(end)
        self.observe(end)
        return True

    cdef bint pass_over(self, uint64_t end) noexcept:
        if end == 0:
            return True
        self.observe(end)
        self.scratch.too_old += end < self.oldest
        self.scratch.too_new += end > self.oldest
        return False

    cdef inline void observe(self, uint64_t end) noexcept:
        cdef uint64_t late = self.now - end if self.now > end else 0
        cdef uint32_t bucket = self.first[63 - __builtin_clzll(late << 1 | 1)]      # until 2262
        self.scratch.buckets[bucket + (late > self.bounds[bucket])] += 1
        add_late(&self.scratch, late)

    cdef void forget(self) noexcept:
        """What was counted since the last `keep` was for nothing."""
        memset(&self.scratch, 0, sizeof(Ended))

    cdef uint64_t keep(self) noexcept:
        """The spans of the block at hand were valid; how many of them are outside the slack."""
        cdef uint64_t outside = self.scratch.too_old + self.scratch.too_new
        cdef uint32_t i
        for i in range(self.bucket_count):
            self.total.buckets[i] += self.scratch.buckets[i]
        add_late(&self.total, self.scratch.late[0])
        self.total.late[1] += self.scratch.late[1]
        self.total.too_old += self.scratch.too_old
        self.total.too_new += self.scratch.too_new
        self.forget()
        return outside

    cdef object lateness(self):
        return Lateness(
            tuple([self.total.buckets[i] for i in range(self.bucket_count)]),
            <object>self.total.late[0] + (<object>self.total.late[1] << 64),
        )


cdef inline void add_late(Ended* ended, uint64_t nanoseconds) noexcept nogil:
    ended.late[0] += nanoseconds
    ended.late[1] += ended.late[0] < nanoseconds
