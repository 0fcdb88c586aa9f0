"""What came of a send so far: a bar on a terminal, elsewhere a line every few seconds. All on stderr."""

from __future__ import annotations

import time
from io import BufferedReader
from typing import Self

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from coinslot.cli.lines import Fault

LINE_EVERY_S = 5.0


class Meter:
    """Measures reading by bytes, whose total is known beforehand, and sending by events.

    Without a total (`total_bytes` is None) the bar only shows that something happens.
    """

    def __init__(self, total_bytes: int | None) -> None:
        console = Console(stderr=True)
        columns = BarColumn(), TextColumn("{task.fields[said]}"), TimeRemainingColumn()
        self._progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._progress.add_task("", total=total_bytes, said="")
        self._total_bytes = total_bytes
        self._started = self._said = time.monotonic()
        self._accepted = 0
        self.refused = 0

    def open(self, path: str) -> BufferedReader:
        """The file, or stdin for `-`. Reading it moves the bar."""
        if path == "-":
            return open(0, "rb", closefd=False)
        file = self._progress.open(path, "rb", total=self._total_bytes, task_id=self._task)
        return BufferedReader(file)  # type: ignore[arg-type]  # rich's reader has readinto, its type has not

    def accept(self, events: int) -> None:
        self._accepted += events
        self._progress.update(self._task, said=str(self))
        if self._progress.disable and time.monotonic() - self._said >= LINE_EVERY_S:
            self._said = time.monotonic()
            click.echo(self, err=True)

    def refuse(self, fault: Fault) -> None:
        self.refused += 1
        click.echo(f"{fault.place}: {fault.reason}", err=True)

    def __str__(self) -> str:
        refused = f", {self.refused:,} refused" if self.refused else ""
        rate = self._accepted / max(time.monotonic() - self._started, 0.001)
        return f"{self._accepted:,} accepted{refused} ({rate:,.0f}/s)"

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()
