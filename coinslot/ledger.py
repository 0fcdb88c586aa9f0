"""The ledger: accepted = stored + duplicate + dead + queued, at any moment. Its keys are drawn in lua/settle.lua.

`dead` counts events that died and were not put back: those in dead letters, and those whose letters were `dropped`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import redis

from coinslot import lua
from coinslot.errors import QueueUnavailable
from coinslot.halt import told
from coinslot.keys import Keys
from coinslot.redisclient import Errors


@dataclass(frozen=True, slots=True)
class Audit:
    """The ledger at one moment; counts of events unless they say messages.

    `queue_messages` is the length of the stream itself, which nothing but a message's settlement may shorten;
    None where the queue is on another broker, and `accepted` then counts what has left it. `lost` is how many events
    Redis has lost, or more; None if it was never seen to have lost anything. `dropped` are those of the dead whose
    letters were thrown away, `dead_letters` the letters that are kept. `erased` are those of the stored and the dead
    that an erasure has removed. `halted` says why workers settle nothing any more (coinslot/halt.py); empty while they
    do.
    """

    accepted: int
    stored: int
    duplicate: int
    dead: int
    queued: int
    queued_messages: int
    queue_messages: int | None
    lost: int | None = None
    dropped: int = 0
    dead_letters: int = 0
    erased: int = 0
    halted: str = ""

    @property
    def faults(self) -> list[str]:
        """What does not add up; empty when the ledger balances."""
        faults = []
        settled = self.stored + self.duplicate + self.dead
        if self.accepted != settled + self.queued:
            faults.append(f"{self.accepted} events were accepted, {settled} settled and {self.queued} are queued")
        if self.queue_messages is not None and self.queue_messages != self.queued_messages:
            faults.append(f"the queue holds {self.queue_messages} messages and should hold {self.queued_messages}")
        if self.lost is not None:
            faults.append(f"Redis was emptied, or came back older than it was: {self.lost} events or more are lost")
        return faults

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "balanced": not self.faults, "what": "; ".join(self.faults)}


class Reading(NamedTuple):
    """What the watch on the queue sees at one look. `memory_share` is that of Redis' memory which is filled, from 0."""

    messages: int  # waiting
    settled_messages: int
    memory_share: float
    epoch: bytes  # empty where none is set yet, and nothing can be said of what was lost
    accepted: int
    queued: int
    lost: int


class Ledger:
    """Reads the ledger. Raises QueueUnavailable: where the ledger is, there is the queue."""

    def __init__(self, client: redis.Redis, keys: Keys, *, queue_is_on_redis: bool) -> None:
        self._redis = client
        self._keys = keys
        self._script = client.register_script(lua.source("audit"))
        self._report_lost = client.register_script(lua.source("report_lost"))
        self._queue_is_on_redis = queue_is_on_redis

    def audit(self) -> Audit:
        try:
            fields, length, letters = self._script(keys=[self._keys.ledger, self._keys.queue, self._keys.dead])
        except Errors as error:
            raise QueueUnavailable(f"the ledger cannot be read: {error}") from error
        counters = dict(zip(fields[::2], fields[1::2], strict=True))
        names = ("accepted", "stored", "duplicate", "dead", "queued", "queued_messages", "dropped", "erased")
        counts = {name: int(counters.get(name.encode(), 0)) for name in names}
        lost = int(counters[b"lost"]) if b"lost" in counters else None
        return Audit(
            **counts,
            queue_messages=length if self._queue_is_on_redis else None,
            lost=lost,
            dead_letters=letters,
            halted=told(counters.get(b"halted"), counters.get(b"halted_reason")),
        )

    def read(self) -> Reading:
        """`messages` is 0 where the queue is not on Redis, and there is no `epoch`.

        What was accepted is counted when it leaves such a queue, and what is replayed leaves it again: that the figure
        falls says nothing there.
        """
        fields = ("settled_messages", "epoch", "accepted", "queued", "lost")
        try:
            with self._redis.pipeline(transaction=False) as pipeline:
                pipeline.hmget(self._keys.ledger, *fields)
                pipeline.info("memory")
                if self._queue_is_on_redis:
                    pipeline.xlen(self._keys.queue)
                (settled, epoch, accepted, queued, lost), memory, *length = pipeline.execute()
        except Errors as error:
            raise QueueUnavailable(f"the queue cannot be reached: {error}") from error
        total_bytes = memory["maxmemory"] or memory["total_system_memory"]
        return Reading(
            messages=length[0] if length else 0,
            settled_messages=int(settled or 0),
            memory_share=memory["used_memory"] / total_bytes,
            epoch=(epoch or b"") if self._queue_is_on_redis else b"",
            accepted=int(accepted or 0),
            queued=int(queued or 0),
            lost=int(lost or 0),
        )

    def report_lost(self, events: int) -> None:
        """Note that Redis has lost so many events, or more."""
        try:
            self._report_lost(keys=[self._keys.ledger], args=[events])
        except Errors as error:
            raise QueueUnavailable(f"the ledger cannot be written: {error}") from error

    def add_erased(self, events: int) -> None:
        """Count events that an erasure has removed from the store."""
        try:
            self._redis.hincrby(self._keys.ledger, "erased", events)
        except Errors as error:
            raise QueueUnavailable(f"the ledger cannot be written: {error}") from error

    def oldest_queued_ms(self) -> int | None:
        """When the oldest event still queued was accepted, in ms since 1970 by Redis' clock; None if none is."""
        try:
            first: Any = self._redis.xrange(self._keys.queue, count=1)
        except Errors as error:
            raise QueueUnavailable(f"the queue cannot be read: {error}") from error
        return int(first[0][0].split(b"-")[0]) if first else None
