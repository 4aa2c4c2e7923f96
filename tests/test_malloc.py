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


def tuned(libc: Libc, variable: str | None, limit: int | None, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr(ctypes, "CDLL", lambda _name: libc)
    return malloc.tune({} if variable is None else {malloc.VARIABLE: variable}, limit)


@pytest.mark.parametrize(
    ("variable", "limit", "wanted"),
    [
        (None, None, True),
        (None, 512 * MIB, True),
        (None, 512 * MIB - 1, False),
        ("", 256 * MIB, False),
        ("tuned", 64 * MIB, True),
        ("default", None, False),
    ],
)
def test_memory_or_the_variable_decide(
    variable: str | None, limit: int | None, wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    libc = Libc()
    assert tuned(libc, variable, limit, monkeypatch) is wanted
    assert libc.calls == ([(-3, 64 * MIB), (-1, 256 * MIB)] if wanted else [])


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    libc = Libc(glibc=False)
    assert not tuned(libc, "tuned", None, monkeypatch)
    assert libc.calls == []


def test_a_refused_threshold_is_no_error_and_the_other_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    libc = Libc(answer=0)
    assert not tuned(libc, None, None, monkeypatch)
    assert libc.calls == [(-3, 64 * MIB)]


def test_another_word_in_the_variable_is_refused() -> None:
    with pytest.raises(StartupError, match=r"^SPAN2METRICS_MALLOC=fast: must be default or tuned$"):
        malloc.tune({malloc.VARIABLE: "fast"}, None)
