"""What processes take: processor time and memory, as Linux accounts for them in /proc."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")
TICK_US = 1_000_000 // os.sysconf("SC_CLK_TCK")
# Of the fields after the program's name in /proc/PID/stat, counted from 0: utime, stime, cutime and cstime.
CPU_FIELDS = slice(11, 15)


class Memory(NamedTuple):
    """`pss_bytes` divides what processes share among them: of a tree, it is the honest sum."""

    rss_bytes: int
    pss_bytes: int


def cpu_us(pid: int) -> int:
    """Microseconds of processor time of a process and all below it, threads and ended children included.

    In steps of a clock tick (10 ms on most machines). A child that ended counts once its parent has waited for it;
    one that outlived its parent has left the tree and does not count.
    """
    return TICK_US * sum(ticks for each in _tree(pid) for ticks in _cpu_ticks(each))


def machine_cpu_us() -> int:
    """Microseconds of processor time of all processes, and what a hypervisor took from us."""
    fields = (PROC / "stat").read_text().split(maxsplit=9)
    user, nice, system, _idle, _iowait, _irq, _softirq, steal = map(int, fields[1:9])
    return TICK_US * (user + nice + system + steal)


def memory(pid: int) -> Memory:
    """Of a process and all below it."""
    rollups = [rollup for each in _tree(pid) if (rollup := _read(each, "smaps_rollup"))]
    return Memory(sum(_bytes(each, "Rss:") for each in rollups), sum(_bytes(each, "Pss:") for each in rollups))


def _tree(pid: int) -> Iterator[int]:
    yield pid
    # A child belongs to the thread that made it.
    for thread in (PROC / str(pid) / "task").glob("*"):
        for child in _read(pid, f"task/{thread.name}/children").split():
            yield from _tree(int(child))


def _cpu_ticks(pid: int) -> list[int]:
    # The name, in parentheses, may hold spaces and parentheses.
    fields = _read(pid, "stat").rpartition(")")[2].split()
    return [int(field) for field in fields[CPU_FIELDS]]


def _bytes(rollup: str, name: str) -> int:
    line = next(line for line in rollup.splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024


def _read(pid: int, file: str) -> str:
    """Empty if the process has ended."""
    try:
        return (PROC / str(pid) / file).read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
