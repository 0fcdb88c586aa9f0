"""A counter, as the API shows it (contract: a counter as shown)."""

from __future__ import annotations

from typing import Literal

import msgspec

GLOBAL = "global_counter"  # the internal counter: every user of the namespace
MAX_NAME_CHARACTERS = 256  # of an event, a goal and a namespace

Kind = Literal["named", "internal", "weekly"]


class Counter(msgspec.Struct, frozen=True):
    """`count`: users, corrected for what a filled filter misses. `sum`: of values; None as long as there was none.

    `singles` and `sets` only of a goal: users who had, before it, that event; and exactly those events, sorted by name.
    `kept`: users that were new to its filter. `capacity`: for how many it was made, or has grown; a fixed filter with
    more is `saturated` in the end, and its count no more than a lower bound. `filter_bytes`: what its filter takes.
    """

    name: str
    kind: Kind
    count: int
    sum: float | None = None
    singles: dict[str, int] = {}
    sets: dict[tuple[str, ...], int] = {}
    kept: int = 0
    capacity: int = 0
    saturated: bool = False
    filter_bytes: int = 0
    year: int = 0  # ISO, of a weekly counter only; its `name` is then that of the event
    week: int = 0


class Namespace(msgspec.Struct, frozen=True):
    """All that is known of a namespace at one moment."""

    name: str
    counters: tuple[Counter, ...] = ()
    goals: tuple[str, ...] = ()  # sorted

    def named(self) -> dict[str, Counter]:
        return {counter.name: counter for counter in self.counters if counter.kind == "named"}

    def users(self) -> int:
        """N, by the internal counter."""
        return next((counter.count for counter in self.counters if counter.kind == "internal"), 0)
