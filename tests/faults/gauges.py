"""Figures that are read off every second, and what became of them: whether they are flat."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

MIB = 1024 * 1024
EVERY_S = 1.0
JOIN_TIMEOUT_S = 10.0
GROWTH_SHARE, GROWTH_LEAST = 0.1, 20  # MiB


def resident_mib(pid: int | None) -> int:
    """The memory that a process holds now; proc(5)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) // 1024


class Gauges:
    """Reads gauges while it is entered, with `with`; `rows`: what each showed, in order."""

    def __init__(self, gauges: Mapping[str, Callable[[], int]]) -> None:
        self.rows: dict[str, list[int]] = {name: [] for name in gauges}
        self._gauges = gauges
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gauges", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(JOIN_TIMEOUT_S)

    def halves(self, name: str) -> tuple[int, int]:
        """The most of the first half of the time, and of the second."""
        row = self.rows[name]
        middle = len(row) // 2
        return max(row[:middle]), max(row[middle:])

    def is_flat(self, name: str) -> bool:
        first, second = self.halves(name)
        return second <= max(first * (1 + GROWTH_SHARE), first + GROWTH_LEAST)

    def table(self) -> str:
        lines = [f"{'':24}{'first half, most':>18}{'second half, most':>19}{'last':>8}"]
        for name, row in self.rows.items():
            first, second = self.halves(name)
            lines.append(f"{name:24}{first:>18}{second:>19}{row[-1]:>8}")
        return "\n".join(lines)

    def _run(self) -> None:
        while not self._stopping.wait(EVERY_S):
            for name, read in self._gauges.items():
                self.rows[name].append(read())
