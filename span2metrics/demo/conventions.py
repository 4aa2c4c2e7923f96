"""What each kind of span carries, by OpenTelemetry's semantic conventions (1.44).

Pure functions from what happened to names and attributes.  HTTP, databases and RPC follow the stable conventions
(`rpc.system.name`, the full `rpc.method`, codes as strings), messaging the current ones (`send`, `create`, `process`).
A call to the outside carries `service.peer.name` and, as most senders still do, the older `peer.service`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from span2metrics.demo import company
from span2metrics.demo.script import (
    APPROVED,
    DECLINED,
    FAILED,
    REJECTED,
    Charge,
    Door,
    Failure,
    Operation,
    Query,
    Request,
    Subscription,
    Topic,
)
from span2metrics.demo.span import Event, Kind, Value

Attributes = dict[str, Value]


@dataclass(slots=True)
class Payment:
    """What the trace is about.  `amount` in units of `currency`, two decimals; a refund's is negative."""

    id: str
    type: str
    method: str
    currency: str
    amount: float
    outcome: str = APPROVED


@dataclass(frozen=True, slots=True)
class Visitor:
    """The user at the front."""

    address: str
    agent: str


@dataclass(frozen=True, slots=True)
class Served:
    """One finished run of an operation.  `messages` and `subscription` only where a queue brought it."""

    operation: Operation
    payment: Payment
    visitor: Visitor
    failure: Failure | None
    subscription: Subscription | None = None
    messages: int = 1


# --- operations -------------------------------------------------------------------------------------------------------


def _http_status(served: Served) -> int:
    if served.failure:
        return served.failure.http
    return 402 if served.payment.outcome == DECLINED else served.operation.success


def _http_server(served: Served) -> Attributes:
    method, route = served.operation.name.split(" ", 1)
    path = route.format(payment_id=served.payment.id, account_id=served.payment.id.replace("pay_", "acc_"))
    status = _http_status(served)
    attributes: Attributes = {
        "http.request.method": method,
        "http.route": route,
        "url.scheme": "https",
        "url.path": path,
        "server.address": "api.paydemo.example",
        "server.port": 443,
        "client.address": served.visitor.address,
        "user_agent.original": served.visitor.agent,
        "network.protocol.version": "2",
        "http.response.status_code": status,
    }
    if status >= 500:
        attributes["error.type"] = str(status)
    return attributes


def _rpc_server(served: Served) -> Attributes:
    failure = served.failure
    attributes = _rpc(served.operation, failure)
    if failure and failure.server_fault:
        attributes["error.type"] = failure.grpc
    return attributes


def _consumer(served: Served) -> Attributes:
    topic = company.TOPICS[served.operation.name]
    attributes = {**_messaging(topic), "messaging.operation.name": "process", "messaging.operation.type": "process"}
    if served.subscription:
        attributes["messaging.consumer.group.name"] = served.subscription.group
    if served.messages > 1:
        attributes["messaging.batch.message_count"] = served.messages
    return _with_exception(attributes, served.failure)


def _timer(served: Served) -> Attributes:
    return _with_exception({"job.name": served.operation.name, "job.schedule": "*/5 * * * *"}, served.failure)


#: By the door: the span's kind, the role of its scope, what precedes the operation's name, and its attributes.
DOORS: dict[Door, tuple[Kind, str, str, Callable[[Served], Attributes]]] = {
    Door.HTTP: (Kind.SERVER, "http", "", _http_server),
    Door.RPC: (Kind.SERVER, "rpc", "", _rpc_server),
    Door.QUEUE: (Kind.CONSUMER, "queue", "process ", _consumer),
    Door.TIMER: (Kind.INTERNAL, "own", "", _timer),
}


def operation(served: Served) -> Attributes:
    """Attributes of an operation's own span, the payment's included."""
    attributes = DOORS[served.operation.door][3](served)
    if served.operation.business:
        attributes |= _business(served)
    return attributes


def outcome(served: Served) -> str:
    """`payment.outcome`."""
    if served.failure:
        return FAILED if served.failure.server_fault else REJECTED
    return served.payment.outcome


