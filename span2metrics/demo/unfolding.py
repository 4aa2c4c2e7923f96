"""How one trace unfolds in time.

`behaviour` says what happens, `incident` under which conditions; this walks it once with a random generator and a
start time, and leaves spans, and word of who asked whom.  A step starts where the last one ended (or beside it), a
server lies within its client's span, and a message is processed some time after it was sent, outside its producer's
span.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from span2metrics.demo import behaviour, company, conventions
from span2metrics.demo.conventions import Payment, Served, Visitor
from span2metrics.demo.graph import DATABASE, DIRECT, MESSAGING, VIRTUAL, Asked, Edge
from span2metrics.demo.incident import Conditions
from span2metrics.demo.script import (
    APPROVED,
    DECLINED,
    Call,
    Charge,
    Door,
    Failure,
    Latency,
    Operation,
    Publish,
    Query,
    Request,
    Step,
    Subscription,
    Topic,
    Work,
)
from span2metrics.demo.span import Attributes, Event, Kind, Link, Pod, Span, Status

MS = 1_000_000
#: No draw is longer than this many medians.
LONGEST = 12.0


@dataclass(frozen=True, slots=True)
class Context:
    """What is handed to a callee: the trace, and the span to be a child of (`b""`: a new trace)."""

    trace_id: bytes
    span_id: bytes = b""


@dataclass(frozen=True, slots=True)
class Frame:
    """A span under way: where it runs, what it is, and whose child."""

    pod: Pod
    context: Context
    parent_id: bytes
    remote: bool


@dataclass(frozen=True, slots=True)
class Done:
    """When something ended, and what went wrong, if anything."""

    end_ns: int
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """What a frame's span says once it has ended; `wrong` makes it an error, `role` finds its scope."""

    role: str
    kind: Kind
    name: str
    start_ns: int
    end_ns: int
    attributes: Attributes
    wrong: Failure | None = None
    events: tuple[Event, ...] = ()
    links: tuple[Link, ...] = ()


