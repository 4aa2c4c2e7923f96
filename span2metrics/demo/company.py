"""The company: seven services and their pods, what they are built with, and what lies outside.

Data only; `behaviour` says what the services do.  Outside are a PostgreSQL server, a Redis, a file of SQLite, a Kafka
cluster, a card network and a mail provider that send us no spans, and users.  There are no payment card numbers, and
identifiers have no runs of digits that could pass for one.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from span2metrics.demo.script import Database, Failure, Latency, Subscription, Topic
from span2metrics.demo.span import Pod, Scope

NAMESPACE = "paydemo"
ENVIRONMENT = "production"
RPC_PORT = 50051

# --- what the services are built with ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Language:
    """An SDK: its version, the scopes of its instrumentations by role, and what a failed call throws."""

    sdk_version: str
    call_exception: str
    scopes: dict[str, Scope]


_GO = "go.opentelemetry.io/contrib/instrumentation/"
LANGUAGES = {
    "go": Language(
        "1.43.0",
        "*status.Error",
        {
            "http": Scope(_GO + "net/http/otelhttp", "0.68.0"),
            "rpc": Scope(_GO + "google.golang.org/grpc/otelgrpc", "0.68.0"),
            "db": Scope("github.com/redis/go-redis/extra/redisotel", "9.12.1"),
            "own": Scope("paydemo", "1.0.0"),
        },
    ),
    "java": Language(
        "1.60.0",
        "io.grpc.StatusRuntimeException",
        {
            "http": Scope("io.opentelemetry.java-http-client", "2.26.0-alpha"),
            "rpc": Scope("io.opentelemetry.grpc-1.6", "2.26.0-alpha"),
            "db": Scope("io.opentelemetry.jdbc", "2.26.0-alpha"),
            "queue": Scope("io.opentelemetry.kafka-clients-0.11", "2.26.0-alpha"),
            "own": Scope("com.paydemo", "1.0.0"),
        },
    ),
    "python": Language(
        "1.45.2",
        "grpc.RpcError",
        {
            "rpc": Scope("opentelemetry.instrumentation.grpc", "0.66b2"),
            "db": Scope("opentelemetry.instrumentation.sqlite3", "0.66b2"),
            "own": Scope("paydemo.model", "1.0.0"),
        },
    ),
    "nodejs": Language(
        "2.6.0",
        "ServiceError",
        {
            "http": Scope("paydemo-mail", "1.0.0"),
            "queue": Scope("@opentelemetry/instrumentation-kafkajs", "0.26.0"),
            "own": Scope("paydemo", "1.0.0"),
        },
    ),
}


@dataclass(frozen=True, slots=True)
class Service:
    """A service and the version that each of its pods runs."""

    name: str
    language: str
    versions: tuple[str, ...]


SERVICES = (
    Service("gateway", "go", ("3.4.1", "3.4.1", "3.4.1")),
    Service("auth", "go", ("1.12.0", "1.12.0")),
    Service("risk", "python", ("0.9.4", "0.9.4")),
    Service("payments", "java", ("5.2.0", "5.2.0", "5.3.0-rc1")),  # the last one is a canary
    Service("ledger", "java", ("2.8.3", "2.8.3")),
    Service("settlement", "java", ("1.7.0", "1.7.0")),
    Service("notifications", "nodejs", ("4.0.2", "4.0.2")),
)


#: Pod names without digits, which could line up to what looks like a payment card.
_LETTERS = str.maketrans("0123456789", "ghjkmnpqrs")


def _pod(service: Service, index: int) -> Pod:
    identity = uuid.uuid5(uuid.NAMESPACE_DNS, f"{index}.{service.name}.{NAMESPACE}.example")
    letters = identity.hex.translate(_LETTERS)
    name = f"{service.name}-{letters[:8]}-{letters[8:13]}"
    return Pod(
        service.name,
        name,
        service.language,
        {
            "service.name": service.name,
            "service.namespace": NAMESPACE,
            "service.version": service.versions[index],
            "service.instance.id": str(identity),
            "deployment.environment.name": ENVIRONMENT,
            "k8s.namespace.name": NAMESPACE,
            "k8s.pod.name": name,
            "telemetry.sdk.language": service.language,
            "telemetry.sdk.name": "opentelemetry",
            "telemetry.sdk.version": LANGUAGES[service.language].sdk_version,
        },
    )


PODS = {s.name: tuple(_pod(s, index) for index in range(len(s.versions))) for s in SERVICES}

# --- what lies outside ------------------------------------------------------------------------------------------------

#: PostgreSQL's statement_timeout.
QUERY_TIMEOUT_MS = 1500.0
#: The database that the incident slows down.
LEDGER = "ledger"
PAYMENTS = "payments"
TOKENS = "tokens"
FEATURES = "features"

_POSTGRES = Database("postgres", {"db.system.name": "postgresql", "server.address": "postgres", "server.port": 5432})
#: By namespace.  Each tells of itself in its own way: by its server's name, by the peer's address alone, and, after the
#: conventions before the stable ones, by the name of the database.
DATABASES = {
    LEDGER: _POSTGRES,
    PAYMENTS: _POSTGRES,
    TOKENS: Database(
        "10.8.0.17:6379",
        {"db.system.name": "redis", "network.peer.address": "10.8.0.17", "network.peer.port": 6379},
        namespace="",
        collection="",
    ),
    FEATURES: Database("features", {"db.system": "sqlite"}, "db.name", "db.sql.table", "db.operation", ""),
}

BROKER = ("kafka", 9092)
TOPICS = {
    "payments.events": Topic(
        "payments.events",
        6,
        Latency(60, 0.6),
        (
            Subscription("settle", "settlement", own_trace=False),
            Subscription("notify", "notifications", own_trace=True),
        ),
    ),
    "payouts": Topic("payouts", 3, Latency(250, 0.5), (Subscription("pay out", "settlement", own_trace=True),)),
}

CARD_NETWORK = "card-network"
CARD_NETWORK_HOST = "api.cardnet.example"
CARD_ATTEMPTS = 3
CARD_TIMEOUT_MS = 1000.0
CARD_BACKOFF_MS = 100.0

MAIL_HOST = "api.mailer.example"
MAIL_URL = f"https://{MAIL_HOST}:8443/v3/messages"

#: What a graph calls those who ask first.
USER = "user"

# --- what goes wrong --------------------------------------------------------------------------------------------------

CARD_TIMEOUT = Failure("DEADLINE_EXCEEDED", 504, "request timed out", "java.net.http.HttpTimeoutException")
QUERY_CANCELED = Failure(
    "UNAVAILABLE",
    503,
    "ERROR: canceling statement due to statement timeout",
    "org.postgresql.util.PSQLException",
    sqlstate="57014",
)
BUG = Failure("INTERNAL", 500, "idempotency key is in an unknown state", "java.lang.IllegalStateException")
OUT_OF_MEMORY = Failure("INTERNAL", 500, "feature matrix does not fit", "MemoryError")
SHUTTING_DOWN = Failure("UNAVAILABLE", 503, "server is shutting down")
EXPIRED_TOKEN = Failure("UNAUTHENTICATED", 401, "token has expired")
UNKNOWN_PAYMENT = Failure("NOT_FOUND", 404, "no such payment")
BAD_AMOUNT = Failure("INVALID_ARGUMENT", 400, "amount is above the limit")

# --- who pays, and how ------------------------------------------------------------------------------------------------

METHODS = {"card": 62.0, "sepa": 18.0, "wallet": 14.0, "instant": 6.0}
CURRENCIES = {"EUR": 70.0, "USD": 15.0, "GBP": 10.0, "SEK": 5.0}  # all with two decimals
#: Median and sigma of a payment's amount.
AMOUNT = (42.0, 1.1)

USER_AGENTS = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Safari/605.1.15",
    "paydemo-android/8.14.2",
    "paydemo-python/2.3.0",
)
