"""The rate limit on a real Redis: counted together, kept apart, and no obstacle when Redis is away."""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import monotonic, time

import pytest

from coinslot import redisclient
from coinslot.access.rate import SILENCE_S, Count, RateLimit
from coinslot.stack.servers import RedisServer

ANN, BOB = "0123456789abcdef", "fedcba9876543210"


def a_limit(url: str, key: str, limit: str = "3/hour", clock: Callable[[], float] = monotonic) -> RateLimit:
    return RateLimit(redisclient.connect(url, timeout_s=0.5), key, limit, clock, time)


def allowed(counts: list[Count | None]) -> list[bool]:
    return [count is not None and count.allowed for count in counts]


def test_processes_count_together(redis_url: str, prefix: str) -> None:
    one, other = a_limit(redis_url, prefix), a_limit(redis_url, prefix)

    counts = [limit(ANN) for limit in (one, other, one, other, one)]

    assert allowed(counts) == [True, True, True, False, False]
    assert [count.remaining for count in counts if count] == [2, 1, 0, 0, 0]
    assert {count.limit for count in counts if count} == {3}
    # Not of the first: within the millisecond in which its window began, `limits` says that it ends at once.
    assert counts[-1] is not None and 3500 < counts[-1].reset_s <= 3600


def test_each_bearer_is_counted_alone(redis_url: str, prefix: str) -> None:
    limit = a_limit(redis_url, prefix, "1/hour")

    counts = [limit(ANN), limit(ANN), limit(BOB)]

    assert allowed(counts) == [True, False, True]


def test_the_counters_lie_under_their_key_and_go_by_themselves(redis_url: str, prefix: str) -> None:
    a_limit(redis_url, prefix, "3/minute")(ANN)

    redis = redisclient.connect(redis_url, timeout_s=2)
    (key,) = redis.keys(f"{prefix}:*")
    assert ANN.encode() in key
    assert 0 < redis.ttl(key) <= 120


def test_what_is_left_comes_back_with_time(redis_url: str, prefix: str) -> None:
    redis, limit = redisclient.connect(redis_url, timeout_s=2), a_limit(redis_url, prefix, "2/minute")
    counts = [limit(ANN) for _ in range(3)]
    (key,) = redis.keys(f"{prefix}:*")

    redis.pexpire(key, 45_000)  # as if 75 s had gone by: three quarters of the window before still count

    later = [limit(ANN) for _ in range(2)]
    assert allowed(counts) == [True, True, False]
    assert allowed(later) == [True, False]


def test_where_redis_is_away_requests_pass_and_it_is_asked_again_after_a_while(
    redis_of_its_own: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    now = 100.0
    limit = a_limit(redis_of_its_own.url, "rate", "1/hour", lambda: now)
    before = [limit(ANN), limit(ANN)]
    redis_of_its_own.kill()

    with caplog.at_level(logging.WARNING):
        away = [limit(ANN) for _ in range(5)]
    redis_of_its_own.start()
    redis_of_its_own.wait_ready()
    silent = limit(ANN)
    now += SILENCE_S
    back = limit(ANN)

    assert allowed(before) == [True, False]
    assert away == [None] * 5
    assert len(caplog.records) == 1  # not one for each request
    assert silent is None
    assert back
    assert not back.allowed
