"""Payment card numbers in texts: a corpus by hand, random texts against the oracle, and what only looks like a card."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from uuid import UUID

import hypothesis.strategies as st
import pytest
from hypothesis import assume, given, settings

from span2metrics.engine.core import find_cards
from tests.cases_cards import ALL, CARDS, OTHERS, grouped
from tests.oracle_cards import BRANDS, cards, luhn

MANY = settings(max_examples=500)
UUID_TEXT = "550e8400-e29b-41d4-a716-446655440000"


def found(text: str) -> list[str]:
    return [text[start:end] for start, end in find_cards(text)]


def completed(digits: str) -> str:
    """With the check digit behind it."""
    return next(digits + check for check in "0123456789" if luhn(digits + check))


def test_the_corpus_is_large_and_says_each_thing_once() -> None:
    texts = [text for text, _ in CARDS] + OTHERS
    assert len(texts) == len(set(texts)) >= 350
    assert len(OTHERS) >= 100


def test_the_corpus_has_a_number_of_every_brand_that_the_oracle_knows() -> None:
    without = {brand for brand, numbers in BRANDS.items() if not any(re.fullmatch(numbers, number) for number in ALL)}
    assert without == {"BORICA", "UkrCard"}  # neither publishes any


def test_many_of_what_only_looks_like_a_card_would_be_one_by_its_digits() -> None:
    digits = [re.sub(r"\D", "", text) for text in OTHERS]
    assert sum(13 <= len(number) <= 19 and luhn(number) for number in digits) >= 20


@pytest.mark.parametrize(("text", "card"), CARDS, ids=range(len(CARDS)))
def test_a_card_is_found_wherever_it_stands(text: str, card: str) -> None:
    assert found(text) == [card]
    assert set(find_cards(text)) == cards(text)


@pytest.mark.parametrize("text", OTHERS, ids=range(len(OTHERS)))
def test_what_only_looks_like_a_card_is_none(text: str) -> None:
    assert found(text) == []
    assert cards(text) == set()


def test_several_cards_are_found_and_what_is_between_them_is_not() -> None:
    assert found(" or ".join(ALL)) == ALL
    in_fours = [grouped(number) for number in ALL if len(number) != 18]
    assert {*in_fours} <= {*found(" ".join(in_fours))}


# --- random texts -----------------------------------------------------------------------------------------------------

#: Pieces of which texts are made that come near to a card.
PIECES = st.sampled_from(
    [
        *("4", "41", "4111", "1111", "11111111", "3782", "822463", "10005", "5555", "4444", "6200", "0000", "0005"),
        *ALL[:12],
        *(" ", "-", ".", "_", "+", "  ", "---", "----", "\xa0", "\u2013", "\u200b", "/", ":", ",", "\n"),
        *("a", "x", "Z", "号", "é", "%20", "%2B", "%3D", "%", "\\n", "\\u001f", "\\", "４", "١"),
        *(UUID_TEXT, "41111111-1111-1111-8111-111111111111", "DE89 3704 0044 0532 0130 00", "DE90", "5108 0000"),
    ]
)
near = st.lists(PIECES, max_size=12).map("".join)


@MANY
@given(near | st.text(alphabet="0123456789 -.", max_size=60) | st.text(max_size=60))
def test_whatever_the_text_the_oracle_finds_the_same(text: str) -> None:
    assert set(find_cards(text)) == cards(text)


numbers = st.sampled_from(ALL)


@MANY
@given(numbers, st.text(max_size=20), st.text(max_size=20))
def test_a_card_between_other_characters_is_hidden_whatever_these_are(number: str, before: str, after: str) -> None:
    assume(not re.search(r"[\w%.+\\-]$", before))
    assume(not re.match(r"[\w-]", after))
    assert number in found(before + number + after)


@MANY
@given(numbers, st.data())
def test_a_card_in_whatever_groups_is_a_card(number: str, data: st.DataObject) -> None:
    gaps = data.draw(
        st.lists(
            st.sampled_from(["", "", " ", "-", "_", "+", "\xa0", " - "]),
            min_size=len(number) - 1,
            max_size=len(number) - 1,
        )
    )
    text = number[0] + "".join(gap + digit for gap, digit in zip(gaps, number[1:], strict=True))
    assert found(text) == [text]


# --- what only looks like a card --------------------------------------------------------------------------------------


@MANY
@given(st.integers(13, 19), st.randoms(use_true_random=False))
def test_luhn_valid_digits_of_a_wrong_prefix_or_length_are_no_card(length: int, dice: random.Random) -> None:
    digits = "".join(str(dice.randrange(10)) for _ in range(length - 1))
    number = completed(digits)
    known = any(re.fullmatch(numbers, number) for numbers in BRANDS.values())
    assert found(number) == ([number] if known else [])


@MANY
@given(st.sampled_from("017"), st.text(alphabet="0123456789", min_size=11, max_size=17))
def test_luhn_valid_digits_that_no_issuer_begins_with_are_no_card(first: str, rest: str) -> None:
    number = completed(first + rest)
    assert found(number) == []


TOUCHING: dict[str, Callable[[str, str], str]] = {
    "a letter before": lambda number, letter: letter + number,
    "a letter behind": lambda number, letter: number + letter,
    "a letter before the first group": lambda number, letter: letter + grouped(number),
    "a letter behind the last group": lambda number, letter: grouped(number) + letter,
}


@MANY
@given(
    st.sampled_from([number for number in ALL if len(number) < 18]), st.characters(categories=["Lu", "Ll"]), st.data()
)
def test_digits_that_touch_a_letter_are_no_card(number: str, letter: str, data: st.DataObject) -> None:
    text = TOUCHING[data.draw(st.sampled_from(sorted(TOUCHING)))](number, letter)
    assert found(text) == []


@MANY
@given(numbers, st.text(alphabet="0123456789", min_size=1, max_size=9), st.booleans())
def test_digits_that_touch_further_digits_are_judged_with_these(number: str, more: str, before: bool) -> None:
    text = more + number if before else number + more
    known = len(text) <= 19 and luhn(text) and any(re.fullmatch(numbers, text) for numbers in BRANDS.values())
    assert found(text) == ([text] if known else [])


@MANY
@given(st.integers(0, 2**128 - 1), st.sampled_from(["{}", "id={}", "/a/{}/b", "{} {}", "urn:uuid:{}", "({})"]))
def test_no_group_of_a_uuid_is_part_of_a_card(number: int, around: str) -> None:
    assert found(around.replace("{}", str(UUID(int=number)))) == []


@MANY
@given(st.text(alphabet="0123456789", min_size=32, max_size=32), numbers, st.integers(0, 16))
def test_nor_where_its_groups_are_all_digits_and_hold_luhns_check(digits: str, number: str, at: int) -> None:
    planted = (digits[:at] + number + digits[at + len(number) :])[:32]
    text = "-".join([planted[:8], planted[8:12], planted[12:16], planted[16:20], planted[20:]])
    assert found(text) == []
    assert found(f"{text} {number}") == [number]


@pytest.mark.parametrize("number", ALL)
def test_digits_that_touch_a_uuid_by_a_dash_are_no_card(number: str) -> None:
    assert found(f"{UUID_TEXT}-{number}") == found(f"{number}-{UUID_TEXT}") == []


@MANY
@given(st.integers(1_000_000_000, 2_199_999_999), st.integers(0, 999_999_999), st.sampled_from([3, 6, 9]))
def test_no_time_since_the_epoch_is_a_card(seconds: int, fraction: int, digits: int) -> None:
    assert found(f"{seconds}{fraction:09d}"[: 10 + digits]) == []


@MANY
@given(st.floats(-1e6, 1e6))
def test_no_decimal_number_is_a_card(number: float) -> None:
    assert found(repr(number)) == []
