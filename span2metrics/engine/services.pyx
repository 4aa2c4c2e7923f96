# Services, of which there is a limited number, and what each may have.
#
# A service that is new while there is no room for it is `__other__`, as are all such together, until others have left.
# Who sends something has a place kept for as long as the request is read; it is admitted once a span of its counts, and
# stays until it has no series and sends no spans.
#
# Rules: semantics §1.5.


@cython.final
cdef class Service:
    cdef readonly str name
    cdef uint32_t number            # in `Services.by_number`
    cdef uint32_t sets              # label sets that count against its limit
    cdef uint32_t outside           # series beyond the limits
    cdef uint32_t seen              # as that of series
    cdef bint live                  # it was admitted and has not left …
    cdef bint left                  # … or has: who comes back under its name begins anew
    cdef dict overflowed            # names.LIMIT_… → spans; None: nothing


@cython.final
cdef class Services:
    cdef readonly Service other     # of those for whom there is no room
    cdef dict by_name
    cdef dict fresh                 # for whom a place is kept while a request is read
    cdef list by_number             # None: it has left
    cdef list free                  # numbers
    cdef size_t most                # 0: any number

    def __cinit__(self, size_t most):
        self.most = most
        self.by_name, self.fresh, self.by_number, self.free = {}, {}, [], []
        self.other = made_service(names.OTHER)
        self.admit(self.other)

    cdef Service of(self, str name):
        """The service of that name, or `other` if it is new and there is no room."""
        cdef Service service = self.by_name.get(name)
        if service is None:
            service = self.fresh.get(name)
        if service is None:
            if not self.has_room() and name != names.UNKNOWN_SERVICE:
                return self.other
            service = self.fresh[name] = made_service(name)
        return service

    cdef bint keeps_place(self, Service service) except -1:
        """Is a place kept for one that is not admitted?  Not where there is none, or another has its name by now."""
        if service.left:
            return False
        found = self.by_name.get(service.name)
        if found is None:
            found = self.fresh.get(service.name)
        if found is None:
            if not self.has_room() and service.name != names.UNKNOWN_SERVICE:
                return False
            found = self.fresh[service.name] = service
        return found is service

    cdef bint has_room(self):
        return not self.most or PyDict_Size(self.by_name) + PyDict_Size(self.fresh) - 1 < <Py_ssize_t>self.most

    cdef inline bint turns_away(self, str name):
        """Is there no room for a service, nor has it been admitted?"""
        return name not in self.by_name and name not in self.fresh and not self.has_room()

    cdef inline int see(self, Service service, uint32_t now) except -1:
        """A span of its counts."""
        service.seen = now
        return 0 if service.live else self.admit(service)

    cdef int forget(self) except -1:
        """Who was not admitted has no place any more."""
        if self.fresh:
            self.fresh = {}
        return 0

    cdef int admit(self, Service service) except -1:
        self.by_name[service.name] = service
        service.live = True
        if self.free:
            service.number = self.free.pop()
            self.by_number[service.number] = service
        else:
            service.number = len(self.by_number)
            self.by_number.append(service)
        return 0

    cdef inline Service owner(self, Series* series):
        """The one that a series counts for; `other` where that has left, as it may where labels do not tell services."""
        owner = <object>PyList_GET_ITEM(self.by_number, series.text.owner & ~<uint32_t>OUTSIDE)
        return <Service>owner if owner is not None else self.other

    cdef int dismiss(self, uint32_t now, uint32_t after) except -1:
        """Has those leave who have no series and have sent nothing for `after` milliseconds."""
        cdef Service service
        for service in list(self.by_name.values()):
            if service.sets == 0 and service.outside == 0 and now - service.seen >= after:
                if service is not self.other:
                    service.live, service.left = False, True
                    del self.by_name[service.name]
                    self.by_number[service.number] = None
                    self.free.append(service.number)
        return 0

    cdef dict overflowed(self):
        """(service, limit) → spans."""
        cdef Service service
        found = {}
        for service in self.by_name.values():
            if service.overflowed is not None:
                found |= {(service.name, limit): spans for limit, spans in service.overflowed.items()}
        return found


cdef Service made_service(str name):
    cdef Service service = Service.__new__(Service)
    service.name = name
    return service
