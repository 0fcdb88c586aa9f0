"""One step of counting: a parcel is counted and acknowledged, as far as its turn has come (lua/count.lua)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, cast

import redis

from coinslot import lua
from coinslot.errors import QueueUnavailable
from coinslot.keys import GROUP, Keys, dead_of, ledger_of
from coinslot.redisclient import Errors

Hindrance = Literal["", "early", "lost", "restore", "full", "unfinished"]

COUNT = lua.source("filter", "counter", "goal", "count")


class Spent(NamedTuple):
    """How long counting took, and of how many events."""

    us: float = 0.0
    events: int = 0


class Counted(NamedTuple):
    """How many of a parcel's messages were counted, and what kept the next one from it (lua/count.lua)."""

    messages: int
    hindrance: Hindrance

    @property
    def told_spent(self) -> bool:
        """Whether it has come so far as to add what was spent."""
        return self.messages > 0 or self.hindrance not in ("early", "lost", "restore")


class Step:
    """Runs the script. consumer: this worker's name in the queue's group; source: of the script.

    Raises QueueUnavailable; what had been counted by then changes nothing when it is counted again.
    """

    def __init__(
        self,
        client: redis.Redis,
        keys: Keys,
        consumer: Callable[[], str],
        counters_max: int,
        *,
        queue_is_on_redis: bool,
        source: str = COUNT,
    ) -> None:
        self._script = client.register_script(source)
        queue = keys.analytics
        self._keys = [queue, ledger_of(queue), dead_of(queue), keys.counted, keys.queue, keys.ledger]
        self._consumer = consumer
        self._counters_max = counters_max
        self._group = GROUP if queue_is_on_redis else ""

    def __call__(self, first: str, spent: Spent, parcel: Sequence[bytes]) -> Counted:
        """first: id of the parcel's first message, if it has any."""
        arguments: list[Any] = [self._group, self._consumer(), self._counters_max, first, *spent, *parcel]
        try:
            messages, hindrance = self._script(keys=self._keys, args=arguments)
        except Errors as error:
            raise QueueUnavailable(f"analytic events cannot be counted: {error}") from error
        return Counted(messages, cast(Hindrance, hindrance.decode()))
