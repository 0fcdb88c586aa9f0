"""What a client knows of every event it has ever sent."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable


class Journal:
    """The ids of events, by what their sender was last told. Safe to share between threads.

    acknowledged: 201; refused: any other answer; unknown: no answer. An event that was refused or is unknown may be
    stored all the same, and may be sent again; once it was acknowledged it stays so.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.acknowledged: set[str] = set()
        self.refused: set[str] = set()
        self.unknown: set[str] = set()
        self.refusals: Counter[int] = Counter()  # answers other than 201, by their status
        self.unanswered = 0  # requests

    @property
    def attempted(self) -> set[str]:
        with self._lock:
            return self.acknowledged | self.refused | self.unknown

    def acknowledge(self, ids: Iterable[str]) -> None:
        with self._lock:
            self.acknowledged.update(ids)
            self.refused.difference_update(ids)
            self.unknown.difference_update(ids)

    def refuse(self, ids: Iterable[str], status: int) -> None:
        with self._lock:
            self.refused.update(ids)
            self.refusals[status] += 1

    def forget(self, ids: Iterable[str]) -> None:
        """No answer came, so nothing is known. What had been refused before may have been accepted this time."""
        with self._lock:
            self.unknown.update(ids)
            self.refused.difference_update(ids)
            self.unanswered += 1
