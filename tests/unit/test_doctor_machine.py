"""What Linux tells of the machine, from a /proc of the test's own; and disks of any size."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from coinslot.doctor import disk, machine

GIB_IN_KIB = 1024 * 1024
GIB = 1024**3


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    (tmp_path / "sys" / "vm").mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize(("available_kib", "state"), [(4 * GIB_IN_KIB, "ok"), (GIB_IN_KIB // 4, "warning")])
def test_little_memory_is_a_warning(proc: Path, available_kib: int, state: str) -> None:
    (proc / "meminfo").write_text(f"MemTotal:  {8 * GIB_IN_KIB} kB\nMemAvailable:  {available_kib} kB\nHugePages: 0\n")

    assert machine.memory(proc).state == state


@pytest.mark.parametrize(("value", "state"), [("1", "ok"), ("0", "warning"), ("2", "warning")])
def test_redis_wants_memory_to_be_overcommitted(proc: Path, value: str, state: str) -> None:
    (proc / "sys" / "vm" / "overcommit_memory").write_text(f"{value}\n")

    finding = machine.overcommit(proc)

    assert finding.state == state
    assert bool(finding.remedy) == (state != "ok")


def test_a_redis_is_here_if_its_process_is(proc: Path) -> None:
    for pid, comm in {"1": "systemd", "7": "redis-server", "8": "valkey-server"}.items():
        (proc / pid).mkdir()
        (proc / pid / "comm").write_text(f"{comm}\n")

    here = [pid for pid in (1, 7, 8, 9) if machine.runs_redis(pid, proc)]

    assert here == [7, 8]


def test_where_there_is_no_proc_nothing_is_said_of_memory(tmp_path: Path) -> None:
    findings = list(machine.examine(tmp_path / "no-data", tmp_path / "no-proc"))

    assert [finding.name for finding in findings] == ["coinslot"]


@pytest.mark.parametrize(
    ("free_bytes", "copy_bytes", "state"),
    [(100 * GIB, 0, "ok"), (GIB, 0, "warning"), (100 * GIB, 101 * GIB, "warning"), (GIB / 8, 0, "wrong")],
)
def test_a_disk_is_short_of_room(free_bytes: float, copy_bytes: float, state: str) -> None:
    assert disk.left("disk", "somewhere", free_bytes, 500 * GIB, copy_bytes).state == state


def test_the_disk_of_a_folder_is_told_in_full(tmp_path: Path) -> None:
    finding = disk.folder("disk", tmp_path)

    assert str(tmp_path) in finding.seen
    assert os.statvfs(tmp_path).f_bavail > 0


def test_a_folder_that_cannot_be_looked_at_is_untold(tmp_path: Path) -> None:
    finding = disk.folder("disk", tmp_path / "none")

    assert finding.state == "warning"
    assert finding.seen.startswith("cannot be told: ")
