"""Substitution inside a scalar: `${NAME}`, `${NAME:-default}`, `${file:/path}`; `$${` stands for `${` itself.

The shell's rules: a default serves for a variable that is unset or empty, and what was put in is not searched again.
A file serves secrets as Kubernetes and Docker mount them: its text without the line end.  It reads the environment
that it is given and the files that are named; it knows nothing of YAML.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

#: What a file may hold: far above any secret, far below what would hurt.
FILE_LIMIT = 64 << 10

_TOKEN = re.compile(r"\$\$\{|\$\{([^{}]*)\}|\$\{")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FORMS = "write ${NAME}, ${NAME:-default} or ${file:/path}, or $${ for the two characters themselves"


@dataclass(frozen=True, slots=True)
class Expansion:
    """A scalar after substitution.

    private    part of it was put in: no message may quote it
    secret     part of it came from a file: no dump may show it
    faults     what could not be put in, one sentence each; the text is of no use then
    """

    text: str
    private: bool = False
    secret: bool = False
    faults: tuple[str, ...] = ()


def expand(text: str, environ: Mapping[str, str]) -> Expansion:
    """The text with all its substitutions made.  Never raises: faults are in the result, all of them."""
    tokens = [match for match in _TOKEN.finditer(text) if match[0] != "$${"]
    faults: list[str] = []

    def put_in(match: re.Match[str]) -> str:
        if match[0] == "$${":
            return "${"
        try:
            return _look_up(match[1], environ)
        except ValueError as fault:
            faults.append(str(fault))
            return ""

    expanded = _TOKEN.sub(put_in, text)
    secret = any((match[1] or "").startswith("file:") for match in tokens)
    return Expansion(expanded, bool(tokens), secret, tuple(faults))


def _look_up(reference: str | None, environ: Mapping[str, str]) -> str:
    if reference is None:
        raise ValueError(f"`${{` begins a substitution that does not end, or holds another one; {_FORMS}")
    if reference.startswith("file:"):
        return _read(reference.removeprefix("file:"))
    name, colon, default = reference.partition(":-")
    if not _NAME.fullmatch(name):
        raise ValueError(f"`${{…}}` holds neither the name of an environment variable nor file:/path; {_FORMS}")
    value = environ.get(name)
    if colon:
        return value or default
    if value is None:
        raise ValueError(f"the environment variable {name} is not set; set it, or write ${{{name}:-default}}")
    return value


def _read(name: str) -> str:
    path = Path(name)
    if not path.is_absolute():
        raise ValueError(f"${{file:{name}}} is not an absolute path; write ${{file:/…}}")
    try:
        content = _text(bounded(path))
    except (OSError, ValueError) as fault:
        reason = fault.strerror if isinstance(fault, OSError) else fault
        raise ValueError(f"the file {name} cannot be used: {reason}; see that it exists and may be read") from None
    return content.rstrip("\r\n")


def bounded(path: Path) -> bytes:
    """What a file holds that must not be large.  Raises `OSError`, or `ValueError` with a sentence."""
    if path.exists() and not path.is_file():  # a pipe or a device could block for ever
        raise ValueError("it is not a regular file")
    with path.open("rb") as stream:
        content = stream.read(FILE_LIMIT + 1)
    if len(content) > FILE_LIMIT:
        raise ValueError(f"it is larger than {FILE_LIMIT} bytes")
    return content


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8 text") from None
