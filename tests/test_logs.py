"""The log: one line an event, readable by logfmt and JSON parsers, whatever is in it."""

from __future__ import annotations

import io
import json
import logging
import re
import warnings
from collections.abc import Callable, Iterator

import pytest

from span2metrics import logs

Written = Callable[[], list[str]]


@pytest.fixture(autouse=True)
def untouched_root() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers = []
    yield
    logging.captureWarnings(False)
    root.handlers, root.level = handlers, level


def set_up(format: str, level: str = "info") -> Written:
    stream = io.StringIO()
    logs.set_up(level, format, stream)
    return lambda: stream.getvalue().splitlines()


def test_logfmt_has_time_level_logger_message_and_then_the_fields_in_order() -> None:
    written = set_up("logfmt")
    logging.getLogger("shop").info("ready to %s", "go", extra={"web": "127.0.0.1:1", "seconds": 0.5})
    (line,) = written()
    time, rest = line.split(" ", 1)
    assert re.fullmatch(r"ts=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", time)
    assert rest == 'level=info logger=shop msg="ready to go" web=127.0.0.1:1 seconds=0.5'


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("plain", "plain"),
        ("", '""'),
        ("two words", '"two words"'),
        ('a"b', r'"a\"b"'),
        ("a=b", '"a=b"'),
        ("a\\b", r'"a\\b"'),
        ("line\nbreak", r'"line\nbreak"'),
        ("\x1b[31m", r'"\u001b[31m"'),
        ("\u2028", r'"\u2028"'),
        ("größe", "größe"),
        ("eine größe", '"eine größe"'),
        (True, "true"),
        (None, "None"),
        (7, "7"),
    ],
)
def test_logfmt_quotes_a_value_that_needs_it(value: object, shown: str) -> None:
    written = set_up("logfmt")
    logging.getLogger("shop").info("m", extra={"value": value})
    (line,) = written()
    assert line.split(" msg=m ")[1] == f"value={shown}"


def test_json_lines_have_the_same_fields() -> None:
    written = set_up("json")
    logging.getLogger("shop").warning("two\nlines", extra={"seconds": 0.5, "where": {1}})
    (line,) = written()
    fields = json.loads(line)
    assert list(fields) == ["ts", "level", "logger", "msg", "seconds", "where"]
    assert fields | {"ts": ""} == {
        "ts": "", "level": "warn", "logger": "shop", "msg": "two\nlines", "seconds": 0.5, "where": "{1}",
    }  # fmt: skip


@pytest.mark.parametrize("format", logs.FORMATS)
def test_a_traceback_stays_on_the_line(format: str) -> None:
    written = set_up(format)
    try:
        raise LookupError
    except LookupError:
        logging.getLogger("shop").exception("failed")
    (line,) = written()
    assert "LookupError" in line


@pytest.mark.parametrize(
    ("level", "shown"),
    [
        ("debug", ["debug", "info", "warn", "error", "error"]),
        ("info", ["info", "warn", "error", "error"]),
        ("warn", ["warn", "error", "error"]),
        ("error", ["error", "error"]),
    ],
)
def test_a_level_shows_itself_and_what_is_worse(level: str, shown: list[str]) -> None:
    written = set_up("json", level)
    for number in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL):
        logging.getLogger("shop").log(number, "m")
    assert [json.loads(line)["level"] for line in written()] == shown


def test_warnings_of_python_come_as_log_lines() -> None:
    written = set_up("json")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn("old ways", stacklevel=1)
        logging.captureWarnings(False)
    (line,) = written()
    assert json.loads(line)["logger"] == "py.warnings"


def test_a_second_set_up_replaces_the_first() -> None:
    first, second = set_up("json"), set_up("logfmt")
    logging.getLogger("shop").info("m")
    assert (len(first()), len(second())) == (0, 1)


def test_debug_is_ours_and_not_a_line_of_grpc_for_every_call() -> None:
    written = set_up("json", "debug")
    for name in ("grpc._cython.cygrpc", "span2metrics.daemon"):
        logging.getLogger(name).debug("m")
    assert [json.loads(line)["logger"] for line in written()] == ["span2metrics.daemon"]
    logging.getLogger("grpc.aio").warning("m")
    assert len(written()) == 2
