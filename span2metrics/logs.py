"""The daemon's log: one line an event on stderr, as logfmt or JSON.

Fields come in a fixed order (`ts`, `level`, `logger`, `msg`), then those that the caller gave as `extra`, in the order
given, then `exc` with a traceback, escaped into the same line.  Whoever logs keeps values of the traffic out; this
module only writes.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, TextIO

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}
_LEVEL_NAMES = {number: name for name, number in LEVELS.items()} | {logging.CRITICAL: "error"}
#: What every record has; anything else came by `extra`.
_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class _Formatter(logging.Formatter):
    def fields(self, record: logging.LogRecord) -> Iterator[tuple[str, Any]]:
        moment = datetime.fromtimestamp(record.created, UTC)
        yield "ts", moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        yield "level", _LEVEL_NAMES.get(record.levelno, record.levelname.lower())
        yield "logger", record.name
        yield "msg", record.getMessage()
        yield from ((key, value) for key, value in vars(record).items() if key not in _OWN)
        if record.exc_info:
            yield "exc", self.formatException(record.exc_info)


class Logfmt(_Formatter):
    """`ts=… level=info logger=… msg="…" key=value`; values are quoted, JSON-style, where they need to be."""

    def format(self, record: logging.LogRecord) -> str:
        return " ".join(f"{key}={_quoted(value)}" for key, value in self.fields(record))


class JsonLines(_Formatter):
    """The same fields as one JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(dict(self.fields(record)), default=str)


FORMATS: dict[str, type[logging.Formatter]] = {"logfmt": Logfmt, "json": JsonLines}


def set_up(level: str, format: str, stream: TextIO | None = None) -> None:
    """Sends the log of all modules, and Python's warnings, to `stream` (stderr).  Names as in the tables above."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(FORMATS[format]())
    logging.basicConfig(level=LEVELS[level], handlers=[handler], force=True)
    logging.captureWarnings(True)
    logging.getLogger("grpc").setLevel(max(LEVELS[level], logging.INFO))  # at debug, a line for every call


def _quoted(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    if text.isprintable() and text and not any(mark in text for mark in ' "=\\'):
        return text
    return json.dumps(text, ensure_ascii=not text.isprintable())
