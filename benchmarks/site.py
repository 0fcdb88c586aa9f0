"""Where a benchmark takes place: a folder that is thrown away, the cores, and how long a round may take."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from benchmarks.cores import Cores, Cpus, placed_on
from coinslot.stack.process import Process
from coinslot.stack.servers import Server

P = TypeVar("P", bound=Process)


@dataclass
class Site:
    """`say` takes a line for people; `skipped` is why a subject is not measured here, by its name."""

    folder: Path
    seconds: float
    cores: Cores
    say: Callable[[str], None]
    skipped: dict[str, str] = field(default_factory=dict)

    def skip(self, subject: str, why: str) -> None:
        """Leave a subject out, aloud."""
        self.skipped[subject] = why
        self.say(f"{subject} is skipped: {why}")

    def new_folder(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir()
        return folder

    @contextmanager
    def running(self, process: P, cpus: Cpus) -> Iterator[P]:
        """It runs on these processors until the body is left; a server answers when the body begins."""
        with placed_on(cpus):
            process.start()
        try:
            if isinstance(process, Server):
                process.wait_ready()
            yield process
        finally:
            process.stop()
