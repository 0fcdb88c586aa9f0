"""Who holds which message of a stream: taking over from the dead, and not being taken over while alive."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from time import monotonic
from typing import Any

import redis

from coinslot.keys import GROUP
from coinslot.redisstreams.entry import Entry

SWEEP_COUNT = 1000  # messages taken over in one sweep; the next sweep takes more
KEEP_PER_IDLE_TIME = 4
FORGET_CONSUMER_S = 3600  # a consumer silent for so long, with nothing in its hands, is removed


class Claims:
    """One consumer's claims on the messages of one queue. Raises redis.RedisError.

    Used by one thread, save that another may `keep` while the first is busy with what it holds.
    """

    def __init__(self, client: redis.Redis, queue: str, consumer: str, idle_s: float, every_s: float) -> None:
        self._redis = client
        self._queue = queue
        self._consumer = consumer
        self._idle_ms = int(idle_s * 1000)
        self._every_s = every_s
        self._sweep_at = 0.0
        self._keep_at = 0.0
        self._claimed: deque[str] = deque()

    def sweep(self, held: Collection[str]) -> None:
        """At most every `every_s`: take over what has been idle for `idle_s`, save what is `held` here anyway.

        Nothing is taken while earlier claims wait: other consumers may be quicker.
        """
        if self._claimed or monotonic() < self._sweep_at:
            return
        self._sweep_at = monotonic() + self._every_s
        ids: Any = self._redis.xautoclaim(
            self._queue, GROUP, self._consumer, self._idle_ms, count=SWEEP_COUNT, justid=True
        )
        self._claimed.extend(self._least_delivered_first([id.decode() for id in ids if id.decode() not in held]))
        self.adopt(held)  # a read that the network kept back may reach Redis long after its reader gave it up
        self._forget_dead_consumers()

    def adopt(self, held: Collection[str]) -> None:
        """Claim what was assigned to this consumer in a reply that it never got; that delivery does not count.

        A network that passes the small replies and loses the large would else make dead letters of all it holds up.
        """
        known = {*held, *self._claimed}
        for entry in self._pending("-", "+", len(known) + SWEEP_COUNT):
            if (id := entry["message_id"].decode()) not in known:
                if entry["times_delivered"] > 1:
                    self._reset_idle([id], idle_ms=0, retrycount=_uncounted(entry))
                self._claimed.append(id)

    def _least_delivered_first(self, ids: list[str]) -> list[str]:
        """One that kills its readers is not to hold up, each time, those that were read along with it."""
        pending = self._pending(ids[0], ids[-1], 2 * SWEEP_COUNT) if len(ids) > 1 else []
        deliveries = {entry["message_id"].decode(): entry["times_delivered"] for entry in pending}
        return sorted(ids, key=lambda id: deliveries.get(id, 0))

    def redeliver(self) -> tuple[Entry, int] | None:
        """The next claimed message and how often it has now been delivered."""
        while self._claimed:
            id = self._claimed.popleft()
            pending = self._pending(id, id, 1)
            if not pending:
                continue  # somebody has claimed it from us
            entries: Any = self._redis.xclaim(self._queue, GROUP, self._consumer, 0, [id])
            if entries and entries[0][1] is not None:
                return entries[0], pending[0]["times_delivered"] + 1
            self._redis.xack(self._queue, GROUP, id)  # somebody deleted it from the stream
        return None

    def keep(self, held: Collection[str]) -> None:
        """Say that the messages `held` are still being worked on, as far as they are still this consumer's.

        Cheap enough to call for every batch: it tells Redis only now and then.
        """
        if monotonic() >= self._keep_at:
            self._keep_at = monotonic() + self._idle_ms / 1000 / KEEP_PER_IDLE_TIME
            if ours := self._ours(held):
                self._reset_idle([entry["message_id"] for entry in ours], idle_ms=0)

    def excuse(self, held: Collection[str]) -> None:
        """Do not count this delivery of the messages `held`: their consumer waits, and not because of them.

        Should it be killed in its wait, again and again, they must not become dead letters for that.
        """
        for entry in self._ours(held):
            self._reset_idle([entry["message_id"]], idle_ms=0, retrycount=_uncounted(entry))

    def hand_back(self, held: Collection[str]) -> None:
        """Let others take over the messages `held`, and those claimed and waiting, at their next sweep.

        The delivery that ends here does not count: restarts while the store is away must not add up to a dead
        letter.
        """
        for entry in self._ours({*held, *self._claimed}):
            self._reset_idle([entry["message_id"]], self._idle_ms + 1, retrycount=_uncounted(entry))
        self._claimed.clear()

    def _ours(self, held: Collection[str]) -> list[dict[str, Any]]:
        # Not what another has taken over by now: claiming it back would make the other's settlement void.
        pending = self._pending("-", "+", len(held) + SWEEP_COUNT) if held else []
        return [entry for entry in pending if entry["message_id"].decode() in held]

    def _reset_idle(self, ids: list[Any], idle_ms: int, retrycount: int | None = None) -> None:
        self._redis.xclaim(self._queue, GROUP, self._consumer, 0, ids, idle=idle_ms, retrycount=retrycount, justid=True)

    def _pending(self, first: str, last: str, count: int) -> list[dict[str, Any]]:
        answer: Any = self._redis.xpending_range(self._queue, GROUP, first, last, count, self._consumer)
        return list(answer)

    def _forget_dead_consumers(self) -> None:
        consumers: Any = self._redis.xinfo_consumers(self._queue, GROUP)
        for consumer in consumers:
            if consumer["pending"] == 0 and consumer["idle"] > FORGET_CONSUMER_S * 1000:
                self._redis.xgroup_delconsumer(self._queue, GROUP, consumer["name"])


def _uncounted(entry: dict[str, Any]) -> int:
    # One stays on record, for what was delivered before may be stored and not announced.
    return max(1, int(entry["times_delivered"]) - 1)
