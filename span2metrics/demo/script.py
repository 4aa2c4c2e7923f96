"""The vocabulary in which the company's behaviour is written: operations, their steps, and what can go wrong.

Types only; `company` holds the tables and `traffic` acts them out.  An operation is a piece of work that a service does
when called (a SERVER span), when a message comes (CONSUMER) or on a timer (INTERNAL).  Its steps run one after the
other; the first that fails ends the operation with the same failure, which then travels up to whoever called.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

#: gRPC codes that a SERVER span counts as errors (semantic conventions for gRPC); to a CLIENT all but OK are.
SERVER_FAULTS = frozenset({"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"})

#: Values of `payment.outcome`.
APPROVED = "approved"
DECLINED = "declined"
REJECTED = "rejected"
FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Latency:
    """Lognormal: half of all draws lie below `median_ms`, `sigma` is the standard deviation of the logarithm."""

    median_ms: float
    sigma: float = 0.35


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong, as each protocol says it.  `exception` is empty where a service merely says no."""

    grpc: str
    http: int
    message: str
    exception: str = ""
    sqlstate: str = ""

    @property
    def server_fault(self) -> bool:
        """Whether the service that answers so counts it as its own error."""
        return self.grpc in SERVER_FAULTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that an operation does.

    latency    its own time; what it calls comes on top
    methods    only for payments of these methods; empty: for all
    types      only for payments, refunds or payouts; empty: for all
    approved   only while nobody has declined the payment
    parallel   starts together with the step before it
    """

    latency: Latency
    methods: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    approved: bool = False
    parallel: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Work(Step):
    """An INTERNAL span: computing."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Query(Step):
    """A CLIENT span to a database.  `namespace` is the database, `collection` the table, or what the key is about."""

    operation: str
    collection: str
    namespace: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Step):
    """A gRPC call: a CLIENT span here and a SERVER span there.

    `retried` is the share of calls in which the first pod refuses and the client library quietly tries another: one
    CLIENT span then has two SERVER children.
    """

    operation: str
    retried: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge(Step):
    """An HTTP call to the card network, which sends us no spans.  Each attempt is a CLIENT span of its own.

    `declines` is the share of answers that decline the payment, which is no error.
    """

    path: str
    declines: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(Step):
    """An HTTP call to somebody else who sends us no spans: one attempt, and `url` is all that its span says of him."""

    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Publish(Step):
    """One message, or a batch of `fewest` to `most`, to a topic; its subscribers' work follows later."""

    topic: str
    fewest: int = 1
    most: int = 1


class Door(enum.Enum):
    """How work reaches an operation."""

    HTTP = "http"
    RPC = "rpc"
    QUEUE = "queue"
    TIMER = "timer"


@dataclass(frozen=True, slots=True)
class Operation:
    """A piece of work of one service.

    name       `METHOD /route`, `package.Service/Method`, the topic, or the timer's name, as `door` has it
    work       time spent besides the steps
    failures   (probability, failure) pairs, tried before the steps
    declines   share of payments that it declines (risk)
    business   its span carries the payment's attributes
    success    HTTP status when all is well
    """

    service: str
    door: Door
    name: str
    work: Latency
    steps: tuple[Step, ...] = ()
    failures: tuple[tuple[float, Failure], ...] = ()
    declines: float = 0.0
    business: bool = False
    success: int = 200


@dataclass(frozen=True, slots=True)
class Subscription:
    """A consumer group of a topic.

    `own_trace`: its spans start a trace of their own and only link to the messages; otherwise the message's context is
    the parent, too.
    """

    operation: str
    group: str
    own_trace: bool


@dataclass(frozen=True, slots=True)
class Database:
    """A database and how its spans tell of it.

    node        what a reader of the spans takes for its name
    attributes  what every span to it carries
    namespace, collection, operation, summary
                keys under which the span has the query's own; "": it has none
    """

    node: str
    attributes: Mapping[str, str | int]
    namespace: str = "db.namespace"
    collection: str = "db.collection.name"
    operation: str = "db.operation.name"
    summary: str = "db.query.summary"


@dataclass(frozen=True, slots=True)
class Topic:
    """A Kafka topic; `wait` is how long a message lies there."""

    name: str
    partitions: int
    wait: Latency
    subscriptions: tuple[Subscription, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """Where traces begin: an operation, how often, and what kind of payment it is about."""

    weight: float
    operation: str
    type: str = "payment"
