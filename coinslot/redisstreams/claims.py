"""Who holds which message of a stream: taking over from the dead, and not being taken over while alive."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from time import monotonic
from typing import Any

import redis

from coinslot import lua
from coinslot.keys import GROUP
from coinslot.redisstreams.entry import Entry

SWEEP_COUNT = 1000  # messages taken over in one sweep; the next sweep takes more
KEEP_PER_IDLE_TIME = 4
FORGET_CONSUMER_S = 3600  # a consumer silent for so long, with nothing in its hands, is removed


class Claims:
    """One consumer's claims on the messages of one queue. Raises redis.RedisError.

    in_order: what is taken over is delivered oldest first. Of what is `held`, or waits here, is said how often it had
    been delivered before. Used by one thread, save that
    another may `keep` while the first is busy with what it holds.
    """

    def __init__(
        self, client: redis.Redis, queue: str, consumer: str, idle_s: float, every_s: float, *, in_order: bool = False
    ) -> None:
        self._redis = client
        self._forget = client.register_script(lua.source("forget"))
        self._queue = queue
        self._consumer = consumer
        self._idle_ms = int(idle_s * 1000)
        self._every_s = every_s
        self._in_order = in_order
        self._sweep_at = 0.0
        self._keep_at = 0.0
        self._claimed: dict[str, int] = {}  # and not delivered yet, in the order in which it will be

    def sweep(self, held: Callable[[], Collection[str]]) -> None:
        """At most every `every_s`: take over what has been idle for `idle_s`. Asked at every read, and mostly too soon.

        Not what is `held` here: another may have had it meanwhile, and whoever holds it would settle it without a word
        of that. Nothing is taken while earlier claims wait: other consumers may be quicker.
        """
        if self._claimed or monotonic() < self._sweep_at:
            return
        self._sweep_at = monotonic() + self._every_s
        own = held()
        idle = self._pending(len(own) + SWEEP_COUNT, idle_ms=self._idle_ms)
        for id in own:
            idle.pop(id, None)
        if idle:
            ids: Any = self._redis.xclaim(self._queue, GROUP, self._consumer, self._idle_ms, list(idle), justid=True)
            claimed = {id.decode() for id in ids}
            # Least delivered first: one that kills its readers is not to hold up, each time, those read along with it.
            ids_to_come = idle if self._in_order else sorted(idle, key=lambda id: idle[id])
            self._claimed = {id: idle[id] for id in ids_to_come if id in claimed}
        self.adopt(own)  # a read that the network kept back may reach Redis long after its reader gave it up
        self._forget(keys=[self._queue], args=[GROUP, FORGET_CONSUMER_S * 1000])

    def adopt(self, held: Collection[str]) -> None:
        """Claim what was assigned to this consumer in a reply that it never got."""
        known = {*held, *self._claimed}
        pending = self._pending(len(known) + SWEEP_COUNT, consumer=self._consumer)
        self._claimed |= {id: deliveries for id, deliveries in pending.items() if id not in known}

    def redeliver(self) -> tuple[Entry, int] | None:
        """The next claimed message and how often it has now been delivered.

        Where the reply is lost, it is delivered again with the same count. A network that passes the small replies and
        loses the large would else make dead letters of all it holds up.
        """
        while self._claimed:
            id, before = next(iter(self._claimed.items()))
            if self._pending(1, id, id, consumer=self._consumer):  # else somebody has claimed it from us
                entries: Any = self._redis.xclaim(self._queue, GROUP, self._consumer, 0, [id], retrycount=before + 1)
                if entries and entries[0][1] is not None:
                    del self._claimed[id]
                    return entries[0], before + 1
                self._redis.xack(self._queue, GROUP, id)  # somebody deleted it from the stream
            del self._claimed[id]
        return None

    def keep(self, held: Callable[[], Collection[str]]) -> None:
        """Say that the messages `held` are still being worked on, as far as they are still this consumer's.

        Cheap enough to call for every batch: it tells Redis only now and then.
        """
        if monotonic() >= self._keep_at:
            self._keep_at = monotonic() + self._idle_ms / 1000 / KEEP_PER_IDLE_TIME
            if ours := self._ours(held()):
                self._reset_idle(ours, idle_ms=0)

    def excuse(self, held: Mapping[str, int]) -> None:
        """Do not count this delivery of the messages `held`: their consumer waits, and not because of them.

        Should it be killed in its wait, again and again, they must not become dead letters for that.
        """
        for id in self._ours(held):
            self._reset_idle([id], idle_ms=0, retrycount=_on_record(held[id]))

    def hand_back(self, held: Mapping[str, int]) -> None:
        """Let others take over the messages `held`, and those claimed and waiting, at their next sweep.

        The delivery that ends here does not count: restarts while the store is away must not add up to a dead letter.
        """
        deliveries = {**self._claimed, **held}
        for id in self._ours(deliveries):
            self._reset_idle([id], self._idle_ms + 1, retrycount=_on_record(deliveries[id]))
        self._claimed.clear()

    def _ours(self, held: Collection[str]) -> list[str]:
        # Not what another has taken over by now: claiming it back would make the other's settlement void.
        try:
            pending = self._pending(len(held) + SWEEP_COUNT, consumer=self._consumer) if held else {}
        except redis.ResponseError as error:
            if not str(error).startswith("NOGROUP"):
                raise
            return []  # Redis was emptied, and knows of nobody's
        return [id for id in pending if id in held]

    def _reset_idle(self, ids: list[Any], idle_ms: int, retrycount: int | None = None) -> None:
        self._redis.xclaim(self._queue, GROUP, self._consumer, 0, ids, idle=idle_ms, retrycount=retrycount, justid=True)

    def _pending(
        self, count: int, first: str = "-", last: str = "+", *, consumer: str | None = None, idle_ms: int | None = None
    ) -> dict[str, int]:
        """How often each message was delivered, of up to `count`, in the order of the stream."""
        pending: Any = self._redis.xpending_range(self._queue, GROUP, first, last, count, consumer, idle_ms)
        return {entry["message_id"].decode(): entry["times_delivered"] for entry in pending}


def _on_record(deliveries_before: int) -> int:
    # One stays, for what was delivered before may be stored and not announced.
    return max(1, deliveries_before)
