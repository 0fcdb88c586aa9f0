"""Something small that is done again and again, while something else takes its time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Ticker:
    """Calls `tick` every so many seconds while a body runs, and not afterwards.

    In one thread for all bodies, made for the first: to wake it for each would cost more than most of them take. It
    looks whether one runs each time a period is over, and when none does it sleeps until the next begins. The end of a
    body waits for a tick under way, so a tick must end by itself.
    """

    def __init__(self, tick: Callable[[], None], every_s: float) -> None:
        self._tick = tick
        self._every_s = every_s
        self._thread: threading.Thread | None = None
        self._stopped = threading.Event()
        self._begun = threading.Event()  # a body has, since the thread looked
        self._ticks = False
        self._ticking = threading.Lock()

    @contextmanager
    def ticking(self) -> Iterator[None]:
        """For the body; one at a time."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="ticker", daemon=True)
            self._thread.start()
        self._ticks = True
        self._begun.set()
        try:
            yield
        finally:
            with self._ticking:
                self._ticks = False

    def _run(self) -> None:
        while self._begun.wait() and not self._stopped.wait(self._every_s):
            with self._ticking:
                self._begun.clear()  # before it looks: a body that begins meanwhile sets it again
                if self._ticks:
                    self._begun.set()
                    self._tick()

    def stop(self) -> None:
        """There will be no more bodies."""
        self._stopped.set()
        self._begun.set()
