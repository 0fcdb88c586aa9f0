"""What Redis holds of the counters, read and written as snapshots. Keys: those of lua/count.lua, and

COUNTED:restorer     the lease of the worker that restores
"""

from __future__ import annotations

import uuid
from typing import Any

import redis

from coinslot.analytics import record
from coinslot.analytics.asking import asking
from coinslot.analytics.lease import Lease, Transaction
from coinslot.analytics.record import Record
from coinslot.analytics.snapshot import CounterSnapshot, GoalsSnapshot, Snapshot
from coinslot.errors import QueueUnavailable
from coinslot.keys import Keys


class State:
    """Raises QueueUnavailable; safe to share between threads. What writes does nothing where the lease was lost."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._redis: Any = client  # whose commands are typed as if they might be awaited
        self._counted = keys.counted
        self.lease = Lease(client, self._key("restorer"))

    def is_ready(self) -> bool:
        """Whether there is an epoch."""
        with asking():
            return bool(self._redis.hexists(self._counted, "epoch"))

    def goals(self, namespace: str) -> list[str]:
        with asking():
            return [name.decode() for name in self._redis.smembers(self._key("goals", namespace))]

    def read(self, epoch: bytes, namespace: str, field: str = "") -> Snapshot | None:
        """A counter, or without a field the namespace's goals: all of it, at one moment. None if there is nothing.

        Raises QueueUnavailable also where the epoch has become another: it may be restored in part.
        """
        with asking():
            return self._counter(epoch, namespace, field) if field else self._goals(epoch, namespace)

    def clear(self) -> None:
        """Remove what a restoring that was broken off has left. Goals stay: they may have been made meanwhile."""
        with asking():
            for namespace in self._redis.smembers(self._key("namespaces")):
                key = self._key("counters", namespace.decode())
                left = [record.decode(value) for value in self._redis.hvals(key)]
                with self.lease.transaction() as transaction:
                    transaction.unlink(key, *(each for counter in left for each in self._keys_of(counter)))

    def write(self, snapshot: Snapshot) -> None:
        """All of it in one step."""
        with asking(), self.lease.transaction() as transaction:
            transaction.sadd(self._key("namespaces"), snapshot.namespace)
            if isinstance(snapshot, GoalsSnapshot):
                transaction.sadd(self._key("goals", snapshot.namespace), *snapshot.goals)
            else:
                self._write_counter(snapshot, transaction)

    def begin(self, counters: int, last_number: int, place: bytes) -> None:
        """From now on these are the counters, as this place has them, and it may be counted."""
        known = {"epoch": uuid.uuid4().hex, "counters": counters, "last_number": last_number, "place": place}
        with asking(), self.lease.transaction() as transaction:
            transaction.hset(self._counted, mapping=known)

    def _counter(self, epoch: bytes, namespace: str, field: str) -> CounterSnapshot | None:
        key = self._key("counters", namespace)
        value = self._redis.hget(key, field)
        while value is not None:
            seen = record.decode(value)
            with self._redis.pipeline() as pipeline:
                pipeline.hmget(self._counted, "epoch", "last_number")
                pipeline.hget(key, field)
                pipeline.hgetall(self._key("singles", seen.number))
                pipeline.hgetall(self._key("sets", seen.number))
                for layer in self._layers_of(seen):
                    pipeline.get(layer)
                (now, last_number), value, singles, sets, *layers = pipeline.execute()
            _check(epoch, now)
            if value is not None and len(record.decode(value).layers) == len(layers):
                return CounterSnapshot(namespace, field, value, tuple(layers), singles, sets, int(last_number or 0))
            # Otherwise its filter has grown, and there is more to be read.
        return None

    def _goals(self, epoch: bytes, namespace: str) -> GoalsSnapshot | None:
        with self._redis.pipeline() as pipeline:
            pipeline.hget(self._counted, "epoch")
            pipeline.smembers(self._key("goals", namespace))
            now, goals = pipeline.execute()
        _check(epoch, now)
        return GoalsSnapshot(namespace, tuple(sorted(goals))) if goals else None

    def _write_counter(self, snapshot: CounterSnapshot, transaction: Transaction) -> None:
        kept = record.decode(snapshot.record)
        transaction.hset(self._key("counters", snapshot.namespace), snapshot.field, snapshot.record)
        for key, layer in zip(self._layers_of(kept), snapshot.layers, strict=True):
            transaction.set(key, layer)
        for kind, entries in (("singles", snapshot.singles), ("sets", snapshot.sets)):
            if entries:
                transaction.hset(self._key(kind, kept.number), mapping=entries)

    def _keys_of(self, kept: Record) -> tuple[str, ...]:
        return self._key("singles", kept.number), self._key("sets", kept.number), *self._layers_of(kept)

    def _layers_of(self, kept: Record) -> list[str]:
        return [self._key("bits", kept.number, layer) for layer in range(1, len(kept.layers) + 1)]

    def _key(self, *parts: object) -> str:
        return ":".join(map(str, (self._counted, *parts)))


def _check(epoch: bytes, now: bytes | None) -> None:
    if now != epoch:
        raise QueueUnavailable("Redis has lost the counters meanwhile")
