"""OTLP over gRPC: `TraceService/Export`, and the health service that load balancers and Kubernetes ask.

Owns the gRPC server, its options and the compression of messages.  Requests stay bytes: there is no deserialiser, and
what success is answered with is `partial_success`' business, what an error means to the sender `reply`'s.

gRPC's own decompression is off, because it inflates a message before it checks the size.  Messages then come as sent,
without a word on how they were compressed, but they say it themselves: no protobuf begins as gzip does (1f is a field
of a wire type that does not exist), and one that begins as zlib does would have to inflate without a fault, too.

The handler is a streaming one, although the method is not.  On the wire they are the same, and so is their cost, but
the handler of a stream is called before the message is there; see `arrivals` for why that matters.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import grpc
import grpc.aio
from grpc_health.v1 import health, health_pb2

from span2metrics import memory, names
from span2metrics.engine.stats import Outcome
from span2metrics.errors import DecodeError, Overloaded, StartupError, TooLarge
from span2metrics.intake import Intake, Reservation
from span2metrics.receivers import body, listen, partial_success, reply
from span2metrics.receivers.arrivals import Arrivals
from span2metrics.receivers.refusals import Refusals
from span2metrics.receivers.reply import Reply
from span2metrics.telemetry import Telemetry

if TYPE_CHECKING:
    from span2metrics.config.models import GrpcReceiver

SERVICE: Final = "opentelemetry.proto.collector.trace.v1.TraceService"
HEALTH_SERVICE: Final = "grpc.health.v1.Health"

_GZIP: Final = b"\x1f\x8b"
_HEALTH_LIMIT: Final = 4096
#: Bytes that gRPC reads at a time from a connection.
_READ_BUFFER: Final = 64 << 10
#: Seconds for NOT_SERVING to reach those who watch, before their streams are cut.
_FAREWELL: Final = 0.05
#: Seconds in which gRPC cancels the handler of a call whose message will not come.
_SETTLE: Final = 0.1
_STATUS_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}


class OtlpGrpc:
    """The receiver.  `address` as bound once it has started; `max_request_size` in bytes after decompression."""

    def __init__(self, config: GrpcReceiver, intake: Intake, telemetry: Telemetry, *, max_request_size: int) -> None:
        self._config = config
        self._limit = max_request_size
        # What is a little too large is received, so that it can be counted and answered with advice.
        self._wire_limit = max_request_size + max_request_size // 4
        self._intake = intake
        self._refusals = Refusals(names.RECEIVER_GRPC, telemetry)
        self._arrivals = Arrivals(intake.limit // 2, self._wire_limit, lambda: intake.bytes, memory.ceiling())
        self._health: Any = None
        self._server: Any = None
        self._active: set[asyncio.Task[object]] = set()
        self._closing = False
        self.address = str(config.endpoint)

    async def start(self) -> None:
        """Raises `StartupError` where the address cannot be had; nothing is left open then."""
        addresses = self._addresses()
        self._closing = False
        self._server = grpc.aio.server(options=self._options())
        self._health = health.aio.HealthServicer()
        self._server.add_generic_rpc_handlers(
            (self._handlers(), _health_handlers(self._health), _Others(self._refusals))  # asked in this order
        )
        try:
            await self._health.set(SERVICE, health_pb2.HealthCheckResponse.SERVING)
            for address in addresses:
                self._server.add_insecure_port(address)
            await self._server.start()
        except BaseException as error:
            await self.stop(0)
            if isinstance(error, RuntimeError):
                raise StartupError(f"receivers.otlp.grpc.endpoint: cannot listen on {self._config.endpoint}") from None
            raise
        self.address = addresses[0]

    async def stop(self, grace: float) -> None:
        """Refuses new exports (retryable), gives those under way `grace` seconds, cuts the rest.

        gRPC's own grace would wait for watchers of the health service, who never end by themselves, and a second
        `stop` beside it crashes (grpcio 1.85: the first one's end takes the server away from under the second).
        """
        server, self._server = self._server, None
        if server is None:
            return
        self._closing = True
        await self._health.enter_graceful_shutdown()
        if self._active:
            await asyncio.wait(self._active, timeout=grace)
        await asyncio.sleep(min(grace, _FAREWELL))
        await server.stop(None)

    def _addresses(self) -> list[str]:
        """Where to listen, found by listening there for a moment: gRPC itself would not say what is wrong."""
        sockets = listen.bind(self._config.endpoint, "receivers.otlp.grpc.endpoint")
        addresses = [listen.address(sock) for sock in sockets]
        for sock in sockets:
            sock.close()
        return addresses

    def _options(self) -> list[tuple[str, int]]:
        options = [
            ("grpc.so_reuseport", 0),
            ("grpc.per_message_decompression", 0),
            ("grpc.max_receive_message_length", self._wire_limit),
            # Else gRPC takes megabytes of a call that nobody reads yet, and keeps buffers as large as that.
            ("grpc.http2.bdp_probe", 0),
            ("grpc.experimental.tcp_max_read_buffer_size", _READ_BUFFER),
            # Exporters that ping an idle connection more often than gRPC likes would be cut off.
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
        ]
        age = self._config.keepalive.max_connection_age
        return options if age is None else [*options, ("grpc.max_connection_age_ms", round(age * 1000))]

    def _handlers(self) -> Any:
        export = grpc.stream_unary_rpc_method_handler(self._export)
        return grpc.method_handlers_generic_handler(SERVICE, {"Export": export})

    async def _export(self, _: object, context: Any) -> bytes:
        task = asyncio.current_task()
        assert task is not None
        self._active.add(task)
        try:
            return partial_success.answer(await self._apply(context))
        except Exception as error:
            _refuse(context, reply.to(error))
        finally:
            self._active.discard(task)
        return b""

    async def _apply(self, context: Any) -> Outcome:
        with self._refusals.counting():
            if self._closing:
                raise Overloaded("shutting down")
            message = await self._arrivals.receive(lambda: _message(context))
            encoding = _encoding(message)
            if not encoding and len(message) > self._limit:
                raise TooLarge(self._limit)
        left = context.time_remaining()
        deadline = None if left is None else asyncio.get_running_loop().time() + left
        if not encoding:
            return await self._intake.submit(message, names.RECEIVER_GRPC, deadline)
        with self._intake.reserve() as held:
            with self._refusals.counting():
                content = await self._inflate(message, encoding, held)
            del message
            return await self._intake.submit(content, names.RECEIVER_GRPC, deadline, held)

    async def _inflate(self, message: bytes, encoding: str, held: Reservation) -> bytes:
        held.resize(len(message))
        try:
            return await body.inflate(message, encoding, self._limit, held)
        except DecodeError:
            if encoding == "deflate":
                return message
            raise


async def _message(context: Any) -> bytes:
    message: bytes = await context.read()
    if message is grpc.aio.EOF:
        # The sender is gone, or the message is far too large and gRPC has refused it: both cancel this handler.
        await asyncio.sleep(_SETTLE)
        raise DecodeError("the call has no message")
    return message


def _encoding(message: bytes) -> str:
    """How a message is compressed, by its first bytes; of "deflate" one cannot be sure.  "" for not at all."""
    if message.startswith(_GZIP):
        return "gzip"
    return "deflate" if body.is_zlib(message) else ""


def _refuse(context: Any, answer: Reply) -> None:
    """Sets what the call ends with.  `abort` would keep its exception, and by the traceback the message, in a cycle."""
    context.set_code(_STATUS_CODES[answer.code])
    context.set_details(answer.message)
    if answer.retry_after is not None:
        context.set_trailing_metadata((("grpc-status-details-bin", answer.status()),))


class _Others(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc has no types
    """Any method that nobody else knows, such as the metrics and logs that SDKs send to the same port.

    Refused before the message is read.
    """

    def __init__(self, refusals: Refusals) -> None:
        self._refusals = refusals
        self._handler = grpc.stream_unary_rpc_method_handler(self._answer)

    def service(self, _: object) -> Any:
        return self._handler

    async def _answer(self, _: object, context: Any) -> bytes:
        self._refusals.count(reply.NO_SUCH_CALL.outcome)
        _refuse(context, reply.NO_SUCH_CALL)
        return b""


def _health_handlers(servicer: Any) -> Any:
    """The health service, which must inflate for itself too."""
    formats = {
        "request_deserializer": _health_request,
        "response_serializer": health_pb2.HealthCheckResponse.SerializeToString,
    }
    check = grpc.unary_unary_rpc_method_handler(servicer.Check, **formats)
    watch = grpc.unary_stream_rpc_method_handler(servicer.Watch, **formats)
    return grpc.method_handlers_generic_handler(HEALTH_SERVICE, {"Check": check, "Watch": watch})


def _health_request(message: bytes) -> Any:
    encoding = _encoding(message)
    if encoding:
        message = body.inflate_small(message, encoding, _HEALTH_LIMIT)
    return health_pb2.HealthCheckRequest.FromString(message)
