"""Retention: now and then a worker sees to it that what has been kept for long enough goes, in a thread of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from coinslot.errors import CoinslotError

log = logging.getLogger("coinslot.worker")

EVERY_S = 60.0


class Retention:
    """Calls each of `expire` with the number of days, again at once while it removes something.

    expire: returns how many events it removed; raises CoinslotError. All workers do this, and none depends on another:
    it is asked for again each minute, for the database may have been made anew. pause: waits so many seconds, or until
    stopping, and returns whether it is.
    """

    def __init__(self, days: int, expire: list[Callable[[int], int]], pause: Callable[[float], bool]) -> None:
        self._days = days
        self._expire = expire
        self._pause = pause

    def start(self) -> None:
        threading.Thread(target=self._run, name="retention", daemon=True).start()

    def run_once(self) -> None:
        for expire in self._expire:
            try:
                while expire(self._days) and not self._pause(0):
                    pass
            except CoinslotError as error:
                log.warning("retention: %s; trying again in %.0f s", error, EVERY_S)

    def _run(self) -> None:
        self.run_once()
        while not self._pause(EVERY_S):
            self.run_once()
