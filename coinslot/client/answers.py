"""What the client hands back: the server's answers as values, its refusals as exceptions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from coinslot.errors import CoinslotError


@dataclass(frozen=True, slots=True)
class Rejection:
    """An event that was not accepted: its place in what was sent, from 0, and why."""

    index: int
    reason: str


@dataclass(frozen=True, slots=True)
class Saved:
    """The `_id`s that were accepted, in order, and the events that were not."""

    ids: list[str]
    rejected: list[Rejection] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Change:
    """An event as it came through the change feed.

    `cursor` is where to resume after it: `follow(after=cursor)`. It is None for the stored events that
    `follow(start=...)` begins with. `raw` is the event's JSON in UTF-8, on one line.
    """

    cursor: str | None
    raw: bytes

    @property
    def event(self) -> dict[str, Any]:
        """The event, decoded anew at each call."""
        return msgspec.json.decode(self.raw, type=dict[str, Any])


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What could not be stored, and why. Times are ms since 1970 by the server's clock.

    `attempts` is how often it was tried since it was put back last, if it was; `accepted_at_ms`, when its events were
    first accepted, is None where the server does not know. `payload` is
    there if one letter was asked for: an event's JSON or, where a whole message died, what it held.
    """

    id: str
    reason: str
    attempts: int
    accepted_at_ms: int | None
    died_at_ms: int
    events: int
    payload_bytes: int
    payload: bytes | None = None


@dataclass(frozen=True, slots=True)
class DeadLetterPage:
    """Dead letters in the order in which they died. `after` is where the next page begins, None at the end."""

    dead_letters: list[DeadLetter]
    total: int
    after: str | None = None


@dataclass(frozen=True, slots=True)
class ErasurePart:
    """What one answer of an erasure says: how many events it erased, and whether that was the last.

    `at` names what it looks at next; `note` is what one should know about the outcome.
    """

    events: int
    done: bool
    at: str | None = None
    note: str | None = None


class Unavailable(CoinslotError):
    """The server cannot be reached, or cannot take this now; try again later."""

    def __init__(self, message: str | None = None, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Refused(CoinslotError):
    """The server refused the request, and would refuse it again.

    `what` is its reason; `events` says which events were at fault, where it was events.
    """

    def __init__(self, status: int, what: str, events: Sequence[Rejection] = ()) -> None:
        faults = [f"event {event.index}: {event.reason}" for event in events[:3]]
        super().__init__("; ".join([f"{what} ({status})", *faults]))
        self.status = status
        self.what = what
        self.events = list(events)


class FeedGap(CoinslotError):
    """Changes were missed: the feed has let go of some that came after the cursor.

    `follow(after=gap.after, skip_gaps=True)` goes on with the oldest change that is left.
    """

    def __init__(self, after: str, oldest: str) -> None:
        super().__init__(f"changes were missed: the feed now begins at {oldest}, later than what followed {after}")
        self.after = after
        self.oldest = oldest
