# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: embedsignature=False, binding=False
"""The compiled core: OTLP bytes become counted series, series become pages.

One extension module in a few files, each textually included below and each one noun:

    wire        the clamped cursor: every length of the wire format is checked here, and nowhere else
    hashing     the keyed hash and the open-addressed index that both tables share
    values      an AnyValue's text
    keys        known raw keys, in two generations bounded in bytes
    series      the counters themselves, by rendered label text
    exemplars   the span that stands for a bucket
    excess      what the weights of sampled spans add to counts
    native      the populated buckets of native histograms
    contexts    what a resource and a scope say of their spans
    targets     the instances that sent spans, and their page
    sides       who a half of an edge is
    queues      rings of words, first in, first out
    halves      those that wait for their partner
    rows        what the walk makes of spans
    arrivals    halves of edges that are not kept yet
    graph_rows  what the service graph needs of them
    weights     how many spans a sampled one stands for
    spans       the walk over a request, into scratch rows
    edges       the numbers of the service graph
    pairing     the service graph: halves meet and are counted
    buffer      bytes under construction
    spelling    what labels are called where UTF-8 names are allowed
    exposition  a page of the span families as text
    messages    the same page as protobuf; native_messages what it says of native histograms

A request is read into scratch (`Walk`); only when all of it is valid are contexts kept, series born and spans counted,
so that a malformed request changes nothing.  Nothing here reads a clock or the configuration: readings of the clocks
and the `Plan` are arguments.  Nothing here knows what a label means: names of series come from `policy`, in Python,
once for each key that was never seen.

Sources: the protobuf encoding specification and upb's decoder (limits of tags, sizes and varints), OTLP's trace.proto.
"""

cimport cython
from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_GET_SIZE
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_Size
from cpython.mem cimport PyMem_Free, PyMem_RawCalloc, PyMem_RawFree, PyMem_RawMalloc, PyMem_RawRealloc
from cpython.list cimport PyList_GET_ITEM, PyList_GET_SIZE
from cpython.ref cimport PyObject, Py_XDECREF, Py_XINCREF
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.math cimport fabs, round as nearest
from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport qsort
from libc.string cimport memchr, memcmp, memcpy, memmove, memset, strlen

import secrets
import types
from bisect import bisect_left, insort
from collections import OrderedDict
from dataclasses import replace
from json.encoder import encode_basestring

from span2metrics import names
from span2metrics.engine import exponential
from span2metrics.engine.dialects import graph_views, target_families, units, views
from span2metrics.engine.graph import GraphPolicy
from span2metrics.engine.kinds import KINDS
from span2metrics.engine.messages import head_of
from span2metrics.engine.plan import Escaping, Format
from span2metrics.engine.policy import Context, Policy, pair, quoted
from span2metrics.engine.stats import Outcome, Stats
from span2metrics.engine.text import base64_text, bound_text, cut, double_text
from span2metrics.errors import DecodeError

include "wire.pyx"
include "hashing.pyx"
include "values.pyx"
include "keys.pyx"
include "exemplars.pyx"
include "excess.pyx"
include "native.pyx"
include "series.pyx"
include "contexts.pyx"
include "targets.pyx"
include "sides.pyx"
include "queues.pyx"
include "halves.pyx"
include "rows.pyx"
include "arrivals.pyx"
include "graph_rows.pyx"
include "weights.pyx"
include "spans.pyx"
include "buffer.pyx"
include "spelling.pyx"
include "exposition.pyx"
include "native_messages.pyx"
include "messages.pyx"
include "edges.pyx"
include "pairing.pyx"


