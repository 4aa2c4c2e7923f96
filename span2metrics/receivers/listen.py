"""Listening sockets: from an endpoint to what is bound, or to one line that says why not.

`localhost` means both loopback addresses where the machine has IPv6, because clients differ in which they try first; no
host means all interfaces.  With port 0 the system picks one that is free on every address.  SO_REUSEPORT stays off: a
second daemon on the same port must fail to start rather than take half of the connections.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Final, Protocol

from span2metrics.errors import StartupError

_TRIES: Final = 16
_TAKEN: Final = "; stop what listens there, or choose another port"


class Endpoint(Protocol):
    """Where to listen; `host` "" for all interfaces; `str` as the user wrote it."""

    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...


def bind(endpoint: Endpoint, what: str) -> list[socket.socket]:
    """Bound sockets, all on one port.  Raises `StartupError`, which names `what` (the key) and the endpoint."""
    try:
        return _bind(endpoint.host, endpoint.port)
    except OSError as error:
        remedy = _TAKEN if error.errno == errno.EADDRINUSE else ""
        raise StartupError(f"{what}: cannot listen on {endpoint}: {_reason(error).lower()}{remedy}") from None


def address(sock: socket.socket) -> str:
    """`127.0.0.1:4317`, `[::1]:4317`."""
    host, port = sock.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _bind(host: str, port: int) -> list[socket.socket]:
    for _ in range(_TRIES):
        try:
            return _bind_all(host, port)
        except OSError as error:
            if port or error.errno != errno.EADDRINUSE:
                raise
    raise OSError(errno.EADDRINUSE, "no port is free on all addresses")


def _bind_all(host: str, port: int) -> list[socket.socket]:
    with ExitStack() as undo:
        bound: list[socket.socket] = []
        for family, name, dual in _addresses(host):
            sock = socket.create_server((name, port), family=family, dualstack_ipv6=dual)
            undo.callback(sock.close)
            bound.append(sock)
            port = sock.getsockname()[1]
        undo.pop_all()
        return bound


def _addresses(host: str) -> Iterator[tuple[socket.AddressFamily, str, bool]]:
    """(family, numeric address, take IPv4 too) of each socket that the host needs."""
    if host == "":
        dual = socket.has_dualstack_ipv6()
        yield (socket.AF_INET6, "::", True) if dual else (socket.AF_INET, "0.0.0.0", False)
    elif host == "localhost":
        yield socket.AF_INET, "127.0.0.1", False
        if _has_ipv6_loopback():
            yield socket.AF_INET6, "::1", False
    else:
        family, *_, name = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        yield family, str(name[0]), False


def _reason(error: OSError) -> str:
    """The system's words alone; `create_server` adds its own, and resolving has negative numbers."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or str(error)


def _has_ipv6_loopback() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True
