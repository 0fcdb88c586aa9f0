"""The events that a sender is to send, handed out one by one to the call that is open."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from time import monotonic

Event = tuple[str, str, str]  # namespace, name, key


class Source:
    """Holds one batch at a time. `read` is for one thread, the rest for any."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._events: deque[Event] = deque()
        self._over_at: float | None = None
        self._sent = 0

    def read(self, batches: Iterable[list[Event]]) -> None:
        """Takes the next batch when the last has been handed out, and returns after the last one."""
        for batch in batches:
            with self._changed:
                self._changed.wait_for(lambda: not self._events)
                self._events.extend(batch)
                self._changed.notify_all()
        with self._changed:
            self._over_at = monotonic()
            self._changed.notify_all()

    def next(self, has_ended: Callable[[], bool]) -> Event | None:
        """Waits for an event. None: there are no more, or the call that asks has ended, of which `wake` tells."""
        with self._changed:
            self._changed.wait_for(lambda: self._events or self._over_at or has_ended())
            if has_ended() or not self._events:
                return None
            event = self._events.popleft()
            if not self._events:
                self._changed.notify_all()
            return event

    def wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def over_for_s(self) -> float:
        """How long ago the last batch was read; 0 if it was not yet."""
        with self._changed:
            return monotonic() - self._over_at if self._over_at else 0.0

    def is_exhausted(self) -> bool:
        with self._changed:
            return self._over_at is not None and not self._events

    def add_sent(self) -> None:
        with self._changed:
            self._sent += 1

    def take_sent(self) -> int:
        """How many were sent since this was last asked."""
        with self._changed:
            sent, self._sent = self._sent, 0
            return sent