class Unfolding:
    """One trace being made: each method emits spans and says when they ended."""

    def __init__(self, rng: random.Random, conditions: Conditions, payment: Payment, visitor: Visitor) -> None:
        self.spans: list[Span] = []
        self.asked: list[Asked] = []
        self._rng = rng
        self._conditions = conditions
        self._payment = payment
        self._visitor = visitor

    # --- operations ---------------------------------------------------------------------------------------------------

    def begin(self, operation: Operation, start: int) -> None:
        """Runs an operation that nobody asks for but a user, or the time."""
        done = self.serve(operation, Context(self._rng.randbytes(16)), start)
        if operation.door is not Door.TIMER:
            failed = done.failure is not None and done.failure.server_fault
            self._ask(company.USER, operation.service, VIRTUAL, failed)

    def serve(
        self,
        operation: Operation,
        caller: Context,
        start: int,
        subscription: Subscription | None = None,
        links: tuple[Link, ...] = (),
    ) -> Done:
        """Runs an operation on one of its service's pods, its steps included."""
        pod = self._rng.choice(company.PODS[operation.service])
        frame = self._frame(pod, caller, remote=bool(caller.span_id))
        half = self._draw(operation.work) // 2
        failure = self._bad_luck(operation)
        done = Done(start + half, failure) if failure else self._steps(operation, frame, start + half)
        done = replace(done, end_ns=done.end_ns + half)
        served = Served(operation, self._payment, self._visitor, done.failure, subscription, len(links))
        self._close(frame, served, start, done, links)
        return done

    def _bad_luck(self, operation: Operation) -> Failure | None:
        for probability, failure in operation.failures:
            if self._rng.random() < probability:
                return failure
        return None

    def _steps(self, operation: Operation, frame: Frame, start: int) -> Done:
        began = end = start
        for step in operation.steps:
            if not self._applies(step):
                continue
            began = began if step.parallel else end
            done = self._take(step, frame, began)
            end = max(end, done.end_ns)
            if done.failure:
                return Done(end, done.failure)
        if operation.declines and self._rng.random() < operation.declines:
            self._payment.outcome = DECLINED
        return Done(end)

    def _applies(self, step: Step) -> bool:
        payment = self._payment
        return (
            (not step.methods or payment.method in step.methods)
            and (not step.types or payment.type in step.types)
            and (not step.approved or payment.outcome == APPROVED)
        )

    def _close(self, frame: Frame, served: Served, start: int, done: Done, links: tuple[Link, ...]) -> None:
        kind, role, prefix, _ = conventions.DOORS[served.operation.door]
        failure = done.failure
        wrong = failure if failure and (kind is not Kind.SERVER or failure.server_fault) else None
        name = prefix + served.operation.name
        attributes = conventions.operation(served)
        events = self._events(served, kind, done)
        self._emit(frame, Record(role, kind, name, start, done.end_ns, attributes, wrong, events, links))

    def _events(self, served: Served, kind: Kind, done: Done) -> tuple[Event, ...]:
        if done.failure:
            return (conventions.exception(done.failure, done.end_ns),) if done.failure.exception else ()
        if served.operation.business and kind is Kind.SERVER:
            return (conventions.happening(self._payment, done.end_ns),)
        return ()

    # --- steps --------------------------------------------------------------------------------------------------------

    def _take(self, step: Step, frame: Frame, start: int) -> Done:
        match step:
            case Work():
                return self._work(step, frame, start)
            case Query():
                return self._query(step, frame, start)
            case Call():
                return self._call(step, frame, start)
            case Charge():
                return self._charge(step, frame, start)
            case Request():
                return self._request(step, frame, start)
            case Publish():
                return self._publish(step, frame, start)
        raise TypeError(type(step).__name__)

    def _work(self, step: Work, frame: Frame, start: int) -> Done:
        end = start + self._draw(step.latency)
        self._emit(self._child(frame), Record("own", Kind.INTERNAL, step.name, start, end, {}))
        return Done(end)

    def _query(self, step: Query, frame: Frame, start: int) -> Done:
        slow = step.namespace == company.LEDGER
        failure = company.QUERY_CANCELED if slow and self._rng.random() < self._conditions.query_timeout else None
        limit = int(company.QUERY_TIMEOUT_MS * MS)
        took = self._draw(step.latency, self._conditions.query_slowdown if slow else 1.0)
        end = start + (limit if failure else min(took, limit - MS))
        name = f"{step.operation} {step.collection}"
        attributes = conventions.query(step, failure)
        self._emit(self._child(frame), Record("db", Kind.CLIENT, name, start, end, attributes, failure))
        self._ask(frame.pod.service, company.DATABASES[step.namespace].node, DATABASE, bool(failure))
        return Done(end, failure)

    def _call(self, step: Call, frame: Frame, start: int) -> Done:
        target = behaviour.OPERATIONS[step.operation]
        client = self._child(frame)
        cursor = start + self._draw(step.latency)
        if step.retried and self._rng.random() < step.retried:
            cursor = self._refuse(target, client.context, cursor) + self._draw(Latency(25))
            self._ask(frame.pod.service, target.service, DIRECT, failed=True)
        done = self.serve(target, client.context, cursor)
        end = done.end_ns + self._draw(step.latency)
        attributes = conventions.rpc_client(target, done.failure)
        self._emit(client, Record("rpc", Kind.CLIENT, target.name, start, end, attributes, done.failure))
        self._ask(frame.pod.service, target.service, DIRECT, bool(done.failure))
        return Done(end, done.failure and _over_rpc(done.failure, frame.pod))

    def _refuse(self, target: Operation, caller: Context, start: int) -> int:
        """A pod that is going away answers at once; the client library will try another."""
        frame = self._frame(self._rng.choice(company.PODS[target.service]), caller, remote=True)
        done = Done(start + self._draw(Latency(1)), company.SHUTTING_DOWN)
        self._close(frame, Served(target, self._payment, self._visitor, done.failure), start, done, ())
        return done.end_ns

    def _charge(self, step: Charge, frame: Frame, start: int) -> Done:
        done = Done(start)
        for attempt in range(company.CARD_ATTEMPTS):
            backoff = Latency(company.CARD_BACKOFF_MS * 2 ** (attempt - 1), 0.1)
            done = self._attempt(step, frame, attempt, done.end_ns + (self._draw(backoff) if attempt else 0))
            if not done.failure:
                break
        if not done.failure and self._rng.random() < step.declines:
            self._payment.outcome = DECLINED
        return done

    def _attempt(self, step: Charge, frame: Frame, attempt: int, start: int) -> Done:
        failure = company.CARD_TIMEOUT if self._rng.random() < self._conditions.card_timeout else None
        limit = int(company.CARD_TIMEOUT_MS * MS)
        took = self._draw(step.latency, self._conditions.card_slowdown)
        end = start + (limit if failure else min(took, limit - MS))
        attributes = conventions.charge(step, attempt, failure)
        events = (conventions.exception(failure, end),) if failure else ()
        name = f"POST {step.path}"
        self._emit(self._child(frame), Record("http", Kind.CLIENT, name, start, end, attributes, failure, events))
        self._ask(frame.pod.service, company.CARD_NETWORK, VIRTUAL, bool(failure))
        return Done(end, failure)

    def _request(self, step: Request, frame: Frame, start: int) -> Done:
        end = start + self._draw(step.latency)
        self._emit(self._child(frame), Record("http", Kind.CLIENT, "POST", start, end, conventions.request(step)))
        self._ask(frame.pod.service, company.MAIL_HOST, VIRTUAL)
        return Done(end)

    # --- messages -----------------------------------------------------------------------------------------------------

    def _publish(self, step: Publish, frame: Frame, start: int) -> Done:
        topic = company.TOPICS[step.topic]
        end = start + self._draw(step.latency)
        count = self._rng.randint(step.fewest, step.most)
        messages = self._send(topic, frame, start, end) if count == 1 else self._batch(topic, frame, start, end, count)
        for subscription in topic.subscriptions:
            done = self._deliver(topic, subscription, messages, end)
            receiver = behaviour.OPERATIONS[subscription.operation].service
            for _ in messages:
                self._ask(frame.pod.service, receiver, MESSAGING, bool(done.failure))
        return Done(end)

    def _send(self, topic: Topic, frame: Frame, start: int, end: int) -> list[Context]:
        """A single message: the span that sends it is the one that consumers refer to."""
        return [self._message(topic, frame, "send", start, end)]

    def _batch(self, topic: Topic, frame: Frame, start: int, end: int, count: int) -> list[Context]:
        """Several messages: one PRODUCER span creates each, and a CLIENT span sends them together."""
        share = (end - start) // 10 // count
        messages = [
            self._message(topic, frame, "create", start + share * index, start + share * (index + 1))
            for index in range(count)
        ]
        attributes = conventions.send(topic, messages=count)
        record = Record("queue", Kind.CLIENT, f"send {topic.name}", start + share * count, end, attributes)
        self._emit(self._child(frame), replace(record, links=_links(messages)))
        self._ask(frame.pod.service, company.BROKER[0], VIRTUAL)
        return messages

    def _message(self, topic: Topic, frame: Frame, verb: str, start: int, end: int) -> Context:
        producer = self._child(frame)
        attributes = conventions.message(topic, verb, self._rng.randrange(topic.partitions))
        self._emit(producer, Record("queue", Kind.PRODUCER, f"{verb} {topic.name}", start, end, attributes))
        return producer.context

    def _deliver(self, topic: Topic, subscription: Subscription, messages: list[Context], sent: int) -> Done:
        start = sent + self._draw(topic.wait, self._conditions.backlog)
        caller = Context(self._rng.randbytes(16)) if subscription.own_trace else messages[0]
        return self.serve(behaviour.OPERATIONS[subscription.operation], caller, start, subscription, _links(messages))

    # --- shared -------------------------------------------------------------------------------------------------------

    def _ask(self, client: str, server: str, connection_type: str, failed: bool = False) -> None:
        self.asked.append(Asked(Edge(client, server, connection_type), failed))

    def _draw(self, latency: Latency, factor: float = 1.0) -> int:
        drawn = self._rng.lognormvariate(0.0, latency.sigma)
        return int(min(drawn, LONGEST) * latency.median_ms * factor * MS)

    def _frame(self, pod: Pod, caller: Context, remote: bool) -> Frame:
        return Frame(pod, Context(caller.trace_id, self._rng.randbytes(8)), caller.span_id, remote)

    def _child(self, frame: Frame) -> Frame:
        return self._frame(frame.pod, frame.context, remote=False)

    def _emit(self, frame: Frame, record: Record) -> None:
        wrong = record.wrong
        self.spans.append(
            Span(
                pod=frame.pod,
                scope=company.LANGUAGES[frame.pod.language].scopes[record.role],
                trace_id=frame.context.trace_id,
                span_id=frame.context.span_id,
                parent_id=frame.parent_id,
                remote=frame.remote,
                name=record.name,
                kind=record.kind,
                start_ns=record.start_ns,
                end_ns=record.end_ns,
                attributes=record.attributes,
                status=Status.ERROR if wrong else Status.UNSET,
                message=wrong.message if wrong else "",
                events=record.events,
                links=record.links,
            )
        )


def _links(messages: Sequence[Context]) -> tuple[Link, ...]:
    return tuple(Link(message.trace_id, message.span_id) for message in messages)


def _over_rpc(failure: Failure, pod: Pod) -> Failure:
    """The failure as a caller in `pod` sees it: the same code, thrown by its own client library."""
    exception = company.LANGUAGES[pod.language].call_exception if failure.server_fault else ""
    return replace(failure, exception=exception)
