"""Dead letters: what could not be stored, kept with its reason until somebody replays or drops it.

They are a stream, drawn in lua/settle.lua; the id of an entry is the id of the letter.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import redis

from coinslot import lua
from coinslot.errors import BadLetterId, NoSuchLetter, QueueUnavailable
from coinslot.keys import Keys
from coinslot.redisclient import Errors

START = "0-0"
MAX_REASON_CHARACTERS = 500  # of a letter
PAGE_BYTES = 16 * 1024 * 1024  # of payloads that Redis passes over for one page
_ID = re.compile(r"\d{1,20}-\d{1,20}", re.ASCII)


class DeadLetter(NamedTuple):
    """One letter, without its payload. Times are ms since 1970 by Redis' clock.

    `attempts` is how often it was delivered since it was accepted or put back last, `accepted_at_ms` when its events
    were first accepted, however often they were put back; None where the queue is on another broker.
    """

    id: str
    reason: str
    attempts: int
    accepted_at_ms: int | None
    died_at_ms: int
    events: int
    payload_bytes: int

    @classmethod
    def of(
        cls, id: bytes, reason: bytes, events: bytes, deliveries: bytes, received_at_ms: bytes, size: int
    ) -> DeadLetter:
        """From the fields of its entry, whatever is in them."""
        return cls(
            id=id.decode(),
            reason=reason.decode(errors="replace"),
            attempts=_number(deliveries),
            accepted_at_ms=int(received_at_ms) if received_at_ms.isdigit() and len(received_at_ms) <= 20 else None,
            died_at_ms=_ms(id.decode()),
            events=_number(events),
            payload_bytes=size,
        )


class Page(NamedTuple):
    """Letters in the order in which they died. `after` is where the next page begins, None at the end."""

    letters: list[DeadLetter]
    after: str | None
    total: int


class DeadLetters:
    """Reads, replays and drops dead letters; safe to share between threads. Raises QueueUnavailable.

    publish: puts a body of so many events, tried before, into a queue that is not in Redis; None if it is.
    """

    def __init__(
        self, client: redis.Redis, keys: Keys, publish: Callable[[bytes, int, bool], None] | None = None
    ) -> None:
        self._redis = client
        self._keys = keys
        self._publish = publish
        self._publishing = threading.Lock()
        self._page = client.register_script(lua.source("dead_letters"))
        self._replay = client.register_script(lua.source("replay"))
        self._drop = client.register_script(lua.source("drop"))
        self._cut = client.register_script(lua.source("cut"))

    def count(self) -> int:
        """How many letters there are."""
        return int(self._ask(lambda: self._redis.xlen(self._keys.dead)))

    def page(self, after: str = START, limit: int = 100) -> Page:
        """Up to `limit` letters behind an id; fewer if their payloads are large."""
        total, more, found = self._ask(lambda: self._page(keys=[self._keys.dead], args=[after, limit, PAGE_BYTES]))
        letters = [DeadLetter.of(*fields) for fields in found]
        return Page(letters, letters[-1].id if more else None, total)

    def get(self, id: str) -> tuple[DeadLetter, bytes]:
        """A letter and its payload: an event's JSON or, where a message died whole, its body. Raises NoSuchLetter."""
        entries: Any = self._ask(lambda: self._redis.xrange(self._keys.dead, id, id))
        if not entries:
            raise NoSuchLetter()
        at, fields = entries[0]
        payload = fields.get(b"payload", b"")
        reason, events = fields.get(b"reason", b""), fields.get(b"events", b"")
        deliveries, received_at_ms = fields.get(b"deliveries", b""), fields.get(b"received_at_ms", b"")
        return DeadLetter.of(at, reason, events, deliveries, received_at_ms, len(payload)), payload

    def replay(self, id: str) -> int:
        """Put a letter back into the queue, its events as old as they were; returns how many.

        Raises NoSuchLetter, also for one that was put back before. On a broker other than Redis, several who replay one
        letter at once may each put it back; storing it again is harmless.
        """
        if self._publish:
            letter, payload = self.get(id)
            with self._publishing:
                self._publish(_body(payload), letter.events, True)
        keys = [self._keys.dead, self._keys.queue, self._keys.ledger]
        events = self._ask(lambda: self._replay(keys=keys, args=[id, 0 if self._publish else 1]))
        return _there(events)

    def drop(self, id: str) -> int:
        """Throw a letter away; returns how many events it held. Raises NoSuchLetter."""
        return _there(self._ask(lambda: self._drop(keys=[self._keys.dead, self._keys.ledger], args=[id])))

    def cut(self, id: str, taken: int, left: bytes, left_events: int) -> int:
        """Take so many events out of a letter, of which this payload is left (empty: none), under another id.

        Returns how many were taken: 0 if it is not there any more.
        """
        keys = [self._keys.dead, self._keys.ledger]
        return int(self._ask(lambda: self._cut(keys=keys, args=[id, taken, left, left_events])))

    def _ask(self, ask: Callable[[], Any]) -> Any:
        try:
            return ask()
        except Errors as error:
            raise QueueUnavailable(f"dead letters cannot be reached: {error}") from error


def parse_id(text: str) -> str:
    """The id of a letter that a client sent; raises BadLetterId."""
    if not _ID.fullmatch(text) or any(int(part) >= 2**64 for part in text.split("-")):
        raise BadLetterId(f"{text[:40]!r} is not the id of a dead letter, which is two numbers: 1700000000000-0")
    return text


def _there(events: int | None) -> int:
    if events is None:
        raise NoSuchLetter()
    return events


def _body(payload: bytes) -> bytes:
    """As replay.lua does it."""
    return b"[" + payload + b"]" if payload.startswith(b"{") else payload


def _ms(id: str) -> int:
    return int(id.partition("-")[0])


def _number(text: bytes) -> int:
    return int(text) if text.isdigit() and len(text) <= 9 else 0
