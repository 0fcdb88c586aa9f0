"""Erasing what matches, place after place, in parts that end soon: whoever asks comes back with how far it has come.

The order matters. Dead letters are first, for they may be replayed meanwhile; what is replayed before is in the queue,
and so waited for. Then the queue: what was accepted before is stored, fed or dead once the queue has got past it. Then
all of those. An event that was accepted after the erasure began may be erased or not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from coinslot.errors import BadCursor
from coinslot.match import Match
from coinslot.store import Erasable

PART_S = 2.0
_PROGRESS = re.compile(r"[0-9]\.[A-Za-z0-9_-]*", re.ASCII)


class Progress(NamedTuple):
    """How far an erasure has come: the place it is at, and how far it is in that (its own word; empty at its begin)."""

    place: int
    after: str

    @classmethod
    def parse(cls, text: str) -> Progress:
        """What `str` makes of it; raises BadCursor."""
        if not _PROGRESS.fullmatch(text):
            raise BadCursor(f"{text[:40]!r} is not how far an erasure has come")
        place, _, after = text.partition(".")
        return cls(int(place), after)

    def __str__(self) -> str:
        return f"{self.place}.{self.after}"


START = Progress(0, "")


class Part(NamedTuple):
    """What came of a part: events removed, or found, and where the next begins; None if that was the last."""

    events: int
    next: Progress | None


class Erasure:
    """An erasure keeps nothing: one that is given up or crashes leaves the rest, and the next begins anew and finds it.

    Raises what its places raise, BadCursor for progress that never was. Safe to share between threads.
    """

    def __init__(self, places: Sequence[Erasable], clock: Callable[[], float]) -> None:
        self._places = places
        self._clock = clock

    def count(self, match: Match, at: Progress) -> Part:
        """As `erase`, and removes nothing."""
        return self._part(match, at, remove=False)

    def erase(self, match: Match, at: Progress) -> Part:
        """Go on from there for about PART_S."""
        return self._part(match, at, remove=True)

    def _part(self, match: Match, at: Progress, *, remove: bool) -> Part:
        until = self._clock() + PART_S
        events = 0
        while at.place < len(self._places):
            place = self._places[at.place]
            found = place.matching(match, at.after)
            if not remove:
                events += found.events
            elif found.hits:
                events += place.remove(match, found.hits)
            at = Progress(at.place, found.after) if found.after else Progress(at.place + 1, "")
            if self._clock() >= until:
                break
        return Part(events, at if at.place < len(self._places) else None)
