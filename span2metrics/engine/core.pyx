# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: embedsignature=False, binding=False
"""The compiled core: OTLP bytes become counted series, series become pages.

One extension module in a few files, each textually included below and each one noun:

    wire        the clamped cursor: every length of the wire format is checked here, and nowhere else
    hashing     the keyed hash and the open-addressed index that both tables share
    issuers     whose card numbers begin how
    cards       payment card numbers in a text
    privacy     what labels must not show
    values      an AnyValue's text, as labels may show it
    keys        known raw keys, in two generations bounded in bytes
    series      the counters themselves, by rendered label text
    order       the order of a table's series on a page
    exemplars   the span that stands for a bucket
    excess      what the weights of sampled spans add to counts
    native      the populated buckets of native histograms
    expiry      finds the series for which nothing comes
    services    those that are told apart, and what each may have
    memory      a bounded dict
    contexts    what a resource and a scope say of their spans
    targets     the instances that sent spans, and their page
    sides       who a half of an edge is
    queues      rings of words, first in, first out
    halves      those that wait for their partner
    rows        what the walk makes of spans
    senders     whose they are, where labels do not tell
    arrivals    halves of edges that are not kept yet
    graph_rows  what the service graph needs of them
    weights     how many spans a sampled one stands for
    amounts     the numbers that measures make of attributes
    assignments which measures mean whose spans
    notes       what is counted of a key besides its series
    births      births and deaths of series, within the limits
    listing     a list of the label sets that there are
    outcomes    what is told of spans besides their numbers
    times       when spans ended, and which ended too long ago
    templates   ids in span names become placeholders
    normal      keys of the texts that labels show
    spans       the walk over a request, into scratch rows
    measures    the series of business measures
    edges       the numbers of the service graph
    pairing     the service graph: halves meet and are counted
    buffer      bytes under construction
    spelling    what labels are called where UTF-8 names are allowed
    exposition  a page of the span families as text
    messages    the same page as protobuf; native_messages what it says of native histograms
    measure_page    the families of measures, on either page

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
from cpython.unicode cimport PyUnicode_AsUTF8AndSize, PyUnicode_DecodeASCII, PyUnicode_DecodeUTF8, Py_UNICODE_TODECIMAL
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
from span2metrics.engine.labels import CUT, REPLACED, marked_of, pair, quoted
from span2metrics.engine.measures import label_of, measure_views
from span2metrics.engine.messages import head_of
from span2metrics.engine.naming import Templating
from span2metrics.engine.plan import Action, Escaping, Format, Histograms, Negative
from span2metrics.engine.policy import NO_NOTE, Context, Note, Policy
from span2metrics.engine.redaction import Redaction
from span2metrics.engine.stats import LATENESS_BOUNDS_NS, LabelSet, Lateness, Outcome, Stats
from span2metrics.engine.text import ELLIPSIS, base64_text, bound_text, cut, double_text
from span2metrics.errors import DecodeError

include "wire.pyx"
include "hashing.pyx"
include "issuers.pyx"
include "cards.pyx"
include "privacy.pyx"
include "values.pyx"
include "keys.pyx"
include "exemplars.pyx"
include "excess.pyx"
include "native.pyx"
include "order.pyx"
include "series.pyx"
include "expiry.pyx"
include "services.pyx"
include "memory.pyx"
include "contexts.pyx"
include "sides.pyx"
include "queues.pyx"
include "halves.pyx"
include "rows.pyx"
include "senders.pyx"
include "arrivals.pyx"
include "graph_rows.pyx"
include "weights.pyx"
include "amounts.pyx"
include "assignments.pyx"
include "templates.pyx"
include "notes.pyx"
include "targets.pyx"
include "births.pyx"
include "listing.pyx"
include "outcomes.pyx"
include "times.pyx"
include "normal.pyx"
include "spans.pyx"
include "measures.pyx"
include "buffer.pyx"
include "spelling.pyx"
include "exposition.pyx"
include "native_messages.pyx"
include "messages.pyx"
include "measure_page.pyx"
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
    cdef Services services
    cdef Notes notes
    cdef Births births
    cdef Measures measures
    cdef Walk walk
    cdef Graph graph                    # None: there is none
    cdef Page page
    cdef MessagePage message_page
    cdef Tally tally
    cdef bint exemplars
    cdef object now                     # of the request at hand
    cdef dict limits                    # names.LIMIT_… → how many there may be
    cdef uint64_t aggregated
    cdef uint64_t filtered
    cdef uint64_t outside           # the slack
    cdef uint64_t policy_errors

    def __init__(self, plan):
        privacy = Privacy(plan.privacy)
        self.policy = Policy(plan, privacy.redaction and privacy.redaction.of)
        self.services = Services(plan.most_services, self.policy.selected_services)
        self.contexts = Contexts(self.policy, plan, self.services, privacy)
        self.keys = Keys(plan.raw_key_bytes, len(plan.measures) > 0)
        natives = Natives(plan, units(plan) if plan.histograms.native else ())
        self.calls = SeriesTable(plan, natives)
        self.calls.with_sizes = any([view.shows == names.SIZE for view in views(plan)])
        self.durations = SeriesTable(plan, natives) if self.policy.split else self.calls
        self.notes = Notes(self.policy.labels)
        self.targets = Targets(plan, privacy, self.notes) if plan.target_info else None
        self.births = Births(self.policy, plan, self.calls, self.durations, self.services, self.notes)
        self.walk = Walk(self.contexts, self.targets, self.keys, self.births, self.policy, plan)
        self.page = Page(plan, self.policy.statuses, TargetPage(plan, self.targets))
        self.add_views(plan)
        self.measures = Measures(self.policy, plan, self.births)
        add_measure_views(self.page, plan, self.measures)
        self.message_page = MessagePage(self.page, natives)
        if plan.graph is not None:
            graph = GraphPolicy(plan.graph, self.policy, plan.label_value_length)
            self.graph = Graph(graph, plan, privacy, self.notes, self.services)
            self.graph.edges.add_views(self.page, plan.graph)
            self.walk.read_graph(self.graph.policy.span_attributes, self.graph.rows)
        self.exemplars = plan.exemplars
        self.limits = plan.limits

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
        cdef uint64_t aggregated = self.aggregated, dropped = self.filtered + self.outside
        cdef uint64_t too_old = walk.times.total.too_old, filtered = self.filtered
        self.births.at(now)
        self.now = now
        walk.times.at(now.wall_ns)
        try:
            walk.request(<const uint8_t*>PyBytes_AS_STRING(request), PyBytes_GET_SIZE(request), self._apply_block)
            self._apply_block()
            aggregated = self.aggregated - aggregated
            if self.filtered + self.outside == dropped:
                return Outcome(aggregated, aggregated, NONE_DROPPED)
            filtered, too_old = self.filtered - filtered, walk.times.total.too_old - too_old
            dropped = self.filtered + self.outside - dropped
            return outcome_of(aggregated, filtered, too_old, dropped - filtered - too_old)
        finally:
            walk.reset()

    cpdef int _apply_block(self) except -1:
        """Counts what is in scratch: all of a request, or a block of one that is known to be valid."""
        self.contexts.keep()
        if self.targets is not None:
            self.targets.keep()
        self.births.bear(self.walk.misses)
        self.apply()
        self.measures.take(self.walk)
        if self.graph is not None:
            self.apply_to_graph()
        self.remember()
        return self.walk.normal.remember(self.notes)

    cdef int apply_to_graph(self) except -1:
        """A fault of the graph's is not the sender's: the spans are counted."""
        try:
            self.graph.take(self.now)
        except Exception:
            self.policy_errors += 1
        return 0

    cdef int apply(self) except -1:
        """Counts the rows."""
        cdef Walk walk = self.walk
        cdef Row* row = walk.rows
        cdef Row* end = walk.rows + walk.count
        cdef Target* target
        cdef Series* series
        cdef bint shown
        cdef uint64_t filtered = 0
        while row != end:
            target = &row.entry.target if row.entry is not NULL else &(<Miss>walk.misses[row.miss]).target
            if target.calls == NO_SERIES:
                filtered += 1
                untell(&walk.tally, row.odd)
                row += 1
                continue
            series = self.calls.at(target.calls)
            series.seen = self.calls.now
            series.calls += 1
            if self.calls.with_sizes:
                self.calls.bytes(target.calls)[0] += row.size
            if row.timed:
                shown = self.exemplars and row.trace_id is not NULL and row.end <= self.calls.wall_ns
                self.durations.observe(target.durations, row, shown)
                if shown and self.durations is not self.calls:
                    self.calls.exemplars.offer(&series.exemplars, 0, row)
            elif self.durations is not self.calls:
                self.durations.at(target.durations).seen = self.calls.now
            if row.excess:
                self.weigh(target, row)
            if target.notes:
                self.notes.take(target.notes, walk.senders.of(row - walk.rows, series, self.calls.now))
            row += 1
        self.filtered += filtered
        self.aggregated += walk.count - filtered
        self.outside += walk.times.keep()
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

    cdef int remember(self) except -1:
        """Keeps the keys of this request: those about to be forgotten, then the new ones, raw and normalised."""
        cdef Walk walk = self.walk
        cdef Row* row = walk.rows
        cdef Miss miss
        while walk.aged:
            if row.entry is not NULL and row.aged:
                walk.aged -= 1
                if self.keys.keep(row.entry):
                    break           # the old generation made room; its entries are gone
            row += 1
        for miss in walk.misses:
            if miss.raw is not None:
                self.keep_key(miss.raw, miss)
            if miss.origin is None and miss.normal != miss.raw:
                miss.target.notes = self.notes.changed(miss.target.notes, miss.context_marked, 0)
                self.keep_key(miss.normal, miss)
        return 0

    cdef int keep_key(self, bytes key, Miss miss) except -1:
        self.keys.put(<const uint8_t*>PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key), miss.target, miss.assignment)
        return 0

    def expire(self, now):
        cdef bint more
        self.births.at(now)
        more = self.births.expire()
        more |= self.measures.expire()
        return (self.graph is not None and self.graph.expire(now)) or more

    def conclude(self, now):
        return self.graph is not None and self.graph.conclude(now)

    def render(self, format, now, escaping=Escaping.UNDERSCORES):
        return (self.message_page if format is Format.PROTOBUF else self.page).chunks(format, now, escaping)

    def label_sets(self):
        yield from listing(self.calls, names.CALLS)
        if self.durations is not self.calls:
            yield from listing(self.durations, names.DURATION)
        yield from self.measures.label_sets()
        if self.graph is not None:
            yield from listing(self.graph.edges.requests, names.EDGES)

    def stats(self):
        return Stats(
            received=self.aggregated + self.filtered + self.outside,
            aggregated=self.aggregated,
            dropped={names.FILTERED: self.filtered, names.OUTSIDE_TIME_SLACK: self.outside},
            lateness=self.walk.times.lateness(),
            anomalies=anomalies_of(&self.tally, self.notes, self.measures),
            truncated=dict(self.notes.truncated),
            redacted=dict(self.notes.redacted),
            templated={
                name: sum([count for found, count in enumerate(self.notes.templated) if found >> bit & 1])
                for bit, name in enumerate(names.TEMPLATES)
            },
            weighted=self.tally.weighted,
            capped_weights=self.tally.capped,
            series=self.series(),
            births=self.births.births,
            label_sets=self.births.sets,
            limits=self.limits,
            services=len(self.services.by_name) - 1,
            overflowed=self.overflowed(),
            expired=self.births.expired,
            policy_errors=self.policy_errors + self.births.policy_errors + (self.graph.policy_errors if self.graph is not None else 0),
            raw_keys=self.keys.count(),
            raw_key_bytes=self.keys.bytes(),
            contexts=self.contexts.count(),
            targets=len(self.targets.order) if self.targets is not None else 0,
            forgotten_targets=self.targets.forgotten if self.targets is not None else 0,
            pending_edges=self.graph.halves.count if self.graph is not None else 0,
            edges=self.graph.edges.became() if self.graph is not None else {},
        )

    cdef dict overflowed(self):
        found = self.services.overflowed()
        return found | self.graph.edges.overflowed() if self.graph is not None else found

    cdef dict series(self):
        found = {names.CALLS: self.calls.count, names.DURATION: self.durations.histogram_count}
        if self.graph is not None:
            found[names.EDGES] = self.graph.edges.requests.count
        return found | self.measures.series()
