"""Keeps processes running: what ends is started again, after a pause that grows while it keeps ending."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from coinslot.errors import CannotStart
from coinslot.stack.process import Process

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0
STEADY_AFTER_S = 10.0  # having run this long, a process starts over with the first pause
BAD_SETTINGS = 2  # how every program of ours exits when its settings cannot be used


@dataclass(slots=True)
class _Watch:
    process: Process
    started_at: float
    next_pause_s: float = FIRST_PAUSE_S
    restart_at: float | None = None  # None while it runs


class Supervisor:
    """`say` takes one line for each end of a process."""

    def __init__(
        self,
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
        longest_pause_s: float = LONGEST_PAUSE_S,
    ) -> None:
        self._say = say
        self._clock = clock
        self._longest_pause_s = longest_pause_s
        self._watches: list[_Watch] = []

    def start(self, process: Process) -> None:
        process.start()
        self.watch(process)

    def watch(self, process: Process) -> None:
        """Keep a process running that has been started."""
        self._watches.append(_Watch(process, self._clock()))

    def run_once(self) -> bool:
        """Look at every process once, without waiting: do all run? Raises CannotStart if one refuses its settings."""
        now = self._clock()
        for watch in self._watches:
            if watch.restart_at is None:
                self._look_at(watch, now)
            elif now >= watch.restart_at:
                watch.process.start()
                watch.started_at, watch.restart_at = now, None
        return all(watch.restart_at is None for watch in self._watches)

    def _look_at(self, watch: _Watch, now: float) -> None:
        exit_code = watch.process.exit_code()
        if exit_code is None:
            return
        if exit_code == BAD_SETTINGS:
            raise CannotStart(f"{watch.process.name} refused its settings")
        pause_s = FIRST_PAUSE_S if now - watch.started_at >= STEADY_AFTER_S else watch.next_pause_s
        watch.restart_at = now + pause_s
        watch.next_pause_s = min(2 * pause_s, self._longest_pause_s)
        self._say(f"{watch.process.name} ended ({_how(exit_code)}); starting it again in {pause_s:g} s")


def _how(exit_code: int) -> str:
    return f"signal {-exit_code}" if exit_code < 0 else f"exit {exit_code}"
