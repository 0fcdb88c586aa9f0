"""How much memory a process takes."""

from __future__ import annotations

from pathlib import Path


class Memory:
    """The most memory a process had at once, from now on."""

    def __init__(self, pid: int | None) -> None:
        self._process = Path("/proc", str(pid))
        (self._process / "clear_refs").write_text("5")
        self._before_kib = self._peak_kib()

    def grown_mib(self) -> int:
        return (self._peak_kib() - self._before_kib) // 1024

    def _peak_kib(self) -> int:
        lines = (self._process / "status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
