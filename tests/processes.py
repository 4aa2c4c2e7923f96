"""The daemon as a process: started on free ports, its log read line by line, ended whatever happens."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Any

#: Seconds; far beyond what anything here takes, so that a hang is a failure.
PATIENCE = 30.0
FREE_PORTS = (
    "--web.listen-address=127.0.0.1:0",
    "--otlp.grpc.endpoint=127.0.0.1:0",
    "--otlp.http.endpoint=127.0.0.1:0",
)


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "span2metrics", *words]


class Running:
    """A started process that logs JSON.  `web`, `otlp_grpc`, `otlp_http` are the addresses that it has logged."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.records: list[dict[str, Any]] = []
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def record(self, message: str) -> dict[str, Any]:
        """The next log record with this message; what comes before it is kept in `records`."""
        end = time.monotonic() + PATIENCE
        while line := self._lines.get(timeout=max(0.0, end - time.monotonic())):
            self.records.append(json.loads(line))
            if self.records[-1]["msg"] == message:
                return self.records[-1]
        raise AssertionError(f"ended without {message!r}: {self.records}")

    def ready(self) -> Running:
        heard = self.record("listening")
        self.web, self.otlp_grpc, self.otlp_http = heard["web"], heard.get("otlp_grpc"), heard.get("otlp_http")
        self.record("ready")
        return self

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def wait(self) -> int:
        """The exit code."""
        return self.process.wait(PATIENCE)

    def get(self, path: str) -> tuple[int, str]:
        return fetch(self.web, "GET", path)

    def send(self, body: bytes) -> int:
        """Posts an OTLP request; returns the HTTP status."""
        assert self.otlp_http
        return fetch(self.otlp_http, "POST", "/v1/traces", body)[0]

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join()
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe:
                pipe.close()

    def _read(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            self._lines.put(line)
        self._lines.put("")


@contextmanager
def running(*words: str, environment: dict[str, str] | None = None) -> Iterator[Running]:
    """The daemon, started with `words`; its ports are the defaults unless those say otherwise (`FREE_PORTS`)."""
    process = subprocess.Popen(
        command(*words, "--log.format=json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | (environment or {}),
    )
    started = Running(process)
    try:
        yield started
    finally:
        started.close()


def fetch(address: str, method: str, path: str, body: bytes | None = None) -> tuple[int, str]:
    connection = HTTPConnection(address, timeout=PATIENCE)
    try:
        headers = {"Content-Type": "application/x-protobuf"} if body is not None else {}
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()
