"""The scraper's deadline, read from its header."""

from __future__ import annotations

import pytest

from span2metrics.web.deadline import LONGEST, seconds_to_answer

TIMEOUTS = {
    "10": 9.75,
    "2.5": 2.25,
    "1": 0.9,
    " 0.5 ": 0.45,
    "+1e1": 9.75,
    "5.": 4.75,
    ".5": 0.45,
    "1e300": LONGEST - 0.25,
}


@pytest.mark.parametrize(("header", "seconds"), TIMEOUTS.items())
def test_the_network_has_its_share_of_the_timeout(header: str, seconds: float) -> None:
    assert seconds_to_answer(header) == pytest.approx(seconds)


NONSENSE = ["", " ", "soon", "-1", "-0", "0", "0e5", "NaN", "inf", "+Inf", "Infinity", "1e999", "1_0", "0x10", "10s"]


@pytest.mark.parametrize("header", [None, *NONSENSE, "1,2", "٣", "1 2"])
def test_what_is_no_positive_number_of_seconds_is_ignored(header: str | None) -> None:
    assert seconds_to_answer(header) is None
