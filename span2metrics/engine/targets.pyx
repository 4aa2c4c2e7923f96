# Targets: the instances of services that sent spans, shown as `target_info` so that series can be joined with them.
#
# They are a small table of their own, because their ids must multiply neither contexts nor series.  A resource is read
# for it when its bytes are first seen with spans, and known bytes cost a look.  Of more than `most` targets those go
# whose spans are the longest ago; that is counted, and they come back with their next span.  What was hidden or cut is
# counted once a span, if no label of that name is a series' own, of which it is counted there.  A target is its rendered
# labels, `service_name="x",…`, and is shown even where the series' own `service_name` is excluded: it is then all that
# says whose they are.


cdef enum:
    TARGET_COST = 360               # bytes beside a resource's and its target's: objects, dict entries; rounded up


@cython.final
cdef class Targets:
    cdef Memory by_bytes            # bytes of a resource → its target, and what was done to its values (`NO_NOTE.marked`)
    cdef dict fresh                 # the same, of a request that may yet turn out malformed
    cdef list marked                # of that request: what was done to values, and to those of how many spans
    cdef Notes notes
    cdef tuple told                 # by target label: whether what is done to it is counted
    cdef object known               # OrderedDict: targets, the one that was heard of last at the end
    cdef list order                 # the same, sorted
    cdef AttributeReader reader
    cdef uint32_t label_length
    cdef Privacy privacy
    cdef size_t most
    cdef uint64_t forgotten

    def __cinit__(self, plan, Privacy privacy, Notes notes):
        self.by_bytes = Memory(plan.raw_key_bytes // 16)
        self.fresh, self.marked, self.known, self.order = {}, [], OrderedDict(), []
        self.notes, self.told = notes, tuple([label not in notes.redacted for label in names.TARGET_LABELS])
        notes.tell(names.TARGET_LABELS)
        self.reader = AttributeReader(tuple(names.TARGET_LABELS.values()))
        self.label_length = plan.label_value_length
        self.privacy = privacy
        self.most = plan.most_targets

    cdef int see(self, Cursor resource, size_t spans, list merged) except -1:
        """The resource has so many spans.  Raises DecodeError where an attribute that makes its target is at fault."""
        cdef bytes key = resource.at[:resource.end - resource.at]
        target = self.by_bytes.get(key)
        if target is None:
            target = self.fresh.get(key)
        if target is None:
            target = self.read(resource, merged)
        self.fresh[key] = target
        if target[1] is not None:
            self.marked.append((target[1], spans))
        return 0

    cdef tuple read(self, Cursor resource, list merged):
        texts, marks = self.reader.resource(resource, self.label_length, merged, self.privacy)
        texts = (texts[0] or names.UNKNOWN_SERVICE, *texts[1:])
        target = "".join([pair(label, text) for label, text in zip(names.TARGET_LABELS, texts) if text]).encode()
        shown = {label: mark for label, mark, told in zip(names.TARGET_LABELS, marks, self.told) if told}
        return target, marked_of(shown)

    cdef int keep(self) except -1:
        """The request was valid: what it brought is known from now on."""
        for marked, spans in self.marked:
            self.notes.mark(marked, spans)
        for key, found in self.fresh.items():
            target = found[0]
            if len(key) <= MAX_CONTEXT_BYTES:
                self.by_bytes.put(key, found, len(key) + len(target) + TARGET_COST)
            if target not in self.known:
                self.known[target] = None
                insort(self.order, target)
            self.known.move_to_end(target)
        while len(self.known) > self.most:
            target, _ = self.known.popitem(last=False)
            del self.order[bisect_left(self.order, target)]
            self.forgotten += 1
        return 0

    cdef int forget(self) except -1:
        """Forgets the request, not the targets."""
        if self.fresh:
            self.fresh, self.marked = {}, []
        return 0


@cython.final
cdef class TargetView:
    """A family of targets as a dialect shows it."""

    cdef dict heads                 # Format → HELP, TYPE
    cdef bytes open                 # `target_info{`
    cdef bytes service              # what stands in place of the first `renamed` bytes of a target
    cdef size_t renamed

    def __cinit__(self, family, str service):
        self.heads = {format: head(family, format) for format in (Format.TEXT, Format.OPENMETRICS)}
        self.heads[Format.PROTOBUF] = head_of(family)
        self.open = f"{family.name}{KINDS[family.kind].suffix}{{".encode()
        self.service, self.renamed = service.encode(), len(names.SERVICE_NAME)

    cdef inline char* put_labels(self, char* at, bytes target) noexcept:
        """The pairs, each with a comma behind it."""
        at = put(at, PyBytes_AS_STRING(self.service), PyBytes_GET_SIZE(self.service))
        return put(at, PyBytes_AS_STRING(target) + self.renamed, PyBytes_GET_SIZE(target) - self.renamed)


@cython.final
cdef class TargetPage:
    """All targets in the families of every dialect; no lines where there is no table of them."""

    cdef Targets targets
    cdef tuple views

    def __cinit__(self, plan, Targets targets):
        self.targets = targets
        shown = target_families(plan.dialects).items() if targets is not None else ()
        self.views = tuple([TargetView(family, service) for family, service in shown])

    def lines(self, format):
        """Chunks of about CHUNK_BYTES."""
        cdef Buffer buffer = Buffer()
        cdef TargetView view
        cdef bytes target, text
        cdef char* at
        for view in self.views:
            text = view.heads[format]
            buffer.written(put(buffer.reserve(len(text)), PyBytes_AS_STRING(text), len(text)))
            for target in self.targets.order.copy():
                at = buffer.reserve(len(view.open) + len(view.service) + len(target) + 8)
                at = put(at, PyBytes_AS_STRING(view.open), PyBytes_GET_SIZE(view.open))
                buffer.written(put(view.put_labels(at, target) - 1, b"} 1\n", 4))     # over the last comma
                if buffer.used >= CHUNK_BYTES:
                    yield buffer.take()
        if buffer.used:
            yield buffer.take()

    def messages(self):
        """The same as protobuf, as `MessagePage.chunks` has it."""
        cdef Buffer metrics = Buffer(), metric = Buffer(), labels = Buffer()
        cdef TargetView view
        cdef bytes target
        cdef size_t turn
        for view in self.views:
            turn = CHUNK_BYTES
            for target in self.targets.order.copy():
                self.put_metric(metrics, metric, labels, view, target)
                if metrics.used >= turn:
                    yield b""
                    turn += CHUNK_BYTES
            yield from pieces(view.heads[Format.PROTOBUF], metrics)

    cdef int put_metric(self, Buffer metrics, Buffer metric, Buffer labels, TargetView view, bytes target) except -1:
        """A Metric that is a Gauge of 1."""
        cdef char* start = labels.reserve(len(view.service) + len(target))
        cdef char* end = view.put_labels(start, target)
        cdef char* to = put_pairs(metric.reserve(2 * (end - start) + METRIC_ROOM), start, end)
        to[0], to[1] = 0x12, 9
        metric.written(put_double(to + 2, 0x09, 1))
        metrics.written(put_message(metrics.reserve(metric.used + 16), 0x22, metric.data, metric.used))
        metric.used = 0
        return 0
