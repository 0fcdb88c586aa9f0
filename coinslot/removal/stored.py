"""Events in the store, whose removal is counted in the ledger."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from coinslot.match import Match
from coinslot.store import Erasable, Found


class StoredEvents:
    """The store as a place from which events can be erased. Raises StoreUnavailable, and what `count` raises.

    count: notes so many events in the ledger. A process that dies in between leaves them out of `erased`.
    """

    def __init__(self, store: Erasable, count: Callable[[int], None]) -> None:
        self._store = store
        self._count = count

    def matching(self, match: Match, after: str) -> Found:
        return self._store.matching(match, after)

    def remove(self, match: Match, hits: Sequence[Any]) -> int:
        removed = self._store.remove(match, hits)
        if removed:
            self._count(removed)
        return removed
