# Finds the series for which no span has come for long, a slice of a table at a time, so that nothing stalls.
#
# A pass begins when the series that was the longest unseen in the last one could be over, but never a second after that
# one began.  Time is in milliseconds of the monotonic clock; what series keep of it is 32 bits of it.


cdef enum:
    SLICE = 4096            # series that are looked at in a call
    FOUND = 512             # and that may end in it
    PAUSE = 1000            # milliseconds from a pass to the next, at least
    NS_PER_MS = 1000000


@cython.final
cdef class Expiry:
    cdef SeriesTable table
    cdef uint32_t after             # 0: never
    cdef uint64_t due               # when the next pass begins
    cdef uint32_t next              # number of the series that comes next in this one
    cdef uint32_t longest           # milliseconds that the oldest one so far was not seen
    cdef bint under_way
    cdef uint32_t found[FOUND]      # by `step`

    def __cinit__(self, SeriesTable table, uint64_t after_ns):
        self.table = table
        self.after = <uint32_t>((after_ns + NS_PER_MS - 1) // NS_PER_MS)

    cdef uint32_t step(self, uint64_t now) except? 0xFFFFFFFF:
        """How many of the next slice are over: they are in `found`, and must go before the next step."""
        cdef uint32_t count = 0, idle, end
        if not self.under_way:
            if not self.after or now < self.due:
                return 0
            self.under_way, self.next, self.longest, self.due = True, 0, 0, now
        end = min(self.table.made, self.next + <uint32_t>SLICE)
        while self.next < end and count < FOUND:
            if self.table.can_end(self.next):
                idle = <uint32_t>now - self.table.last_seen(self.next)
                if idle >= self.after:
                    self.found[count] = self.next
                    count += 1
                else:
                    self.longest = max(self.longest, idle)
            self.next += 1
        if self.next >= self.table.made:
            self.under_way = False
            self.due += max(<uint32_t>PAUSE, self.after - self.longest)
        return count
