"""The errors of span2metrics, told apart by who must act.

A `SenderError` is the client's: sending the same bytes again cannot help.  `Overloaded` is ours, and later: the
client should retry.  A `ConfigError` or `StartupError` is the operator's.  Anything else is a bug.  Only the edges
(`receivers.reply`, `cli`) turn these into status codes.

No message here may quote a value that came with the traffic.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


class Span2MetricsError(Exception):
    """Base of all errors that the project raises on purpose."""


class SenderError(Span2MetricsError):
    """The request is at fault; it must be changed before it is sent again."""


class DecodeError(SenderError):
    """The bytes are no valid request of their format.  Nothing of the request was applied."""


class TooLarge(SenderError):
    """The body, after decompression, is larger than the limit; `limit` in bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the request is larger than {limit} bytes after decompression; send smaller batches")
        self.limit = limit


class UnsupportedEncoding(SenderError):
    """A media type or content encoding that the receiver does not take."""


class Overloaded(Span2MetricsError):
    """No room at present, or shutting down: retry after `retry_after` seconds."""

    def __init__(self, reason: str, retry_after: float = 1.0) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class Abandoned(Span2MetricsError):
    """The caller's deadline passed before the request's turn came.  Nothing of it was applied."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a configuration: where it is and what to do.

    `file` as the user named it, `line` 1-based (0: no line, such as a command-line flag), `path` in dotted form with
    indexes (`metrics.dimensions[2].name`; "" for the document).
    """

    file: str
    line: int
    path: str
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.path}: {self.message}" if self.path else f"{where}: {self.message}"


class ConfigError(Span2MetricsError):
    """Every mistake found in a configuration, in order of line."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(problems, key=lambda p: (p.file, p.line, p.path))
        super().__init__("\n".join(map(str, self.problems)))


class StartupError(Span2MetricsError):
    """Something outside the configuration keeps the daemon from starting, such as a port in use; one line."""
