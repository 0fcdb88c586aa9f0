"""Restoring: where Redis knows no counters, as at the first start or after it was emptied, they come from the place."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import redis

from coinslot.analytics import crew, snapshot
from coinslot.analytics.asking import asking
from coinslot.analytics.places.protocol import Place
from coinslot.analytics.snapshot import CounterSnapshot
from coinslot.analytics.state import State
from coinslot.errors import SnapshotDamaged
from coinslot.keys import Keys

log = logging.getLogger("coinslot.counters")

BUSY_WAIT_S = 0.2


class Restore:
    """Call it until the counters are ready; it does nothing where they are, and waits a moment if another is at it.

    Broken off anywhere, it begins anew the next time; before it is done nothing is counted. Raises StoreUnavailable
    where the place cannot be read, SnapshotDamaged where an object of it cannot, and QueueUnavailable. pause: waits so
    many seconds, or until stopping.
    """

    def __init__(self, client: redis.Redis, keys: Keys, place: Place, pause: Callable[[float], object]) -> None:
        self._state = State(client, keys)
        self._place = place
        self._pause = pause

    def __call__(self) -> None:
        if self._state.is_ready():
            return
        with asking(), self._state.lease.held() as is_ours:
            if not is_ours:
                self._pause(BUSY_WAIT_S)
            elif not self._state.is_ready():
                self._restore()

    def _restore(self) -> None:
        names = [name for name in self._place.names() if snapshot.is_ours(name)]
        found = _Found()
        self._state.clear()
        crew.each(lambda name: self._bring(name, found), names)
        self._state.begin(len(found.names), found.last_number, self._place.get(snapshot.IDENTITY) or b"")
        if names:
            log.warning("counters restored: %d", len(found.names))

    def _bring(self, name: str, found: _Found) -> None:
        content = self._place.get(name)
        if content is None:  # somebody has moved it away since
            return
        brought = snapshot.unpack(name, content)
        if isinstance(brought, CounterSnapshot):
            found.add(name, brought)
        self._state.write(brought)


class _Found:
    """The counters that were found so far, by number."""

    def __init__(self) -> None:
        self.names: dict[int, str] = {}
        self.last_number = 0
        self._lock = threading.Lock()

    def add(self, name: str, counter: CounterSnapshot) -> None:
        with self._lock:
            number = counter.number
            # As when Redis has forgotten its last second, in which a counter was begun and persisted.
            if other := self.names.get(number):
                raise SnapshotDamaged(
                    f"{name} and {other} were persisted as counters of the same number. Nothing is counted until the "
                    "older of them is moved away"
                )
            self.names[number] = name
            self.last_number = max(self.last_number, number, counter.last_number)
