"""What is counted, as readers see it. Counting itself is worker/counting.py with lua/count.lua."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from coinslot.analytics.counter import Namespace


class Durations(NamedTuple):
    """How long counting took: microseconds in all, for so many events."""

    sum_us: float
    events: int


class Counters(Protocol):
    """Reads the counters. All but `make_goal` change nothing; all raise QueueUnavailable if Redis does not answer."""

    def namespaces(self) -> list[str]:
        """Their names, sorted; of those in which anything was counted or made a goal."""

    def namespace(self, name: str) -> Namespace:
        """All that is known of it; empty where nothing is."""

    def events_of(self, namespace: str, user_id: str) -> list[str]:
        """The names, sorted, of the named counters that hold the user."""

    def make_goal(self, namespace: str, name: str) -> None:
        """From now on; nothing that was counted before is looked at again."""

    def known(self) -> int:
        """How many counters there are."""

    def persisted(self) -> int:
        """How many counters the last round of persisting kept."""

    def durations(self) -> Durations:
        """Since the counters were begun."""
