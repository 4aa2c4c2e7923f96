"""What labels must not show: card numbers and matches of the operator's patterns, and what is put in their place.

Called for values that are new and may hold something, never once a span; where card numbers are is found in the
compiled core (`cards`).  Owns the order: all that is to go is found in the text as it was, so that what goes for one
reason cannot hide what should go for another.  Knows nothing of labels or the wire.

Rules: semantics §1.6.  Only a value's first `WINDOW` bytes are looked at; the rest is never shown.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any, Protocol

from span2metrics.engine.patterns import regex
from span2metrics.engine.plan import Action, Privacy
from span2metrics.engine.text import ELLIPSIS

#: Bytes of a value that are looked at.
WINDOW = 4096
#: Digits that a card number may have, at most.
MOST_DIGITS = 19
MASK = "****"
#: What the keyed hash of a hidden text begins with, and its hexadecimal digits: 64 bits, so that they tell apart more
#: values than there can be series.
HMAC_PREFIX = "hmac:"
HMAC_DIGITS = 16

Part = tuple[int, int]
#: A text and whether anything of it was hidden, or left off behind the window: (text, hidden, cut).
Redacted = tuple[str, bool, bool]


class Pattern(Protocol):
    """A compiled pattern."""

    def search(self, text: str) -> Any: ...
    def finditer(self, text: str) -> Iterator[Any]: ...


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> Pattern:
    """The pattern, which may match any part of a line.  Raises `ValueError` with what is wrong."""
    found: Pattern = regex(pattern, dot_nl=False)
    return found


class Redaction:
    """Hides parts of texts as a plan says.  `find_cards` says where a text has card numbers: (start, end)."""

    def __init__(self, privacy: Privacy, find_cards: Callable[[str], Iterable[Part]]) -> None:
        self._find_cards = find_cards if privacy.cards else _nothing
        self._patterns = tuple(map(compiled, privacy.patterns))
        self._action = privacy.action
        self._key = privacy.hmac_key

    def of(self, text: str, longer: bool) -> Redacted:
        """The text without what must not be shown.  `longer`: it is but the beginning of a value."""
        window = _window(text)
        parts = self._parts(window)
        if not parts:
            return text, False, False
        if self._action is Action.DROP:
            return "", True, False
        if not longer and len(window) == len(text):
            return "".join(self._pieces(window, parts, len(window))), True, False
        return "".join(self._pieces(window, parts, _open_end(window))) + ELLIPSIS, True, True

    def whole(self, text: str, shown: str) -> str | None:
        """What stands for `shown`, which says the same as the text in a way that hides its parts; None: it may stay."""
        return self._replacement(shown) if self._parts(_window(text)) else None

    def _parts(self, text: str) -> list[Part]:
        """Where something is to go, in order and apart."""
        found = list(self._find_cards(text))
        for pattern in self._patterns:
            if pattern.search(text):
                found += [match.span() for match in pattern.finditer(text)]
        return _merged(sorted(part for part in found if part[0] < part[1]))

    def _pieces(self, text: str, parts: list[Part], until: int) -> Iterator[str]:
        """What is shown of a text, of which but what is hidden is shown beyond `until`."""
        at = 0
        for start, end in (part for part in parts if part[0] < until):
            yield text[at:start]
            yield self._replacement(text[start:end])
            at = end
        yield text[at:until]

    def _replacement(self, text: str) -> str:
        if self._action is not Action.HMAC:
            return MASK
        digest = hmac.new(self._key, _canonical(text).encode(), hashlib.sha256).hexdigest()
        return HMAC_PREFIX + digest[:HMAC_DIGITS]


def _nothing(_: str) -> Iterable[Part]:
    return ()


def _window(text: str) -> str:
    """What of a text is looked at."""
    encoded = text.encode()
    return text if len(encoded) <= WINDOW else encoded[:WINDOW].decode(errors="ignore")


def _open_end(text: str) -> int:
    """Where digits begin that may be the beginning of a card number, of a text that goes on.

    They are left off too, for what is hidden before them could bring them into sight.
    """
    at, digits = len(text), 0
    while at and digits < MOST_DIGITS and not text[at - 1].isalpha():
        at -= 1
        digits += text[at].isdecimal()
    return at


def _merged(parts: Iterable[Part]) -> list[Part]:
    """Parts that overlap as one; ascending ones."""
    merged: list[Part] = []
    for start, end in parts:
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _canonical(text: str) -> str:
    """A number in whatever groups and digits is the same number."""
    text = text.replace("%20", " ")
    digits = [character for character in text if character.isdecimal()]
    if any(character.isalpha() for character in text) or len(digits) < MOST_DIGITS - 6:
        return text
    return "".join(str(int(digit)) for digit in digits)
