"""Retention: events that have been kept for long enough go."""

from __future__ import annotations

from typing import Protocol


class Expiring(Protocol):
    """A store that lets go of events by the time at which they were received; those without one are kept."""

    def expire(self, after_days: int) -> int:
        """See to it that events received so many days ago go; 0: that none does, also if that was asked before.

        To be called now and then; safe to be called by many at once. Returns how many events it removed itself, a
        bounded number, after which more may be due; 0 where the database removes them by a rule, a minute or so later.
        Raises StoreUnavailable.
        """
