"""When the allocator is tuned; that it helps is measured, not tested."""

from __future__ import annotations

import ctypes

import pytest

from span2metrics import malloc
from span2metrics.errors import StartupError

MIB = 1 << 20


class Libc:
    """A C library that notes what `mallopt` is told and answers `answer`."""

    def __init__(self, answer: int = 1, *, glibc: bool = True) -> None:
        self.calls: list[tuple[int, int]] = []
        self._answer = answer
        if glibc:
            self.gnu_get_libc_version = lambda: b"2.36"

    def mallopt(self, parameter: int, value: int) -> int:
        self.calls.append((parameter, value))
        return self._answer


def tuned(libc: Libc, variable: str | None, limit: int | None, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(ctypes, "CDLL", lambda _name: libc)
    return malloc.tune({} if variable is None else {malloc.VARIABLE: variable}, limit)


THRESHOLDS = {
    "default": [],
    "fast": [(-3, 64 * MIB), (-1, 256 * MIB)],
    "small": [(-3, MIB // 2), (-1, MIB)],
}


@pytest.mark.parametrize(
    ("variable", "limit", "wanted"),
    [
        (None, None, "fast"),
        (None, 512 * MIB, "fast"),
        (None, 512 * MIB - 1, "default"),
        (None, 256 * MIB + 1, "default"),
        ("", 256 * MIB, "small"),
        ("fast", 64 * MIB, "fast"),
        ("small", None, "small"),
        ("default", None, "default"),
    ],
)
def test_memory_or_the_variable_decide(
    variable: str | None, limit: int | None, wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    libc = Libc()
    assert tuned(libc, variable, limit, monkeypatch) == wanted
    assert libc.calls == THRESHOLDS[wanted]


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    libc = Libc(glibc=False)
    assert tuned(libc, "fast", None, monkeypatch) == "default"
    assert libc.calls == []


def test_a_refused_threshold_is_no_error_and_the_other_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    libc = Libc(answer=0)
    assert tuned(libc, None, None, monkeypatch) == "default"
    assert libc.calls == [(-3, 64 * MIB)]


def test_another_word_in_the_variable_is_refused() -> None:
    with pytest.raises(StartupError, match=r"^SPAN2METRICS_MALLOC=tuned: must be default, fast or small$"):
        malloc.tune({malloc.VARIABLE: "tuned"}, None)
