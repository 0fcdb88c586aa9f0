"""The watch on a queue: looks at it now and then, from a thread of its own, so that no POST has to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from itertools import count
from time import sleep

from coinslot.errors import QueueUnavailable
from coinslot.ledger import Reading
from ingest.backpressure import Backpressure

EVERY_S = 0.5
IDLE_TURNS = 5  # where there is nothing to see, it looks every fifth time: a look costs half a millisecond


class Watch:
    """Tells backpressure what it sees, and the ledger what Redis has lost.

    look: raises QueueUnavailable; report_lost: takes a number of events. A Redis that was emptied has forgotten how
    much was queued, and one that came back from an older copy how much was accepted; whoever looked before has not.
    """

    def __init__(
        self, look: Callable[[], Reading], backpressure: Backpressure, report_lost: Callable[[int], None]
    ) -> None:
        self._look = look
        self._backpressure = backpressure
        self._report_lost = report_lost
        self._seen: Reading | None = None

    @property
    def is_idle(self) -> bool:
        return self._backpressure.is_idle

    def run_once(self) -> None:
        try:
            reading = self._look()
            if (lost := self._lost(reading)) is not None:
                self._report_lost(lost)
        except QueueUnavailable as error:
            self._backpressure.lose_sight(str(error))
            return
        self._seen = reading
        self._backpressure.see(reading)

    def _lost(self, now: Reading) -> int | None:
        """How many events Redis has lost since the last look; None if it has lost nothing that it knew."""
        before = self._seen
        if before is None or not before.epoch:
            return None
        if now.epoch != before.epoch:
            return before.queued + before.lost
        if now.accepted < before.accepted:
            return before.accepted - now.accepted + before.lost
        return None


def keep(watches: Sequence[Watch]) -> None:
    """Start the thread that all of them share."""
    threading.Thread(target=_run, args=(watches,), name="watch", daemon=True).start()


def _run(watches: Sequence[Watch]) -> None:
    for turn in count(1):
        sleep(EVERY_S)
        for watch in watches:
            if not watch.is_idle or turn % IDLE_TURNS == 0:
                watch.run_once()
