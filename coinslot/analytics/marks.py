"""Marks of what has changed and is to be persisted. None is lost, whoever dies.

Keys: COUNTED:dirty, drawn in lua/count.lua, and
  COUNTED:persisting   a set, as COUNTED:dirty: what the round of persisting that runs has to keep, or has left behind
  COUNTED:persister    the lease of the worker that persists
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
import redis

from coinslot.analytics.asking import asking
from coinslot.analytics.lease import Lease
from coinslot.keys import Keys

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[str]).decode


class Mark(NamedTuple):
    """Of a counter, or of the goals of a namespace, where `field` is empty."""

    member: bytes
    namespace: str
    field: str

    @classmethod
    def of(cls, member: bytes) -> Mark:
        namespace, *field = _decode(member)
        return cls(member, namespace, "".join(field))


class Round(NamedTuple):
    """What is to be persisted, of which epoch."""

    epoch: bytes
    marks: list[Mark]


class Marks:
    """Raises QueueUnavailable; safe to share between threads."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._redis: Any = client  # whose commands are typed as if they might be awaited
        self._counted = keys.counted
        self._dirty, self._persisting = f"{keys.counted}:dirty", f"{keys.counted}:persisting"
        self.lease = Lease(client, f"{keys.counted}:persister")

    def take(self) -> Round | None:
        """What has changed, and what an earlier round has left that was broken off; None where there is no epoch.

        A mark goes to COUNTED:persisting, and from there only when what it stands for is kept. What changes from now on
        is marked again.
        """
        with asking(), self._redis.pipeline() as pipeline:
            pipeline.hget(self._counted, "epoch")
            pipeline.sunionstore(self._persisting, self._persisting, self._dirty)
            pipeline.unlink(self._dirty)
            pipeline.smembers(self._persisting)
            epoch, _, _, members = pipeline.execute()
        return Round(epoch, sorted(map(Mark.of, members))) if epoch else None

    def mark_all_unless(self, place: bytes) -> None:
        """All there is, unless it was this place that had it: it may have nothing, or what is old."""
        with asking():
            if self._redis.hget(self._counted, "place") == place:
                return
            members = [_encode([name]) for name in self._namespaces()]
            members += [_encode([name, field]) for name in self._namespaces() for field in self._fields(name)]
            with self._redis.pipeline() as pipeline:
                if members:
                    pipeline.sadd(self._dirty, *members)
                pipeline.hset(self._counted, "place", place)
                pipeline.execute()

    def kept(self, mark: Mark) -> None:
        """It was persisted as it was read.

        Where the lease was lost it is marked again, and this raises: another may have persisted it meanwhile, younger,
        and have been overwritten.
        """
        with asking():
            try:
                with self.lease.transaction() as transaction:
                    transaction.srem(self._persisting, mark.member)
            except redis.RedisError:
                self._redis.sadd(self._dirty, mark.member)
                raise

    def end(self, counters: int) -> None:
        """The round is over and has kept so many."""
        with asking():
            self._redis.hset(self._counted, "persisted", counters)

    def _namespaces(self) -> list[str]:
        return [name.decode() for name in self._redis.smembers(f"{self._counted}:namespaces")]

    def _fields(self, namespace: str) -> list[str]:
        return [field.decode() for field in self._redis.hkeys(f"{self._counted}:counters:{namespace}")]
