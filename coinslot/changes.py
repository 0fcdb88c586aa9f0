"""The change feed: a bounded stream of stored events in commit order. Its entry ids are the cursors.

A cursor is `0-0` (before everything) or the id of a change, MILLISECONDS-NUMBER, and grows along the feed.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import redis

from coinslot.errors import BadCursor, FeedUnavailable
from coinslot.keys import Keys
from coinslot.redisclient import Errors

START = "0-0"
_CURSOR = re.compile(r"\d{1,19}(-\d{1,19})?", re.ASCII)


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

    def tip(self) -> str:
        """The cursor after which everything is still to come."""
        try:
            last: Any = self._redis.xrevrange(self._keys.feed, count=1)
        except Errors as error:
            raise FeedUnavailable(f"the change feed cannot be read: {error}") from error
        return last[0][0].decode() if last else START

    def read(self, after: str, limit: int) -> Page:
        """Up to `limit` changes after a cursor; never waits."""
        try:
            with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.xrange(self._keys.feed, count=1)
                pipeline.xrevrange(self._keys.feed, count=1)
                pipeline.xrange(self._keys.feed, min=f"({after}", count=limit)
                pipeline.xlen(self._keys.feed)
                pipeline.hget(self._keys.ledger, "fed")
                first, last, entries, length, fed = pipeline.execute()
                if not _continues(after, first, last, trimmed=int(fed or 0) > length):
                    left: Any = self._redis.xrange(self._keys.feed, count=limit)
                    return Page(Gap(after, _before(left[0][0]) if left else START), _changes(left))
        except Errors as error:
            raise FeedUnavailable(f"the change feed cannot be read: {error}") from error
        return Page(None, _changes(entries))

    def wait(self, after: str, timeout_s: float) -> None:
        """Return when there is a change after the cursor, or after `timeout_s` (at least a millisecond).

        Its changes are for `read` to fetch: only there is it certain that none was trimmed in between.
        """
        try:
            self._redis.xread({self._keys.feed: after}, count=1, block=max(1, int(timeout_s * 1000)))
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


def _continues(after: str, first: list[Any], last: list[Any], *, trimmed: bool) -> bool:
    """Whether no change that came after the cursor is missing.

    A cursor beyond the last change, or one that an untrimmed feed does not reach back to, comes from a feed
    that was lost.
    """
    if after == START:
        return not trimmed
    return bool(first) and order(first[0][0]) <= order(after) <= order(last[0][0])


def _before(id: bytes) -> str:
    milliseconds, number = order(id)
    return f"{milliseconds}-{number - 1}" if number else f"{milliseconds - 1}-{2**64 - 1}"


def _changes(entries: list[Any]) -> list[Change]:
    return [Change(id.decode(), fields[b"event"]) for id, fields in entries]
