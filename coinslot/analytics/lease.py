"""A lease in Redis: one process at a time does something, and when it dies the next one may, after a while."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import redis
from redis.exceptions import LockNotOwnedError

from coinslot.redisclient import Errors

LEASE_S = 60.0

Transaction = Any  # redis-py's own type, a pipeline, says of each command that it answers at once


class Lease:
    """For one holder at a time, whose threads may share it. Raises redis.RedisError.

    A holder that was frozen for longer than LEASE_S has lost it, and cannot know: so what must not be done twice is
    done in a `transaction`.
    """

    def __init__(self, client: redis.Redis, key: str) -> None:
        self._redis = client
        self._key = key
        self._lock = client.lock(key, timeout=LEASE_S, blocking=False, thread_local=False)
        # To prolong the lease changes its key, which would look to our other threads as if it had been lost.
        self._one_at_a_time = threading.Lock()

    @contextmanager
    def held(self) -> Iterator[bool]:
        """Whether it is ours as long as the body runs; otherwise another has it."""
        if not self._lock.acquire():
            yield False
            return
        try:
            yield True
        finally:
            with suppress(*Errors):  # it was lost, or Redis is away: either way it ends by itself
                self._lock.release()

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """What the body asks of it is done in one step, if the lease is still ours, which begins anew then.

        Raises LockNotOwnedError or WatchError, and does nothing, if it is not.
        """
        with self._one_at_a_time, self._redis.pipeline() as pipeline:
            pipeline.watch(self._key)  # type: ignore[no-untyped-call]
            if not self._lock.owned():
                raise LockNotOwnedError(f"{self._key} was lost: this process was held up for too long")
            pipeline.multi()
            pipeline.pexpire(self._key, int(LEASE_S * 1000))
            yield pipeline
            pipeline.execute()
