"""Programs of the benchmarks' own, in processes of their own: they say a line when ready, and go on when told to."""

from __future__ import annotations

import subprocess
import sys
from typing import Self

from benchmarks.benchmark import Invalid
from benchmarks.cores import Cpus, placed_on

TIMEOUT_S = 120.0


class Child:
    """`with` it; it is ready when the body begins, and gone when it is left."""

    def __init__(self, module: str, *arguments: str | int, cpus: Cpus) -> None:
        self._module = module
        self._command = [sys.executable, "-m", module, *map(str, arguments)]
        self._cpus = cpus

    def __enter__(self) -> Self:
        with placed_on(self._cpus):
            self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout
        if not self._process.stdout.readline():
            self.__exit__()
            raise Invalid(f"{self._module} ended at its start")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def go(self) -> None:
        """It waits for a line of input."""
        assert self._process.stdin
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()

    def result(self) -> list[str]:
        """What it says in the end, a line each."""
        output, _ = self._process.communicate(timeout=TIMEOUT_S)
        if self._process.returncode:
            raise Invalid(f"{self._module} ended with {self._process.returncode}")
        return output.decode().splitlines()
