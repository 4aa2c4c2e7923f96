"""The memory limit as cgroups tell it, and the defaults that follow from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from span2metrics import memory
from span2metrics.memory import MIB, memory_limit

V2 = "0::/system.slice/s2m.service\n"
V1 = "4:cpu,memory:/docker/abc\n1:name=systemd:/docker/abc\n0::/\n"
UNLIMITED_V1 = "9223372036854771712"


@pytest.mark.parametrize(
    ("membership", "files", "limit"),
    [
        (V2, {"system.slice/s2m.service/memory.max": "1000"}, 1000),
        (V2, {"system.slice/s2m.service/memory.max": "max", "system.slice/memory.max": "500"}, 500),
        (V2, {"system.slice/s2m.service/memory.max": "700", "system.slice/memory.max": "900"}, 700),
        (V2, {"system.slice/s2m.service/memory.max": "max"}, None),
        ("0::/\n", {"memory.max": "2048"}, 2048),  # a container with a namespace of its own
        (V2, {"memory.max": "2048"}, 2048),  # one without: its group's path does not exist inside
        (V1, {"memory/docker/abc/memory.limit_in_bytes": "4096"}, 4096),
        (V1, {"memory/memory.limit_in_bytes": "4096"}, 4096),
        (V1, {"memory/docker/abc/memory.limit_in_bytes": UNLIMITED_V1}, None),
        (V1, {"memory/docker/abc/memory.limit_in_bytes": "4096", "memory.max": "5000"}, 4096),
        (V1, {}, None),
        ("", {}, None),
        ("nonsense\n", {"memory.max": "nonsense"}, None),
        ("0::/../../etc\n", {"memory.max": "0"}, None),
    ],
)
def test_the_smallest_limit_on_the_way_to_the_root_counts(
    tmp_path: Path, membership: str, files: dict[str, str], limit: int | None
) -> None:
    for name, content in {"proc/self/cgroup": membership}.items():
        write(tmp_path / name, content)
    for name, content in files.items():
        write(tmp_path / "sys/fs/cgroup" / name, content + "\n")
    assert memory_limit(tmp_path) == limit


def write(file: Path, content: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)


def test_without_any_of_the_files_there_is_no_limit(tmp_path: Path) -> None:
    assert memory_limit(tmp_path) is None


@pytest.mark.parametrize(
    ("limit", "request_limit", "intake_limit"),
    [
        (None, 64 * MIB, 256 * MIB),
        (4096 * MIB, 64 * MIB, 256 * MIB),
        (512 * MIB, 64 * MIB, 128 * MIB),
        (128 * MIB, 16 * MIB, 32 * MIB),
    ],
)
def test_defaults_are_shares_of_the_limit(
    monkeypatch: pytest.MonkeyPatch, limit: int | None, request_limit: int, intake_limit: int
) -> None:
    monkeypatch.setattr(memory, "memory_limit", lambda: limit)
    assert (memory.request_limit(None), memory.intake_limit(None)) == (request_limit, intake_limit)
    assert (memory.request_limit(5), memory.intake_limit(7)) == (5, 7)


def test_the_resident_size_is_that_of_a_python_process() -> None:
    before = memory.resident()
    ballast = bytearray(b"x") * (64 * MIB)
    assert before > MIB
    assert memory.resident() >= before + 32 * MIB
    del ballast
    memory.give_back()
