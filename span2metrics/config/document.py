"""The YAML document: bytes to a tree of nodes that know their file and line, and flags laid over it.

Composed by PyYAML's safe loader and never constructed, so that a value keeps its text and its place, and a tag such
as `!!python/…` is only a wrong type.  Plain scalars have the types of YAML 1.2: `on` and `yes` are text and `1:30` is
no number, as JSON Schema and every newer parser have it.  Of those types only the decimal ones are kept; nothing here
is written in octal.  It knows no key.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import yaml

from span2metrics.errors import Problem

_TAG = "tag:yaml.org,2002:"
NULL, BOOL, INT, FLOAT, STR = (_TAG + name for name in ("null", "bool", "int", "float", "str"))
MAP, SEQ = _TAG + "map", _TAG + "seq"

#: What a plain scalar may be besides text: tag, pattern, possible first characters.
IMPLICIT: Sequence[tuple[str, re.Pattern[str], list[str]]] = (
    (NULL, re.compile(r"(?:~|null|Null|NULL|)\Z"), ["~", "n", "N", ""]),
    (BOOL, re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z"), list("tTfF")),
    (INT, re.compile(r"[-+]?[0-9]+\Z"), list("-+0123456789")),
    (
        FLOAT,
        re.compile(
            r"(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
            r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z"
        ),
        list("-+.0123456789"),
    ),
)


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers = {}  # noqa: RUF012 - PyYAML's own form; filled below, without what YAML 1.1 has


for _tag, _pattern, _first in IMPLICIT:
    _Loader.add_implicit_resolver(_tag, _pattern, _first)


class FlagNode(yaml.ScalarNode):
    """A value from the command line: text whose type is what the setting wants."""


def plain_tag(text: str) -> str:
    """The tag of a plain scalar with this text."""
    return next((tag for tag, pattern, _ in IMPLICIT if pattern.match(text)), STR)


def empty(name: str) -> yaml.MappingNode:
    """A document without keys; `name` is what messages call it."""
    mark = yaml.Mark(name, 0, 0, 0, None, 0)
    return yaml.MappingNode(MAP, [], mark, mark)


def read(path: Path) -> yaml.Node | Problem:
    """The root of the file's one document (an empty file has no keys), or why there is none."""
    name = str(path)
    try:
        raw = path.read_bytes()
    except OSError as fault:
        return Problem(name, 0, "", f"cannot be read: {fault.strerror}")
    try:
        root = _compose(name, raw.decode("utf-8-sig"))
        return empty(name) if root is None or root.tag == NULL else root
    except UnicodeDecodeError as fault:
        return Problem(name, raw.count(b"\n", 0, fault.start) + 1, "", "is not UTF-8; save the file as UTF-8")
    except yaml.YAMLError as fault:
        return _syntax(name, raw, fault)
    except RecursionError:
        return Problem(name, 0, "", "is nested too deeply")


def _compose(name: str, text: str) -> yaml.Node | None:
    loader = _Loader(text)
    loader.name = name
    try:
        root: yaml.Node | None = loader.get_single_node()
        return root
    finally:
        loader.dispose()


def _syntax(name: str, raw: bytes, fault: yaml.YAMLError) -> Problem:
    if isinstance(fault, yaml.MarkedYAMLError):
        mark = fault.problem_mark or fault.context_mark
        detail = ", ".join(filter(None, (fault.context, fault.problem)))
        return Problem(name, mark.line + 1 if mark else 0, "", f"is not YAML: {detail}")
    position = getattr(fault, "position", 0)  # a ReaderError: a character that YAML does not allow
    line = raw.decode("utf-8-sig").count("\n", 0, position) + 1
    return Problem(name, line, "", "is not YAML: it holds a control character; remove it")


def overlay(root: yaml.Node, path: str, text: str) -> yaml.Node:
    """The tree with the value of one flag in place of its own; the old tree stays.

    The flag wins over the file, also where the file has switched the section off.  Its name is the path with hyphens,
    without `receivers.`: `--web.listen-address`, `--otlp.grpc.endpoint`.  A receiver has no flag but its endpoint's,
    which also switches it off.
    """
    flag = "--" + path.removeprefix("receivers.").replace("_", "-") + (".endpoint" if text == "null" else "")
    mark = yaml.Mark(flag, 0, -1, 0, None, 0)
    return _grafted(root, path.split("."), FlagNode(plain_tag(text), text, mark, mark))


def _grafted(node: yaml.Node, keys: list[str], leaf: yaml.ScalarNode) -> yaml.Node:
    if not keys:
        return leaf
    mark = leaf.start_mark
    if node.tag == NULL:
        node = yaml.MappingNode(MAP, [], mark, mark)
    if not isinstance(node, yaml.MappingNode):
        return node  # of the wrong type, which is reported when it is read
    at = next((i for i, (key, _) in enumerate(node.value) if key.value == keys[0]), len(node.value))
    absent = (yaml.ScalarNode(STR, keys[0], mark, mark), yaml.ScalarNode(NULL, "", mark, mark))
    key, child = node.value[at] if at < len(node.value) else absent
    pair = (absent[0] if len(keys) == 1 else key, _grafted(child, keys[1:], leaf))
    return yaml.MappingNode(node.tag, [*node.value[:at], pair, *node.value[at + 1 :]], node.start_mark, node.end_mark)
