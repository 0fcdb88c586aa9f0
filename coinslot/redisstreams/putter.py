"""Puts messages into a stream, past redis-py's client and its pool, which would take longer than the rest of it."""

from __future__ import annotations

from typing import Any

import msgspec
import redis

from coinslot import lua
from coinslot.keys import ledger_of
from coinslot.redisclient import Errors


class Putter:
    """A connection of its own, such as the client's; used by one thread at a time."""

    def __init__(self, client: redis.Redis) -> None:
        self._connection: Any = client.connection_pool.make_connection()
        self._script = lua.source("put")

    def put(self, queue: str, message: dict[str, Any]) -> None:
        """Return once it is in the stream and in the ledger; raises redis.RedisError and OSError."""
        body, events = message.pop("body"), message["headers"].get("events", 1)
        meta = msgspec.json.encode(message)
        self._drop_if_closed()
        # Not by its hash: where Redis does not know that, it takes three round trips, and there is time for one.
        self._connection.send_command("EVAL", self._script, 2, queue, ledger_of(queue), body, events, meta)
        self._connection.read_response()

    def _drop_if_closed(self) -> None:
        # By Redis, meanwhile, as a pool would see to it too: a first message would fail on it without need.
        try:
            if self._connection.can_read():
                self._connection.disconnect()
        except Errors:
            self._connection.disconnect()

    def close(self) -> None:
        self._connection.disconnect()
