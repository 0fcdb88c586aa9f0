"""The change feed: a bounded stream of stored events in commit order. Its entry ids are the cursors.

A cursor is `0-0` (before everything) or the id of a change, MILLISECONDS-NUMBER, and grows along the feed.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import redis

from coinslot import lua
from coinslot.errors import BadCursor, FeedUnavailable
from coinslot.keys import Keys
from coinslot.redisclient import Errors

START = "0-0"
PAGE_BYTES = 256 * 1024  # about; a follower that takes nothing holds a page or two
_CURSOR = re.compile(r"\d{1,20}(-\d{1,20})?", re.ASCII)  # a gap's may end in 2^64 - 1


class Change(NamedTuple):
    cursor: str
    event: bytes  # JSON text without line breaks


class Gap(NamedTuple):
    """Changes after `after` are gone; `oldest` is a cursor just before the oldest one left."""

    after: str
    oldest: str


class Page(NamedTuple):
    """Changes that follow a cursor. With a gap, they begin at the oldest one left."""

    gap: Gap | None
    changes: list[Change]


class Feed:
    """Reads the feed, at any number of places at once. Raises FeedUnavailable; safe to share between threads."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._redis = client
        self._keys = keys
        self._script = client.register_script(lua.source("changes"))

    def tip(self) -> str:
        """The cursor after which everything is still to come."""
        _, last, _, _ = self._run(START, 0)
        return last.decode() or START

    def page(self, after: str, limit: int) -> list[Change]:
        """As `read`, with no thought for gaps."""
        return self._run(after, limit)[3]

    def read(self, after: str, limit: int) -> Page:
        """Up to `limit` changes after a cursor, or fewer of about PAGE_BYTES; never waits."""
        first, last, trimmed, changes = self._run(after, limit)
        if _continues(after, first, last, trimmed=trimmed):
            return Page(None, changes)
        _, last, _, changes = self._run(START, limit)
        oldest = _before(changes[0].cursor) if changes else last.decode() or START
        return Page(Gap(after, oldest), changes)

    def _run(self, after: str, limit: int) -> tuple[bytes, bytes, bool, list[Change]]:
        keys = [self._keys.feed, self._keys.ledger]
        try:
            first, last, trimmed, entries = self._script(keys=keys, args=[after, limit, PAGE_BYTES])
        except Errors as error:
            raise FeedUnavailable(f"the change feed cannot be read: {error}") from error
        return first, last, bool(trimmed), [Change(id.decode(), fields[1]) for id, fields in entries]

    def wait(self, after: str, timeout_s: float) -> bool:
        """Whether there is a change after the cursor: as soon as there is, or after `timeout_s` (at least 1 ms).

        Its changes are for `read` to fetch: only there is it certain that none was trimmed in between.
        """
        try:
            return bool(self._redis.xread({self._keys.feed: after}, count=1, block=max(1, int(timeout_s * 1000))))
        except Errors as error:
            raise FeedUnavailable(f"the change feed cannot be read: {error}") from error


def parse_cursor(text: str) -> str:
    """The cursor that a client sent, in full form; raises BadCursor."""
    if not _CURSOR.fullmatch(text) or any(int(part) >= 2**64 for part in text.split("-")):
        raise BadCursor(f"{text[:40]!r} is not a cursor of the change feed")
    return text if "-" in text else f"{text}-0"


def order(cursor: str | bytes) -> tuple[int, int]:
    """What cursors compare by."""
    milliseconds, number = cursor.split("-" if isinstance(cursor, str) else b"-")  # type: ignore[arg-type]
    return int(milliseconds), int(number)


def _continues(after: str, first: bytes, last: bytes, *, trimmed: bool) -> bool:
    """Whether no change that came after the cursor is missing.

    `first`: a follower there has missed nothing. A cursor beyond the last change, or one that an untrimmed feed does
    not reach back to, comes from a feed that was lost.
    """
    if not first:
        return after == START  # whatever may have been there: a follower at the start has nothing to be told yet
    if after == START:
        return not trimmed
    return order(first) <= order(after) <= order(last)


def _before(id: str) -> str:
    milliseconds, number = order(id)
    return f"{milliseconds}-{number - 1}" if number else f"{milliseconds - 1}-{2**64 - 1}"
