"""The families that a request names: `?name[]=`, as in other exporters, for a look at a few of them.

A family is named by its own name or by that of any of its samples, and is then there as a whole.  Names that there are
not select nothing, and a page of nothing is a page.

Our own families are selected before they are written.  Span families come from the engine as text, in chunks that end
with a line and divide no head; they are told apart by their heads, of which `# HELP` is the first line, and a line that
begins so is nothing else, because label values hold no line ends.  The engine renders no more than it takes to find
all that is named: nothing where only our own metrics are, and nothing beyond the last of the families.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

_HEAD = b"# HELP "
_SUFFIXES = {
    "counter": ("_total",),
    "histogram": ("_bucket", "_sum", "_count"),
    "info": ("_info",),
    "summary": ("_sum", "_count"),
}


class Selection:
    """Some names of families and samples."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(names)

    def without(self, families: Iterable[Metric]) -> Selection:
        """The names that are none of these families'."""
        return Selection(self._names.difference(*(_names(family.name, family.type) for family in families)))

    def of(self, families: Iterable[Metric]) -> Iterator[Metric]:
        """Those of the families that are named."""
        return (family for family in families if self._names & _names(family.name, family.type))

    def of_page(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """What is left of each chunk of a text page: for some of them nothing, and none after all names are found."""
        missing, wanted = set(self._names), False
        if not missing:
            return
        for chunk in chunks:
            kept = []
            for block in _blocks(chunk):
                if block.startswith(_HEAD):
                    names = _names(*_head(block))
                    wanted = bool(self._names & names)
                    missing -= names
                if wanted:
                    kept.append(block)
            yield b"".join(kept)
            if not (missing or wanted):
                return


def _names(family: str, kind: str) -> frozenset[str]:
    """All names of a family: its own in either format, and its samples'."""
    base = family.removesuffix("_total") if kind == "counter" else family
    return frozenset((base, *(base + suffix for suffix in _SUFFIXES.get(kind, ()))))


def _blocks(chunk: bytes) -> Iterator[bytes]:
    """The chunk, divided before each family's head."""
    start = 0
    while end := chunk.find(b"\n" + _HEAD, start) + 1:
        yield chunk[start:end]
        start = end
    yield chunk[start:]


def _head(block: bytes) -> tuple[str, str]:
    """Name and kind of the family that begins here; the kind is in the second line."""
    family, _, rest = block.removeprefix(_HEAD).partition(b" ")
    _, _, kind = rest.partition(b"\n")[2].partition(b"\n")[0].rpartition(b" ")
    return family.decode(), kind.decode()
