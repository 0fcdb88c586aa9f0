"""Events in the change feed. They are stored too, and counted there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import time
from typing import Any

import msgspec
import redis

from coinslot import lua
from coinslot.changes import START, Feed, parse_cursor
from coinslot.errors import FeedUnavailable
from coinslot.keys import Keys
from coinslot.match import Match
from coinslot.redisclient import Errors
from coinslot.store import Found

PAGE_CHANGES = 500
DAY_MS = 24 * 60 * 60 * 1000


class FedEvents:
    """The feed as a place from which events can be erased, and expire. Raises FeedUnavailable."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._feed = Feed(client, keys)
        self._keys = [keys.feed, keys.ledger]
        self._erase = client.register_script(lua.source("erase_changes"))
        self._expire = client.register_script(lua.source("expire_changes"))

    def matching(self, match: Match, after: str) -> Found:
        page = self._feed.page(parse_cursor(after) if after else START, PAGE_CHANGES)
        hits = [change.cursor for change in page if match(msgspec.json.decode(change.event))]
        return Found(hits, 0, page[-1].cursor if page else None)

    def remove(self, match: Match, hits: Sequence[Any]) -> int:
        self._ask(lambda: self._erase(keys=self._keys, args=list(hits)))
        return 0

    def expire(self, after_days: int) -> int:
        """Removes what was fed so many days ago. A follower that has not seen it is told of a gap."""
        before_ms = int(time() * 1000) - after_days * DAY_MS
        return self._ask(lambda: self._expire(keys=self._keys, args=[before_ms])) if after_days else 0

    def _ask(self, ask: Callable[[], Any]) -> int:
        try:
            return int(ask())
        except Errors as error:
            raise FeedUnavailable(f"the change feed cannot be written: {error}") from error
