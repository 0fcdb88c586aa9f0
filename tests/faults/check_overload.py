"""Three times as much as it can take, for ten minutes ($OVERLOAD_SECONDS): make test-faults."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from coinslot.selftest.account import CLEAN
from coinslot.stack.servers import RedisServer
from tests.faults.overload import BACKLOG, WELL_S, overloaded

SECONDS = float(os.environ.get("OVERLOAD_SECONDS", "600"))
CONTROL_SECONDS = max(20.0, SECONDS / 10)


@pytest.fixture
def environment(mongodb_url: str, prefix: str) -> dict[str, str]:
    return {"MONGODB_URL": mongodb_url, "DB_NAME": prefix, "KEY_PREFIX": prefix}


def test_overload_is_refused_in_flat_memory_and_all_is_well_when_it_ends(
    redis_of_its_own: RedisServer, environment: dict[str, str], tmp_path: Path
) -> None:
    seen = overloaded(tmp_path, redis_of_its_own, environment, SECONDS, refuses=True)

    seen.print("overload", SECONDS)
    assert seen.times > 2
    assert set(seen.answers.statuses) == {201, 503}
    assert not seen.answers.bad_headers()
    assert [name for name in seen.gauges.rows if not seen.gauges.is_flat(name)] == []
    assert seen.account == CLEAN
    assert seen.deaths == 0
    assert seen.taken_again_s <= WELL_S
    assert seen.drained_s <= WELL_S
    assert seen.answers.honest_share() > 0.8


def test_positive_control_without_backpressure_the_backlog_and_redis_grow(
    redis_of_its_own: RedisServer, environment: dict[str, str], tmp_path: Path
) -> None:
    seen = overloaded(tmp_path, redis_of_its_own, environment, CONTROL_SECONDS, refuses=False)

    seen.print("overload without backpressure", CONTROL_SECONDS)
    assert set(seen.answers.statuses) == {201}
    assert not seen.gauges.is_flat(BACKLOG)
    first, second = seen.gauges.halves("redis, MiB")
    assert second > first
    assert seen.gauges.halves(BACKLOG)[1] > 1.5 * seen.gauges.halves(BACKLOG)[0]
