"""What every store does. One contract test holds all of them to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum
from typing import NamedTuple, Protocol

from coinslot.events import Dead, Event

Number = int | float


class Inserted(Enum):
    """What became of an event that reached the store."""

    STORED = "stored"
    DUPLICATE = "duplicate"


STORED, DUPLICATE = Inserted.STORED, Inserted.DUPLICATE
Outcome = Inserted | Dead


class Cursor(NamedTuple):
    """A place in the order of all events: by timestamp, then by `_id` (as UTF-8 bytes)."""

    timestamp: Number
    id: str


class Store(Protocol):
    """A bank of events. Every method may raise StoreUnavailable; safe to share between threads."""

    def insert(self, events: Sequence[Event]) -> list[Outcome]:
        """Store events durably; one outcome each, in their order.

        An `_id` already stored, or seen earlier in `events`, is DUPLICATE and changes nothing. An event the
        store can never hold is Dead with its reason and does not keep others out. After StoreUnavailable any
        part of `events` may have been stored: insert them again. When an event was received is kept beside it, for
        coinslot/store/expiring.py, and no method shows it.
        """

    def find(
        self,
        start: Number | None = None,
        end: Number | None = None,
        *,
        after: Cursor | None = None,
        limit: int | None = None,
        descending: bool = False,
    ) -> Iterator[bytes]:
        """The events with start <= timestamp <= end, a line each: one JSON object in UTF-8 without line breaks.

        In (timestamp, _id) order, or the reverse, strictly beyond `after`; in flat memory whatever the range. They come
        in chunks of one line or more, of 256 KiB or as much more as its last event has (coinslot/store/chunks.py).
        What is stored meanwhile may or may not be seen. The first chunk is fetched before this returns, so that an
        unreachable store raises here and not in the middle of an answer.
        """

    def get(self, id: str) -> bytes | None:
        """The event with this `_id`, or None."""

    def count(self, start: Number | None = None, end: Number | None = None) -> int:
        """How many events are stored in the range; in constant time without one.

        Without a range it may be off for a moment while events are inserted. Where the number must be right even
        then, ask for the range from -inf on.
        """

    def ping(self) -> None:
        """Return if an event could be stored and read now; may be called as often as a health check is."""

    def close(self) -> None:
        """Let go of connections. Nothing else may be called afterwards."""
