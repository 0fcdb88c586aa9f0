"""Backpressure: refuse at the door what the queue has no room for, and say when to come back."""

from __future__ import annotations

import threading
from collections.abc import Callable

from coinslot.errors import QueueUnavailable
from ingest.answer import Busy

SAMPLE_EVERY_S = 0.5
RATE_WINDOW_S = 5.0
MIN_RETRY_S, MAX_RETRY_S = 1, 60


class Backpressure:
    """Watches the backlog (messages waiting) and the drain rate (messages settled a second).

    depth, settled: how many messages wait, and how many were ever settled; both may raise QueueUnavailable.
    """

    def __init__(
        self, depth: Callable[[], int], settled: Callable[[], int], clock: Callable[[], float], max_messages: int
    ) -> None:
        self._depth = depth
        self._settled = settled
        self._clock = clock
        self._max_messages = max_messages
        self._sampling = threading.Lock()
        self._sampled_at = -SAMPLE_EVERY_S
        self._backlog = 0
        self._rate = 0.0
        self._base: tuple[float, int] | None = None  # when, and how many were settled then

    def admit(self) -> None:
        """Return if there is room; raises Busy."""
        # One request in many samples, and the others do not wait for it.
        if self._clock() - self._sampled_at >= SAMPLE_EVERY_S and self._sampling.acquire(blocking=False):
            try:
                self._sample()
            except QueueUnavailable:
                pass  # the commit finds out for itself, and tells the client
            finally:
                self._sampling.release()
        if self._backlog >= self._max_messages:
            raise Busy(f"the backlog has reached {self._max_messages} messages", self.retry_after_s())

    def retry_after_s(self) -> int:
        """Backlog ÷ drain rate, between 1 and 60 s; 1 s where nothing waits."""
        if not self._backlog:
            return MIN_RETRY_S
        return min(MAX_RETRY_S, max(MIN_RETRY_S, round(self._backlog / max(self._rate, 1e-9))))

    def _sample(self) -> None:
        now = self._sampled_at = self._clock()
        self._backlog = self._depth()
        settled = self._settled()
        since, base = self._base or (now, settled)
        if now > since:
            self._rate = max(0.0, (settled - base) / (now - since))
        if self._base is None or now - since >= RATE_WINDOW_S:
            self._base = (now, settled)
