"""A worker that wakes late takes back what it has stored and should not have."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from coinslot.removal.record import Erased
from coinslot.store import Erasable
from worker.settlement import Settled


class Recant:
    """Of messages that another has settled, the events that were new to the store when this worker stored them.

    Either they have been duplicates to the other since, or the other had stored them, and they were erased in between:
    those go again. Raises StoreUnavailable and QueueUnavailable; it may be called again.
    """

    def __init__(self, erased: Callable[[], list[Erased]], store: Erasable) -> None:
        self._erased = erased
        self._store = store

    def __call__(self, taken_over: Sequence[Settled]) -> None:
        late = [settled for settled in taken_over if settled.new]
        if not late:
            return
        for erased in self._erased():
            events = [event for each in late if erased.covers(each.commit.id) for event in each.new]
            if hits := [event.id for event in events if erased.match(event.fields)]:
                self._store.remove(erased.match, hits)
