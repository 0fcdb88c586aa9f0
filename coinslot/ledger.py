"""The ledger: accepted = stored + duplicate + dead + queued, at any moment. Its keys are drawn in lua/settle.lua."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import redis

from coinslot import lua
from coinslot.errors import QueueUnavailable
from coinslot.keys import Keys
from coinslot.redisclient import Errors


@dataclass(frozen=True, slots=True)
class Audit:
    """The ledger at one moment; counts of events unless they say messages.

    `queue_messages` is the length of the stream itself, which nothing but a message's settlement may shorten;
    None where the queue is on another broker, and `accepted` then counts what has left it.
    """

    accepted: int
    stored: int
    duplicate: int
    dead: int
    queued: int
    queued_messages: int
    queue_messages: int | None

    @property
    def faults(self) -> list[str]:
        """What does not add up; empty when the ledger balances."""
        faults = []
        settled = self.stored + self.duplicate + self.dead
        if self.accepted != settled + self.queued:
            faults.append(f"{self.accepted} events were accepted, {settled} settled and {self.queued} are queued")
        if self.queue_messages is not None and self.queue_messages != self.queued_messages:
            faults.append(f"the queue holds {self.queue_messages} messages and should hold {self.queued_messages}")
        return faults

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "balanced": not self.faults, "what": "; ".join(self.faults)}


class Ledger:
    """Reads the ledger. Raises QueueUnavailable: where the ledger is, there is the queue."""

    def __init__(self, client: redis.Redis, keys: Keys, *, queue_is_on_redis: bool) -> None:
        self._redis = client
        self._keys = keys
        self._script = client.register_script(lua.source("audit"))
        self._queue_is_on_redis = queue_is_on_redis

    def audit(self) -> Audit:
        try:
            fields, length = self._script(keys=[self._keys.ledger, self._keys.queue])
        except Errors as error:
            raise QueueUnavailable(f"the ledger cannot be read: {error}") from error
        counters = dict(zip(fields[::2], fields[1::2], strict=True))
        names = ("accepted", "stored", "duplicate", "dead", "queued", "queued_messages")
        counts = {name: int(counters.get(name.encode(), 0)) for name in names}
        return Audit(**counts, queue_messages=length if self._queue_is_on_redis else None)

    def settled_messages(self) -> int:
        """Messages ever settled; its growth is the drain rate."""
        try:
            count: Any = self._redis.hget(self._keys.ledger, "settled_messages")
        except Errors as error:
            raise QueueUnavailable(f"the ledger cannot be read: {error}") from error
        return int(count or 0)

    def oldest_queued_ms(self) -> int | None:
        """When the oldest event still queued was accepted, in ms since 1970 by Redis' clock; None if none is."""
        try:
            first: Any = self._redis.xrange(self._keys.queue, count=1)
        except Errors as error:
            raise QueueUnavailable(f"the queue cannot be read: {error}") from error
        return int(first[0][0].split(b"-")[0]) if first else None
