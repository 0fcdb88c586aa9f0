"""What is asked of whatever holds events that may have to be erased: stores, and what is kept of events in Redis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from coinslot.match import Match


class Found(NamedTuple):
    """What one step of looking came upon.

    `hits` are for `remove` of whoever found them, and nobody else's; `events` is how many events they stand for.
    `after` is where the next step begins, None if that was all.
    """

    hits: Sequence[Any]
    events: int
    after: str | None


class Erasable(Protocol):
    """A place from which events can be removed, in steps that end soon. Safe to share between threads.

    What comes in while somebody looks may or may not be found.
    """

    def matching(self, match: Match, after: str) -> Found:
        """One step of looking, from where the step before ended; `after` is empty for the first.

        Raises BadCursor for an `after` that was never given out.
        """

    def remove(self, match: Match, hits: Sequence[Any]) -> int:
        """Remove what was found, if it is there and matches still; returns how many events are gone by that."""
