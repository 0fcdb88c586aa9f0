"""What processes take: processor time and memory, as Linux accounts for them in /proc."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")
TICK_US = 1_000_000 // os.sysconf("SC_CLK_TCK")
# Of the fields after the program's name in /proc/PID/stat, counted from 0: cutime and cstime.
ENDED_CHILDREN = slice(13, 15)


class Memory(NamedTuple):
    """`pss_bytes` divides what processes share among them: of a tree, it is the honest sum."""

    rss_bytes: int
    pss_bytes: int


def cpu_us(pid: int) -> float:
    """Microseconds of processor time of a process and all below it, threads and ended children included.

    A child that ended counts once its parent has waited for it, in steps of a clock tick (10 ms on most machines); one
    that outlived its parent has left the tree and does not count.
    """
    return sum(_own_us(each) + _ended_children_us(each) for each in tree(pid))


def machine_cpu_us() -> int:
    """Microseconds of processor time of all processes, and what a hypervisor took from us."""
    fields = (PROC / "stat").read_text().split(maxsplit=9)
    user, nice, system, _idle, _iowait, _irq, _softirq, steal = map(int, fields[1:9])
    return TICK_US * (user + nice + system + steal)


def memory(pid: int) -> Memory:
    """Of a process and all below it."""
    rollups = [rollup for each in tree(pid) if (rollup := _read(each, "smaps_rollup"))]
    return Memory(sum(_bytes(each, "Rss:") for each in rollups), sum(_bytes(each, "Pss:") for each in rollups))


def forget_peak(pid: int) -> None:
    """The most memory that a process had at once counts from now on; proc(5), clear_refs."""
    (PROC / str(pid) / "clear_refs").write_text("5")


def peak_bytes(pid: int) -> int:
    """The most memory that a process had at once."""
    return _bytes(_read(pid, "status"), "VmHWM:")


def tree(pid: int) -> Iterator[int]:
    yield pid
    # A child belongs to the thread that made it.
    for thread in (PROC / str(pid) / "task").glob("*"):
        for child in _read(pid, f"task/{thread.name}/children").split():
            yield from tree(int(child))


def _own_us(pid: int) -> float:
    """utime + stime, as the kernel counts them: /proc tells no less than ticks, and an idle process takes few."""
    clock = (~pid << 3) | 2  # MAKE_PROCESS_CPUCLOCK(pid, CPUCLOCK_SCHED), as clock_getcpuclockid(3) has it
    try:
        return time.clock_gettime_ns(clock) / 1000
    except OSError:  # it has ended
        return 0


def _ended_children_us(pid: int) -> int:
    # The name, in parentheses, may hold spaces and parentheses.
    fields = _read(pid, "stat").rpartition(")")[2].split()
    return TICK_US * sum(map(int, fields[ENDED_CHILDREN]))


def _bytes(rollup: str, name: str) -> int:
    line = next(line for line in rollup.splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024


def _read(pid: int, file: str) -> str:
    """Empty if the process has ended."""
    try:
        return (PROC / str(pid) / file).read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
