"""Events that were accepted and are not settled yet. They are not removed but waited for, and then found elsewhere.

A worker that holds a message has its events in its memory, where nobody can take them from it. And the queue is never
touched but by a settlement, on which the ledger rests. Analytic events are counted in moments, without a user id; but
some may die, or be banked as well, and are to be found where they are then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import redis

from coinslot.changes import START, order, parse_cursor
from coinslot.errors import QueueUnavailable
from coinslot.keys import Keys
from coinslot.match import Match
from coinslot.redisclient import Errors
from coinslot.store import Found

POLL_S = 0.05


class QueuedEvents:
    """A place that one is through with when all messages are settled that were there at the first step.

    note: takes what is erased, and the last message there was; None where a worker that wakes late can do no harm, as
    in counting. Only for a queue on Redis. Raises QueueUnavailable.
    """

    def __init__(
        self,
        client: redis.Redis,
        keys: Keys,
        note: Callable[[Match, str], None] | None,
        sleep: Callable[[float], None],
    ) -> None:
        self._note = note
        self._redis = client
        self._queue = keys.queue
        self._sleep = sleep

    def matching(self, match: Match, after: str) -> Found:
        """`after` is the last message to wait for."""
        last = parse_cursor(after) if after else self._begin(match)
        first = self._first()
        if not first or order(first) > order(last):
            return Found([], 0, None)
        self._sleep(POLL_S)
        return Found([], 0, last)

    def remove(self, match: Match, hits: Sequence[Any]) -> int:
        return 0

    def _begin(self, match: Match) -> str:
        # Not the last that is there: a worker that was frozen may hold one that another has settled.
        is_there = self._ask(lambda: self._redis.exists(self._queue))
        info = self._ask(lambda: self._redis.xinfo_stream(self._queue)) if is_there else {}
        last: str = info.get("last-generated-id", START.encode()).decode()
        if self._note:
            self._note(match, last)
        return last

    def _first(self) -> str:
        entries = self._ask(lambda: self._redis.xrange(self._queue, count=1))
        return entries[0][0].decode() if entries else ""

    def _ask(self, ask: Callable[[], Any]) -> Any:
        try:
            return ask()
        except Errors as error:
            raise QueueUnavailable(f"the queue cannot be read: {error}") from error