@cython.final
cdef class Engine:
    """See core.pyi."""

    cdef object policy
    cdef Contexts contexts
    cdef Targets targets                # None: the plan shows none
    cdef Keys keys
    cdef SeriesTable calls
    cdef SeriesTable durations          # the same table where both families have equal labels
    cdef Walk walk
    cdef Graph graph                    # None: there is none
    cdef Page page
    cdef MessagePage message_page
    cdef Tally tally
    cdef bint exemplars
    cdef object now                     # of the request at hand
    cdef uint64_t aggregated
    cdef uint64_t births
    cdef uint64_t policy_errors
    cdef uint64_t invalid_utf8
    cdef dict truncated                 # label → values cut
    cdef list notes                     # (labels cut, bytes replaced) by a target's number; 0 is none
    cdef dict note_numbers

    def __init__(self, plan):
        self.policy = Policy(plan)
        self.contexts = Contexts(self.policy, plan)
        self.targets = Targets(plan) if plan.target_info else None
        self.keys = Keys(plan.raw_key_bytes)
        natives = Natives(plan, units(plan) if plan.histograms.native else ())
        self.calls = SeriesTable(plan, natives)
        self.durations = SeriesTable(plan, natives) if self.policy.split else self.calls
        self.walk = Walk(self.contexts, self.targets, self.keys, self.policy, plan)
        self.page = Page(plan, self.policy.statuses, TargetPage(plan, self.targets))
        self.add_views(plan)
        self.message_page = MessagePage(self.page, natives)
        if plan.graph is not None:
            self.graph = Graph(GraphPolicy(plan.graph, self.policy, plan.label_value_length), plan)
            self.graph.edges.add_views(self.page, plan.graph)
            self.walk.read_graph(self.graph.policy.span_attributes, self.graph.rows)
        self.exemplars = plan.exemplars
        self.truncated = dict.fromkeys(self.policy.labels, 0)
        self.notes, self.note_numbers = [None], {None: 0}

    cdef int add_views(self, plan) except -1:
        cdef SeriesTable table
        for view in views(plan):
            table = self.durations if view.shows == names.DURATION else self.calls
            spellings = spellings_of(plan, view.shows)
            shows = SHOWS.index(view.shows)
            self.page.add(View(view, shows, table, None, None), View(view, shows, table, None, spellings))
        return 0

    def consume(self, bytes request not None, now):
        cdef Walk walk = self.walk
        cdef uint64_t before = self.aggregated
        self.calls.wall_ns = self.durations.wall_ns = now.wall_ns
        self.now = now
        try:
            walk.request(<const uint8_t*>PyBytes_AS_STRING(request), PyBytes_GET_SIZE(request), self._apply_block)
            self._apply_block()
            return Outcome(self.aggregated - before, self.aggregated - before, NONE_DROPPED)
        finally:
            walk.reset()

    cpdef int _apply_block(self) except -1:
        """Counts what is in scratch: all of a request, or a block of one that is known to be valid."""
        named = [self.named(miss) for miss in self.walk.misses]
        self.contexts.keep()
        if self.targets is not None:
            self.targets.keep()
        self.bear(named)
        self.apply()
        if self.graph is not None:
            self.apply_to_graph()
        return self.remember()

    cdef int apply_to_graph(self) except -1:
        """A fault of the graph's is not the sender's: the spans are counted."""
        try:
            self.graph.take(self.now)
        except Exception:
            self.policy_errors += 1
        return 0

    cdef object named(self, Miss miss):
        """Label texts of a key that was never seen; the overflow series' where naming fails."""
        if miss.known or miss.origin is not None:
            return None
        try:
            return self.policy.name(miss.context, miss.name, miss.kind, miss.status, miss.values)
        except Exception:
            self.policy_errors += 1
            return self.policy.overflow(miss.context, miss.kind, miss.status)

    cdef int bear(self, list named) except -1:
        """Gives each miss its series; nothing can fail here but memory."""
        cdef Miss miss
        for miss, texts in zip(self.walk.misses, named):
            if miss.origin is not None:
                miss.target = miss.origin.target
            elif not miss.known:
                self.births += 1
                self.obtain(texts, &miss.target)
            miss.target.notes = self.note_number(miss.marked)
        return 0

    cdef int obtain(self, texts, Target* target) except -1:
        calls, durations, status_at, status, zero = texts
        target.calls = self.calls.obtain(calls, status_at, status)
        target.durations = target.calls
        if self.durations is not self.calls:
            target.durations = self.durations.obtain(durations, status_at, status)
        if zero >= 0:
            self.calls.sibling(target.calls, zero, names.ERROR)
        return 0

    cdef int apply(self) except -1:
        """Counts the rows."""
        cdef Walk walk = self.walk
        cdef Row* row = walk.rows
        cdef Row* end = walk.rows + walk.count
        cdef Target* target
        cdef Series* series
        cdef bint shown
        while row != end:
            target = &row.entry.target if row.entry is not NULL else &(<Miss>walk.misses[row.miss]).target
            series = self.calls.at(target.calls)
            series.calls += 1
            series.bytes += row.size
            if row.timed:
                shown = self.exemplars and row.trace_id is not NULL and row.end <= self.calls.wall_ns
                self.durations.observe(target.durations, row, shown)
                if shown and self.durations is not self.calls:
                    self.calls.exemplars.offer(&series.exemplars, 0, row)
            if row.excess:
                self.weigh(target, row)
            if target.notes:
                self.take_note(target.notes)
            row += 1
        self.aggregated += walk.count
        self.tally.unknown_service += walk.tally.unknown_service
        self.tally.invalid_id += walk.tally.invalid_id
        self.tally.no_time += walk.tally.no_time
        self.tally.negative_duration += walk.tally.negative_duration
        self.tally.unknown_enum += walk.tally.unknown_enum
        self.tally.weighted += walk.tally.weighted
        self.tally.capped += walk.tally.capped
        return 0

    cdef int weigh(self, Target* target, Row* row) except -1:
        """Adds what a sampled span stands for besides itself."""
        self.calls.weigh(target.calls, row.size, row.excess)
        return self.durations.weigh_duration(target.durations, row.duration, row.excess) if row.timed else 0

    cdef uint32_t note_number(self, marked) except? 0xFFFFFFFF:
        number = self.note_numbers.get(marked)
        if number is None:
            number = self.note_numbers[marked] = len(self.notes)
            self.notes.append(marked)
        return number

    cdef int take_note(self, uint32_t number) except -1:
        labels, replaced = self.notes[number]
        for label in labels:
            self.truncated[label] += 1
        self.invalid_utf8 += replaced
        return 0

    cdef int remember(self) except -1:
        """Keeps the keys of this request: those about to be forgotten, then the new ones, raw and normalised."""
        cdef Walk walk = self.walk
        cdef Row* row = walk.rows
        cdef Miss miss
        while walk.aged:
            if row.entry is not NULL and row.aged:
                walk.aged -= 1
                if self.keys.put(<uint8_t*>(row.entry + 1), row.entry.size, row.entry.target):
                    break           # the old generation made room; its entries are gone
            row += 1
        for miss in walk.misses:
            if miss.raw is not None:
                self.keep_key(miss.raw, miss.target)
            if miss.origin is None and miss.normal != miss.raw:
                miss.target.notes = self.note_number(miss.context_marked)
                self.keep_key(miss.normal, miss.target)
        return 0

    cdef int keep_key(self, bytes key, Target target) except -1:
        self.keys.put(<const uint8_t*>PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key), target)
        return 0

    def expire(self, now):
        return self.graph is not None and self.graph.expire(now)

    def render(self, format, now, escaping=Escaping.UNDERSCORES):
        return (self.message_page if format is Format.PROTOBUF else self.page).chunks(format, now, escaping)

    def stats(self):
        return Stats(
            received=self.aggregated,
            aggregated=self.aggregated,
            dropped=NONE_DROPPED,
            anomalies={
                "unknown_service": self.tally.unknown_service,
                "invalid_id": self.tally.invalid_id,
                "no_time": self.tally.no_time,
                "negative_duration": self.tally.negative_duration,
                "unknown_enum": self.tally.unknown_enum,
                "invalid_utf8": self.invalid_utf8,
            },
            truncated=dict(self.truncated),
            weighted=self.tally.weighted,
            capped_weights=self.tally.capped,
            series=self.series(),
            births=self.births,
            policy_errors=self.policy_errors + (self.graph.policy_errors if self.graph is not None else 0),
            raw_keys=self.keys.count(),
            raw_key_bytes=self.keys.bytes(),
            contexts=self.contexts.count(),
            targets=len(self.targets.order) if self.targets is not None else 0,
            forgotten_targets=self.targets.forgotten if self.targets is not None else 0,
            pending_edges=self.graph.halves.count if self.graph is not None else 0,
            edges=self.graph.edges.became() if self.graph is not None else {},
        )

    cdef dict series(self):
        found = {names.CALLS: self.calls.count, names.DURATION: self.durations.histogram_count}
        if self.graph is not None:
            found[names.EDGES] = self.graph.edges.requests.count
        return found


NONE_DROPPED = types.MappingProxyType({})
