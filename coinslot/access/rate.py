"""The rate limit: requests of each token, counted in Redis for all processes together.

Two counters a token, this window's and the one before, which weighs less as it recedes (`limits`' sliding window
counter). Refused requests are not counted. Keys: PREFIX:rate:{LIMITER/BEARER/AMOUNT/MULTIPLE/UNIT}, and with /-1.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from math import ceil
from typing import NamedTuple

import redis
from limits import parse
from limits.storage import RedisStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from coinslot.redisclient import Errors

log = logging.getLogger("coinslot.rate")

SILENCE_S = 5.0


class Count(NamedTuple):
    """Where a token stands: `remaining` of `limit` requests are left now, more in `reset_s`."""

    allowed: bool
    limit: int
    remaining: int
    reset_s: int


class RateLimit:
    """Counts requests, `limit` such as "1000/minute"; call it from any number of threads.

    monotonic and time: seconds, the second since 1970.
    """

    def __init__(
        self,
        client: redis.Redis,
        key: str,
        limit: str,
        monotonic: Callable[[], float],
        time: Callable[[], float],
    ) -> None:
        # The URL only says which driver; the connections are the client's.
        storage = RedisStorage("redis://", client.connection_pool, key_prefix=key)
        self._client = client
        self._limiter = SlidingWindowCounterRateLimiter(storage)
        self._limit = parse(limit)
        self._monotonic = monotonic
        self._time = time
        self._silent_until = 0.0

    def __call__(self, bearer: str) -> Count | None:
        """Count a request; None where Redis cannot: then it passes, for the queue will say so itself."""
        if self._monotonic() < self._silent_until:
            return None
        try:
            allowed = self._limiter.hit(self._limit, bearer)
            reset_at, remaining = self._limiter.get_window_stats(self._limit, bearer)
        except Errors as error:
            # Not asked again for a while: with a Redis that hangs, each request would wait for it.
            self._silent_until = self._monotonic() + SILENCE_S
            log.warning("requests are not counted for %g s: %s", SILENCE_S, error)
            return None
        return Count(allowed, self._limit.amount, remaining, max(1, ceil(reset_at - self._time())))
