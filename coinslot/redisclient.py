"""A Redis client whose every call is made once and ends in time."""

from __future__ import annotations

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

Errors = (redis.RedisError, OSError)


def connect(url: str, *, timeout_s: float, connect_timeout_s: float | None = None) -> redis.Redis:
    """A client for `url`; nothing is sent yet. Make it after the process has forked.

    A call raises redis.RedisError after at most `timeout_s` (a BLOCK must be shorter), and is never repeated:
    redis-py's default repeats a command ten times, which would put an event into the queue ten times.
    """
    return redis.Redis.from_url(
        url,
        protocol=2,
        retry=Retry(NoBackoff(), 0),
        socket_timeout=timeout_s,
        socket_connect_timeout=connect_timeout_s or timeout_s,
        max_connections=1024,
    )


def disconnect(client: redis.Redis) -> None:
    """Drop its connections; it makes new ones when it needs them. Not while another thread uses it."""
    client.connection_pool.disconnect()


def is_out_of_memory(error: redis.RedisError) -> bool:
    """Whether a command or script was refused because Redis is full. Redis 6 says so of scripts in the text alone."""
    return isinstance(error, redis.OutOfMemoryError) or "-OOM" in str(error)