def _business(served: Served) -> Attributes:
    payment = served.payment
    return {
        "payment.id": payment.id,
        "payment.type": payment.type,
        "payment.method": payment.method,
        "payment.currency": payment.currency,
        "payment.amount": payment.amount,
        "payment.outcome": outcome(served),
    }


# --- steps ------------------------------------------------------------------------------------------------------------


def rpc_client(target: Operation, failure: Failure | None) -> Attributes:
    """A call to `target`: every code but OK is an error here."""
    attributes = _rpc(target, failure)
    if failure:
        attributes["error.type"] = failure.grpc
    return attributes


def query(step: Query, failure: Failure | None) -> Attributes:
    """A query, as its database's instrumentation tells of it."""
    database = company.DATABASES[step.namespace]
    attributes: Attributes = {
        database.namespace: step.namespace,
        database.collection: step.collection,
        database.operation: step.operation,
        database.summary: f"{step.operation} {step.collection}",
        **database.attributes,
    }
    attributes.pop("", None)
    if failure:
        attributes |= {"db.response.status_code": failure.sqlstate, "error.type": failure.sqlstate}
    return attributes


def charge(step: Charge, attempt: int, failure: Failure | None) -> Attributes:
    """An attempt at the card network; `attempt` counts from 0."""
    attributes: Attributes = {
        "http.request.method": "POST",
        "url.full": f"https://{company.CARD_NETWORK_HOST}{step.path}",
        "url.template": step.path,
        "server.address": company.CARD_NETWORK_HOST,
        "server.port": 443,
        "network.protocol.version": "1.1",
        "service.peer.name": company.CARD_NETWORK,
        "peer.service": company.CARD_NETWORK,
    }
    if attempt:
        attributes["http.request.resend_count"] = attempt
    if not failure:
        attributes["http.response.status_code"] = 200
    return _with_exception(attributes, failure)


def request(step: Request) -> Attributes:
    """A call whose instrumentation says where it went by the URL alone."""
    return {"http.request.method": "POST", "url.full": step.url, "http.response.status_code": 202}


def message(topic: Topic, verb: str, partition: int) -> Attributes:
    """A message that is created or sent (`verb`: create, send) to one partition."""
    return {**send(topic, verb), "messaging.destination.partition.id": str(partition)}


def send(topic: Topic, verb: str = "send", messages: int = 1) -> Attributes:
    """A send of several messages at once, or what its single messages share."""
    attributes = {**_messaging(topic), "messaging.operation.name": verb, "messaging.operation.type": verb}
    if messages > 1:
        attributes["messaging.batch.message_count"] = messages
    return attributes


# --- events -----------------------------------------------------------------------------------------------------------

_HAPPENINGS = {
    APPROVED: {"payment": "payment.authorized", "refund": "payment.refunded", "payout": "payout.ordered"},
    DECLINED: {"payment": "payment.declined", "refund": "refund.declined", "payout": "payout.declined"},
}


def happening(payment: Payment, at_ns: int) -> Event:
    """The business event of a payment that went through or was declined."""
    return Event(_HAPPENINGS[payment.outcome][payment.type], at_ns, {"payment.id": payment.id})


def exception(failure: Failure, at_ns: int) -> Event:
    """The exception behind a failure."""
    return Event(
        "exception",
        at_ns,
        {
            "exception.type": failure.exception,
            "exception.message": failure.message,
            "exception.stacktrace": f"{failure.exception}: {failure.message}\n  at paydemo.handle\n  at paydemo.serve",
        },
    )


# --- shared -----------------------------------------------------------------------------------------------------------


def _rpc(target: Operation, failure: Failure | None) -> Attributes:
    return {
        "rpc.system.name": "grpc",
        "rpc.method": target.name,
        "server.address": target.service,
        "server.port": company.RPC_PORT,
        "rpc.response.status_code": failure.grpc if failure else "OK",
    }


def _messaging(topic: Topic) -> Attributes:
    address, port = company.BROKER
    return {
        "messaging.system": "kafka",
        "messaging.destination.name": topic.name,
        "server.address": address,
        "server.port": port,
    }


def _with_exception(attributes: Attributes, failure: Failure | None) -> Attributes:
    if failure:
        attributes["error.type"] = failure.exception or failure.grpc
    return attributes
