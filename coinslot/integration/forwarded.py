"""How many events each gRPC target was sent, and how many were dropped, over all workers.

In Redis, in the hash `Keys.counted`: grpc_sent:NAME and grpc_dropped:NAME, both written now and then. Figures for
/metrics, no account: what a worker that was killed had not yet written is missing.
"""

from __future__ import annotations

import logging
from typing import Any, NamedTuple

import redis

from coinslot.errors import QueueUnavailable
from coinslot.keys import Keys
from coinslot.redisclient import Errors

SENT, DROPPED = "grpc_sent:", "grpc_dropped:"

log = logging.getLogger("coinslot.grpc")


class Forwarded(NamedTuple):
    """Events."""

    sent: int
    dropped: int


class Tally:
    """The figures of one target, of this process. For one thread."""

    def __init__(self, client: redis.Redis, keys: Keys, name: str) -> None:
        self._redis = client
        self._key = keys.counted
        self._name = name
        self._unwritten = Forwarded(0, 0)

    def add(self, sent: int, dropped: int) -> None:
        """What cannot be written is kept for the next time."""
        sent, dropped = self._unwritten.sent + sent, self._unwritten.dropped + dropped
        self._unwritten = Forwarded(sent, dropped)
        if not sent and not dropped:
            return
        try:
            with self._redis.pipeline() as pipeline:
                pipeline.hincrby(self._key, SENT + self._name, sent)
                pipeline.hincrby(self._key, DROPPED + self._name, dropped)
                pipeline.execute()
        except Errors as error:
            log.warning("gRPC target %s: its figures are not written: %s", self._name, type(error).__name__)
        else:
            self._unwritten = Forwarded(0, 0)


def read_forwarded(client: redis.Redis, keys: Keys) -> dict[str, Forwarded]:
    """By target, sorted; of all that ever were. Raises QueueUnavailable."""
    try:
        fields: Any = client.hgetall(keys.counted)
    except Errors as error:
        raise QueueUnavailable(f"the figures of gRPC cannot be read: {error}") from error
    figures = {field.decode(): int(value) for field, value in fields.items() if field.startswith(b"grpc_")}
    names = sorted({field.partition(":")[2] for field in figures})
    return {name: Forwarded(figures.get(SENT + name, 0), figures.get(DROPPED + name, 0)) for name in names}
