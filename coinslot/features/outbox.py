"""The outbox: events on their way to somewhere that may be slow or away, for which nobody waits.

It is bounded. What finds it full, what cannot be sent, and what is in it when the process ends is dropped; the log says
so, and how many they were.
"""

from __future__ import annotations

import atexit
import logging
import queue
import threading
from collections.abc import Callable

from coinslot.errors import CoinslotError

MAX_EVENTS = 10_000
BATCH_EVENTS = 500

log = logging.getLogger("coinslot.outbox")


class Outbox:
    """Events, each as JSON, are put from any thread and sent by one.

    send: takes a JSON array and how many events are in it; it may wait and try again, and raises CoinslotError.
    """

    def __init__(self, send: Callable[[bytes, int], object], max_events: int = MAX_EVENTS) -> None:
        self._send = send
        self._events: queue.Queue[bytes] = queue.Queue(max_events)
        self._lock = threading.Lock()
        self._dropped = 0

    @property
    def dropped(self) -> int:
        """How many events were, since the beginning."""
        return self._dropped

    def start(self) -> Outbox:
        threading.Thread(target=self._run, name="outbox", daemon=True).start()
        atexit.register(self.end)
        return self

    def put(self, event: bytes) -> None:
        """Never waits and never raises."""
        try:
            self._events.put_nowait(event)
        except queue.Full:
            self._drop(1, "too many wait to be sent")

    def end(self) -> None:
        """Whatever is still in it is dropped."""
        if left := self._events.qsize():
            log.warning("%d analytic events were dropped, for the process ends", left)

    def _run(self) -> None:
        while True:
            self.run_once()

    def run_once(self) -> None:
        """Wait for an event; send it, with those that wait behind it."""
        batch = [self._events.get()]
        while len(batch) < BATCH_EVENTS and not self._events.empty():  # nobody else takes any out
            batch.append(self._events.get_nowait())
        try:
            self._send(b"[" + b",".join(batch) + b"]", len(batch))
        except CoinslotError as error:
            self._drop(len(batch), str(error))

    def _drop(self, events: int, why: str) -> None:
        with self._lock:
            before, self._dropped = self._dropped, self._dropped + events
        if before.bit_length() != self._dropped.bit_length():  # at 1, 2, 4, 8 … of them: they must not fill the log
            log.warning("%d analytic events were dropped by now: %s", self._dropped, why)
