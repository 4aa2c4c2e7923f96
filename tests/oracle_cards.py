"""What labels must not show, by the rules alone: a slow and plain search for card numbers, and what is put in their
place.  It shares no code with the engine, has a table of issuers of its own, and tries every row of groups.

Written from semantics §1.6 and, where that leaves a choice, from what the README says of it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

from span2metrics.engine.plan import Action, Privacy

#: Numbers of an issuer, by the issuers' own lengths.
BRANDS = {
    "Visa": r"4\d{12}(\d{3}|\d{6})?",
    "Mastercard": r"5[1-5]\d{14}",
    "Mastercard 2": r"(222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}",
    "American Express": r"3[47]\d{13}",
    "Diners Club": r"3[0689]\d{12,17}",
    "JCB": r"35(2[89]|[3-8]\d)\d{12,15}",
    "Discover": r"(6011|64[4-9]\d|65\d\d)\d{12,15}",
    "UnionPay": r"(62\d\d|81[0-6]\d|817[01])\d{12,15}",
    "Mir": r"220[0-4]\d{12,15}",
    "BORICA": r"2205\d{12}",
    "Maestro": r"(5[0678]|67)\d{11,17}|6304\d{9,15}",
    "Switch, Solo": r"(6331|6333|6334)\d{12}(\d{2,3})?",
    "Elo": r"636(297|368)\d{10}",
    "Hiper": r"637(095|374|433|568|599|609|612)\d{10}",
    "RuPay": r"(60|81|82)\d{14}",
    "UkrCard": r"(60400[1-9]|6040[1-9]\d|6041\d\d|604200)\d{10,13}",
    "Uzcard, Humo": r"(8600|9860)\d{12}",
    "Napas": r"9704\d{12}(\d{3})?",
    "Troy": r"9792\d{12}",
}
_ANY_BRAND = re.compile("|".join(f"(?:{numbers})" for numbers in BRANDS.values()))
_ZS = "\x20\xa0\u1680\u2000-\u200a\u202f\u205f\u3000"
_BETWEEN = re.compile(f"[{_ZS}_+\\-\xad\u2010-\u2015\u2212\ufe58\ufe63\uff0d\u200b-\u200d\u2060\ufeff]{{1,3}}|\\.")
_UUID = re.compile(r"(?<![0-9A-Za-z])[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?![0-9A-Za-z])")
_ESCAPE = re.compile(r"%[0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.", re.ASCII | re.DOTALL)
#: Characters in an IBAN: countries.
_IBANS = {
    15: "NO",
    16: "BE",
    18: "DK FI FK FO GL NL SD",
    19: "MK SI",
    20: "AT BA EE KZ LT LU MN XK",
    21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA",
    23: "AE GI IL IQ OM SO TL",
    24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "LY PT ST",
    26: "IS TR",
    27: "BI DJ FR GR IT MC MR SM",
    28: "AL AZ BY CY DO GT HN HU LB NI PL SV",
    29: "BR EG PS QA UA",
    30: "JO KW MU YE",
    31: "MT SC",
    32: "LC",
    33: "RU",
}
#: What an escape becomes, so that places stay: a space, a plus, or something that is nothing.
_SPACE, _PLUS, _NOTHING = "\ue000", "\ue001", "\ue002"
MASK = "****"
WINDOW = 4096


@lru_cache(maxsize=1000)
def cards(text: str) -> set[tuple[int, int]]:
    """Where card numbers are; of those that begin at one place the longest."""
    longest: dict[int, int] = {}
    for plain in {text, _ESCAPE.sub(_unescaped, text)}:
        for start, end in _rows(plain):
            longest[start] = max(end, longest.get(start, 0))
    return set(longest.items())


def _unescaped(escape: re.Match[str]) -> str:
    stands_for = {"%20": _SPACE, "%2b": _PLUS}.get(escape[0].lower(), _NOTHING)
    return stands_for * len(escape[0])


def _rows(text: str) -> Iterator[tuple[int, int]]:
    groups = list(re.finditer(r"\d+", text))
    between = [text[a.end() : b.start()] for a, b in pairwise(groups)]
    joined = [bool(_BETWEEN.fullmatch(gap)) or gap == _SPACE * 3 for gap in between]
    for i, first in enumerate(groups):
        for j in range(i, min(i + 19, len(groups))):
            inner = joined[i:j]
            if not all(inner):
                break
            beside = [*joined[max(0, i - 1) : i], *joined[j : j + 1]]
            row = [str(int("1" + group[0]))[1:] for group in groups[i : j + 1]]
            dots = between[i:j].count(".")
            start, end = first.start(), groups[j].end()
            if _is_card(row, dots, any(beside)) and not _is_other(text, start, end, "".join(row), len(row)):
                yield start, end


def _is_card(row: list[str], dots: int, is_cut_out: bool) -> bool:
    sizes = [len(group) for group in row]
    number = "".join(row)
    if dots == 1 or (dots and sizes[0] != 4):
        return False
    if len(row) > 1 and is_cut_out and not re.fullmatch(r"4(4)*[1-5]|46[45]", "".join(map(str, sizes))):
        return False
    return bool(_ANY_BRAND.fullmatch(number)) and luhn(number)


def luhn(number: str) -> bool:
    return sum(sum(divmod(int(digit) * (1 + i % 2), 10)) for i, digit in enumerate(reversed(number))) % 10 == 0


def _is_other(text: str, start: int, end: int, number: str, groups: int) -> bool:
    """Does it only look like a card, where it stands?"""
    before, after = text[:start], text[end:]
    if (before and _is_letter(before[-1])) or (after and _is_letter(after[0])):
        return True
    if groups == 1 and re.search(r"(?:^|[^.\d])\d+\.$", before):
        return True
    if len(number) == 13 and re.search(rf"(?:^|\D)\+$|{_PLUS}{{3}}$", before):
        return True
    around = (start - 2 * before.endswith("-"), end + 2 * after.startswith("-"))
    return any(_overlap(around, uuid.span()) for uuid in _UUID.finditer(text)) or any(
        iban[0] < start and end <= iban[1] for iban in _ibans(text)
    )


def _is_letter(character: str) -> bool:
    return character.islower() or character.isupper() or character.istitle()


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _ibans(text: str) -> Iterator[tuple[int, int]]:
    for begin in re.finditer(r"(?<![0-9A-Za-z])(?=([A-Za-z]{2}))", text):
        for length in (length for length, countries in _IBANS.items() if begin[1].upper() in countries.split()):
            found = re.compile(rf"(?:[0-9A-Za-z][ \xa0]*){{{length - 1}}}[0-9A-Za-z](?![0-9A-Za-z])").match(
                text, begin.start()
            )
            characters = found and re.sub("[ \xa0]", "", found[0])
            if found and characters and _mod_97(characters[4:] + characters[:4]) == 1:
                yield found.span()


def _mod_97(characters: str) -> int:
    left = 0
    for character in characters:
        for digit in str(int(character, 36)):
            left = (left * 10 + int(digit)) % 97
    return left


# --- what is shown ----------------------------------------------------------------------------------------------------


class Hiding:
    """Hides in texts what a plan wants hidden; of those it adds to the faults that they are `REDACTED`, and `CUT` where
    their end was not looked at."""

    REDACTED, CUT = "redacted", "cut"

    def __init__(self, privacy: Privacy) -> None:
        self._privacy = privacy

    def text(self, text: str, faults: set[str]) -> str:
        """The text of a value as it is shown."""
        looked_at = text.encode()[:WINDOW].decode(errors="ignore")
        hidden = self._hidden(looked_at)
        if not any(hidden):
            return text
        faults.add(self.REDACTED)
        if self._privacy.action is Action.DROP:
            return ""
        if len(looked_at) == len(text):
            return "".join(self._pieces(looked_at, hidden))
        faults.add(self.CUT)
        digits = [at for at, character in enumerate(looked_at) if character.isdecimal()]
        letters = [at + 1 for at, character in enumerate(looked_at) if character.isalpha()]
        end = max([*letters[-1:], *digits[-19:-18], 0])  # what may be the beginning of a card is not shown
        while 0 < end < len(looked_at) and hidden[end] and hidden[end] == hidden[end - 1]:
            end += 1
        return "".join(self._pieces(looked_at[:end], hidden)) + "…"

    def base64(self, raw: bytes, faults: set[str]) -> str:
        text = base64.b64encode(raw).decode()
        if not any(self._hidden(raw.decode("utf-8", "replace"))):
            return text
        faults.add(self.REDACTED)
        return self._instead(text)

    def drops(self, faults: set[str]) -> bool:
        return self.REDACTED in faults and self._privacy.action is Action.DROP

    def _hidden(self, text: str) -> list[int]:
        """For each character the number of the part that it is hidden with, 0 for none."""
        parts = list(cards(text)) if self._privacy.cards else []
        for pattern in self._privacy.patterns:
            parts += [match.span() for match in re.finditer(pattern, text)]
        numbers = [0] * len(text)
        number, reached = 0, -1
        for start, end in sorted(part for part in parts if part[0] < part[1]):
            number += start >= reached
            reached = max(reached, end)
            numbers[start:end] = [number] * (end - start)
        return numbers

    def _pieces(self, text: str, hidden: list[int]) -> Iterator[str]:
        at = 0
        while at < len(text):
            end = at
            while end < len(text) and hidden[end] == hidden[at]:
                end += 1
            yield self._instead(text[at:end]) if hidden[at] else text[at:end]
            at = end

    def _instead(self, text: str) -> str:
        if self._privacy.action is not Action.HMAC:
            return MASK
        number = "".join(str(int(digit)) for digit in re.findall(r"\d", text.replace("%20", "")))
        is_number = len(number) >= 13 and not re.search(r"[^\W\d_]", text.replace("%20", ""))
        hashed = hmac.digest(self._privacy.hmac_key, (number if is_number else text).encode(), hashlib.sha256)
        return f"hmac:{hashed.hex()[:16]}"


#: Hides nothing.
OPEN = Hiding(Privacy(cards=False))
