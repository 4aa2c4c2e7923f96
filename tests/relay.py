"""A relay between a scraper and the page: passes the bytes on as they are and remembers what was asked and answered.

It may ask for a format of its own, as a proxy could: nothing makes Debian's Prometheus ask for plain text.
"""

from __future__ import annotations

import re
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from tests.processes import PATIENCE

END_OF_HEAD = b"\r\n\r\n"


class Exchange(NamedTuple):
    """One scrape: what the scraper accepts, and the answer's `Content-Type`."""

    accept: str
    content_type: str


class Relay(socketserver.ThreadingTCPServer):
    """Listens at `address` for a scraper of `target`; `accept` takes the place of what it accepts."""

    request_queue_size = 16

    def __init__(self, target: str, accept: str | None) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        host, _, port = target.rpartition(":")
        self.target = host, int(port)
        self.accept = accept
        self.address = f"127.0.0.1:{self.server_address[1]}"
        self.exchanges: set[Exchange] = set()


class _Connection(socketserver.BaseRequestHandler):
    """A scraper's connection and one of its own to the page.  Scrapers wait for an answer before they ask again."""

    server: Relay

    def handle(self) -> None:
        self._asked = ""
        with socket.create_connection(self.server.target, PATIENCE) as upstream:
            answers = threading.Thread(target=self._answer, args=(upstream,))
            answers.start()
            with suppress(OSError):
                self._ask(upstream)
            answers.join()

    def _ask(self, upstream: socket.socket) -> None:
        for head in _heads(self.request):
            self._asked = header(head, b"Accept")
            upstream.sendall(head if self.server.accept is None else _asking(head, self.server.accept))
        upstream.shutdown(socket.SHUT_WR)

    def _answer(self, upstream: socket.socket) -> None:
        head = b""
        with suppress(OSError):
            while data := _received(upstream):
                if self._asked:
                    head += data
                    if END_OF_HEAD in head:
                        self.server.exchanges.add(Exchange(self._asked, header(head, b"Content-Type")))
                        self._asked, head = "", b""
                self.request.sendall(data)
            self.request.shutdown(socket.SHUT_WR)


@contextmanager
def relay(target: str, accept: str | None = None) -> Iterator[Relay]:
    with Relay(target, accept) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def header(head: bytes, name: bytes) -> str:
    """The value of a header in a head, "" where it has none."""
    found = re.search(rb"(?im)^" + name + rb": (.*)\r$", head.partition(END_OF_HEAD)[0] + b"\r")
    return found[1].decode() if found else ""


def _asking(head: bytes, accept: str) -> bytes:
    return re.sub(rb"(?im)^(Accept: ).*\r$", rb"\g<1>" + accept.encode() + b"\r", head)


def _heads(client: socket.socket) -> Iterator[bytes]:
    """Requests without a body, as scrapes are."""
    pending = b""
    while data := _received(client):
        pending += data
        if pending.endswith(END_OF_HEAD):
            yield pending
            pending = b""


def _received(connection: socket.socket) -> bytes:
    """Some bytes; none at the end, which a reset is too."""
    try:
        return connection.recv(1 << 16)
    except OSError:
        return b""
